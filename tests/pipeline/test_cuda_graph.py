"""What a GPU makes in one go, step by step on the CPU: the pictures that network, mask and compositor make, and nothing
of the room where they would show nothing. On a GPU, where there is one, the graph is held against the same steps.
"""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from segnet.configs import UNKNOWN
from segnet.mask_model import MaskModel
from segnet.weights import DEFAULT, load_weights
from tests.helpers import reference
from tests.helpers.fake_segmenter import Known
from tests.helpers.faulty_worker import FAULTS, paint_secret, secret_of
from tests.helpers.whole_frames import (  # noqa: F401 - fixtures
    SEEN,
    SIZES,
    at,
    disc,
    filled,
    frames_by,
    furthest,
    model,
    one_thread,
    torch_segmenter,
)
from tests.masks.test_mask import NOT_A_FACE, close_up
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.frame import SafeFrame, empty, planes
from vcam.masks.mask import HIGH, LOW, MaskError, check, fill_doubtful_holes, find_mask, mask_or_none
from vcam.masks.pieces import without_specks
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import small_rgb
from vcam.pipeline import gpu_pixels
from vcam.pipeline.cuda_graph import Frames, why_not


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


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 8), st.floats(-1, 1))
def test_the_same_pieces_are_dropped_as_on_the_cpu(seed, size, height):
    hills = [cv2.GaussianBlur(one, (0, 0), size) for one in np.random.default_rng(seed).normal(size=(2, 96, 128))]
    alpha, before = (np.clip(0.5 + hill / hill.std() + height, 0, 1).astype(np.float32) for hill in hills)
    whole = bool(gpu_pixels.joined(torch.from_numpy(alpha > 0.5))[2])
    assert whole or size < 2  # winds more than any mask
    for last in (None, before):
        told = torch.from_numpy(np.zeros_like(before) if last is None else last)
        ours = gpu_pixels.without_specks(torch.from_numpy(alpha), told).numpy()
        assert np.array_equal(ours, without_specks(alpha, last) if whole else alpha)


def test_of_the_frame_before_the_same_is_known_as_on_the_cpu(sample):
    """A piece of 2 %, then of 0.7 %: it stays, but not after a cut, nor after frames made elsewhere."""
    large, small = (np.zeros_like(disc()) for _ in range(2))
    large[40:60, 40:77], small[44:56, 44:66] = 1.0, 1.0
    pixels = sample[0].pixels
    dark, frames, mask = cv2.subtract(pixels, np.full_like(pixels, 60)), frames_by(small), None
    for number, (shown, answer, goes_on, kept) in enumerate([
        (pixels, small, False, False), (pixels, large, True, True), (pixels, small, True, True),
        (pixels, small, True, True), (dark, small, True, False), (dark, large, True, True), (dark, small, False, False),
    ]):  # fmt: skip
        frames._find.answer = answer
        frames(shown, 0.5, goes_on=goes_on)
        mask = find_mask(RawFrame(shown, number, 0.0), Known(answer), mask if goes_on else None)
        assert np.array_equal(frames._kept.numpy(), mask.alpha)
        assert mask.alpha.any() == kept


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
