"""A screen of Wayland that nobody sees, without keyboard and mouse: weston, a D-Bus, and what screen readers need."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.helpers.pipewire_session import Session, need, until
from tests.helpers.screens import LAUNCHER, ROOT, let_be_read, start_bus

PARTS = {
    "weston": "weston",
    "weston-screenshooter": "weston",
    "dbus-daemon": "dbus",
    LAUNCHER: "at-spi2-core",
}


class WaylandScreen(Session):
    """The session."""

    def picture(self) -> Image.Image:
        """All that is on the screen, RGB."""
        for path in self.folder.glob("wayland-screenshot-*.png"):
            path.unlink()
        assert not self.run("weston-screenshooter")
        (path,) = self.folder.glob("wayland-screenshot-*.png")
        return Image.open(path).convert("RGB")


@contextmanager
def wayland_screen(width: int = 1000, height: int = 1000) -> Iterator[WaylandScreen]:
    """All of it."""
    need(PARTS)
    with tempfile.TemporaryDirectory(prefix="screen-", ignore_cleanup_errors=True) as folder:
        here = WaylandScreen(Path(folder))
        try:
            start_bus(here)
            # With --debug any program may take pictures of the screen.
            words = (
                "weston",
                "--backend=headless-backend.so",
                "--use-pixman",
                "--no-config",
                "--idle-time=0",
                "--debug",
            )
            here.start("weston", *words, f"--width={width}", f"--height={height}", "--socket=wayland")
            until(lambda: (here.folder / "wayland").exists(), "weston takes programs")
            let_be_read(here)
            display = str(here.folder / "wayland")  # a path, since programs may have another XDG_RUNTIME_DIR
            here.environment |= {
                "WAYLAND_DISPLAY": display,
                "QT_QPA_PLATFORM": "wayland",
                "XDG_PICTURES_DIR": folder,
                "PYTHONPATH": str(ROOT),
            }
            yield here
        finally:
            for name in reversed(list(here.processes)):
                here.stop(name)
