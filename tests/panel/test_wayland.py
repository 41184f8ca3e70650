"""The window under Wayland, in weston: driven as a screen reader does it, judged by the picture on the screen."""

import signal

import numpy as np
import pytest

from tests.helpers.accessible import Bus
from tests.helpers.pipewire_session import until
from tests.helpers.running import at_home  # noqa: F401 - a fixture
from tests.helpers.screens import start_panel
from tests.helpers.wayland import wayland_screen
from tests.panel.test_panel import says, service  # noqa: F401 - a fixture
from vcam.control import client, wording
from vcam.panel import texts

pytest.importorskip("PySide6", reason="the window needs PySide6")

GREEN = np.array([0x00, 0xB1, 0x40])
WALL = 30_000  # pixels; the tile that is green has 6,000, the preview 130,000


def green(here):
    """How many pixels of the screen are."""
    return (np.abs(np.asarray(here.picture()).astype(int) - GREEN).max(axis=2) < 12).sum()


@pytest.fixture
def here():
    with wayland_screen() as here:
        yield here


def test_under_wayland_it_opens_shows_the_picture_and_ends_with_the_window(here, service):
    bus = Bus(here.environment["DBUS_SESSION_BUS_ADDRESS"])
    window = bus.program(start_panel(here))
    says(window, texts.LIVE_HERE)
    assert green(here) < WALL
    window.find("list", texts.BACKGROUND).find("list item", texts.EFFECTS["colour"]).do()
    until(lambda: green(here) > WALL, "the wall behind the man is green")
    window.find("push button", texts.BUTTONS["pause"]).do()
    says(window, wording.PAUSED)
    until(lambda: green(here) < WALL, "a notice is shown")
    bus.close()
    here.stop("panel", signal.SIGTERM)
    until(lambda: client.ask("status")["previews"] == 0, "the preview is closed")
