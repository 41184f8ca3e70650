"""The few things that are expected to go wrong. Each text is one sentence that names the thing and the remedy."""


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
