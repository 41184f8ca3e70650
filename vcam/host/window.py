"""What the window needs beyond the base install."""

from segnet.extras import lacking

PARTS = ("QtNetwork", "QtSvg", "QtWidgets")  # of which Debian makes a package each


def lacking_window() -> str:
    """A sentence where Qt is missing, with the command that installs it; nothing where it is there."""
    return lacking("the window", "panel", (), ("PySide6", *(f"PySide6.{part}" for part in PARTS)))
