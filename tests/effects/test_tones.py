"""Light and warmth: the curve of the plain formula, nothing else changed than they should, and a change by and by."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.effects.test_compositor import soft_disc
from tests.helpers import reference
from vcam.effects import compositor
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.effects.look import as_filmed
from vcam.effects.styles import Colour
from vcam.effects.tones import AS_FILMED, GLIDE, STEEPEST, Glide, Tone, curve, tables_of, toned
from vcam.frame import empty, planes
from vcam.masks.mask import FrameMask
from vcam.media.raw_frame import RawFrame

AMOUNTS = st.floats(-1, 1)
LEVELS = np.arange(256)


def mask_of(frame):
    return FrameMask(soft_disc((144, 256), 0.5), frame.sequence)


def noise(width=64, height=48):
    return np.random.default_rng(0).integers(0, 256, (height * 3 // 2, width)).astype(np.uint8)


@given(AMOUNTS, AMOUNTS)
@example(1.0, 1.0)
@example(-1.0, -1.0)
@example(1e-9, -1e-9)
def test_every_level_becomes_that_of_the_plain_formula(light, warmth):
    every = empty(16, 16)
    for plane in planes(every):
        plane[:] = np.resize(LEVELS, plane.shape)
    tables = tables_of(Tone(light, warmth))
    for pixels in (noise(), every):
        fast = pixels if tables is None else toned(pixels, tables)
        for plane, plain in zip(planes(fast), reference.toned(pixels, light, warmth), strict=True):
            assert np.abs(plane - plain).max() <= 0.51
        if tables is not None:
            for plane, made, table in zip(planes(pixels), planes(fast), tables, strict=True):
                assert np.array_equal(made, table[plane])


@given(AMOUNTS)
@example(1.0)
@example(0.5)
def test_the_curve_is_nowhere_steeper_than_three_never_falls_and_keeps_black_and_white(light):
    table = LEVELS if light == 0 else tables_of(Tone(light, 0.0))[0].astype(int)
    assert np.diff(table)[16:235].min() >= 0
    assert np.diff(table)[16:235].max() <= 3
    assert (table[16], table[235]) == (16, 235)
    share = np.linspace(0, 1, 20_001)
    for exact in (curve(share, light), (reference.lit(16 + 219 * share, light) - 16) / 219):
        slopes = np.diff(exact) * 20_000
        assert slopes.max() <= STEEPEST + 1e-6
        assert slopes.min() >= 0
        if light >= 0.5:  # where what happens is not between two of these shares
            assert np.diff(slopes).max() < 1e-6  # it bends one way,
            assert np.diff(slopes).min() > -0.02  # and has no corner


def test_the_curve_is_the_power_but_where_that_is_too_steep():
    """The figures of docs/corrections.md."""
    table = {light: tables_of(Tone(light, 0.0))[0].astype(int) for light in (-1.0, -0.5, 0.5, 1.0)}
    assert [table[light][60] for light in table] == [25, 39, 86, 114]
    assert [table[light][126] for light in table] == [71, 99, 151, 171]
    assert [table[1.0][level] for level in (16, 17, 18, 20)] == [16, 19, 22, 28]


def test_warmth_moves_blue_and_red_alike_and_leaves_the_luma():
    y, u, v = tables_of(Tone(0.0, 1.0)).astype(int)
    assert np.array_equal(y, LEVELS)
    assert (u[128], v[128]) == (116, 140)
    assert (u[16], v[240]) == (16, 240)
    cold = tables_of(Tone(0.0, -1.0)).astype(int)
    assert (cold[1][128], cold[2][128]) == (140, 116)


def test_as_filmed_there_is_nothing_to_do():
    assert tables_of(AS_FILMED) is None


def test_what_is_given_is_left_alone(sample):
    before = sample[0].pixels.copy()
    compose(sample[0], mask_of(sample[0]), Blur(0.5), tables=tables_of(Tone(1.0, 1.0)))
    assert np.array_equal(sample[0].pixels, before)


def test_what_is_kept_of_each_pixel_does_not_depend_on_light_and_warmth(sample, monkeypatch):
    cutouts = []
    cut_out = compositor.cut_out
    monkeypatch.setattr(compositor, "cut_out", lambda *args: cutouts.append(cut_out(*args)) or cutouts[-1])
    for tables in (None, tables_of(Tone(1.0, 1.0)), tables_of(Tone(-1.0, 0.0))):
        compose(sample[0], mask_of(sample[0]), Blur(0.5), tables=tables)
    assert len(cutouts) == 3
    for cutout in cutouts[1:]:
        assert np.array_equal(cutout.whole(), cutouts[0].whole())


def test_what_replaces_the_room_is_not_tinted_and_the_person_before_it_is(sample):
    frame, tables = sample[0], tables_of(Tone(0.7, 1.0))
    before, after = (compose(frame, mask_of(frame), Colour(10, 120, 200), tables=t).pixels for t in (None, tables))
    share = reference.refine(mask_of(frame).alpha, planes(frame.pixels)[0])
    far = reference.window(share, 30).max(-1) == 0  # no light of the scene, and no edge, is near
    assert far.mean() > 0.3
    assert np.array_equal(planes(after)[0][far], planes(before)[0][far])
    inside = slice(230, 250), slice(310, 330)
    assert np.array_equal(planes(after)[0][inside], tables[0][planes(frame.pixels)[0][inside]])
    inside = slice(115, 125), slice(155, 165)
    for plane in (1, 2):
        assert np.array_equal(planes(after)[plane][inside], tables[plane][planes(frame.pixels)[plane][inside]])


def test_a_blurred_room_is_as_light_and_as_warm_as_the_person(sample):
    tables = tables_of(Tone(0.5, 0.5))
    shown = compose(sample[0], mask_of(sample[0]), Blur(0.5), tables=tables)
    lit = RawFrame(toned(sample[0].pixels, tables), sample[0].sequence, 0.0)
    plain = reference.over(
        planes(lit.pixels),
        reference.refine(mask_of(lit).alpha, planes(sample[0].pixels)[0]),
        reference.blur(lit.pixels, mask_of(lit).alpha, 0.5),
    )
    for fast, slow in zip(planes(shown.pixels), plain, strict=True):
        assert np.abs(fast - slow).max() <= 2.0


def test_the_room_too_is_corrected_where_it_is_shown_as_it_is(sample):
    tables = tables_of(Tone(0.5, 0.5))
    shown = compose(sample[0], None, as_filmed, tables=tables)
    assert np.array_equal(shown.pixels, toned(sample[0].pixels, tables))


def test_a_change_takes_the_time_of_a_glide_and_goes_on_from_what_is_shown():
    still = Glide(AS_FILMED, AS_FILMED, 0.0)
    assert still.at(5.0) == AS_FILMED
    away = still.to(Tone(1.0, -0.5), 10.0)
    assert away.at(10.0) == AS_FILMED
    assert away.at(10.0 + GLIDE / 2) == pytest.approx(Tone(0.5, -0.25))
    assert away.at(10.0 + GLIDE) == Tone(1.0, -0.5)
    assert away.to(Tone(1.0, -0.5), 10.1) is away
    back = away.to(AS_FILMED, 10.0 + GLIDE / 2)
    assert back.at(10.0 + GLIDE / 2) == pytest.approx(Tone(0.5, -0.25))
    assert back.at(11.0) == AS_FILMED
    assert back.at(9.0) == pytest.approx(Tone(0.5, -0.25))  # a clock that was set back
