"""What the window needs beyond the base install."""

from segnet.extras import lacking


def lacking_window() -> str:
    """A sentence where Qt is missing, with the command that installs it; nothing where it is there."""
    return lacking("the window", "panel", (), ("PySide6",))
