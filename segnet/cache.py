"""What took long to make, kept in the user's cache folder for the next time. Nothing depends on it: where it can't be
had, read or written, or is not to be trusted, things are made again.
"""

import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 16  # entries: a few weights, each for the sizes of a few cameras
LARGEST = 1024**3  # bytes of all of them
STALE = 3600.0  # seconds after which an entry that was begun is taken for one that nobody will finish
DIGEST = 32  # bytes at the start of an entry: sha256 over its name and all that follows
NAME = re.compile(r"[0-9a-f]{64}")
Bytes = NDArray[Any]  # uint8 (size,)


def read(name: str) -> Bytes | None:
    """What is kept under this name, 64 hexadecimal digits; None where nothing is that is undamaged and our own."""
    with suppress(OSError), opened() as folder:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(name, flags, dir_fd=folder)
        try:
            found = os.fstat(descriptor)
            if not private(found) or not DIGEST <= found.st_size <= LARGEST:
                return None
            data = read_all(descriptor)
            if data[:DIGEST].tobytes() != digest(name, data[DIGEST:]):
                return None
            with suppress(OSError):
                os.utime(descriptor)  # so that the entry that is not used for longest goes first
            return data[DIGEST:]
        finally:
            os.close(descriptor)
    return None


def write(name: str, content: Bytes) -> None:
    """Keep it under this name, whole or not at all, and let go of what is too much."""
    if DIGEST + content.nbytes > LARGEST:
        return
    new = f".{name}.{secrets.token_hex(8)}.new"
    with suppress(OSError), opened() as folder:
        prune(folder)
        descriptor = os.open(new, os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            write_all(descriptor, digest(name, content))
            write_all(descriptor, content)
            os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(new, dir_fd=folder)
            raise
        finally:
            os.close(descriptor)
        prune(folder)


def digest(name: str, content: Bytes) -> bytes:
    """Over the name too, so that an entry under another's name is taken for damaged."""
    total = hashlib.sha256(name.encode())
    total.update(content.data)
    return total.digest()


@contextmanager
def opened() -> Iterator[int]:
    """A descriptor of the folder, made where it is not there. Raises OSError where it can't be ours alone."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # such values are to be ignored, says the XDG base directory specification
        base = Path(os.path.expanduser("~"), ".cache")  # noqa: PTH111 - Path.home raises where there is no home
    place = base / "segblur" / "openvino"
    if not base.is_absolute():
        raise FileNotFoundError("there is no home folder")
    for folder in (base, place.parent, place):
        folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.getuid():
            raise PermissionError(f"{place} belongs to another user")
        if not private(found):
            os.fchmod(descriptor, 0o700)  # what others have put there meanwhile is theirs, and not read
        yield descriptor
    finally:
        os.close(descriptor)


def private(found: os.stat_result) -> bool:
    """Whether it belongs to us, and nobody else may do anything with it."""
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def prune(folder: int) -> None:
    """Remove the entries that were not used for longest, where there are too many, and what a crash left unfinished."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    total, long_ago = 0, time.time() - STALE
    kept = sorted((entry for entry in found if NAME.fullmatch(entry[0])), key=lambda entry: -entry[1].st_mtime)
    for place, (name, about) in enumerate(kept):
        total += about.st_size
        if place >= MOST or total > LARGEST:
            remove(name, folder)
    for name, about in found:
        if name.endswith(".new") and about.st_mtime < long_ago:
            remove(name, folder)


def remove(name: str, folder: int) -> None:
    """Remove a file, if that is possible."""
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def read_all(descriptor: int) -> Bytes:
    """All that is in a file, from its beginning. Raises OSError, also where it becomes shorter meanwhile."""
    data, at = np.empty(os.fstat(descriptor).st_size, np.uint8), 0
    while at < data.size:
        count = os.preadv(descriptor, [data[at:].data], at)
        if not count:
            raise OSError("the file ends too early")
        at += count
    return data


def write_all(descriptor: int, data: Any) -> None:
    """All of the buffer's bytes into a file. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
