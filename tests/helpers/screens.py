"""A screen that nobody sees, with a window manager, a D-Bus without service files, and the bus of screen readers."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageGrab

from tests.helpers.pipewire_session import Session, need, started, until

ROOT = Path(__file__).parents[2]
LAUNCHER = "/usr/libexec/at-spi-bus-launcher"
PARTS = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "dbus-daemon": "dbus",
    LAUNCHER: "at-spi2-core",
    "xdotool": "xdotool",
}
SIZE = 1600, 1400
# A bus with service files would start the portals of this machine.
BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


class Screen(Session):
    """The session; `display` is its screen's number."""

    display = ""

    def picture(self) -> Image.Image:
        """All that is on the screen."""
        return ImageGrab.grab(xdisplay=f":{self.display}")

    def window(self) -> str:
        """The number of the window that is seen."""
        found: list[str] = []

        def look() -> list[str]:
            found[:] = self.run("xdotool", "search", "--onlyvisible", "--name", "^SegBlur$").split()
            return found

        until(look, "a window is seen")
        return found[0]

    def key(self, *keys: str) -> None:
        """Press keys, as xdotool calls them, in the window that has the focus."""
        self.run("xdotool", "key", "--clearmodifiers", *keys)


@contextmanager
def screen(width: int = SIZE[0], height: int = SIZE[1]) -> Iterator[Screen]:
    """All of it."""
    need(PARTS)
    with tempfile.TemporaryDirectory(prefix="screen-", ignore_cleanup_errors=True) as folder:
        here = Screen(Path(folder))
        try:
            size = f"{width}x{height}x24"
            # Else the screen begins anew whenever its last program leaves, and whoever comes just then is refused.
            words = ("Xvfb", "-noreset", "-displayfd", "{}", "-nolisten", "tcp", "-screen", "0", size)
            here.display = started(here, "Xvfb", *words)
            here.environment |= {"DISPLAY": f":{here.display}"}
            start_bus(here)
            furnish(here)
            here.environment |= {"PYTHONPATH": str(ROOT)}
            yield here
        finally:
            for name in reversed(list(here.processes)):
                here.stop(name)


def start_bus(here: Session) -> None:
    """The session's D-Bus, which starts no programs."""
    config = here.folder / "bus.conf"
    config.write_text(BUS.format(path=here.folder / "bus"))
    started(here, "dbus", "dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address={}")


def furnish(here: Session) -> None:
    """A window manager, and what screen readers need, on the screen and the bus of a session."""
    here.start("openbox")
    until(lambda: is_managed(here), "the window manager is there")
    let_be_read(here)


def let_be_read(here: Session) -> None:
    """What screen readers need, on the bus of a session. Windows of Qt look the same everywhere then."""
    here.start("accessibility", LAUNCHER, "--launch-immediately")
    # Other tests have Qt without a screen, and OpenCV names a Qt of its own.
    others = {name: value for name, value in here.environment.items() if not name.startswith("QT_")}
    here.environment = others | {"QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1", "QT_STYLE_OVERRIDE": "Fusion"}


def is_managed(here: Session) -> bool:
    """Whether the window manager works. Raises RuntimeError where it has ended."""
    if (code := here.processes["openbox"].poll()) is not None:
        raise RuntimeError(f"openbox ended with {code}: {(here.folder / 'openbox.log').read_text()}")
    return bool(here.run("xdotool", "get_num_desktops").strip())


def start_panel(here: Screen, *words: str, name: str = "panel", **environment: str) -> int:
    """The window as a program; its process. It finds service and settings where this process does."""
    folders = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    before = here.environment
    here.environment = before | {one: os.environ[one] for one in folders if one in os.environ} | environment
    try:
        return here.start(name, sys.executable, "-P", "-m", "vcam", "panel", *words).pid
    finally:
        here.environment = before
