"""The camera by PipeWire, with the real daemon, session manager and readers in a session of their own."""

import json
import subprocess
import sys
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import pipewire_node as helper
from tests.helpers.pipewire_node import IDLE, Node, frames_in
from tests.helpers.pipewire_readers import GST, Reader
from tests.helpers.pipewire_session import need, pipewire_session, until  # noqa: F401 - fixtures
from vcam.devices.outputs import open_outputs
from vcam.devices.pipewire import PipeWire
from vcam.frame import planes
from vcam.media.raw_frame import RawFrame
from vcam.settings import OutputSettings

ROOT = Path(__file__).parents[2]


def in_order(numbers):
    return all(after > before for before, after in pairwise(numbers))


@pytest.fixture
def session(pipewire_session):
    need(GST)
    return pipewire_session


def test_programs_list_it_as_a_camera_of_three_formats_nv12_first(session):
    with Node() as node:
        node.wait("paused")
        (listed,) = session.nodes(media_class="Video/Source")
    said = listed["info"]["props"]
    assert said["media.role"] == "Camera"
    assert said["node.description"] == "SegBlur Camera"
    assert said["node.name"] == "segblur"
    formats = listed["info"]["params"]["EnumFormat"]
    assert [offer["format"] for offer in formats] == ["NV12", "I420", "YUY2"]
    for offer in formats:
        assert offer["size"] == {"width": helper.WIDTH, "height": helper.HEIGHT}
        assert offer["framerate"] == {"num": 30, "denom": 1}


@pytest.mark.parametrize("label", ['Ünser "Bild" = {1}', "back\\slash #", "'"])
def test_it_bears_any_name(session, label):
    with Node(settings=helper.SETTINGS.model_copy(update={"label": label})) as node:
        node.wait("paused")
        (listed,) = session.nodes(media_class="Video/Source")
    assert listed["info"]["props"]["node.description"] == label


@pytest.mark.parametrize("pixels", ["NV12", "I420"])
def test_every_pixel_arrives(session, tmp_path, pixels):
    with Node() as node:
        node.wait("paused")
        reader = Reader(session, tmp_path / "frames", 5, pixels)
        numbers = reader.numbers()
    assert len(numbers) == 5
    last, whole = frames_in(reader.path)[-1], helper.numbered(numbers[-1]).pixels.reshape(-1)
    luma = helper.WIDTH * helper.HEIGHT
    assert (last[:luma] == whole[:luma]).all()
    chroma = last[luma:].reshape(-1, 2).T if pixels == "NV12" else last[luma:].reshape(2, -1)
    assert (chroma.reshape(-1) == whole[luma:]).all()


def test_a_reader_of_packed_pixels_gets_every_one_of_them(session, tmp_path):
    height, width = helper.HEIGHT, helper.WIDTH
    with Node() as node:
        node.wait("paused")
        reader = Reader(session, tmp_path / "frames", 40, "YUY2")
        assert reader.process.wait(60) == 0
    packed = np.fromfile(reader.path, np.uint8).reshape(-1, height, width, 2)[-1]
    number = helper.number_of(packed[..., 0])
    y, u, v = planes(helper.numbered(number).pixels)
    assert (packed[..., 0] == y).all()
    assert (packed[0::2, 0::2, 1] == u).all()
    assert (packed[1::2, 0::2, 1] == u).all()
    assert (packed[0::2, 1::2, 1] == v).all()
    assert (packed[1::2, 1::2, 1] == v).all()


def test_two_readers_get_every_frame_and_without_readers_nothing_is_sent(session, tmp_path):
    with Node() as node:
        node.wait("paused")
        first = Reader(session, tmp_path / "first", 90)
        first.wait_for(10)
        second = Reader(session, tmp_path / "second", 60)
        numbers = [first.numbers(), second.numbers()]
        until(lambda: node.states[-1] == "paused", "it is seen that both have left")
        sent = node.sent
        for _ in range(3):  # listing cameras is no reading
            assert session.nodes(node_name="segblur")
        assert (node.sent, node.states[-1]) == (sent, "paused")
    for seen, count in zip(numbers, (90, 60), strict=True):
        assert len(seen) == count
        assert in_order(seen)
        assert seen[-1] - seen[0] < 1.25 * count  # a few are lost where the machine is busy


def test_a_reader_that_comes_soon_after_another_sees_nothing_of_what_was_shown_before(session, tmp_path):
    with Node() as node:
        node.wait("paused")
        Reader(session, tmp_path / "before", 20).numbers()
        until(lambda: node.states[-1] == "paused", "it is seen that it has left")
        sent = node.sent
        numbers = Reader(session, tmp_path / "after", 20).numbers()
    assert all(number is None or number > sent for number in numbers)
    blank = IDLE.pixels.reshape(-1)[: helper.WIDTH * helper.HEIGHT]
    for number, frame in zip(numbers, frames_in(tmp_path / "after"), strict=True):
        assert number is not None or (frame[: len(blank)] == blank).all()


@contextmanager
def node_alone(session):
    """The node in a process of its own, and what asks it what it takes."""
    command, environment = [sys.executable, helper.__file__], session.environment | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def taken():
            until(lambda: session.nodes(node_name="segblur")[0]["info"]["state"] == "suspended", "buffers are given up")
            process.stdin.write("\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        until(lambda: session.nodes(node_name="segblur"), "the camera is listed")
        yield taken


FEW = 10


def nothing_left(before, after):
    assert after["rss"] <= before["rss"] + 1024
    assert (after["files"], after["threads"]) == (before["files"], before["threads"])
    assert after["maps"] < before["maps"] + FEW  # the allocator comes and goes; a leak would be one for each reader


def test_two_hundred_readers_leave_nothing_behind(session, tmp_path):
    with node_alone(session) as taken:
        for number in range(1, 201):
            assert len(Reader(session, tmp_path / "frames", 3).numbers()) == 3
            if number == 40:
                before = taken()
        nothing_left(before, taken())


@pytest.mark.slow
def test_sixty_daemons_leave_nothing_behind(session, tmp_path):
    with node_alone(session) as taken:
        for number in range(1, 61):
            reader = Reader(session, tmp_path / "frames")
            reader.wait_for(5)
            session.kill_pipewire()
            reader.stop()
            session.start_pipewire()
            until(lambda: session.nodes(node_name="segblur"), "the camera is listed again")
            if number == 20:
                before = taken()
        nothing_left(before, taken())


def test_it_takes_safe_frames_and_nothing_else(sample):
    output = PipeWire(OutputSettings(width=640, height=480))
    for refused in (sample[0], sample[0].pixels, None):
        with pytest.raises(TypeError, match="only a SafeFrame"):
            output.send(refused)
        with pytest.raises(TypeError, match="only a SafeFrame"):
            output.scrub(refused)
    assert isinstance(sample[0], RawFrame)


def test_off_there_is_none():
    kinds = [type(output).__name__ for output in open_outputs(OutputSettings(pipewire="off"))]
    assert "PipeWire" not in kinds
    assert "PipeWire" in [type(output).__name__ for output in open_outputs(OutputSettings())]
