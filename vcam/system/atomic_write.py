"""Files that are written whole or not at all, whenever the machine stops."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".*.new"  # what a crash may leave beside a file


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
