"""A window of our own counts as a program that reads, and only while it looks."""

import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from tests.control.callers import Caller
from tests.helpers.faulty_worker import secret_of
from tests.helpers.keepers import PATIENCE, kind
from tests.helpers.running import Running, at_home, until  # noqa: F401 - a fixture
from vcam.control import client
from vcam.control.preview import open_preview
from vcam.control.protocol import socket_path
from vcam.errors import SegBlurError
from vcam.frame import planes
from vcam.settings import IdleSettings

WARM = IdleSettings(webcam=60.0, network=60.0)


@pytest.fixture
def running(at_home):
    """A service whose cameras nobody reads."""
    with Running(idle=WARM) as service:
        service.device.readers.leave()
        until(lambda: not service.state.has_readers)
        yield service


def wait_for(reader, wanted):
    """Until a picture of that kind comes; none on the way shows the room."""
    width, height = reader.size
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        select.select([reader], [], [], PATIENCE)
        if taken := reader.take(bytes):
            pixels = np.frombuffer(taken, np.uint8).reshape(height * 3 // 2, width)
            assert secret_of(planes(pixels)[0]) < 0.02
            if kind(pixels) == wanted:
                return
    pytest.fail(f"no {wanted} picture came")


def test_a_preview_alone_switches_the_webcam_on_and_its_end_switches_it_off_at_once(running):
    with open_preview() as reader:
        wait_for(reader, "sharp")
        assert client.ask("status")["previews"] == 1
        assert client.ask("status")["state"] == "live"
        assert client.ask("status")["outputs"][0]["viewers"] is not None
    until(lambda: not running.state.has_readers)
    until(lambda: not running.supervisor._worker._streams)  # a program that had left would be waited for
    status = client.ask("status")
    assert (status["state"], status["previews"]) == ("idle", 0)


def test_a_program_that_leaves_while_the_preview_stays_changes_nothing(running):
    running.device.readers.come()
    running.live()
    with open_preview() as reader:
        wait_for(reader, "sharp")
        running.device.readers.leave()
        until(lambda: running.device.scrubbed is not None)
        wait_for(reader, "sharp")


def test_paused_a_preview_shows_a_placeholder(running):
    with open_preview() as reader:
        wait_for(reader, "sharp")
        client.ask("pause")
        wait_for(reader, "placeholder")
        client.ask("resume")
        wait_for(reader, "sharp")


def test_behind_a_locked_screen_a_preview_does_not_keep_the_webcam_on(running):
    with open_preview() as reader:
        wait_for(reader, "sharp")
        running.previews.lock(True)
        wait_for(reader, "placeholder")
        until(lambda: not running.supervisor._worker._streams)
        assert client.ask("status")["state"] == "idle"
        running.previews.lock(False)
        wait_for(reader, "sharp")


def test_a_preview_ends_with_the_next_request_which_is_answered(running):
    with Caller(socket_path()) as caller:
        caller.send(b'{"segblur": 1, "id": 3, "do": "preview"}\n')  # its descriptors are not even taken
        answer = caller.hear()
        assert answer["preview"]["size"] == [320, 240]
        assert answer["id"] == 3
        assert caller.ask("status")["previews"] == 0


def test_a_third_preview_is_refused_and_the_connection_stays(running):
    with open_preview(), open_preview(), Caller(socket_path()) as caller:
        assert caller.ask("preview")["code"] == "refused"
        assert caller.ask("status")["previews"] == 2
    with pytest.raises(SegBlurError, match="close one"), open_preview(), open_preview(), open_preview():
        pass


KILLED = """
from vcam.control.preview import open_preview
with open_preview() as reader:
    print("open", flush=True)
    input()
"""


def test_a_window_that_is_killed_is_gone_at_once(running):
    window = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with window:
        assert window.stdout.readline() == "open\n"
        assert client.ask("status")["previews"] == 1
        window.kill()
    until(lambda: client.ask("status")["previews"] == 0)


def previews_files():
    """Descriptors of this process of the kinds that a preview has: memory of its name, and eventfds."""
    links = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the folder's own, and what other threads close meanwhile
            links.append(str(file.readlink()))
    return sum("segblur-preview" in link for link in links), links.count("anon_inode:[eventfd]")


def test_two_hundred_previews_leave_no_descriptor_behind(running):
    before = previews_files()
    for _ in range(200):
        with open_preview():
            assert previews_files() > before
        until(lambda: client.ask("status")["previews"] == 0)
    until(lambda: previews_files() == before)
