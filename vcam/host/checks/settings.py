"""Check of the settings."""

from collections.abc import Callable, Mapping

from vcam.host.checks.check import Host, Verdict

FIREFOX_SIZES = (
    *((128, 96), (160, 120), (176, 144), (320, 240), (352, 288), (640, 480), (704, 576), (800, 600)),
    *((960, 720), (1280, 720), (1024, 768), (1440, 1080), (1920, 1080)),
)


def look(host: Host) -> Host:
    """Nothing beyond the settings."""
    return host


def settings(host: Host) -> Verdict:
    """Whether the settings are valid."""
    if host.settings_error:
        return Verdict("problem", host.settings_error)
    width, height = host.settings.output.width, host.settings.output.height
    if (width, height) not in FIREFOX_SIZES:
        return Verdict("warning", f"Firefox does not take the size {width}×{height}: set 1280×720 or 1920×1080")
    return Verdict("ok", "the settings are valid")


CHECKS: Mapping[str, Callable[[Host], Verdict]] = {"settings": settings}
