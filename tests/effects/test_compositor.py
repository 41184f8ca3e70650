"""What leaves the compositor: the person as filmed, everything else blurred, none of it mixed."""

import dataclasses

import cv2
import numpy as np
import pytest

from tests.helpers import reference
from tests.helpers.faulty_worker import SECRET, paint_secret, secret_of
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.frame import SafeFrame, empty, planes
from vcam.masks.mask import FrameMask
from vcam.media.raw_frame import RawFrame
from vcam.settings import LookSettings

NOBODY = np.zeros((144, 256), np.float32)


def soft_disc(shape, radius=0.3):
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.clip((radius - np.hypot(x, y)) * 8 + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(144, 256), (160, 224), (48, 64)])
def test_the_picture_is_that_of_the_plain_formula_within_two_grey_levels(sample, strength, shape):
    alpha = soft_disc(shape)
    frame = sample[3]
    safe = compose(frame, FrameMask(alpha, frame.sequence), Blur(strength))
    for fast, plain in zip(planes(safe.pixels), reference.compose(frame.pixels, alpha, strength), strict=True):
        assert np.abs(fast - plain).max() <= 2.0


def test_just_beside_the_person_the_blur_has_the_colour_of_what_is_there_not_of_what_is_far():
    y, x = np.mgrid[:720, :1280]
    far = np.hypot(x - 640, y - 360)
    room, behind = empty(1280, 720), empty(1280, 720)
    room[:] = behind[:] = 128
    planes(room)[0][:] = np.where(far < 260, 60, 200)
    planes(behind)[0][:] = np.where(far < 200, 235, planes(room)[0])  # somebody in bright clothes
    kept = cv2.resize((far < 200).astype(np.float32), (224, 160), interpolation=cv2.INTER_AREA)
    seen, alone = planes(Blur(0.5)(behind, kept))[0], planes(Blur(0.5)(room, None))[0]
    beside = (far > 202) & (far < 215)
    assert np.abs(seen.astype(int) - alone)[beside].mean() < 5.5


def test_where_the_mask_is_one_the_person_is_untouched_and_the_raw_frame_is_never_changed(sample):
    frame = sample[0]
    before = frame.pixels.copy()
    alpha = soft_disc((144, 256), 0.5)
    safe = compose(frame, FrameMask(alpha, frame.sequence), Blur(0.5))
    inside = slice(230, 250), slice(310, 330)
    assert np.array_equal(planes(safe.pixels)[0][inside], planes(frame.pixels)[0][inside])
    assert np.array_equal(frame.pixels, before)


@pytest.mark.parametrize("mask", [None, NOBODY])
@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_without_a_mask_or_without_a_person_everything_is_blurred(sample, mask, strength):
    pixels = sample[0].pixels.copy()
    paint_secret(planes(pixels)[0])
    frame = RawFrame(pixels, 5, 0.0)
    assert secret_of(planes(pixels)[0]) > 0.9
    safe = compose(frame, None if mask is None else FrameMask(mask, 5), Blur(strength))
    assert secret_of(planes(safe.pixels)[0]) < 0.01
    for fast, plain in zip(planes(safe.pixels), reference.compose(pixels, NOBODY, strength), strict=True):
        assert np.abs(fast - plain).max() <= 2.0


def test_the_weakest_blur_that_can_be_set_leaves_no_letter_of_a_sixteenth_of_the_height_readable():
    weakest = min(value.ge for value in LookSettings.model_fields["blur"].metadata if hasattr(value, "ge"))
    pixels = empty(1280, 720)
    pixels[:] = 200
    luma = planes(pixels)[0]
    cv2.putText(luma, "PASSWORD 1234", (60, 400), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 16, 5)  # letters of 44 pixels
    assert cv2.getTextSize("P", cv2.FONT_HERSHEY_SIMPLEX, 2.0, 5)[0][1] >= 43
    result = planes(compose(RawFrame(pixels, 1, 0.0), None, Blur(weakest)).pixels)[0]
    # What tells letters apart is contrast from one to the next, along any line through them.
    along = result[360:396, 100:480].astype(int)
    assert np.ptp(luma[360:396, 100:480], axis=1).min() == 184
    assert np.ptp(along, axis=1).max() < 0.15 * 184


def test_the_colour_of_the_person_does_not_bleed_into_the_background():
    pixels = empty(640, 480)
    y, u, v = planes(pixels)
    y[:], u[:], v[:] = 60, 128, 128
    y[120:360, 160:480], v[60:180, 80:240] = 220, 220  # a bright red person
    alpha = np.zeros((480, 640), np.float32)
    alpha[120:360, 160:480] = 1.0
    safe = compose(RawFrame(pixels, 1, 0.0), FrameMask(alpha, 1), Blur(0.5))
    luma, _, red = planes(safe.pixels)
    outside = np.ones((480, 640), bool)
    outside[116:364, 156:484] = False
    assert np.abs(luma[outside].astype(int) - 60).max() <= 1
    assert np.abs(red[outside[::2, ::2]].astype(int) - 128).max() <= 1


def test_where_nobody_is_near_there_is_what_the_effect_made_to_the_bit(sample):
    frame, alpha = sample[3], soft_disc((160, 224))
    safe, behind = compose(frame, FrameMask(alpha, frame.sequence), Blur(0.5)), Blur(0.5)(frame.pixels, alpha)
    near = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    for plane, made in zip(planes(safe.pixels), planes(behind), strict=True):
        far = cv2.resize(near, plane.shape[::-1], interpolation=cv2.INTER_LINEAR_EXACT) == 0
        assert far.mean() > 0.3
        assert np.array_equal(plane[far], made[far])


def test_a_mask_of_another_frame_is_refused(sample):
    with pytest.raises(ValueError, match="mask of frame 1 can't serve frame 2"):
        compose(RawFrame(sample[0].pixels, 2, 0.0), FrameMask(NOBODY, 1), Blur(0.5))


def test_the_result_is_written_where_it_is_wanted_and_nowhere_else(sample):
    out = empty(640, 480)
    safe = compose(sample[0], None, Blur(0.5), out=out)
    assert safe.pixels is out
    with pytest.raises(ValueError, match="doesn't fit"):
        compose(sample[0], None, Blur(0.5), out=empty(320, 240))


def test_nobody_else_makes_a_safe_frame(sample):
    with pytest.raises(TypeError, match="from nothing else"):
        SafeFrame(sample[0].pixels, object())
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(compose(sample[0], None, Blur(0.5)), pixels=sample[0].pixels)


def test_every_size_of_picture_can_be_composed():
    rng = np.random.default_rng(0)
    for width, height in [(16, 16), (18, 16), (16, 4000), (4000, 16), (1280, 720), (854, 482)]:
        pixels = rng.integers(16, 235, (height * 3 // 2, width)).astype(np.uint8)
        compose(RawFrame(pixels, 1, 0.0), FrameMask(soft_disc((64, 64)), 1), Blur(0.5))
    assert SECRET % 8 == 0
