"""Which loose pieces of a mask are dropped: what is too small to be somebody, unless somebody was there before."""

from dataclasses import replace
from math import sqrt

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.helpers.fake_segmenter import Known
from vcam.frame import size_of
from vcam.masks.mask import check, find_mask
from vcam.masks.pieces import REMAINS, SMALLEST, without_specks
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import small_rgb
from vcam.pipeline.known_answer import MASK

SEEN = (256, 144)
MAN = np.asarray(cv2.imread(str(MASK), cv2.IMREAD_GRAYSCALE), np.float32) / 255


def man(scale, left, top):
    """The man of the test picture, so much smaller, his picture's upper left corner at that share of the mask."""
    width, height = SEEN
    fit = scale * width / MAN.shape[1]
    move = np.array([[fit, 0, left * width], [0, scale * height / MAN.shape[0], top * height]], np.float32)
    return np.minimum(cv2.warpAffine(cv2.GaussianBlur(MAN, (0, 0), 0.7 / fit), move, SEEN), 1.0)


def lamp(share, at=(230, 30)):
    """A disc with a soft edge that is so much of the picture."""
    drawn = np.zeros(SEEN[::-1], np.float32)
    cv2.circle(drawn, at, round(sqrt(share * drawn.size / np.pi)), 1.0, -1)
    return cv2.GaussianBlur(drawn, (3, 3), 0)


def masks(sample, answers):
    """What becomes of a network's answers to frames of one scene, one after the other."""
    mask, result = None, []
    for number, answer in enumerate(answers):
        mask = find_mask(RawFrame(sample[0].pixels, number, 0.0), Known(np.ascontiguousarray(answer)), mask)
        result.append(mask.alpha)
    return result


def test_a_lamp_beside_the_man_goes_with_its_soft_edge_and_he_stays_as_he_was(sample):
    answer = np.maximum(0.98 * man(1.0, 0, 0), lamp(0.006))
    alone = check(0.98 * man(1.0, 0, 0), SEEN, 0).alpha
    assert not np.array_equal(check(answer, SEEN, 0).alpha, alone)
    assert np.array_equal(masks(sample, [answer])[0], alone)


def test_an_empty_room_with_lamps_is_left_empty(sample):
    answer = np.maximum(lamp(0.007), lamp(0.004, (60, 100)))
    assert check(answer, SEEN, 0).alpha.mean() > 0.005
    assert not masks(sample, [answer])[0].any()


@pytest.mark.parametrize(
    "answer", [man(0.3, 0.4, 0.5), man(1.0, 0.62, 0.0), man(1.0, 0, 0.8)], ids=["far", "from the right", "from below"]
)
def test_who_is_far_away_or_enters_at_the_border_is_kept(sample, answer):
    alone = check(answer, SEEN, 0).alpha
    assert SMALLEST < np.mean(alone > 0.5) < 0.06
    assert np.array_equal(masks(sample, [answer])[0] > 0.5, alone > 0.5)


def test_who_walks_away_stays_until_half_of_that_and_a_piece_near_the_limit_does_not_blink(sample):
    away = [lamp(share) for share in np.linspace(0.03, 0.002, 60)]
    kept = [bool(alpha.any()) for alpha in masks(sample, away)]
    gone = kept.index(False)
    assert np.mean(away[gone] > 0.5) < REMAINS <= np.mean(away[gone - 1] > 0.5)
    assert not any(kept[gone:])
    swaying = [lamp(0.0112 if number % 2 else 0.0085) for number in range(20)]
    assert [bool(alpha.any()) for alpha in masks(sample, swaying)] == [False] + 19 * [True]


def test_what_was_kept_elsewhere_or_in_another_scene_keeps_no_lamp(sample):
    there, small = lamp(0.02), lamp(0.007)
    assert not masks(sample, [lamp(0.02, (60, 100)), small])[1].any()
    mask = find_mask(RawFrame(sample[0].pixels, 0, 0.0), Known(there))
    dark = RawFrame(cv2.subtract(sample[0].pixels, np.full_like(sample[0].pixels, 60)), 1, 0.0)
    assert not find_mask(dark, Known(small), mask).alpha.any()
    assert find_mask(replace(dark, delivered=sample[0].pixels), Known(small), mask).alpha.any()


@given(
    arrays.arrays(np.float32, (24, 32), elements=st.floats(0, 1, width=32)),
    st.none() | arrays.arrays(np.float32, (24, 32), elements=st.floats(0, 1, width=32)),
)
def test_whatever_the_mask_nothing_is_kept_that_was_not_and_what_is_kept_is_as_it_was(alpha, before):
    given_alpha = alpha.copy()
    result = without_specks(alpha, before)
    assert np.all((result == alpha) | (result == 0))
    assert np.array_equal(alpha, given_alpha)


def test_the_shipped_network_keeps_the_man_in_every_frame(sample, segmenter):
    for frame in sample[::4]:
        size = segmenter.size_for(*size_of(frame.pixels))
        alone = check(segmenter(small_rgb(frame.pixels, size), None), size, frame.sequence).alpha
        assert np.count_nonzero(find_mask(frame, segmenter).alpha > 0.5) > 0.98 * np.count_nonzero(alone > 0.5)
