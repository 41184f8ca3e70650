"""Frames made in one go, as worker, bench and a GPU use them."""

import json
import logging
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
import torch

from segnet.configs import UNKNOWN
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT
from tests.gpu.marks import needs_gpu
from tests.helpers.faulty_worker import FAULTS, Box
from tests.helpers.whole_frames import (  # noqa: F401 - fixtures
    SEEN,
    SIZES,
    Answers,
    at,
    disc,
    filled,
    frames_by,
    furthest,
    model,
    one_thread,
    torch_segmenter,
)
from tests.service.test_worker import Keeper, Webcam, shows_the_room
from vcam.bench import bench, report
from vcam.bench import matrix as speed
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.effects.look import Look
from vcam.errors import DeviceLostError, SettingsError
from vcam.frame import empty
from vcam.masks.mask import check, find_mask
from vcam.media.raw_frame import RawFrame
from vcam.pipeline import known_answer, network
from vcam.pipeline.cuda_graph import Frames
from vcam.pipeline.framing import AS_FILMED
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.pipeline.hot_swap import Networks
from vcam.pipeline.known_answer import known_answer_difference
from vcam.pipeline.pipeline import Pipeline
from vcam.service import worker
from vcam.service.frame_slots import DisconnectedError
from vcam.settings import LookSettings, NetworkSettings, OutputSettings, Settings


class OnGpu(WatchedNetwork):
    """A network whose frames are made in one go, here on the CPU."""

    about = {}  # noqa: RUF012

    def __init__(self, frames):
        self.frames, self.box, self.calls = frames, Box(), 0
        self.segmenter = type("Segmenter", (), {"device": "cuda"})

    def size_for(self, width, height):
        return self.box.size_for(width, height)

    def __call__(self, picture, previous=None):
        self.calls += 1
        return self.box(picture, previous)

    def check(self):
        pass


def stream(sample, settings, frames=None):
    """What the worker sends, and the network that it used."""
    network = OnGpu(frames or frames_by(Box()(np.zeros((48, 64, 3))), seen=(64, 48)))
    keeper = Keeper(4 * len(settings), [tree for tree in settings for _ in range(4)])
    with pytest.raises(DisconnectedError):
        worker.stream(Webcam(sample), Networks(Settings().network, lambda request: network, lambda facts: None), keeper)
    assert not shows_the_room(keeper.sent)
    return keeper, network


def test_the_worker_makes_whole_frames_in_one_go_as_it_makes_them_step_by_step(sample):
    keeper, network = stream(sample, [Settings()])
    slowly, _ = stream(sample, [Settings(framing=AS_FILMED.model_copy(update={"people": "nearest"}))])
    assert network.calls == 0
    for one, other in zip(keeper.sent, slowly.sent, strict=True):
        assert furthest(one.pixels, other.pixels) <= 2


def test_yuyv_goes_to_the_gpu_as_it_is_and_is_unpacked_for_everybody_else(sample):
    yuyv, pixels = at(sample[0], (640, 480))
    for tree, by_hand in ((Settings(), False), (Settings(look=LookSettings(effect="grey")), True)):
        frame, out = RawFrame(yuyv, 1, 0.0), empty(640, 480)
        network = OnGpu(frames_by(Box()(np.zeros((48, 64, 3))), seen=(64, 48)))
        shown = Pipeline(lambda said: None, lambda stage: nullcontext())(frame, network, tree, out).pixels
        assert frame.size == (640, 480)
        assert ("pixels" in vars(frame)) == by_hand
        assert np.array_equal(frame.pixels, pixels)
        other = Pipeline(lambda said: None, lambda stage: nullcontext())(
            RawFrame(pixels, 1, 0.0), network, tree, empty(640, 480)
        )
        assert furthest(shown, other.pixels) <= 1


def test_all_but_the_blur_of_the_whole_room_goes_the_other_way_and_comes_back(sample):
    ways = [
        Settings(),
        Settings(look=LookSettings(effect="grey")),
        Settings(look=LookSettings(on="person")),
        Settings(framing=AS_FILMED.model_copy(update={"mirror": True})),
        Settings(framing=AS_FILMED.model_copy(update={"crop": "fixed"})),
    ]
    for tree in ways[1:2] + ways[3:]:
        _, network = stream(sample, [ways[0], tree, ways[0]])
        assert 4 <= network.calls < 12, tree
        told = [np.all(one == UNKNOWN) for one in network.frames._find.told]
        assert told[:2] == [True, False]
        assert True in told[4:] or len(told) == 4  # what another way made between is not remembered


def test_nothing_but_the_blur_of_the_room_is_made_in_one_go_and_no_fade(sample):
    look, blur = Look(), LookSettings()
    for now, wanted, strength in [
        (0.0, blur, 0.5),
        (0.1, LookSettings(blur=0.2), 0.2),
        (0.2, LookSettings(on="person"), None),
        (0.3, LookSettings(effect="off"), None),
        (0.4, blur, 0.5),
        (0.5, LookSettings(effect="grey"), None),
        (2.0, LookSettings(effect="grey"), None),
        (2.1, blur, None),
        (2.2, blur, None),
        (2.5, blur, 0.5),
    ]:
        frame = RawFrame(sample[0].pixels, 1, now)
        assert look.blur_alone(frame, wanted) == strength, now
        look(frame, None, wanted)


def test_whether_masks_can_be_used_is_judged_as_on_the_cpu_and_another_network_begins_anew(sample):
    class Hired(Networks):
        """Uses these networks, one a frame."""

        def __init__(self, *networks):
            self.networks, self.judged = iter((networks[0], *networks)), []

        def current(self):
            return next(self.networks)

        def judge(self, good):
            self.judged.append(good)

        def request(self, settings):
            pass

    good = OnGpu(frames_by(Box()(np.zeros((48, 64, 3))), seen=(64, 48)))
    bad = OnGpu(frames_by(np.full((48, 64), np.nan, np.float32), seen=(64, 48)))
    networks, keeper = Hired(good, good, bad, good, good), Keeper(5)
    with pytest.raises(DisconnectedError):
        worker.stream(Webcam(sample), networks, keeper)
    assert networks.judged == [True, True, False, True]
    assert [np.all(one == UNKNOWN) for one in good.frames._find.told] == [True, False, True, False]
    assert not shows_the_room(keeper.sent)


def test_a_gpu_that_fails_is_given_up_and_nothing_leaves(sample):
    frames = frames_by(disc((64, 48)), seen=(64, 48))
    frames._find = lambda picture, previous: FAULTS["raise"](None)
    network, keeper = OnGpu(frames), Keeper(5)
    with pytest.raises(DeviceLostError, match="illegal memory access"):
        worker.stream(Webcam(sample), Networks(Settings().network, lambda request: network, lambda facts: None), keeper)
    assert keeper.sent == []


def test_a_gpu_that_makes_other_pictures_is_not_used(torch_segmenter, monkeypatch, caplog):
    output = OutputSettings(width=640, height=360)
    frames = network.whole_frames(torch_segmenter, (output.width, output.height))
    assert known_answer_difference(frames, torch_segmenter, (640, 360)) < 0.2
    monkeypatch.setattr(Frames, "ask", lambda self, *asked: None)  # the room as it is
    with caplog.at_level(logging.WARNING, "segblur.network"):
        assert network.whole_frames(torch_segmenter, (output.width, output.height)) is None
    assert "other pictures" in caplog.text
    monkeypatch.setattr(known_answer, "mask_or_none", lambda *_: None)
    assert known_answer_difference(frames, torch_segmenter, (640, 360)) == float("inf")


def test_bench_measures_whole_frames_where_they_are_made(tmp_path, torch_segmenter, monkeypatch):
    settings = Settings(output=OutputSettings(width=320, height=240))
    speed.write_inputs(tmp_path, 320, 240)
    (tmp_path / "task.json").write_text(
        json.dumps({"settings": settings.model_dump(mode="json"), "frames": 3, "compare": False})
    )

    def load_guarded(request, output):
        return WatchedNetwork(
            torch_segmenter, request, network.whole_frames(torch_segmenter, (output.width, output.height))
        )

    monkeypatch.setattr(network, "load_guarded", load_guarded)
    rows = bench.run(tmp_path, 0.0)
    assert [row["input"] for row in rows] == ["yuyv", "mjpeg"]
    for row in rows:
        assert set(row["stages"]) == {"decode", "picture"}
        assert set(row["gpu"]) == {"upload", "graph", "download", "floor", "steps", "gpu"}
        assert min(row["gpu"][name] for name in ("upload", "graph", "floor", "steps")) > 0
        assert "trouble" not in row
    table = report.tables([row | {"first_startup": row["startup"]} for row in rows])
    assert "| floor |" in table


def test_bench_says_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr("segnet.engines.driver_finds_gpu", lambda: False)
    with pytest.raises(SettingsError, match="there is no CUDA GPU that works"):
        network.load_guarded(NetworkSettings(device="cuda"), OutputSettings())


@needs_gpu
@pytest.mark.parametrize("size", SIZES)
def test_on_a_gpu_the_graph_makes_the_pictures_of_the_steps(sample, size):
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cuda")
    seen = segmenter.size_for(*size)
    model = segmenter.engine_for(*seen).model
    for packed in (False, True):
        graph = Frames(model, True, seen, size, "cuda")
        steps = Frames(model, True, seen, size, "cuda")
        steps.run = steps.steps
        mask = None
        for number, frame in enumerate(sample[:8]):
            yuyv, pixels = at(frame, size)
            given = yuyv if packed else pixels
            strength = 0.2 if number % 2 else 1.0
            one, other = (way(given, strength, goes_on=number > 0) for way in (graph, steps))
            assert one.trouble == other.trouble == ""
            assert furthest(one.picture.pixels, other.picture.pixels) <= 1
            mask = find_mask(RawFrame(pixels, number, 0.0), segmenter, mask)
            slowly = compose(RawFrame(pixels, number, 0.0), mask, Blur(strength))
            assert cv2.absdiff(one.picture.pixels, slowly.pixels).mean() < 0.3


@needs_gpu
def test_on_a_gpu_the_picture_by_a_given_mask_is_the_compositors(sample):
    answer = torch.from_numpy(disc())[None, None].cuda()
    frames = Frames(lambda picture, previous: answer, True, SEEN, (1280, 720), "cuda")
    pixels = at(sample[3], (1280, 720))[1]
    for bad, reason in ((None, ""), (float("nan"), "nan"), (0.6, "whole picture")):
        if bad is not None:
            answer.fill_(bad)
        made = frames(pixels, 0.5, goes_on=False)
        mask = None if bad else check(disc(), SEEN, 1)
        assert furthest(made.picture.pixels, compose(RawFrame(pixels, 1, 0.0), mask, Blur(0.5)).pixels) <= 2
        assert reason in made.trouble


@needs_gpu
def test_on_a_gpu_500_frames_take_no_more_memory_than_one(sample):
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cuda")
    frames = network.whole_frames(segmenter, (1280, 720))
    given, out = at(sample[0], (1280, 720))[1], empty(1280, 720)
    frames(given, 0.5, goes_on=False, out=out)
    before = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()
    for number in range(500):
        frames(given, 0.2 + number % 9 / 10, goes_on=True, out=out)
    assert (torch.cuda.memory_allocated(), torch.cuda.memory_reserved()) == before
