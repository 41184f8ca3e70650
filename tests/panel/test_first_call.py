"""From the launcher to a call, as a person does it who never saw a terminal: by clicks alone.

The programs are the real ones: the launcher's entry as packages install it, the window, set-up, the service, PipeWire,
the portal, Chromium. Every click is an action of AT-SPI, as a screen reader presses a button. Nothing of SegBlur is
called from here, and what others see is judged in Chromium. There are two stand-ins: tests/helpers/systemctl.py for the
user's systemd, which a session of a test has none of, and, by a settings file, the bundled clip for the webcam.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import systemctl
from tests.helpers.accessible import Bus
from tests.helpers.browsers import CONFIG, LABEL, browser, luma
from tests.helpers.pipewire_session import need, session
from tests.helpers.screens import PARTS, furnish
from tests.panel.test_panel import says
from tests.service.test_programs import is_placeholder
from tests.service.test_sample import detail
from vcam.control import wording
from vcam.media.films import SAMPLE, VideoFile
from vcam.names import APP
from vcam.panel import setup_texts, texts

pytest.importorskip("PySide6", reason="the window needs PySide6")

PACKAGED = Path(__file__).parents[2] / "packaging/desktop"  # what packages put into /usr/share
FACE, ROOM, POSTER = np.s_[100:220, 260:380], np.s_[40:440, 0:120], np.s_[80:340, 500:600]  # of the clip, 640×480


@pytest.fixture
def computer():
    """A desktop on which SegBlur is installed and was never started."""
    with session(desktop=True) as here:
        need(PARTS)
        furnish(here)
        programs = here.folder / "bin"
        programs.mkdir()
        systemctl.install(programs)
        shutil.copytree(PACKAGED, here.folder / "share")
        settings = here.folder / ".config/segblur/config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(CONFIG)
        here.environment |= {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_DATA_DIRS": f"{here.folder}/share:/usr/local/share:/usr/share",
            "OMP_WAIT_POLICY": "PASSIVE",
        }
        yield here
        here.run("systemctl", "--user", "stop", systemctl.SERVICE)


@pytest.fixture
def screen_reader(computer):
    bus = Bus(computer.environment["DBUS_SESSION_BUS_ADDRESS"])
    yield bus
    bus.close()


@pytest.fixture
def window(computer, screen_reader):
    """SegBlur's window, once the launcher has opened it."""
    entry = computer.folder / f"share/applications/{APP}.desktop"
    assert computer.start("launcher", "gio", "launch", str(entry)).wait(60) == 0
    window = screen_reader.named("segblur")
    yield window
    os.kill(screen_reader.pid(window), signal.SIGTERM)


@pytest.fixture(scope="module")
def clip():
    """The luma of one of the webcam's pictures."""
    with VideoFile(SAMPLE) as video:
        return next(video.frames())[:480]


def click(window, name):
    button = window.find("push button", name)
    assert button.actions()[0] == "Press"
    button.do()


def colours(picture):
    """How far the parts of a picture are from grey."""
    return np.ptp(picture[POSTER].astype(int), axis=2).mean()


@pytest.mark.timeout(600)
def test_a_person_who_never_saw_a_terminal_gets_into_a_call_with_a_blurred_room_by_clicks_alone(window, computer, clip):
    def is_blurred(picture):
        """The man is as sharp as the webcam shows him, and the room is not."""
        shown = luma(picture)
        return detail(shown[FACE]) > 0.7 * detail(clip[FACE]) and detail(shown[ROOM]) < 0.4 * detail(clip[ROOM])

    says(window, texts.NOT_SET_UP)
    says(window, setup_texts.TITLE)
    assert window.find("radio button", setup_texts.DESKTOP).has("checked")  # the way without a password
    click(window, setup_texts.SET_UP)
    says(window, setup_texts.DONE)
    click(window, setup_texts.CONTINUE)
    says(window, texts.LIVE_HERE)

    with browser(computer, "chromium") as call:
        call.wait_for_pictures(5, is_blurred, "man in a blurred room")
        assert call.camera == {"labels": [LABEL], "label": LABEL, "width": 640, "height": 480}
        assert colours(call.pictures[-1]) > 60  # the poster is blue
        says(window, wording.LIVE)

        window.find("list", texts.BACKGROUND).find("list item", texts.EFFECTS["grey"]).do()
        call.wait_for_pictures(3, lambda picture: colours(picture) < 10 and is_blurred(picture), "grey room")

        click(window, texts.BUTTONS["pause"])
        call.wait_for_pictures(3, is_placeholder, "notice instead of the man")
        says(window, wording.PAUSED)

        click(window, texts.BUTTONS["resume"])
        call.wait_for_pictures(3, is_blurred, "man in a blurred room after the pause")
        call.leave()
