"""The gallery: pictures and videos to stand where the room was. Those that come with SegBlur, and the user's own.

The folder is the list; there is no index. Nothing heavy is imported, as the window and the icon in the tray use this:
Pillow is loaded for thumbnails and to add a picture, and videos are decoded by processes of their own.
"""

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from itertools import count
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from vcam.errors import OutputError, PictureError, SegBlurError
from vcam.media import thumbnails
from vcam.media.admit import KINDS, Kind, check, cleaned, demand_bytes, ending_of, opened
from vcam.system.atomic_write import UNFINISHED, remove_unlocked, sync, write
from vcam.system.folders import base_folder

DRAWN = Path(__file__).parent.parent / "gallery"
NAMES = ("dawn", "bookshelf", "studio", "paper", "sea", "night")  # of those that come with SegBlur, in this order
LONGEST = 200  # bytes of a name, so that a number and an ending fit behind it
BLOCK = 1 << 20  # bytes
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Entry:
    """A picture or a video. `name` is without its ending, and can be printed whatever the file is called."""

    name: str
    path: Path
    own: bool
    kind: Kind


def own_folder() -> Path:
    """Where the user's own lie, whether it exists or not. Raises SegBlurError for a user without a home."""
    return base_folder("XDG_DATA_HOME", ".local/share") / "segblur" / "gallery"


def entries() -> list[Entry]:
    """All there are: the user's own, the newest first, then those that come with SegBlur."""
    drawn = [Entry(name, DRAWN / f"{name}.jpg", False, "picture") for name in NAMES]
    return own() + [entry for entry in drawn if entry.path.is_file()]


def own() -> list[Entry]:
    """The user's own, the newest first; none where the folder can't be read."""
    found = []
    with suppress(OSError, SegBlurError):
        for path in own_folder().iterdir():
            kind = KINDS.get(path.suffix.lower())
            if kind and not path.name.startswith("."):
                with suppress(OSError):  # a link to nothing, or gone meanwhile
                    facts = path.stat()
                    if stat.S_ISREG(facts.st_mode):
                        found.append((-facts.st_mtime_ns, path.name, Entry(cleaned(path.stem), path, True, kind)))
    return [entry for _, _, entry in sorted(found, key=lambda one: one[:2])]


def find(name: str, kind: Kind | None = None) -> Entry | None:
    """The one of this name, with or without its ending; of two, the user's own. None where there is none, or none of
    this kind.
    """
    return best([entry for entry in entries() if kind in (None, entry.kind)], name)


def best(among: list[Entry], name: str) -> Entry | None:
    """The first whose file is called so, or else the first of this name."""
    whole = (entry for entry in among if entry.path.name == name)
    return next(whole, None) or next((entry for entry in among if entry.name == name), None)


def find_own(name: str) -> Entry:
    """One of the user's own; `name` as in `find`. Raises SegBlurError."""
    entry = best(own(), name)
    if entry is not None:
        return entry
    if find(name):
        raise SegBlurError(f"{name} comes with SegBlur; only your own pictures and videos can be removed")
    raise SegBlurError(f"there is no picture or video {cleaned(name)}; segblur gallery list shows all")


def remove(name: str) -> None:
    """Delete one of the user's own. Raises SegBlurError."""
    entry = find_own(name)
    try:
        entry.path.unlink()
    except OSError as error:
        raise SegBlurError(f"{entry.name} can't be removed: {error.strerror}") from None


def local(uri: str) -> Path:
    """The file of a `file:` address, as programs hand it over when one is dropped. Raises PictureError for others."""
    with suppress(ValueError):  # of what is no address at all
        parts = urlsplit(uri)
        path = os.fsdecode(unquote_to_bytes(parts.path))
        if parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/") and "\0" not in path:
            return Path(path)
    raise PictureError(f"{cleaned(uri)} is not a file of this computer; save it first, then add the file")


def thumbnail(entry: Entry) -> Path:
    """A small JPEG of it, from the cache or made now. Raises as `thumbnails.thumbnail`."""
    return thumbnails.thumbnail(entry.name, entry.path, entry.kind)


def add(path: Path) -> Entry:
    """Copy a picture or a video into the user's own; one that is there already, by its content, is not copied again.
    Takes as long as reading the file: not for an event loop. Raises PictureError for what can't be shown, OutputError
    where it can't be written.
    """
    folder = own_folder()
    name = cleaned(path.name)
    with opened(path) as source, room_for(name, folder):
        ending = ending_of(path, source.peek(64)[:64])
        kind = KINDS[ending]
        demand_bytes(name, kind, os.fstat(source.fileno()).st_size)
        with unfinished(folder) as (descriptor, new):
            digest = copy(name, kind, source, descriptor)
            os.fsync(descriptor)
            check(name, kind, new)
            with locked(folder):
                there = same(digest, new.stat().st_size)
                if there is not None:
                    return there
                target = free(folder, path, ending)
                new.replace(target)
            sync(folder)
    return Entry(target.stem, target, True, kind)


@contextmanager
def room_for(name: str, folder: Path) -> Iterator[None]:
    """The folder is made where it is not there. Raises OutputError for what the disk refuses within the block."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise OutputError(f"there is no room for {name}; delete something and add it again") from None
        raise OutputError(f"{folder} can't be written: {error.strerror or error}; see who may write there") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process or thread at a time is in such a block. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems know none
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unfinished(folder: Path) -> Iterator[tuple[int, Path]]:
    """A new file that is not listed, as descriptor and path, removed at the end of the block if it is still there; what
    a killed process left of this kind is removed first. Raises OSError.
    """
    with locked(folder):
        for left in folder.glob(UNFINISHED):
            with suppress(OSError):
                remove_unlocked(left)
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".new", dir=folder)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # for as long as it is open
    try:
        yield descriptor, Path(name)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        os.close(descriptor)


def copy(name: str, kind: Kind, source: BufferedReader, descriptor: int) -> str:
    """Copy all of the file; its SHA-256. Raises PictureError where it can't be read or grows too large, OSError where
    it can't be written.
    """
    digest, size = hashlib.sha256(), 0
    while True:
        try:
            block = source.read(BLOCK)
        except OSError as error:
            raise PictureError(f"{name} can't be read: {error.strerror}; copy it again") from None
        if not block:
            return digest.hexdigest()
        size += len(block)
        demand_bytes(name, kind, size)
        write(descriptor, block)
        digest.update(block)


def same(digest: str, size: int) -> Entry | None:
    """The user's own of this content."""
    for entry in own():
        with suppress(OSError):
            if entry.path.stat().st_size == size and digest_of(entry.path) == digest:
                return entry
    return None


def digest_of(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free(folder: Path, path: Path, ending: str) -> Path:
    """A path for a copy, of a name that no other has. It is text that a settings file and a request can hold."""
    stem = cleaned(path.stem).lstrip(". ").encode()[:LONGEST].decode(errors="ignore") or "background"
    taken = {entry.name for entry in own()}
    for number in count(1):
        name = stem if number == 1 else f"{stem} {number}"
        if name not in taken and not os.path.lexists(folder / (name + ending)):
            return folder / (name + ending)
    raise AssertionError
