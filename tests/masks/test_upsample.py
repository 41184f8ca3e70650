"""The mask at the picture's size: along the picture's edges, and nowhere else changed."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.effects.test_compositor import soft_disc
from tests.helpers import reference
from vcam.frame import planes
from vcam.masks.upsample import cut_out, grid, pixels, strips

SIZE = (256, 144)  # of the mask; the picture is five times as large


def scene(wall, person, edge):
    """Luma of a person left of the column `edge`, before a wall."""
    luma = np.full((SIZE[1] * 5, SIZE[0] * 5), wall, np.uint8)
    luma[:, :edge] = person
    return luma


def mask_until(edge):
    """A mask of what is left of a column of the picture, as soft as a network's."""
    at = (np.arange(SIZE[0]) + 0.5) * 5
    return np.broadcast_to(np.clip((edge - at) / 20 + 0.5, 0, 1), SIZE[::-1]).astype(np.float32)


def enlarged(alpha, shape):
    return cv2.resize(alpha, shape[::-1], interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("shape", [(144, 256), (160, 224), (96, 128), (480, 640), (500, 700), (37, 51)])
def test_the_cutout_is_that_of_the_plain_formula(sample, shape):
    luma, alpha = planes(sample[3].pixels)[0], soft_disc(shape)
    assert np.abs(cut_out(alpha, luma).whole() - reference.refine(alpha, luma)).max() < 2 / 255


@pytest.mark.parametrize("off", [-6, -3, 0, 3, 6])
def test_a_mask_that_is_a_pixel_of_its_own_beside_the_edge_comes_to_lie_on_it(off):
    luma, edge = scene(180, 60, 641), 641
    kept = cut_out(mask_until(edge + off), luma).whole()
    truth = np.arange(luma.shape[1]) < edge
    assert np.abs(kept - truth)[:, edge - 40 : edge + 40].sum(1).max() < 2.5  # pixels that are wrong, in each line
    if off:
        assert np.abs(kept - truth).sum() < 0.5 * np.abs(enlarged(mask_until(edge + off), luma.shape) - truth).sum()


@pytest.mark.parametrize("off", [-6, -3, 0, 3])
def test_the_edge_is_soft_and_rather_outside_than_inside(off):
    luma, edge = cv2.GaussianBlur(scene(180, 60, 641), (0, 0), 1.0), 641
    kept = cut_out(mask_until(edge + off), luma).whole()
    assert 2 <= ((kept > 0.1) & (kept < 0.9)).sum(1).min() <= ((kept > 0.1) & (kept < 0.9)).sum(1).max() <= 4
    if off == 0:
        assert (kept[:, edge:].sum(1) > (1 - kept[:, :edge]).sum(1)).all()


@pytest.mark.parametrize("cells", [2, 3, 4])
def test_the_gap_under_an_arm_stays_open_though_the_wall_is_as_grey_as_the_sleeve(cells):
    rng = np.random.default_rng(0)
    luma = np.clip(rng.normal(128, 2, (SIZE[1] * 5, SIZE[0] * 5)), 0, 255).astype(np.uint8)
    alpha = np.zeros(SIZE[::-1], np.float32)
    alpha[:, 60:200] = 1.0
    alpha[20:120, 120 : 120 + cells] = 0.0
    gap = cut_out(alpha, luma).whole()[200:500, 600 : 600 + 5 * cells]
    assert gap.mean() < 0.1


@pytest.mark.parametrize("seed", range(4))
def test_farther_than_one_and_a_half_of_its_pixels_from_its_contour_no_mask_is_changed_whatever_is_there(seed):
    rng = np.random.default_rng(seed)
    luma = np.kron(rng.integers(0, 2, (SIZE[1] // 2, SIZE[0] // 2)), np.full((10, 10), 255)).astype(np.uint8)
    alpha = (soft_disc(SIZE[::-1], 0.5) > 0.5).astype(np.float32)
    kept = cut_out(alpha, luma).whole()
    person, reach = np.kron(alpha, np.ones((5, 5))).astype(np.uint8), np.ones((15, 15), np.uint8)
    assert kept[cv2.dilate(person, reach) == 0].max() == 0.0
    assert kept[cv2.erode(person, reach) == 1].min() == 1.0
    assert kept[person == 0].max() > 0.5  # nearer to it, it is


def test_the_edge_does_not_tremble_with_the_noise_of_the_camera(sample):
    luma, alpha = planes(sample[0].pixels)[0], soft_disc((160, 224), 0.5)
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(4):
        noisy = np.clip(np.rint(luma + rng.normal(0, 4, luma.shape)), 0, 255).astype(np.uint8)
        kept.append(cut_out(alpha, noisy).whole())
    near = cv2.dilate((enlarged(alpha, luma.shape) % 1 > 0).astype(np.uint8), np.ones((25, 25), np.uint8)) > 0
    assert np.abs(np.diff(kept, axis=0))[:, near].mean() < 0.004


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_without_a_contour_costs_nothing_and_changes_nothing(value):
    cutout = cut_out(np.full(SIZE[::-1], value, np.float32), scene(180, 60, 641))
    assert len(cutout.alpha) == 0
    assert (cutout.whole() == value).all()
    assert (cutout.halved().whole() == value).all()


def test_colour_is_cut_out_by_the_mean_of_its_four_pixels(sample):
    luma = planes(sample[0].pixels)[0]
    cutout = cut_out(soft_disc((160, 224)), luma)
    plain = reference.resize_area(cutout.whole().astype(np.float64), luma.shape[1] // 2, luma.shape[0] // 2)
    assert np.abs(cutout.halved().whole() - plain).max() < 1e-5


@given(*[st.integers(1, 300).map(lambda n: 2 * n)] * 2, *[st.integers(1, 200)] * 2)
def test_blocks_fill_a_picture_of_any_size(height, width, rows, columns):
    scale, cells = grid((height, width), (rows, columns))
    side = scale * cells
    assert side % 2 == height % side == width % side == 0


@given(*[st.integers(1, 60).map(lambda n: 2 * n)] * 2, *[st.integers(1, 70)] * 2, st.integers(0, 9))
def test_a_cutout_of_any_size_keeps_between_nothing_and_all(height, width, rows, columns, seed):
    rng = np.random.default_rng(seed)
    luma = rng.integers(0, 256, (height, width)).astype(np.uint8)
    kept = cut_out(np.clip(rng.normal(0.5, 1, (rows, columns)), 0, 1).astype(np.float32), luma).whole()
    assert kept.shape == luma.shape
    assert 0.0 <= kept.min() <= kept.max() <= 1.0


def test_strips_are_a_view_and_pixels_give_the_blocks_back():
    plane = np.arange(12 * 8, dtype=np.uint8).reshape(12, 8)
    lines = strips(plane, 4)
    assert np.shares_memory(lines, plane)
    assert np.array_equal(pixels(lines[np.array([1]), :, np.array([1])])[0], plane[4:8, 4:8])
