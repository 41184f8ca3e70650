"""The icon in the tray from login on: a file that the desktop reads then, there only where a person asked for it."""

from collections.abc import Sequence
from pathlib import Path

from vcam.desktop.entries import command_line
from vcam.errors import OutputError
from vcam.names import APP
from vcam.system.atomic_write import whole
from vcam.system.marks import marked
from vcam.system.program import program

FILE = f"~/.config/autostart/{APP}.Tray.desktop"


def is_on() -> bool:
    """Whether the desktop starts the icon; it may have a switch of its own, which leaves the file there."""
    try:
        lines = Path(FILE).expanduser().read_text(errors="replace").splitlines()
    except OSError:
        return False
    return not {"Hidden=true", "X-GNOME-Autostart-enabled=false"} & {line.replace(" ", "") for line in lines}


def write() -> None:
    """Have it started at every login. Raises OutputError."""
    path = Path(FILE).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as new:
            new.write_text(marked(text(program())), errors="surrogateescape")
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}; see who may write there") from None


def remove() -> None:
    """Have it started no more. Raises OutputError."""
    path = Path(FILE).expanduser()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} can't be removed: {error.strerror}; see who may write there") from None


def text(words: Sequence[str]) -> str:
    """The desktop entry, with the words that start segblur."""
    return f"""\
[Desktop Entry]
Version=1.4
Type=Application
Name=SegBlur
Comment=Shows whether SegBlur Camera is in use
Icon={APP}
Exec={command_line(words, "tray")}
Terminal=false
NoDisplay=true
"""
