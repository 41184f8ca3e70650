"""What training makes of pictures before a network sees them."""

import cv2
import numpy as np
import pytest

from training.augment.draws import BARS, LENS, PLAIN, ROOM, affine, draw, outline, touches_only_below
from training.augment.opencv import augment, synthetic_scene
from training.data.pictures import Picture

ROOMS = np.array([[300, 200]])


def a_person():
    """A bright ellipse that stands on the lower border, before a dark wall."""
    mask = np.zeros((240, 320), np.uint8)
    cv2.ellipse(mask, (160, 200), (60, 120), 0, 0, 360, 255, -1)
    image = np.where(mask[..., None] > 0, 220, 30).astype(np.uint8).repeat(3, axis=2)
    return Picture(image, mask)


def drawn(picture, size, n=20, seed=1):
    """What is drawn for `n` pictures made of this one."""
    rng = np.random.default_rng(seed)
    return draw(rng, n, size, np.array([outline(picture.mask)]), np.ones(1), ROOMS)


@pytest.mark.parametrize("size", [(256, 144), (160, 224), (192, 192)])
def test_pictures_and_masks_move_together_and_stay_of_their_type(size):
    picture, room, rng = a_person(), np.full((200, 300, 3), 30, np.uint8), np.random.default_rng(1)
    before, agreement, draws = (picture.image.copy(), picture.mask.copy()), [], drawn(picture, size)
    for number in range(20):
        out = augment(picture, room, draws.each(number), size, rng)
        assert (out.image.shape, out.image.dtype) == ((size[1], size[0], 3), np.uint8)
        assert (out.mask.shape, out.mask.dtype) == (size[::-1], np.uint8)
        grey = out.image.mean(2)
        inside, outside = out.mask > 200, out.mask < 50
        if inside.any() and outside.any():
            agreement.append(grey[inside].mean() > grey[outside].mean() + 10)
    assert sum(agreement) >= 0.9 * len(agreement) > 9
    assert np.array_equal(picture.image, before[0])
    assert np.array_equal(picture.mask, before[1])


def test_nobody_is_where_nobody_was_drawn():
    picture, room, size = a_person(), np.full((200, 300, 3), 90, np.uint8), (256, 144)
    draws = drawn(picture, size, 200)
    masks = [augment(picture, room, draws.each(n), size, np.random.default_rng(0)).mask for n in range(200)]
    somebody = np.array([mask.max() > 0 for mask in masks])
    assert 3 < draws.nobody.sum() < 30
    assert not somebody[draws.nobody].any()
    assert somebody[~draws.nobody].all()
    assert set(draws.scene[~draws.nobody]) == {ROOM}


def test_what_a_webcam_shows_without_a_scene_is_bars_a_covered_lens_or_a_plain_area():
    draws = drawn(a_person(), (64, 48), 3000)
    numbers = {kind: np.flatnonzero(draws.scene == kind)[:9] for kind in (BARS, LENS, PLAIN)}
    kinds = {kind: [synthetic_scene(draws.each(n), (64, 48)) for n in some] for kind, some in numbers.items()}
    assert {picture.shape for pictures in kinds.values() for picture in pictures} == {(48, 64, 3)}
    assert all(picture.max() < 30 for picture in kinds[LENS])
    assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) <= 18 for picture in kinds[BARS])
    assert all(len(np.unique(picture.reshape(-1, 3), axis=0)) > 18 for picture in kinds[PLAIN])


def test_each_thing_is_drawn_as_often_as_it_should_be():
    draws = drawn(a_person(), (256, 144), 20_000)
    people = ~draws.nobody
    shares = {
        "nobody": draws.nobody.mean(), "no scene": (draws.scene[~people] != ROOM).mean(),
        "composited": draws.composited[people].mean(), "lit": (draws.light[people] > 0).mean(),
        "defocus": (draws.defocus > 0).mean(), "shrunk": (draws.shrunk < 1).mean(), "motion": (draws.motion > 0).mean(),
        "blur": (draws.blur > 0).mean(), "noise": (draws.noise > 0).mean(), "jpeg": (draws.quality > 0).mean(),
    }  # fmt: skip
    expected = {
        "nobody": 0.06, "no scene": 0.25, "composited": 0.4, "lit": 0.25, "defocus": 0.3, "shrunk": 0.2, "motion": 0.15,
        "blur": 0.85 * 0.15, "noise": 0.5, "jpeg": 0.6,
    }  # fmt: skip
    assert shares == pytest.approx(expected, abs=0.04)
    assert not (draws.light[draws.nobody] > 0).any()
    assert not ((draws.motion > 0) & (draws.blur > 0)).any()
    assert (draws.quality[draws.quality > 0].min(), draws.quality.max()) == (25, 90)
    assert (draws.motion[draws.motion > 0].min(), draws.motion.max()) == (3, 7)


def test_a_matrix_brings_the_canvas_middle_to_the_centre_turned_scaled_and_mirrored():
    centre, scale, degrees, mirror = ([50.0, 40.0], [50.0, 40.0]), [2.0, 2.0], [90.0, 90.0], [False, True]
    one, other = affine(*(np.array(part) for part in (centre, scale, degrees, mirror)), (64, 48))
    assert one @ (32, 24, 1) == pytest.approx((50, 40))
    assert one @ (34, 24, 1) == pytest.approx((50, 41))
    assert other @ (31, 24, 1) == pytest.approx((50, 40))
    assert other @ (29, 24, 1) == pytest.approx((50, 41))


def test_only_people_cut_off_by_the_lower_border_are_cut_out():
    mask = np.zeros((100, 100), np.uint8)
    mask[40:, 30:70] = 255
    assert touches_only_below(mask)
    assert not touches_only_below(mask.T)
    assert not touches_only_below(np.zeros_like(mask))
    assert [int(outline(part)["apart"]) for part in (mask, mask.T, np.zeros_like(mask))] == [1, 0, 0]
    assert [float(outline(mask)[name]) for name in ("left", "right", "top", "x")] == [30, 69, 40, 50]
