"""After a change by which less of the room may be seen, nothing that was made before it is shown any more: whatever the
worker does, stopped, killed or slow. The answer to the change comes when that is so.
"""

import os
import signal
import threading

import pytest

from tests.helpers.keepers import PATIENCE
from tests.helpers.running import Running, at_home, file  # noqa: F401 - a fixture
from vcam.control import client
from vcam.service.supervisor import visible
from vcam.settings import Settings, fields

CHANGES = {
    "off": (("effect", {"effect": "off"}), ("effect", {"effect": "blur"})),
    "on": (("effect", {"on": "person"}), ("effect", {"on": "background"})),
    "effect": (None, ("effect", {"effect": "colour"})),
    "strength": (None, ("effect", {"blur": 1.0})),
    "people": (None, ("set", {"key": "framing.people", "value": "nearest"})),
    "framing": (None, ("set", {"key": "framing.crop", "value": "fixed"})),
    "turn": (None, ("set", {"key": "picture.rotate", "value": 180})),
    "camera": (None, ("camera", {"device": "/dev/video77"})),
}


def ask(request):
    return client.ask(request[0], timeout=PATIENCE, **request[1])


@pytest.fixture(params=CHANGES, ids=str)
def change(request):
    return CHANGES[request.param]


def live_anew(running):
    """Until there are live frames that were not there yet, whatever is to be seen in them."""
    count = len(running.device.kinds)
    running.device.wait_for(lambda kinds: {*kinds[count + 2 :]} & {"sharp", "blurred"})


def shown_after(running, count):
    """The kinds of three more frames than `count`."""
    running.device.wait_for(lambda kinds: len(kinds) >= count + 3)
    return set(running.device.kinds[count:])


def test_with_a_worker_that_is_stopped_a_placeholder_is_shown_before_the_answer(change):
    before, after = change
    with Running() as running:
        running.live()
        if before:
            ask(before)
            live_anew(running)
        os.kill(running.supervisor.pid, signal.SIGSTOP)
        ask(after)
        count = len(running.device.kinds)
        assert shown_after(running, count) == {"placeholder"}
        os.kill(running.supervisor.pid, signal.SIGKILL)
        running.device.secrets = running.device.secrets[count:]  # before it, the room was to be seen


def test_with_a_worker_that_was_killed_a_placeholder_is_shown_before_the_answer(change):
    before, after = change
    with Running() as running:
        running.live()
        if before:
            ask(before)
            live_anew(running)
        os.kill(running.supervisor.pid, signal.SIGKILL)
        ask(after)
        count = len(running.device.kinds)
        running.device.wait_for(lambda kinds: len(kinds) > count)
        running.device.secrets = running.device.secrets[count:]


def test_a_frame_that_a_slow_worker_made_before_the_change_is_not_shown_after_it():
    """It is stopped with frames on their way, and goes on after the change."""
    with Running() as running:
        running.live()
        ask(("effect", {"on": "person"}))
        live_anew(running)
        pid = running.supervisor.pid
        os.kill(pid, signal.SIGSTOP)
        done = threading.Thread(target=ask, args=(("effect", {"on": "background"}),))
        done.start()
        done.join(PATIENCE)
        count = len(running.device.kinds)
        os.kill(pid, signal.SIGCONT)
        running.device.wait_for(lambda kinds: kinds[count:].count("sharp") > 5)
        running.device.secrets = running.device.secrets[count:]


def test_with_a_worker_that_keeps_up_a_change_shows_no_placeholder_between():
    with Running() as running:
        running.live()
        count = len(running.device.kinds)
        for blur in (0.3, 0.9, 0.4):
            ask(("effect", {"blur": blur}))
        running.device.wait_for(lambda kinds: len(kinds) > count + 5)
        assert "placeholder" not in running.device.kinds[count:]


def test_between_the_picture_and_the_turned_one_is_a_placeholder_however_quick_the_worker_is():
    with Running() as running:
        running.live()
        for degrees in (180, "90", 270, 0):
            count = len(running.device.kinds)
            ask(("set", {"key": "picture.rotate", "value": degrees}))
            assert "placeholder" in running.device.kinds[count:]
            assert running.state.settings.picture.rotate == file()["picture"]["rotate"] == int(degrees)
            live_anew(running)


def test_whatever_decides_what_may_be_seen_is_part_of_the_barrier():
    """Every setting, but those that change how fast or where the same is done."""
    other = {
        "output",
        "idle",
        "desktop",
        "network.weights",
        "network.engine",
        "network.device",
        "network.size",
        "network.threads",
    }
    same = Settings()
    for section, name, field in fields():
        if section in other or f"{section}.{name}" in other:
            continue
        part = getattr(same, section)
        changed = same.model_copy(update={section: part.model_copy(update={name: object()})})
        assert visible(changed) != visible(same), f"{section}.{name}"
        assert field.description
