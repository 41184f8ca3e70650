"""The few things that are expected to go wrong. Each text is one sentence that names the thing and the remedy."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class SegBlurError(Exception):
    """Ends a command with its text on stderr and this exit code."""

    exit_code = 1


class SettingsError(SegBlurError):
    """Settings that can't be used; systemd must not restart on them (EX_CONFIG of sysexits.h)."""

    exit_code = 78


class DeviceLostError(SegBlurError):
    """The GPU fails, or has no memory left: the process can't mend it, another may (EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


class CameraLostError(SegBlurError):
    """The source of pictures is missing, busy, silent or gone; trying again may help."""


class OutputError(SegBlurError):
    """The virtual camera or an output file can't be opened or written."""


class PictureError(SegBlurError):
    """A picture or video file that can't be read or processed."""


def sentence(error: "ValidationError", path: Path | None) -> str:
    """The first problem of a validation of settings in one sentence; `path` is the file that they may be from."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        sources = f"the command line, the environment or {path or 'a file'}"
        return one_line(f"{key} is not a setting (from {sources}); see segblur run --help")
    reason, given = first["msg"].removeprefix("Value error, "), first["input"]
    shown = str(given).lower() if isinstance(given, bool) else repr(given)
    return one_line(f"{key} can't be {shown}: {reason[0].lower()}{reason[1:]}")


def one_line(text: str) -> str:
    """Without the line breaks that a key or value may hold."""
    return " ".join(text.split())
