"""The whole service by PipeWire alone (no kernel module, no root, no /dev/video) in the programs that people use."""

import subprocess
from contextlib import ExitStack

import cv2
import numpy as np
import pytest

from tests.helpers.browsers import LABEL, browser, start_service
from tests.helpers.faulty_worker import secret_of
from tests.helpers.pipewire_session import need, session, until
from vcam.control import client
from vcam.host import doctor


@pytest.fixture(scope="module")
def desktop():
    """A desktop in which the service runs."""
    with session(desktop=True) as here:
        start_service(here)
        yield here


@pytest.fixture
def here(desktop, monkeypatch):
    """It, for what the test's own process asks."""
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, desktop.environment[name])
    desktop.camera_permission("yes")
    yield desktop
    until(lambda: client.ask("status")["state"] == "idle", "the service is idle after the last program has left")


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
    client.ask("effect", effect="blur")


def test_a_program_that_knows_v4l2_only_reads_the_camera_through_pw_v4l2(here):
    need({"pw-v4l2": "pipewire-v4l2", "ffmpeg": "ffmpeg"})
    words = ("ffmpeg", "-v", "error", "-f", "v4l2", "-i", "/dev/video0", "-frames:v", "300", "-f", "rawvideo")
    with subprocess.Popen(
        ["pw-v4l2", *words, "-pix_fmt", "yuv420p", "-"], env=here.environment, stdout=subprocess.PIPE
    ) as program:
        frames = iter(lambda: program.stdout.read(640 * 480 * 3 // 2), b"")
        live = 0
        while live < 20:
            planes = np.frombuffer(next(frames), np.uint8)
            assert secret_of(planes[: 640 * 480].reshape(480, 640)) < 0.05
            live += planes[640 * 480 :].std() > 2
        program.kill()


@pytest.mark.timeout(600)
def test_a_no_that_the_portal_keeps_shuts_firefox_out_and_doctor_says_how_to_take_it_back(here):
    here.camera_permission("no")
    with browser(here, "firefox") as firefox:
        firefox.wait_for(lambda: firefox.error, "refusal")
        assert "NotAllowedError" in firefox.error
    findings = {finding.name: finding for finding in doctor.examine(doctor.this_host(quick=True))}
    assert findings["permission"].state == "warning"
    assert "programs outside a sandbox" in findings["permission"].sentence
    assert "SetPermission" in findings["permission"].remedy
    assert "is a camera of PipeWire's (paused)" in findings["pipewire camera"].sentence
