"""Flicker, of masks whose flicker is known."""

import cv2
import numpy as np
import pytest

from tests.helpers.fake_segmenter import SIZE, Fake
from training.data.pairs import Pair, find_pairs
from training.measure.flicker import around, flicker
from training.measure.predictions import look


def test_a_mask_that_stays_does_not_flicker(discs):
    pairs = find_pairs(discs)
    assert flicker(Fake(lambda p, _: np.full(p.shape[:2], 0.7)), pairs) == {"flicker": 0.0, "settled": 0.0}


def test_flicker_is_the_mean_change_near_the_contour(discs):
    """Every other mask is 0.25 higher near the contour and 0.5 elsewhere, which must not count."""
    pairs, calls = find_pairs(discs)[:1], []
    near = around(cv2.resize(look(pairs[0]).truth.astype(np.float32), SIZE, interpolation=cv2.INTER_AREA) > 0.5)

    def answer(picture, previous):
        calls.append(previous)
        return np.where(near, 0.25, 0.5) * (len(calls) % 2)

    assert flicker(Fake(answer), pairs) == {"flicker": 0.25, "settled": 0.25}
    assert len(calls) == 8
    assert calls[0] is None
    assert all(np.array_equal(previous, np.where(near, 0.25, 0.5) * (n % 2)) for n, previous in enumerate(calls) if n)


def test_settling_counts_as_flicker_only_at_the_start(discs):
    answer = lambda p, previous: np.full(p.shape[:2], 0.5 if previous is None else 0.85)  # noqa: E731
    assert flicker(Fake(answer), find_pairs(discs)) == {"flicker": 0.05, "settled": 0.0}


def test_the_flicker_of_a_network_that_returns_noise_is_that_of_noise(discs):
    rng = np.random.default_rng(1)
    measured = flicker(Fake(lambda p, _: rng.random(p.shape[:2])), find_pairs(discs))
    assert measured["flicker"] == pytest.approx(1 / 3, abs=0.01)  # E|a − b| of two from 0 to 1


def test_the_copies_differ_by_noise_of_four_grey_levels(discs):
    seen, picture = [], np.full((*SIZE[::-1], 3), 128, np.uint8)
    pair = find_pairs(discs)[0]
    folder = discs.parent / "grey"
    (folder / "images").mkdir(parents=True)
    cv2.imwrite(str(folder / "images" / "0.png"), picture)
    cv2.imwrite(str(folder / "0.png"), cv2.resize(cv2.imread(str(pair.mask), 0), SIZE, interpolation=cv2.INTER_NEAREST))
    flicker(
        Fake(lambda p, _: seen.append(p) or np.zeros(p.shape[:2])),
        [Pair("0", folder / "images/0.png", folder / "0.png")],
    )
    assert np.std(np.stack(seen).astype(float)) == pytest.approx(4.0, abs=0.1)
    assert not np.array_equal(seen[0], seen[1])


def test_the_band_reaches_five_pixels_to_either_side():
    mask = np.zeros((40, 40), bool)
    mask[:, 20:] = True
    assert np.array_equal(np.flatnonzero(around(mask)[20]), np.arange(15, 25))
