"""Folders for result files."""

from pathlib import Path

from vcam.errors import OutputError


def make_folder(folder: Path) -> None:
    """Make it where it is not there. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} can't be made: {error.strerror}; choose another folder") from None
