"""Pictures that are turned: nothing lost where nothing is cut, and the plain formula where the middle is enlarged."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import reference
from vcam.frame import empty, planes, size_of
from vcam.media.raw_frame import RawFrame
from vcam.media.turn import UPRIGHT, Turn, part_of, turned, upright
from vcam.media.yuv import to_bgr

EVEN = st.integers(1, 40).map(lambda half: 2 * half)
SIDES = st.tuples(EVEN, EVEN)


def noise(size):
    width, height = size
    return np.random.default_rng(0).integers(0, 256, (height * 3 // 2, width)).astype(np.uint8)


@given(SIDES)
def test_four_quarters_of_a_turn_are_the_picture_itself_and_two_of_them_a_half(size):
    pixels = once = noise(size)
    for _ in range(4):
        once = turned(once, 90)
    assert np.array_equal(once, pixels)
    assert np.array_equal(turned(turned(pixels, 90), 90), turned(pixels, 180))
    assert np.array_equal(turned(turned(pixels, 90), 270), pixels)
    assert turned(pixels, 0) is pixels


@pytest.mark.parametrize(("degrees", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_it_is_turned_clockwise(degrees, corner):
    pixels = empty(64, 48)
    pixels[:] = 0
    for plane in planes(pixels):
        plane[0, 0] = 200
    for plane in planes(turned(pixels, degrees)):
        assert plane[corner] == 200
        assert plane.sum() == 200


@pytest.mark.parametrize("middle", [0.0, 0.37, 0.5, 1.0])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(640, 480), (480, 640), (320, 180), (300, 300)])
def test_upright_it_is_the_plain_formula_within_two_grey_levels(sample, size, degrees, middle):
    bgr = cv2.resize(to_bgr(sample[2].pixels), size)
    for pixels in (np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)), noise(size)):
        made = upright(pixels, Turn(degrees, middle))
        assert size_of(made) == size
        for fast, plain in zip(planes(made), reference.upright(pixels, degrees, middle), strict=True):
            assert np.abs(fast - plain).max() <= 2.0


@given(SIDES, st.sampled_from([90, 270]), st.floats(0, 1))
def test_what_is_cut_out_lies_in_the_picture_and_has_nearly_its_shape(size, degrees, middle):
    width, height = size
    left, top, columns, lines = part_of(size, Turn(degrees, middle))
    assert not (left | top | columns | lines) & 1
    assert 0 <= left <= height - columns
    assert 0 <= top <= width - lines
    assert columns == height or lines == width or min(size) < 4
    assert abs(columns - lines * width / height) <= 1 + width / height or columns == 2 or lines == 2


def test_of_a_webcam_on_its_side_the_middle_is_shown_or_what_the_setting_says():
    assert part_of((1280, 720), Turn(90)) == (0, 438, 720, 404)
    assert part_of((1280, 720), Turn(270, 0.0)) == (0, 0, 720, 404)
    assert part_of((1280, 720), Turn(90, 1.0)) == (0, 876, 720, 404)
    assert part_of((1280, 720), Turn(180)) == (0, 0, 1280, 720)


def test_a_raw_frame_is_seen_as_it_is_turned_whatever_it_was_delivered_as(sample):
    yuyv = cv2.cvtColor(to_bgr(sample[0].pixels), cv2.COLOR_BGR2YUV_YUYV)
    plain = RawFrame(yuyv, 1, 0.0)
    for degrees in (90, 180):
        for delivered in (yuyv, plain.pixels):
            frame = RawFrame(delivered, 1, 0.0, Turn(degrees))
            assert frame.size == (640, 480)
            assert np.array_equal(frame.pixels, upright(plain.pixels, Turn(degrees)))
            assert frame.geometry != plain.geometry
    assert RawFrame(yuyv, 2, 0.5, UPRIGHT).geometry == plain.geometry
