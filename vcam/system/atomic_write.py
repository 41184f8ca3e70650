"""Files that are written whole or not at all, whenever the machine stops."""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vcam.errors import OutputError

LONGEST_NAME = 255  # bytes, of Linux's usual file systems
PLAIN = 100  # bytes of a name to which some may still be added
UNFINISHED = ".*.new"  # what a crash may leave beside a file


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end of the block takes the place of `path`, or of what that leads to
    where it is a link, in one step. After an exception nothing is left of it; what a killed process left there is
    removed by the next. Raises OutputError where the folder can't be written.
    """
    check_place(path)
    target = Path(os.path.realpath(path))
    # No longer than its target's name may be, and with its ending, by which some tell the format.
    name = target.name if len(os.fsencode(target.name)) <= PLAIN else digest(target.name) + target.suffix
    beside = target.with_name(f".{os.getpid()}.segblur.{name}")
    clear(target.parent, name)
    try:
        with locked(beside):
            yield beside
            beside.replace(target)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}; choose another place") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """The file, made if need be, under a lock that ends with this process at the latest. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with suppress(OSError):  # some file systems know none
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def clear(folder: Path, name: str) -> None:
    """Remove what processes that are no more left there, of whatever name: nobody holds its lock, and the process is
    gone, as far as can be seen from here.
    """
    ours = re.compile(rf"\.(\d+)\.(?:segblur\..+|{re.escape(name)})", re.DOTALL)  # the latter as version 0.1 had it
    with suppress(OSError):
        for left in folder.iterdir():
            match = ours.fullmatch(left.name)
            if match and not Path("/proc", match[1]).exists():
                remove_unlocked(left)


def remove_unlocked(path: Path) -> None:
    """Remove the file, unless some process holds its lock. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def digest(name: str) -> str:
    """A short name for a long one."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:32]


def check_place(path: Path) -> None:
    """Raise OutputError where no file can be put under this name, before any work is done for it."""
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise OutputError(f"{path} can't be written: its name is longer than {LONGEST_NAME} bytes; shorten it")
    try:
        if path.exists() and not path.is_file():  # least of all /dev/null, behind a link
            raise OutputError(f"{path} is not a file; choose another name")
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}; choose another place") from None


@contextmanager
def replaced(target: Path) -> Iterator[tuple[int, Path]]:
    """A new file, as descriptor and path, for its owner alone. At the end of the block it takes the place of `target`
    and is safe from a power cut; after an exception nothing is left of it. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    new = Path(name)
    try:
        try:
            yield descriptor, new
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(target)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    sync(target.parent)


def write(descriptor: int, data: bytes) -> None:
    """All of it. Raises OSError."""
    while data:
        data = data[os.write(descriptor, data) :]


def sync(folder: Path) -> None:
    """See to it that a new name in the folder outlives a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
