"""Each effect by itself: it hides the room, keeps the person, and mixes neither with the other."""

import cv2
import numpy as np
import pytest

from tests.effects.test_compositor import NOBODY, soft_disc
from tests.helpers import reference
from tests.helpers.faulty_worker import paint_secret, secret_of
from vcam.effects.blur import Blur
from vcam.effects.bokeh import Bokeh
from vcam.effects.compositor import compose
from vcam.effects.crossfade import Fade
from vcam.effects.scene import Scene
from vcam.effects.styles import Colour, Dim, Grey, Pixelate
from vcam.frame import empty, planes
from vcam.masks.decontaminate import relit
from vcam.masks.mask import FrameMask
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, to_bgr
from vcam.settings import LookSettings

WEAKEST = min(value.ge for value in LookSettings.model_fields["blur"].metadata if hasattr(value, "ge"))
STYLES = [Blur, Bokeh, Pixelate, Grey, Dim]
GREEN = Colour(0, 0xB1, 0x40)


def beach(pixels):
    """Something bright that is no room."""
    picture = np.empty_like(pixels)
    for plane, value in zip(planes(picture), (210, 100, 150), strict=True):
        plane[:] = value
    return shown(picture)


def shown(picture):
    scene = Scene(iter([(0.0, picture), (float("inf"), picture)]))
    scene.turn(0.0)
    return scene


def every_effect(pixels):
    yield from (style(WEAKEST) for style in STYLES)
    yield from (GREEN, beach(pixels), Fade(Bokeh(WEAKEST), GREEN, 0.1), Fade(beach(pixels), Blur(WEAKEST), 0.9))


@pytest.mark.parametrize("strength", [WEAKEST, 1.0])
@pytest.mark.parametrize("style", [Bokeh, Pixelate, Grey, Dim])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_every_style_is_its_plain_formula_within_two_grey_levels(sample, style, strength, size):
    pixels, alpha = empty(*size), soft_disc((144, 256), 0.5)
    from_bgr(to_bgr(sample[3].pixels), pixels)
    share = reference.refine(alpha, planes(pixels)[0])
    room = getattr(reference, style.__name__.lower())(pixels, alpha, strength)
    clean = reference.relit(pixels, share, room, style.clean, style.wrap) if style is Dim else planes(pixels)
    safe = compose(RawFrame(pixels, 5, 0.0), FrameMask(alpha, 5), style(strength))
    for fast, plain in zip(planes(safe.pixels), reference.over(clean, share, room), strict=True):
        assert np.abs(fast - plain).max() <= 2.0


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_before_a_scene_the_edge_is_its_plain_formula_within_two_grey_levels(sample, size):
    pixels, alpha = empty(*size), soft_disc((144, 256), 0.5)
    from_bgr(to_bgr(sample[3].pixels), pixels)
    scene = shown(pixels[::-1].copy())  # anything, so that it differs from place to place
    share, behind = reference.refine(alpha, planes(pixels)[0]), planes(scene(pixels, alpha))
    clean = reference.relit(pixels, share, behind, scene.clean, scene.wrap)
    safe = compose(RawFrame(pixels, 5, 0.0), FrameMask(alpha, 5), scene)
    for fast, plain in zip(planes(safe.pixels), reference.over(clean, share, behind), strict=True):
        assert np.abs(fast - plain).max() <= 2.0


@pytest.mark.parametrize("mask", [None, NOBODY, soft_disc((144, 256))])
def test_no_effect_shows_the_secret_at_its_weakest(sample, mask):
    pixels = sample[0].pixels.copy()
    paint_secret(planes(pixels)[0])
    for effect in every_effect(pixels):
        safe = compose(RawFrame(pixels, 5, 0.0), None if mask is None else FrameMask(mask, 5), effect)
        assert secret_of(planes(safe.pixels)[0]) < 0.01, effect


@pytest.mark.parametrize("style", STYLES)
def test_at_its_weakest_none_leaves_a_letter_of_a_sixteenth_of_the_height_readable(style):
    pixels = empty(1280, 720)
    pixels[:] = 200
    luma = planes(pixels)[0]
    cv2.putText(luma, "PASSWORD 1234", (60, 400), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 16, 5)  # letters of 44 pixels
    result = planes(style(WEAKEST)(pixels, None))[0]
    assert np.ptp(luma[360:396, 100:480], axis=1).min() == 184
    assert np.ptp(result[360:396, 100:480].astype(int), axis=1).max() < 0.15 * 184


def left_of_detail(effect):
    """Of detail of 24 to 80 waves to the picture's height, as of letters of 1/16 of it, the share that is left and that
    a linear filter could bring back, whichever way: the greatest of all frequencies.
    """
    rng, across = np.random.default_rng(0), np.zeros(40, complex)
    waves = np.hypot(np.fft.fftfreq(720, 1 / 720)[:, None], np.fft.rfftfreq(1280, 1 / 720))
    ring = np.where((waves >= 24) & (waves < 80), (waves - 24) * 40 / 56, 40).astype(int).ravel()
    power = np.zeros(40)
    for _ in range(4):
        pixels = empty(1280, 720)
        pixels[:] = 128
        planes(pixels)[0][:] = 100 + rng.integers(-60, 61, (720, 1280))
        before, after = (np.fft.rfft2(planes(p)[0]).ravel() for p in (pixels, effect(pixels, None)))
        across += np.bincount(ring, (after * before.conj()).real, 41)[:40]
        power += np.bincount(ring, np.abs(before) ** 2, 41)[:40]
    return np.abs(across / power).max()


@pytest.mark.parametrize("strength", [WEAKEST, 0.5, 1.0])
@pytest.mark.parametrize("style", STYLES)
def test_of_a_letter_so_small_nothing_is_left_that_could_be_brought_back(style, strength):
    assert left_of_detail(style(strength)) < 0.5 / 128  # half a step of eight bits, of the strongest contrast


def test_a_sharp_disc_would_leave_enough_to_bring_letters_back(monkeypatch):
    monkeypatch.setattr("vcam.effects.bokeh.blur_sigma", lambda strength: 0.1)
    monkeypatch.setattr("vcam.effects.bokeh.disc_radius", lambda strength: 8.6)
    assert left_of_detail(Bokeh(WEAKEST)) > 5 * 0.5 / 128


@pytest.mark.parametrize("style", STYLES)
def test_no_colour_of_the_person_gets_into_the_room(style):
    room, man = empty(640, 480), empty(640, 480)
    room[:] = 90
    man[:] = room
    for plane in planes(man):
        height, width = plane.shape
        plane[height // 4 :, width // 4 : width * 3 // 4] = 240
    kept = np.zeros((480, 640), np.float32)
    kept[120:, 160:480] = 1.0
    outside = np.ones((480, 640), bool)
    outside[90:, 130:510] = False
    for with_him, without in zip(planes(style(0.5)(man, kept)), planes(style(0.5)(room, None)), strict=True):
        far = outside[:: 480 // with_him.shape[0], :: 640 // with_him.shape[1]]
        assert np.abs(with_him.astype(int) - without)[far].max() <= 1


def test_the_person_is_as_filmed_away_from_the_edge_whatever_is_behind(sample):
    inside = slice(230, 250), slice(310, 330)
    for effect in every_effect(sample[0].pixels):
        if isinstance(effect, Scene | Fade):
            continue  # some of their light falls onto the edge
        safe = compose(sample[0], FrameMask(soft_disc((144, 256), 0.5), sample[0].sequence), effect)
        assert np.array_equal(planes(safe.pixels)[0][inside], planes(sample[0].pixels)[0][inside]), effect


def test_pixelate_shows_squares_of_one_colour(sample):
    luma = planes(Pixelate(WEAKEST)(sample[0].pixels, None))[0]
    rows, columns = (np.flatnonzero(np.diff(luma.astype(int), axis=axis).any(1 - axis)) for axis in (0, 1))
    assert 10 < len(rows) < 16
    assert 15 < len(columns) <= 20
    assert min(np.diff(rows).min(), np.diff(columns).min()) >= 30


def test_grey_has_no_colour_and_dim_little_light(sample):
    blurred = Blur(0.5)(sample[0].pixels, None)
    luma, *chroma = planes(Grey(0.5)(sample[0].pixels, None))
    assert np.array_equal(luma, planes(blurred)[0])
    assert all(np.all(plane == 128) for plane in chroma)
    dim = Dim(0.5)(sample[0].pixels, None)
    assert planes(dim)[0].max() < 100
    assert planes(dim)[0].min() >= 16


def test_a_colour_is_that_colour(sample):
    seen = cv2.cvtColor(GREEN(sample[0].pixels, None), cv2.COLOR_YUV2RGB_I420)
    assert np.abs(seen.astype(int) - (0, 0xB1, 0x40)).max() <= 2


def test_a_light_in_the_background_becomes_a_bright_disc():
    pixels = empty(640, 480)
    for plane, value in zip(planes(pixels), (40, 128, 128), strict=True):
        plane[:] = value
    planes(pixels)[0][236:244, 316:324] = 235
    bokeh, blur = (planes(effect(0.5)(pixels, None))[0].astype(int) for effect in (Bokeh, Blur))
    assert bokeh.max() > 40 + 3 * (blur.max() - 40)
    middle = bokeh[240]
    disc = np.flatnonzero(middle > (middle.max() + 40) // 2)
    inner = middle[disc[len(disc) // 4] : disc[-len(disc) // 4]]
    assert np.ptp(inner) < 0.2 * (middle.max() - 40)  # a disc, if with a soft edge, and no hill


def a_man_before_a_wall():
    """A frame, its mask, the man's colours alone, and the true share of them: dark before white, with a soft edge."""
    alpha = cv2.GaussianBlur((soft_disc((480, 640), 0.5) > 0.5).astype(np.float32), (0, 0), 2.0)
    y, x = np.mgrid[0:480, 0:640]
    man = 60 + 20 * np.sin(x / 5) + 10 * np.sin(y / 3)
    pixels = empty(640, 480)
    planes(pixels)[0][:] = np.rint(alpha * man + (1 - alpha) * 225)
    for plane in planes(pixels)[1:]:
        plane[:] = 128
    return pixels, cv2.resize(alpha, (256, 144), interpolation=cv2.INTER_AREA), man, alpha


def test_the_old_room_does_not_rim_the_hair_before_another():
    pixels, mask, man, alpha = a_man_before_a_wall()
    band = (alpha > 0.05) & (alpha < 0.95)
    behind = Colour(0, 0, 0)(pixels, None)
    ideal = alpha * man + (1 - alpha) * 16
    kept = FrameMask(mask, 1)
    plain = compose(RawFrame(pixels, 1, 0.0), kept, lambda pixels, kept: behind)
    clean = compose(RawFrame(pixels, 1, 0.0), kept, Colour(0, 0, 0))
    before, after = (np.abs(planes(safe.pixels)[0] - ideal)[band].mean() for safe in (plain, clean))
    assert after < 0.7 * before


def test_no_person_no_edge_nothing_to_clean(sample):
    pixels = sample[0].pixels
    for kept in (np.zeros((144, 256), np.float32), np.ones((144, 256), np.float32)):
        result = relit(pixels, kept, GREEN(pixels, None), 1.0, 0.25)
        if kept.any():
            assert np.array_equal(result, pixels)


def test_light_falls_onto_the_edge_from_a_scene_and_not_from_a_colour():
    pixels, mask, _man, alpha = a_man_before_a_wall()
    inner = (alpha > 0.99) & (cv2.erode(alpha, np.ones((9, 9))) < 0.9)
    white = np.full_like(pixels, 235)
    luma = [planes(relit(pixels, mask, white, 1.0, wrap))[0].astype(int) for wrap in (0.0, 0.25)]
    assert (luma[1] - luma[0])[inner].mean() > 3
    assert GREEN.wrap == 0.0


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_fade_is_between_both(sample, share):
    pixels = sample[0].pixels
    one, other = Blur(0.5)(pixels, None).astype(float), GREEN(pixels, None)
    fade = Fade(Blur(0.5), GREEN, share)
    assert np.abs(fade(pixels, None) - (one + share * (other - one))).max() <= 1
    assert (fade.clean, fade.wrap) == (share, 0.0)


def test_every_size_of_picture_can_be_had_with_every_effect():
    rng = np.random.default_rng(0)
    for width, height in [(16, 16), (18, 16), (16, 1000), (1000, 16), (854, 482)]:
        pixels = rng.integers(16, 235, (height * 3 // 2, width)).astype(np.uint8)
        for effect in every_effect(pixels):
            compose(RawFrame(pixels, 1, 0.0), FrameMask(soft_disc((64, 64)), 1), effect)
