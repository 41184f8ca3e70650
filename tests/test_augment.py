"""What training makes of pictures before a network sees them."""

import cv2
import numpy as np
import pytest

from training.augment import Picture, augment_person, augment_room, no_scene, touches_only_below
from training.data import SHAPES


@pytest.mark.parametrize("size", SHAPES)
def test_pictures_and_masks_move_together_and_stay_of_their_type(size):
    rng = np.random.default_rng(1)
    mask = np.zeros((240, 320), np.uint8)
    cv2.ellipse(mask, (160, 200), (60, 120), 0, 0, 360, 255, -1)
    image = np.where(mask[..., None] > 0, 220, 30).astype(np.uint8).repeat(3, axis=2)
    room = np.full((200, 300, 3), 30, np.uint8)
    before = image.copy(), mask.copy()
    agreement = []
    for _ in range(20):
        out = augment_person(Picture(image, mask), room, size, rng)
        assert (out.image.shape, out.image.dtype) == ((size[1], size[0], 3), np.uint8)
        assert (out.mask.shape, out.mask.dtype) == (size[::-1], np.uint8)
        grey = out.image.mean(2)
        inside, outside = out.mask > 200, out.mask < 50
        if inside.any() and outside.any():
            agreement.append(grey[inside].mean() > grey[outside].mean() + 10)
    assert sum(agreement) >= 0.9 * len(agreement)
    assert np.array_equal(image, before[0])
    assert np.array_equal(mask, before[1])


def test_a_room_has_nobody_in_it():
    out = augment_room(np.full((100, 140, 3), 90, np.uint8), (256, 144), np.random.default_rng(0))
    assert out.mask.shape == (144, 256)
    assert out.mask.max() == 0


def test_what_a_webcam_shows_without_a_scene_has_nobody_in_it_and_is_not_all_the_same():
    kinds = [no_scene((64, 48), np.random.default_rng(seed)) for seed in range(30)]
    assert {picture.shape for picture in kinds} == {(48, 64, 3)}
    assert any(picture.max() < 30 for picture in kinds)  # a covered lens
    assert any(len(np.unique(picture.reshape(-1, 3), axis=0)) < 20 and picture.max() > 90 for picture in kinds)  # bars


def test_only_people_cut_off_by_the_lower_border_are_cut_out():
    mask = np.zeros((100, 100), np.uint8)
    mask[40:, 30:70] = 255
    assert touches_only_below(mask)
    assert not touches_only_below(mask.T)
    assert not touches_only_below(np.zeros_like(mask))
