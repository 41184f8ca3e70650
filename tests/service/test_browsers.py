"""The whole service by PipeWire alone, in Chromium and in Firefox at once: no kernel module, no root, no /dev/video."""

import sys
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.browsers import browser
from tests.helpers.pipewire_session import session, until
from vcam.control import client
from vcam.host import doctor

ROOT = Path(__file__).parents[2]
LABEL = "SegBlur Camera (test)"  # another than that of a loopback device, which this machine may have
CONFIG = f'[camera]\ndevice = "sample"\n\n[output]\nlabel = "{LABEL}"\nwidth = 640\nheight = 480\n'


@pytest.fixture
def here(monkeypatch):
    """A desktop in which the service runs."""
    with session(desktop=True) as here:
        settings = here.folder / ".config/segblur/config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(CONFIG)
        here.environment |= {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
        here.start("segblur", sys.executable, "-m", "tests.helpers.secret_service")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(here.folder))
        until(lambda: here.nodes(node_description=LABEL), "the camera is listed")
        yield here


def is_live(picture):
    """Whether it shows more than a placeholder, which has one colour, and letters that have none."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2YUV)[..., 1:].std(axis=(0, 1)).min() > 2


def is_placeholder(picture):
    return not is_live(picture)


@pytest.mark.timeout(600)
def test_chromium_and_firefox_show_the_man_at_once_and_the_room_in_no_frame(here):
    with ExitStack() as stack:
        both = [stack.enter_context(browser(here, name)) for name in ("chromium", "firefox")]
        for one in both:
            one.wait_for_pictures(5, is_live, "live pictures")
            assert one.camera == {"labels": [LABEL], "label": LABEL, "width": 640, "height": 480}
        assert client.ask("status")["state"] == "live"
        client.ask("pause")
        for one in both:
            one.wait_for_pictures(2, is_placeholder, "placeholder while paused")
        client.ask("resume")
        for one in both:
            one.wait_for_pictures(5, is_live, "live pictures after the pause")
            one.wait_for(lambda one=one: len(one.secrets) >= 50, "50 frames")
            assert max(one.secrets) < 0.05, f"{one.name} shows the room in frame {int(np.argmax(one.secrets))}"
        client.ask("effect", effect="off")  # what was looked for is seen where it is not hidden
        for one in both:
            one.wait_for(lambda one=one: one.secrets[-1] > 0.9, "secret in the room that is shown")
            one.leave()
    until(lambda: client.ask("status")["state"] == "idle", "the service is idle after the last browser has left")


@pytest.mark.timeout(600)
def test_a_no_that_the_portal_keeps_shuts_firefox_out_and_doctor_says_how_to_take_it_back(monkeypatch):
    with session(desktop=True) as here:
        for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
            monkeypatch.setenv(name, here.environment[name])
        here.camera_permission("no")
        with browser(here, "firefox") as firefox:
            firefox.wait_for(lambda: firefox.error, "refusal")
            assert "NotAllowedError" in firefox.error
        findings = {finding.name: finding for finding in doctor.examine(doctor.this_host(quick=True))}
        assert findings["permission"].state == "warning"
        assert "programs outside a sandbox" in findings["permission"].sentence
        assert "SetPermission" in findings["permission"].remedy
