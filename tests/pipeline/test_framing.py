"""What is shown of the webcam's picture: frame and mask cut alike, and a picture that follows calmly."""

import math
from itertools import islice

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.faulty_worker import Box as Middle
from tests.helpers.reference import resize_bilinear
from vcam.effects.blur import WEAKEST, Blur
from vcam.effects.bokeh import Bokeh
from vcam.effects.crossfade import Fade
from vcam.effects.look import at_least
from vcam.effects.styles import Colour, Dim, Grey, Pixelate
from vcam.frame import empty, planes, size_of
from vcam.masks.mask import FrameMask, find_mask
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import to_bgr
from vcam.offline.image import blur_picture
from vcam.offline.video import blur_frames
from vcam.pipeline.framing import (
    STILL,
    WHOLE,
    Box,
    View,
    best_part,
    cut_frame,
    cut_mask,
    framed,
    glide,
    inside,
    least_blur,
    on_grid,
    pixels_of,
)
from vcam.settings import FramingSettings, LookSettings

OFF, AUTO = FramingSettings(), FramingSettings(crop="auto", zoom=2.0)
ROOM = empty(320, 180)
ROOM[:] = 100
boxes = st.builds(Box, st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 1)).map(inside)


def somebody(x, top=50, shoulders=30):
    """A mask of 256×144 with head and shoulders at column x."""
    alpha = np.zeros((144, 256), np.float32)
    cv2.circle(alpha, (round(x), top + 14), 14, 1.0, -1)
    cv2.rectangle(alpha, (round(x) - shoulders, top + 34), (round(x) + shoulders, 144), 1.0, -1)
    return alpha


def film(alphas, settings=AUTO, view=None, fps=30, thumbnails=None):
    """The views of frames with these masks, None being a failure of the network, at so many a second."""
    views, start = [], view.time + 1 / fps if view else 0.0
    for number, alpha in enumerate(alphas):
        mask = None if alpha is None else FrameMask(alpha, number, thumbnail=thumbnails and thumbnails[number])
        _, _, view = framed(RawFrame(ROOM, number, start + number / fps), mask, view, settings)
        views.append(view)
    return views


def test_switched_off_it_gives_back_the_very_frame_and_mask(sample):
    mask = FrameMask(somebody(128), sample[0].sequence)
    frame, same, view = framed(sample[0], mask, None, OFF)
    assert frame is sample[0]
    assert same is mask
    assert view.box == WHOLE


def test_a_mirror_swaps_left_and_right_of_frame_and_mask_and_of_nothing_else(sample):
    mask = FrameMask(somebody(60), sample[0].sequence)
    frame, mirrored, _ = framed(sample[0], mask, None, FramingSettings(mirror=True))
    for before, after in zip(planes(sample[0].pixels), planes(frame.pixels), strict=True):
        assert np.array_equal(after, before[:, ::-1])
    assert np.abs(mirrored.alpha - mask.alpha[:, ::-1]).max() < 1e-4
    assert (frame.sequence, frame.captured, mirrored.sequence) == (
        sample[0].sequence,
        sample[0].captured,
        mask.sequence,
    )


@given(boxes, st.booleans(), st.sampled_from([(640, 360), (320, 240)]))
def test_wherever_it_is_cut_frame_and_mask_fit_together(box, mirror, size):
    y, x = np.mgrid[0 : 1 : size[1] * 1j, 0 : 1 : size[0] * 1j]
    ramp = np.float32(0.5 + 0.25 * np.sin(5 * x + 1) + 0.25 * np.cos(4 * y))
    pixels = empty(*size)
    for plane in planes(pixels):
        plane[:] = np.rint(cv2.resize(ramp, plane.shape[::-1], interpolation=cv2.INTER_AREA) * 255)
    alpha = cv2.resize(ramp, (256, 144), interpolation=cv2.INTER_AREA)
    cut = cut_frame(pixels, box, mirror)
    shown = cut_mask(alpha, box, size, mirror)
    for plane in planes(cut):
        there = cv2.resize(shown, plane.shape[::-1]) * 255
        assert np.abs(plane - there).max() < 4.0  # of 255; half a pixel of the mask


def plain_cut(plane, left, top, columns, lines, mirror):
    """A part of a plane, taken at parts of pixels and enlarged to the plane's size; float64."""
    x = np.clip(left + np.arange(columns), 0, plane.shape[1] - 1)
    y = np.clip(top + np.arange(lines), 0, plane.shape[0] - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, plane.shape[1] - 1), np.minimum(y0 + 1, plane.shape[0] - 1)
    rows = plane[y0] * (1 - (y - y0))[:, None] + plane[y1] * (y - y0)[:, None]
    part = rows[:, x0] * (1 - (x - x0)) + rows[:, x1] * (x - x0)
    return resize_bilinear(part[:, ::-1] if mirror else part, plane.shape[1], plane.shape[0])


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("box", [Box(0.45, 0.4, 0.7), Box(0.3137, 0.7093, 0.5), Box(0.5, 0.5, 0.9871), WHOLE])
def test_the_cut_is_that_of_the_plain_formula_within_two_grey_levels(sample, box, mirror):
    pixels = sample[3].pixels
    for at in (inside(box), on_grid(box, *size_of(pixels))):
        left, top, columns, lines = pixels_of(at, *size_of(pixels))
        fast = planes(cut_frame(pixels, at, mirror))
        for plane, result, coarse in zip(planes(pixels), fast, (1, 2, 2), strict=True):
            plain = plain_cut(plane, left / coarse, top / coarse, columns // coarse, lines // coarse, mirror)
            assert np.abs(result - plain).max() <= 2.0


def test_what_is_given_stays_as_it_is_and_a_frame_without_a_mask_stays_without(sample):
    alpha = somebody(100)
    pixels, before = sample[0].pixels.copy(), alpha.copy()
    settings = FramingSettings(crop="fixed", mirror=True, people="nearest")
    frame, mask, _ = framed(RawFrame(pixels, 3, 0.0), FrameMask(alpha, 3), None, settings)
    assert frame.pixels.shape == pixels.shape
    assert mask.alpha.shape == alpha.shape
    assert np.array_equal(pixels, sample[0].pixels)
    assert np.array_equal(alpha, before)
    assert framed(sample[0], None, None, settings)[1] is None


@given(boxes)
def test_on_the_grid_a_box_stays_where_it_is_and_begins_with_whole_pixels_of_colour(box):
    there = on_grid(box, 1280, 720)
    assert on_grid(there, 1280, 720) == there
    left, top, columns, lines = pixels_of(there, 1280, 720)
    assert all(abs(side / 2 - round(side / 2)) < 1e-6 for side in (left, top, columns, lines))
    assert 0 <= left <= 1280 - columns
    assert 0 <= top <= 720 - lines
    assert max(abs(a - b) for a, b in zip(there, box, strict=True)) < 4 / 720


def test_a_fixed_part_is_shown_from_the_first_frame_on_and_a_new_one_is_glided_to():
    (view,) = film([None], FramingSettings(crop="fixed", zoom=2.0, x=0.0, y=1.0))
    assert view.box == Box(0.25, 0.75, 0.5)
    views = film([None] * 200, OFF, view)
    assert views[0].box.size < 0.51
    assert views[-1].box == WHOLE


def test_head_and_shoulders_fill_the_picture_with_some_room_above(sample, segmenter):
    for frame in sample[::4]:
        alpha = find_mask(frame, segmenter).alpha
        box = best_part(alpha, 1.5)
        head = np.argmax((alpha > 0.5).sum(axis=1) > 2) / alpha.shape[0]
        above = (head - (box.y - box.size / 2)) / box.size
        assert 0.0 < above < 0.15
        shown = cut_mask(alpha, box, size_of(frame.pixels), False)
        assert (shown > 0.5).mean() > 1.3 * (alpha > 0.5).mean()
        assert (
            abs(np.average(np.arange(shown.shape[1]), weights=(shown > 0.5).sum(axis=0)) / shown.shape[1] - 0.5) < 0.1
        )


def test_wide_shoulders_and_two_people_are_not_cut_off_and_a_passer_by_is_not_followed():
    assert best_part(somebody(128, shoulders=120), 2.0) == WHOLE
    two = best_part(np.maximum(somebody(60), somebody(200)), 2.0)
    assert two.x - two.size / 2 < 30 / 256
    assert two.x + two.size / 2 > 230 / 256
    alone = somebody(100)
    passing = alone.copy()
    cv2.rectangle(passing, (246, 60), (255, 143), 1.0, -1)
    assert best_part(passing, 2.0) == best_part(alone, 2.0)


@given(st.integers(0, 256), st.integers(-20, 130), st.integers(1, 128), st.floats(1, 2))
def test_the_part_lies_in_the_picture_and_is_never_enlarged_more_than_allowed(x, top, shoulders, zoom):
    box = best_part(somebody(x, top, shoulders), zoom) or WHOLE
    assert box.size >= 1 / zoom - 1e-9
    assert box.size / 2 - 1e-9 <= box.x <= 1 - box.size / 2 + 1e-9
    assert box.size / 2 - 1e-9 <= box.y <= 1 - box.size / 2 + 1e-9


def test_whoever_is_there_at_first_is_framed_at_once():
    (view,) = film([somebody(70)])
    assert view.box.size == 0.5
    assert view.speed == STILL
    assert view.box.x == pytest.approx(70 / 256, abs=0.01)


def test_a_person_who_sways_does_not_move_the_picture():
    swaying = [somebody(128 + 8 * math.sin(number / 5), top=50 + number % 4) for number in range(150)]
    assert len({view.box for view in film(swaying)}) == 1


def test_a_mask_that_is_wrong_for_a_moment_does_not_move_the_picture():
    frames = [somebody(128)] * 20 + [somebody(170)] * 3 + [somebody(128)] * 60
    assert len({view.box for view in film(frames)}) == 1


def test_a_person_who_moves_is_followed_gently_and_the_picture_comes_to_rest():
    start = film([somebody(70)])[0]
    views = film([somebody(180)] * 240, view=start)
    places = np.array([start.box.x, *(view.box.x for view in views)])
    speeds = np.diff(places)  # shares of the picture a frame
    assert places[-1] == pytest.approx(180 / 256, abs=0.05)
    assert len({view.box for view in views[200:]}) == 1
    assert speeds.min() >= -1e-9  # it never turns back
    assert speeds.max() < 0.015  # 20 pixels of 1280, for half the picture's way
    assert np.abs(np.diff(speeds, prepend=0)).max() < 0.003


def test_the_picture_moves_the_same_whatever_the_frame_rate():
    goal, fast, slow = Box(0.7, 0.3, 0.5), (Box(0.3, 0.4, 0.6), STILL), (Box(0.3, 0.4, 0.6), STILL)
    for _ in range(30):
        fast = glide(*fast, goal, 1 / 60)
    for _ in range(5):
        slow = glide(*slow, goal, 1 / 10)
    assert np.allclose(fast, slow)


@given(boxes, boxes, st.tuples(*[st.floats(-1, 1)] * 3), st.floats(0, 0.1))
def test_a_glide_ends_at_its_goal_and_never_leaves_the_picture(box, goal, speed, seconds):
    speed = Box(*speed)
    for _ in range(400):
        box, speed = glide(box, speed, goal, max(seconds, 0.03))
        assert inside(box) == box
        assert box.size <= 1.0
    assert box == goal
    assert speed == STILL


def test_where_nobody_is_left_the_whole_picture_comes_back_but_not_for_a_moment_without_a_mask():
    start = film([somebody(70)])[0]
    nobody = np.zeros((144, 256), np.float32)
    moment = film([None, nobody] * 15, view=start)
    assert all(view.box == start.box for view in moment)
    assert film([nobody] * 240, view=start)[-1].box == WHOLE
    assert film([None] * 240, view=start)[-1].box == WHOLE


def test_another_scene_is_framed_at_once():
    dark, bright = np.zeros((18, 32, 3), np.uint8), np.full((18, 32, 3), 90, np.uint8)
    first = film([somebody(70)] * 3, thumbnails=[dark] * 3)[-1]
    (cut,) = film([somebody(180)], view=first, thumbnails=[bright])
    assert cut.box.x == pytest.approx(180 / 256, abs=0.01)
    assert cut.speed == STILL
    (same,) = film([somebody(180)], view=first, thumbnails=[dark])
    assert same.box.x == pytest.approx(70 / 256, abs=0.02)


def test_less_zoom_is_obeyed_at_once_and_more_is_used():
    start = film([somebody(128)])[0]
    assert film([somebody(128)] * 150, FramingSettings(crop="auto", zoom=1.9), start)[-1].box.size >= 1 / 1.9 - 0.01
    assert film([somebody(128)] * 150, FramingSettings(crop="auto", zoom=1.2), start)[-1].box.size >= 1 / 1.2 - 0.01


def test_only_the_nearest_is_framed_and_kept():
    two = np.maximum(somebody(100), somebody(215, top=90, shoulders=22))
    nearest = FramingSettings(crop="auto", zoom=2.0, people="nearest")
    frame = RawFrame(ROOM, 1, 0.0)
    _, mask, view = framed(frame, FrameMask(two, 1), None, nearest)
    assert view.box.x == pytest.approx(100 / 256, abs=0.02)
    _, alone, _ = framed(frame, FrameMask(somebody(100), 1), None, nearest)
    assert np.array_equal(mask.alpha, alone.alpha)


def test_where_the_person_is_hidden_everybody_is():
    two = FrameMask(np.maximum(somebody(100), somebody(215, top=90, shoulders=22)), 1)
    _, mask, view = framed(RawFrame(ROOM, 1, 0.0), two, None, FramingSettings(people="nearest"), on="person")
    assert mask is two
    assert view.nearest is None


def test_at_the_weakest_blur_an_enlarged_letter_is_as_hard_to_read_as_before():
    pixels = empty(1280, 720)
    pixels[:] = 200
    cv2.putText(planes(pixels)[0], "PASSWORD", (420, 380), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 16, 5)  # 44 pixels high
    contrast = {}
    for zoom in (1.0, 1.4, 2.0):
        view = View(box=Box(0.5, 0.5, 1 / zoom))
        hidden = planes(at_least(Blur(WEAKEST), least_blur(view))(cut_frame(pixels, view.box, False), None))[0]
        contrast[zoom] = np.ptp(hidden[350:370, 320:960].astype(int), axis=1).max()
    assert max(contrast.values()) < 1.05 * contrast[1.0]
    assert [at.ge for at in LookSettings.model_fields["blur"].metadata if hasattr(at, "ge")] == [WEAKEST]


def test_an_effect_that_hides_enough_is_left_as_it_is_and_every_other_made_stronger():
    least = least_blur(View(box=Box(0.5, 0.5, 0.5)))
    assert least_blur(View()) == WEAKEST
    for effect in (Blur(WEAKEST), Blur(1.0), Bokeh(WEAKEST), Fade(Blur(WEAKEST), Colour(0, 0, 0), 0.5)):
        assert at_least(effect, WEAKEST) == effect
    assert at_least(Colour(0, 0, 0), least) == Colour(0, 0, 0)
    assert at_least(Blur(1.0), least) == Blur(1.0)
    for style in (Blur, Pixelate, Grey, Dim):
        assert at_least(style(WEAKEST), least).strength == least > 0.5
    assert at_least(Bokeh(1.0), least) == Bokeh(1.0, least)
    assert at_least(Fade(Blur(WEAKEST), Grey(WEAKEST), 0.5), least) == Fade(Blur(least), Grey(least), 0.5)


def test_a_video_and_a_picture_are_framed_too(sample):
    nearer = FramingSettings(crop="auto", zoom=1.5, mirror=True, people="nearest")
    with VideoFile(SAMPLE) as video:
        shown = [frame for _, frame in islice(blur_frames(video, Middle(), LookSettings(), nearer), 4)]
    with VideoFile(SAMPLE) as video:
        raw = next(video.frames())
    part = on_grid(best_part(Middle()(np.zeros((48, 64)), None), 1.5), 640, 480)
    expected = planes(cut_frame(raw, part, True))[0][300:440, 300:340]
    assert np.array_equal(planes(shown[0].pixels)[0][300:440, 300:340], expected)  # the person, enlarged
    mask, picture = blur_picture(to_bgr(raw), Middle(), LookSettings(), print, nearer)
    assert mask[350, 320] == 255
    assert (mask > 127).mean() > 1.5 * (Middle()(np.zeros((48, 64)), None) > 0.5).mean()
    assert np.abs(picture.astype(int) - to_bgr(shown[0].pixels)).max() <= 6


def test_after_a_pause_the_picture_leaps_no_farther_than_after_a_short_one():
    view = View(box=Box(0.3, 0.5, 0.5), goal=WHOLE, time=1.0)
    _, _, after = framed(RawFrame(ROOM, 1, 60.0), None, view, OFF)
    _, _, soon = framed(RawFrame(ROOM, 1, 1.1), None, view, OFF)
    assert after.box == pytest.approx(soon.box)
