"""What a GPU makes in one go, step by step on the CPU: the pictures that network, mask and compositor make, and nothing
of the room where they would show nothing. On a GPU, where there is one, the graph is held against the same steps.
"""

import json
import logging
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segnet.configs import UNKNOWN
from segnet.inference import load_segmenter
from segnet.mask_model import MaskModel
from segnet.weights import DEFAULT, load_weights
from tests.effects.test_compositor import soft_disc
from tests.gpu.marks import needs_gpu
from tests.helpers import reference
from tests.helpers.fake_segmenter import Known
from tests.helpers.faulty_worker import FAULTS, Box, paint_secret, secret_of
from tests.masks.test_mask import NOT_A_FACE, close_up
from tests.service.test_worker import Keeper, Webcam, shows_the_room
from vcam.bench import bench, report
from vcam.bench import matrix as speed
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.effects.look import Look
from vcam.errors import DeviceLostError, SettingsError
from vcam.frame import SafeFrame, empty, planes
from vcam.masks.mask import HIGH, LOW, MaskError, check, fill_doubtful_holes, find_mask, mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_yuyv, small_rgb, to_bgr
from vcam.pipeline import gpu_pixels, known_answer, network
from vcam.pipeline.cuda_graph import Frames, why_not
from vcam.pipeline.framing import AS_FILMED
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.pipeline.hot_swap import Networks
from vcam.pipeline.known_answer import known_answer_difference
from vcam.pipeline.pipeline import Pipeline
from vcam.service import worker
from vcam.service.frame_slots import DisconnectedError
from vcam.settings import LookSettings, NetworkSettings, OutputSettings, Settings

SIZES = [(640, 480), (1280, 720), (854, 482), (480, 640), (160, 120)]
SEEN = (256, 144)


def disc(seen=SEEN, radius=0.5):
    """What a network may answer: a soft disc, here and there in doubt."""
    return 0.05 + 0.9 * soft_disc(seen[::-1], radius)


class Answers:
    """A network that gives what it is told to, and notes what it was given."""

    def __init__(self, answer):
        self.answer, self.seen, self.told = answer, [], []

    def __call__(self, picture, previous):
        self.seen.append(picture[0].numpy().copy())
        self.told.append(previous[0, 0].numpy().copy())
        return torch.from_numpy(self.answer)[None, None]


def frames_by(answer, size=(640, 480), seen=SEEN):
    return Frames(Answers(answer), True, seen, size, "cpu")


def at(frame, size):
    """The frame at another size: as YUYV, and as the I420 that the camera makes of it."""
    yuyv = cv2.cvtColor(cv2.resize(to_bgr(frame.pixels), size), cv2.COLOR_BGR2YUV_YUYV)
    pixels = empty(*size)
    from_yuyv(yuyv, pixels)
    return yuyv, pixels


def filled(soft):
    given = torch.from_numpy(soft)
    return gpu_pixels.filled(given, given <= LOW, given < HIGH).numpy()


def furthest(one, other):
    return np.abs(one.astype(int) - other).max()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several of torch's wait for each other longer than they work, where other programs run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model():
    weights, info = load_weights(DEFAULT)
    return MaskModel(weights, info).eval()


@pytest.fixture(scope="module")
def torch_segmenter():
    return load_segmenter(DEFAULT, engine="torch", device="cpu", threads=1)


@pytest.mark.parametrize("packed", [False, True], ids=["I420", "YUYV"])
@pytest.mark.parametrize("size", SIZES)
def test_by_the_same_mask_the_picture_is_the_compositors_within_two_grey_levels(sample, size, packed):
    yuyv, pixels = at(sample[3], size)
    for strength in (0.2, 1.0):
        made = frames_by(disc(), size)(yuyv if packed else pixels, strength, goes_on=False)
        assert made.trouble == ""
        slowly = compose(RawFrame(pixels, 1, 0.0), check(disc(), SEEN, 1), Blur(strength))
        assert furthest(made.picture.pixels, slowly.pixels) <= 2


@pytest.mark.parametrize("seen", [(256, 144), (64, 48), (512, 288)])
def test_the_picture_is_that_of_the_plain_formula_within_two_grey_levels(sample, seen):
    made = frames_by(disc(seen), seen=seen)(sample[3].pixels, 0.5, goes_on=False)
    plain = reference.compose(sample[3].pixels, check(disc(seen), seen, 1).alpha, 0.5)
    for fast, slow in zip(planes(made.picture.pixels), plain, strict=True):
        assert np.abs(fast - slow).max() <= 2.0


@pytest.mark.parametrize("size", SIZES)
def test_the_network_sees_what_it_sees_on_the_cpu(sample, size):
    yuyv, pixels = at(sample[0], size)
    frames = frames_by(disc(), size)
    frames(yuyv, 0.5, goes_on=False)
    difference = cv2.absdiff(frames._find.seen[0], small_rgb(pixels, SEEN))
    assert difference.max() <= 3  # what lies between two levels of a plane of colour may be rounded to either
    assert difference.mean() < 0.02


@pytest.mark.parametrize("size", SIZES[1:4])
def test_the_networks_own_masks_and_pictures_are_those_of_the_cpu_frame_after_frame(
    sample, model, torch_segmenter, size
):
    frames = Frames(model, True, torch_segmenter.size_for(*size), size, "cpu")
    mask = None
    for number, frame in enumerate(sample[:6]):
        pixels = at(frame, size)[1]
        mask = find_mask(RawFrame(pixels, number, 0.0), torch_segmenter, mask)
        slowly = compose(RawFrame(pixels, number, 0.0), mask, Blur(0.5))
        made = frames(pixels, 0.5, goes_on=number > 0)
        assert np.abs(frames._previous[0, 0].numpy() - mask.soft).max() < 0.03
        difference = cv2.absdiff(made.picture.pixels, slowly.pixels)
        assert difference.mean() < 0.2
        assert np.quantile(difference, 0.9999) <= 2


@pytest.mark.parametrize(
    "fault", ["nan", "one-nan", "constant", "half", "nearly-all", "undecided", "noise", "range", "raise"]
)
def test_a_bad_mask_blurs_all_of_the_frame_in_the_same_words_and_is_not_remembered(sample, fault):
    pixels = sample[0].pixels.copy()
    paint_secret(planes(pixels)[0])
    frame, said = RawFrame(pixels, 1, 0.0), []
    if fault == "raise":
        frames = frames_by(disc())
        frames._find = lambda picture, previous: FAULTS["raise"](None)
        with pytest.raises(RuntimeError):
            frames(pixels, 0.2, goes_on=False)
        return
    bad = np.ascontiguousarray(FAULTS[fault](disc()))
    mask_or_none(frame, Known(bad), said.append)
    frames = frames_by(bad)
    made = frames(pixels, 0.2, goes_on=False)
    assert [made.trouble] == said
    assert secret_of(planes(made.picture.pixels)[0]) < 0.01
    assert furthest(made.picture.pixels, compose(frame, None, Blur(0.2)).pixels) <= 2
    frames._find.answer = disc()
    assert frames(pixels, 0.2, goes_on=True).trouble == ""
    assert np.all(frames._find.told[-1] == UNKNOWN)


def test_a_frame_that_fails_leaves_nothing_in_the_picture_of_the_next(sample):
    frames, out = frames_by(disc()), np.zeros_like(sample[0].pixels)
    find, frames._find = frames._find, lambda picture, previous: FAULTS["raise"](None)
    with pytest.raises(RuntimeError):
        frames(sample[0].pixels, 0.5, goes_on=False, out=out)
    assert not out.any()
    frames._find = find
    made = frames(sample[1].pixels, 0.5, goes_on=False, out=out)
    assert made.picture.pixels is out
    assert furthest(out, frames_by(disc())(sample[1].pixels, 0.5, goes_on=False).picture.pixels) == 0


@pytest.mark.parametrize("answer", [disc(), np.zeros_like(disc()), np.full_like(disc(), np.nan)])
@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_the_secret_is_never_visible(sample, answer, strength):
    frames = frames_by(answer)
    for number, frame in enumerate(sample[:4]):
        pixels = frame.pixels.copy()
        paint_secret(planes(pixels)[0])
        assert secret_of(planes(pixels)[0]) > 0.9
        made = frames(pixels, strength, goes_on=number > 0)
        assert isinstance(made.picture, SafeFrame)
        assert secret_of(planes(made.picture.pixels)[0]) < 0.01


def test_the_network_is_told_its_last_answer_but_nothing_at_first_after_a_cut_and_after_frames_made_elsewhere(sample):
    frames = frames_by(disc())
    dark = cv2.subtract(sample[0].pixels, np.full_like(sample[0].pixels, 60))
    for pixels, goes_on in ((sample[0].pixels, False), (sample[1].pixels, True), (dark, True), (dark, True),
                            (dark, False)):  # fmt: skip
        frames(pixels, 0.5, goes_on=goes_on)
    told = [np.all(one == UNKNOWN) for one in frames._find.told]
    assert told == [True, False, True, False, True]
    assert np.array_equal(frames._find.told[1], disc())


def test_the_strength_counts_from_the_next_frame_on(sample):
    frames = frames_by(np.zeros_like(disc()))
    for strength in (0.2, 1.0, 0.2):
        made = frames(sample[0].pixels, strength, goes_on=True)
        assert furthest(made.picture.pixels, Blur(strength)(sample[0].pixels, None)) <= 2


def test_frames_of_another_shape_are_refused(sample):
    frames = frames_by(disc())
    with pytest.raises(ValueError, match="a frame is of"):
        frames(sample[0].pixels[:-3], 0.5, goes_on=False)
    with pytest.raises(ValueError, match="doesn't fit"):
        frames(sample[0].pixels, 0.5, goes_on=False, out=empty(320, 240))


def test_holes_are_those_that_the_cpu_fills_and_where_they_wind_too_much_none():
    rng, with_holes, same = np.random.default_rng(0), 0, 0
    for number in range(60):
        noise = cv2.GaussianBlur(rng.normal(size=(96, 128)).astype(np.float32), (0, 0), 1.0 + number % 4)
        soft = np.clip(0.75 + 0.2 * noise / noise.std(), 0, 1).astype(np.float32)
        right = fill_doubtful_holes(soft, soft <= np.float32(LOW), soft < np.float32(HIGH))
        ours = filled(soft)
        with_holes += np.any(right != soft)
        same += np.array_equal(ours, right)
        assert np.array_equal(ours, right) or np.array_equal(ours, soft)
    assert with_holes > 50
    assert same >= 50


def test_a_face_that_fills_the_picture_is_told_from_a_network_that_takes_all_for_a_person():
    good = {name: bool(gpu_pixels.checked(torch.tensor(answer).float())[1]) for name, answer in NOT_A_FACE.items()}
    assert good == dict.fromkeys(NOT_A_FACE, False)
    assert gpu_pixels.checked(torch.from_numpy(close_up()))[1]


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 30), st.floats(-1, 4), st.floats(0.3, 20))
def test_the_same_answers_are_masks_on_a_gpu_as_on_the_cpu(seed, size, height, slope):
    """Hills of all sizes: from noise to slopes over the whole picture, from nearly no person to nearly nothing else."""
    hills = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(48, 64)), (0, 0), size)
    soft = np.clip(0.5 + (hills / hills.std() + height) * slope, 0, 1).astype(np.float32)
    alpha, good, figures = gpu_pixels.checked(torch.from_numpy(soft))
    try:
        right = check(soft, (64, 48), 1).alpha
    except MaskError as error:
        assert not good
        assert why_not(*figures.tolist()).startswith(str(error))
    else:
        assert good
        assert why_not(*figures.tolist()) == ""
        same = np.allclose(alpha.numpy(), right, atol=1e-5)
        assert same or np.array_equal(filled(soft), soft)


def test_a_hole_at_the_border_or_somewhere_sure_or_too_large_stays():
    for part, value in [
        (np.s_[0:3, 20:23], 0.5),
        (np.s_[30:33, 20:23], 0.1),
        (np.s_[30:50, 20:40], 0.5),
        (np.s_[30:32, -2:], 0.5),
    ]:
        soft = np.full((96, 128), 0.9, np.float32)
        soft[part] = value
        assert np.array_equal(filled(soft), soft)
    soft = np.full((96, 128), 0.9, np.float32)
    soft[30:36, 20:24] = 0.5
    assert filled(soft).min() > 0.89


@pytest.mark.parametrize("size", [9, 90])
def test_the_matrices_are_the_plain_filters(size):
    image = np.random.default_rng(0).uniform(0, 255, (size, size))
    for matrix, plain in [
        (gpu_pixels.gauss(size, 3.7), reference.gauss(image, 3.7)),
        (gpu_pixels.box(size, 2), reference.box(image, 2)),
    ]:
        assert np.abs(matrix @ image @ matrix.T - plain).max() < 0.05
    for new in (3, 7, 4 * size):
        for mean, plain in ((False, reference.resize_bilinear), (True, reference.resize_area)):
            if not mean or new < size:
                ours = gpu_pixels.Resize((size, size), (new, new), mean, "cpu")(torch.from_numpy(image).float()[None])[
                    0
                ]
                assert np.abs(ours.numpy() - plain(image, new, new)).max() < 1e-3


class Devices(TorchDispatchMode):
    """Where all tensors are that are worked on."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.seen |= {
            leaf.device.type for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)
        }
        return result


@pytest.mark.parametrize("size", SIZES)
def test_what_becomes_a_graph_looks_at_no_value_and_takes_nothing_from_the_host(size):
    """On a device where nothing has a value, to look at one is an error."""
    weights, info = load_weights(DEFAULT)
    model = MaskModel(weights, info, dtype=torch.float16).to("meta").eval()
    frames = Frames(model, True, SEEN, size, "meta")
    with Devices() as devices:
        frames.unpack()
        frames.steps()
    assert devices.seen == {"meta"}


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
    monkeypatch.setattr(Frames, "ask", lambda self, strength, goes_on: None)  # the room as it is
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
