"""Result files: written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vcam.errors import OutputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end of the block takes the place of `path` in one step, and
    nothing is left of it after an exception. Raises OutputError where the folder can't be written.
    """
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}; choose another place") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make it where it is not there. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} can't be made: {error.strerror}; choose another folder") from None
