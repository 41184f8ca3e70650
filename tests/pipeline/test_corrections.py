"""Light, warmth and turn on a frame's whole way: the same on CPU and GPU, by the same mask, and never by another's."""

from contextlib import nullcontext
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from segnet.configs import UNKNOWN
from segnet.mask_model import MaskModel
from segnet.weights import DEFAULT, load_weights
from tests.gpu.marks import needs_gpu
from tests.helpers.faulty_worker import Box, paint_secret, secret_of
from tests.helpers.whole_frames import (  # noqa: F401 - a fixture
    SEEN,
    SIZES,
    at,
    disc,
    frames_by,
    furthest,
    one_thread,
)
from tests.pipeline.test_cuda_graph import Devices
from tests.pipeline.test_cuda_graph_in_use import OnGpu
from vcam.effects import compositor
from vcam.effects.blur import WEAKEST, Blur
from vcam.effects.compositor import compose
from vcam.effects.tones import STEEPEST, Tone, tables_of
from vcam.frame import empty, planes
from vcam.masks.mask import check, find_mask
from vcam.media.raw_frame import RawFrame
from vcam.media.turn import UPRIGHT, Turn, upright
from vcam.pipeline.cuda_graph import Frames
from vcam.pipeline.framing import MOST, WHOLE, View, framed, least_blur
from vcam.pipeline.pipeline import Pipeline, turn_of
from vcam.settings import FramingSettings, LookSettings, PictureSettings, Settings

TURNS = [UPRIGHT, Turn(90, 0.3), Turn(180), Turn(270)]
LIT = tables_of(Tone(0.6, -0.8))


class Asked(Box):
    """Notes what it was shown and told."""

    def __init__(self):
        self.seen, self.told = [], []

    def __call__(self, picture, previous=None):
        self.seen.append(picture.copy())
        self.told.append(previous)
        return super().__call__(picture, previous)


class Nobody(Box):
    def __call__(self, picture, previous=None):
        return np.zeros(picture.shape[:2], np.float32)


def pipeline():
    return Pipeline(lambda said: None, lambda stage: nullcontext())


def corrected(**values):
    return Settings(picture=PictureSettings(**values))


def shown(way, frame, network, settings):
    return way(frame, network, settings, empty(*frame.size)).pixels


def film(sample, trees, network=None, way=None):
    """What is made of a frame with each of these settings, one after the other, and the network."""
    way, network = way or pipeline(), network or Asked()
    frames = [RawFrame(sample[n % 12].pixels, n, n / 30) for n in range(len(trees))]
    return [shown(way, *both) for both in zip(frames, [network] * len(trees), trees, strict=True)], network


def test_off_nothing_is_done_and_nothing_is_copied(sample, monkeypatch):
    monkeypatch.setattr(compositor, "toned", None)
    film(sample, [Settings()] * 2)
    frame = RawFrame(sample[0].pixels, 1, 0.0)
    assert pipeline()._turned(frame, Settings()) is frame
    assert frame.pixels is frame.delivered


def test_light_and_warmth_change_nothing_of_what_the_network_sees_and_answers(sample):
    _, plain = film(sample, [Settings()] * 4)
    _, lit = film(sample, [corrected(light=1.0, warmth=-1.0)] * 4)
    assert np.array_equal(plain.seen, lit.seen)
    assert all(np.array_equal(one, other) for one, other in zip(plain.told[1:], lit.told[1:], strict=True))


def test_the_first_frame_is_corrected_at_once_and_a_change_glides(sample):
    first, _ = film(sample, [corrected(light=0.5)])
    expected = compose(sample[0], find_mask(sample[0], Box()), Blur(0.5), tables=tables_of(Tone(0.5, 0.0)))
    assert np.array_equal(first[0], expected.pixels)
    still = [sample[0]] * 12
    made, _ = film(still, [Settings()] + [corrected(light=1.0)] * 14)
    luma = [planes(pixels)[0].mean() for pixels in made]
    assert all(np.diff(luma)[1:9] > 0)
    assert luma[1] == luma[0]
    assert np.array_equal(made[-1], made[-2])
    assert len({pixels.tobytes() for pixels in made[:12]}) > 8


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_the_network_sees_the_turned_picture_and_the_result_is_turned(sample, degrees):
    made, network = film(sample, [corrected(rotate=degrees)])
    turned = upright(sample[0].pixels, Turn(degrees))
    by_hand, seen = film([RawFrame(turned, 0, 0.0)] * 12, [Settings()])
    assert np.array_equal(network.seen, seen.seen)
    inside = slice(200, 400), slice(260, 380)
    assert np.array_equal(planes(made[0])[0][inside], planes(by_hand[0])[0][inside])


def test_after_a_change_of_rotate_the_network_is_told_nothing_of_the_frames_before(sample):
    quarter = corrected(rotate=90)
    lower = quarter.model_copy(update={"framing": FramingSettings(y=0.8)})
    trees = [Settings()] * 2 + [quarter] * 2 + [lower] * 2 + [corrected(rotate=180)] * 2 + [Settings()] * 2
    _, network = film([sample[0]] * 12, trees)
    assert [told is None for told in network.told] == [True, False] * 5


def test_a_mask_tells_nothing_of_a_frame_that_is_turned_in_another_way(sample):
    network, flat = Asked(), empty(640, 480)
    flat[:] = 128  # looks the same from all sides, so that nothing seems to have been cut
    last = find_mask(RawFrame(flat, 1, 0.0), network)
    find_mask(RawFrame(flat, 2, 0.0, Turn(180)), network, last)
    find_mask(RawFrame(flat, 2, 0.0), network, last)
    assert [told is None for told in network.told] == [True, True, False]


@pytest.mark.parametrize("turn", TURNS[1:])
def test_no_frame_is_composed_by_a_mask_of_another_geometry(sample, turn):
    frame = sample[0]
    other = replace(frame, turn=turn)
    for one, two in ((frame, other), (other, frame), (other, replace(frame, turn=Turn(turn.degrees, 0.9)))):
        mask = find_mask(one, Box())
        compose(one, mask, Blur(0.5))
        if one.geometry != two.geometry:
            with pytest.raises(ValueError, match="turned or cut in another way"):
                compose(two, mask, Blur(0.5))


def test_no_frame_is_composed_by_a_mask_that_was_cut_otherwise_nor_does_a_cut_hide_another_turn(sample):
    zoomed = FramingSettings(crop="fixed", zoom=2.0)
    frame, turned = sample[0], replace(sample[0], turn=Turn(180))
    whole = find_mask(frame, Box())
    cut, mask, _ = framed(frame, whole, None, zoomed)
    compose(cut, mask, Blur(0.5))
    both = framed(turned, whole, None, zoomed)[:2]
    for wrong in ((cut, whole), (frame, mask), both):
        with pytest.raises(ValueError, match="turned or cut in another way"):
            compose(*wrong, Blur(0.5))


def test_a_picture_that_is_turned_is_framed_at_once(sample):
    way, framing = pipeline(), FramingSettings(crop="fixed", zoom=1.3)
    plain = Settings(framing=FramingSettings())
    film(sample, [plain] * 2, way=way)
    assert way._view.box == WHOLE
    shown(
        way, RawFrame(sample[0].pixels, 9, 0.3), Box(), Settings(framing=framing, picture=PictureSettings(rotate=180))
    )
    assert way._view.box == way._view.goal != WHOLE


def test_of_a_webcam_on_its_side_a_letter_is_as_hard_to_read_as_before_and_nothing_enlarged_more_than_ever():
    """Letters of 44 pixels, upright once the picture is turned, at the weakest blur."""
    pixels = empty(1280, 720)
    pixels[:] = 200
    cv2.putText(planes(pixels)[0], "PASSWORD", (420, 380), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 16, 5)
    lying = empty(1280, 720)
    lying[:] = 200
    luma = np.full((1280, 720), 200, np.uint8)
    cv2.putText(luma, "PASSWORD", (140, 660), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 16, 5)
    planes(lying)[0][:] = np.rot90(luma)
    wanted, contrast = LookSettings(blur=WEAKEST), {}
    for name, source, rotate, zoom in (("", pixels, 0, 1.0), ("turned", lying, 90, 1.0), ("zoomed", lying, 90, 2.0)):
        framing = FramingSettings(crop="fixed", zoom=zoom)
        settings = Settings(look=wanted, framing=framing, picture=PictureSettings(rotate=rotate))
        way = pipeline()
        luma = planes(shown(way, RawFrame(source, 1, 0.0), Nobody(), settings))[0]
        contrast[name] = np.ptp(luma[300:420, 200:1080].astype(int), axis=1).max()
        assert way._view.enlarged / way._view.box.size <= MOST + 0.01
    assert contrast[""] > 5
    assert max(contrast.values()) < 1.05 * contrast[""]
    assert least_blur(View(enlarged=16 / 9)) > WEAKEST


def test_at_the_most_and_the_least_light_a_letter_is_as_hard_to_read_as_without():
    """Dark or bright: were the room corrected when it is shrunk already, light would bring out bright letters on a dark
    wall, and darkness dark ones on paper.
    """
    nobody = Settings(look=LookSettings(blur=WEAKEST))
    contrast = {}
    for light in (0.0, 1.0, -1.0):
        worst = 0
        for paper, ink in ((235, 16), (200, 16), (60, 16), (126, 60), (16, 235), (16, 126), (60, 200)):
            pixels = empty(1280, 720)
            pixels[:] = 128
            planes(pixels)[0][:] = paper
            cv2.putText(planes(pixels)[0], "PASSWORD", (420, 380), cv2.FONT_HERSHEY_SIMPLEX, 2.0, ink, 5)
            tree = nobody.model_copy(update={"picture": PictureSettings(light=light)})
            luma = planes(shown(pipeline(), RawFrame(pixels, 1, 0.0), Nobody(), tree))[0]
            worst = max(worst, np.ptp(luma[350:370, 320:960].astype(int), axis=1).max())
        contrast[light] = worst
    assert max(contrast.values()) <= 1.05 * contrast[0.0]


@pytest.mark.parametrize("turn", TURNS, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_in_one_go_the_picture_is_the_compositors(sample, size, turn):
    yuyv, pixels = at(sample[3], size)
    frame = RawFrame(pixels, 1, 0.0, turn)
    mask = replace(check(disc(), SEEN, 1), geometry=frame.geometry)
    for delivered, tables in ((yuyv, LIT), (pixels, LIT), (pixels, None)):
        made = frames_by(disc(), size)(delivered, 0.5, goes_on=False, turn=turn, tables=tables)
        assert made.trouble == ""
        # Enlarged, what lies between two levels may be rounded to either, and the light stretches that.
        most = STEEPEST if turn.sideways and tables is not None else 2
        assert furthest(made.picture.pixels, compose(frame, mask, Blur(0.5), tables=tables).pixels) <= most


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_in_one_go_the_network_sees_the_turned_picture_whatever_its_light(sample, turn):
    frames = frames_by(disc())
    frames(sample[0].pixels, 0.5, goes_on=False, turn=turn)
    frames(sample[0].pixels, 0.5, goes_on=False, turn=turn, tables=LIT)
    plain = frames_by(disc())
    plain(upright(sample[0].pixels, turn), 0.5, goes_on=False)
    assert np.array_equal(frames._find.seen[0], frames._find.seen[1])
    difference = cv2.absdiff(frames._find.seen[0], plain._find.seen[0])
    assert difference.max() <= 4  # as above, once more in what is shrunk
    assert difference.mean() < 0.25  # and mostly none


def test_in_one_go_a_turn_drops_the_networks_memory_and_off_again_nothing_is_left_of_it(sample):
    frames, flat = frames_by(disc()), empty(640, 480)
    flat[:] = 128
    for turn in (UPRIGHT, UPRIGHT, Turn(180), Turn(180), UPRIGHT, UPRIGHT):
        frames(flat, 0.5, goes_on=True, turn=turn)
    assert [np.all(told == UNKNOWN) for told in frames._find.told] == [True, False] * 3
    once = frames(sample[0].pixels, 0.5, goes_on=False).picture.pixels
    assert furthest(once, frames_by(disc())(sample[0].pixels, 0.5, goes_on=False).picture.pixels) == 0


def test_the_worker_corrects_in_one_go_as_it_does_step_by_step(sample):
    tree = corrected(light=0.6, warmth=0.5, rotate=90)
    network = OnGpu(frames_by(Box()(np.zeros((48, 64, 3))), seen=(64, 48)))
    quick, _ = film(sample, [tree] * 4, network)
    slow, _ = film(sample, [tree.model_copy(update={"framing": FramingSettings(people="nearest")})] * 4)
    assert network.calls == 0
    for one, other in zip(quick, slow, strict=True):
        assert furthest(one, other) <= 2


def test_in_one_go_a_mask_that_is_none_blurs_the_corrected_picture_too(sample):
    pixels = sample[0].pixels.copy()
    paint_secret(planes(pixels)[0])
    made = frames_by(np.full_like(disc(), np.nan))(pixels, WEAKEST, False, turn=Turn(180), tables=LIT)
    assert made.trouble
    turned = RawFrame(pixels, 1, 0.0, Turn(180))
    assert furthest(made.picture.pixels, compose(turned, None, Blur(WEAKEST), tables=LIT).pixels) <= 2
    assert secret_of(np.rot90(planes(made.picture.pixels)[0], 2)) < 0.01


@pytest.mark.parametrize("size", SIZES[:2])
def test_what_becomes_a_graph_takes_nothing_from_the_host_with_corrections_either(size):
    weights, info = load_weights(DEFAULT)
    model = MaskModel(weights, info, dtype=torch.float16).to("meta").eval()
    frames = Frames(model, True, SEEN, size, "meta")
    with Devices() as devices:
        frames.steps(corrected=True)
    assert devices.seen == {"meta"}


def test_how_a_picture_is_turned_depends_on_the_setting_that_moves_what_is_cut_only():
    def turn(size, rotate, **framing):
        return turn_of(Settings(picture=PictureSettings(rotate=rotate), framing=FramingSettings(**framing)), size)

    assert turn((1280, 720), 90, x=0.9) == turn((1280, 720), 90) == Turn(90)
    assert turn((1280, 720), 90, y=0.9) == Turn(90, 0.9)
    assert turn((480, 640), 90, x=0.9, y=0.1) == Turn(90, 0.9)
    assert turn((1280, 720), 180, y=0.9) == Turn(180)
    assert turn((1280, 720), 0, y=0.9) == UPRIGHT


@needs_gpu
def test_on_a_gpu_the_graph_with_corrections_makes_the_pictures_of_the_steps(sample):
    answer = torch.from_numpy(disc())[None, None].cuda()
    frames = Frames(lambda picture, previous: answer, True, SEEN, (1280, 720), "cuda")
    pixels = at(sample[3], (1280, 720))[1]
    for turn in TURNS:
        for tables in (None, LIT):
            frame = RawFrame(pixels, 1, 0.0, turn)
            mask = replace(check(disc(), SEEN, 1), geometry=frame.geometry)
            made = frames(pixels, 0.5, goes_on=True, turn=turn, tables=tables)
            assert furthest(made.picture.pixels, compose(frame, mask, Blur(0.5), tables=tables).pixels) <= STEEPEST
