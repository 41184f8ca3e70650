"""The camera by PipeWire when something goes wrong: the daemon ends, readers misbehave, parts are missing."""

import logging
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.helpers import pipewire_readers
from tests.helpers.keepers import Device
from tests.helpers.pipewire_node import HEIGHT, IDLE, SILENCE, WIDTH, Node
from tests.helpers.pipewire_readers import GST, Client, Reader
from tests.helpers.pipewire_session import PATIENCE, need, pipewire_session, until  # noqa: F401 - fixtures
from vcam.devices import pipewire_pods as pods

ROOT = Path(__file__).parents[2]


@pytest.fixture
def session(pipewire_session):
    need(GST)
    return pipewire_session


class Other(Device):
    """A camera of another kind, that is always read."""

    def __init__(self):
        super().__init__()
        self.frames = []

    def send(self, frame):
        with self.changed:
            self.frames.append(frame)
            self.changed.notify_all()


@pytest.mark.parametrize("read", [True, False])
def test_a_daemon_that_is_killed_is_found_again_and_other_outputs_miss_nothing(session, tmp_path, caplog, read):
    caplog.set_level(logging.INFO, "segblur.output")
    other = Other()
    with Node(beside=[other]) as node:
        node.wait("paused")
        for visit in range(3):
            if read:
                reader = Reader(session, tmp_path / f"before-{visit}")
                reader.wait_for(5)
            session.kill_pipewire()
            node.wait("lost")
            if read:
                reader.stop()
            shown = len(other.frames)
            until(lambda n=shown: len(other.frames) > n + 10, "the other output goes on")
            session.start_pipewire()
            node.wait("paused")
            assert len(Reader(session, tmp_path / f"after-{visit}", 10).numbers()) == 10
    assert len(other.frames) == node.sent + 1  # the first one comes at the start
    lines = [record.getMessage().split(";")[0] for record in caplog.records]
    assert lines == ["PipeWire does not answer", "PipeWire can be used now"] * 3


def test_a_daemon_that_starts_later_is_found(session, tmp_path):
    session.kill_pipewire()
    with Node() as node:
        node.wait("lost")
        assert "systemctl --user start pipewire wireplumber" in node.output.trouble
        session.start_pipewire()
        node.wait("paused")
        assert node.output.trouble == ""
        assert len(Reader(session, tmp_path / "frames", 10).numbers()) == 10


def bad_reader(kind, session, path):
    """What stops it, after it has done its worst."""
    if kind == "stopped":
        reader = Reader(session, path)
        reader.wait_for(3)
        reader.process.send_signal(signal.SIGSTOP)
        return lambda: (reader.process.send_signal(signal.SIGKILL), reader.process.wait())
    if kind == "other format":
        reader = Reader(session, path, pixels="RGB")
        return reader.stop
    command = [sys.executable, pipewire_readers.__file__, "hoarder"]
    environment = session.environment | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    while process.stdout.readline().strip() not in ("2", "3", "4"):
        assert process.poll() is None
    return lambda: (process.kill(), process.wait(), process.stdout.close())


@pytest.mark.parametrize("kind", ["stopped", "other format", "hoarder"])
def test_a_bad_reader_does_not_stop_the_picture_of_a_good_one(session, tmp_path, kind, caplog):
    caplog.set_level(logging.INFO, "segblur.output")
    with Node() as node:
        node.wait("paused")
        good = Reader(session, tmp_path / "good")
        good.wait_for(10)
        end = bad_reader(kind, session, tmp_path / "bad")
        beside = good.frames()
        good.wait_for(beside + 15)
        end()
        after = good.frames()
        good.wait_for(after + 120)
        good.stop()
        numbers = good.seen()
    assert all(later > before for before, later in pairwise(numbers))
    calm = numbers[after + 30 : after + 120]
    assert calm[-1] - calm[0] < 1.25 * len(calm)  # a few are lost where the machine is busy, without the cure half
    assert not caplog.records  # the connection was good all the time


def test_a_reader_alone_that_wants_what_is_not_offered_fails_alone(session, tmp_path):
    def listed():
        (node,) = session.nodes(node_name="segblur")
        return node["id"]

    with Node() as node:
        node.wait("paused")
        before = listed()
        # At once, because each takes half a minute to give up.
        readers = [Reader(session, tmp_path / f"bad-{number}", 3, pixels="RGB") for number in range(3)]
        for reader in readers:
            assert reader.process.wait(PATIENCE) != 0
        assert listed() == before
        assert len(Reader(session, tmp_path / "good", 10).numbers()) == 10
    assert "lost" not in node.states


def test_a_mistake_in_what_pipewire_calls_is_logged_and_does_no_harm(session, tmp_path, caplog, monkeypatch):
    with Node() as node:
        node.wait("paused")
        with monkeypatch.context() as patch:
            patch.delattr(pods, "buffers")
            reader = Reader(session, tmp_path / "frames")
            until(lambda: caplog.records, "it is logged")
            reader.stop()
        assert session.nodes(node_name="segblur")
    assert "AttributeError" in caplog.text


def blank(pictures):
    """Whether none of them shows anything of what was shown."""
    ours = [frame.pixels.reshape(-1)[: WIDTH * HEIGHT] for frame in (IDLE, SILENCE)]
    return all(any((picture[: WIDTH * HEIGHT] == luma).all() for luma in ours) for picture in pictures)


def test_what_a_reader_still_has_mapped_after_it_has_left_shows_nothing_of_before(session):
    with Node() as node:
        node.wait("paused")
        reader = Client()
        reader.take(True, lambda taken: len(taken) > 20)
        pictures = [*reader.buffers.values()]
        assert len(pictures) >= 2
        assert not any(blank([picture]) for picture in pictures)
        reader.close()
        until(lambda: blank(pictures), "all buffers are overwritten")


def test_every_buffer_is_overwritten_before_a_reader_as_well(session):
    with Node() as node:
        node.wait("paused")
        reader = Client()
        reader.take(True, lambda taken: len(taken) > 20)
        assert not any(blank([picture]) for picture in reader.buffers.values())
        node.scrub()
        until(lambda: blank(reader.buffers.values()), "all buffers are overwritten")
        reader.close()


SURROUNDINGS = """
import sys
from tests.devices.test_pipewire_trouble import Other
from tests.helpers.pipewire_node import Node
from vcam.devices import pipewire, pipewire_library
from vcam.devices.outputs import trouble_of

exec(sys.argv[1])
other = Other()
with Node(beside=[other]) as node:
    node.wait(sys.argv[2] or None)
    other.wait_for(lambda _: len(other.frames) > 10)
    assert trouble_of([other, node.output]) == ""
    print(node.output.trouble)
"""
NOWHERE = {"XDG_RUNTIME_DIR": "/nowhere"}
MISSING = "install the package pipewire"
ABSENT = 'pipewire.load = lambda: pipewire_library.load("libnothing.so")'
TOO_OLD = "pipewire_library.OLDEST = (99,)"
INCOMPLETE = 'pipewire_library.FUNCTIONS["pw_nothing"] = (None, [])'


@pytest.mark.parametrize(
    ("environment", "code", "state", "says"),
    [
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}, "", "paused", ""),
        (NOWHERE, "", "lost", "PipeWire does not answer; start it with"),
        ({"XDG_RUNTIME_DIR": ""}, "", "lost", "PipeWire does not answer; start it with"),
        ({"PIPEWIRE_REMOTE": "another"}, "", "lost", "PipeWire does not answer; start it with"),
        ({"PIPEWIRE_MODULE_DIR": "/nowhere"}, "", "", MISSING),
        ({"PIPEWIRE_CONFIG_DIR": "/nowhere"}, "", "", MISSING),
        ({"SPA_PLUGIN_DIR": "/nowhere"}, "", "", MISSING),
        (NOWHERE, ABSENT, "", "PipeWire can't be used (libnothing.so"),
        (NOWHERE, INCOMPLETE, "", "undefined symbol: pw_nothing); install PipeWire and WirePlumber"),
        (NOWHERE, TOO_OLD, "", "is too old for a camera; update it to 99 or newer"),
    ],
)
def test_in_bad_surroundings_it_says_so_in_a_sentence_and_other_outputs_work(session, environment, code, state, says):
    command = [sys.executable, "-c", SURROUNDINGS, code, state]
    done = subprocess.run(
        command, env=session.environment | environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (sentence,) = done.stdout.splitlines()
    assert says in sentence
    assert bool(says) == bool(sentence)
