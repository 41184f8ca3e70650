"""Who is kept where several people are in the picture: one, the same one, and nothing of the others."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vcam.frame import empty
from vcam.masks.mask import FrameMask, find_mask
from vcam.masks.nearest_person import AWAY, CHANGE, Nearest, keep_nearest
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, to_bgr


def somebody(x, radius, alpha=None):
    """A person with soft edges, added to `alpha`: a head and a body at column x of 256."""
    drawn = np.zeros((144, 256), np.float32)
    cv2.circle(drawn, (x, 70), radius // 2, 1.0, -1)
    cv2.ellipse(drawn, (x, 144), (radius, 70), 0, 0, 360, 1.0, -1)
    drawn = cv2.GaussianBlur(drawn, (5, 5), 0)
    return drawn if alpha is None else np.maximum(alpha, drawn)


def follow(alphas, last=None, fps=30, start=0.0):
    """The masks of frames with these masks, at so many a second."""
    kept = []
    for number, alpha in enumerate(alphas):
        mask, last = keep_nearest(FrameMask(alpha, number), last, start + number / fps)
        kept.append(mask.alpha)
    return kept, last


def test_who_is_alone_is_kept_as_they_are():
    mask = FrameMask(somebody(200, 40), 1)
    assert keep_nearest(mask, None, 0.0)[0] is mask


def test_of_two_the_larger_is_kept_and_nothing_of_the_other_not_even_a_soft_edge():
    alone = somebody(90, 45)
    mask, _ = keep_nearest(FrameMask(somebody(200, 25, alone), 7), None, 0.0)
    assert np.array_equal(mask.alpha, alone)
    assert mask.sequence == 7


def test_of_two_of_about_the_same_size_the_one_in_the_middle_is_kept():
    alone = somebody(120, 35)
    assert np.array_equal(follow([somebody(205, 39, alone)])[0][0], alone)


def test_two_who_sit_side_by_side_do_not_take_turns():
    left = [somebody(80, 30 + number % 2 * 10) for number in range(90)]
    both = [somebody(180, 40 - number % 2 * 10, alpha) for number, alpha in enumerate(left)]
    kept, _ = follow(both)
    first = kept[0][:, :128].any()
    assert all(alpha[:, :128].any() == first and alpha[:, 128:].any() != first for alpha in kept)


def test_who_is_only_a_little_nearer_does_not_take_over():
    _, last = follow([somebody(180, 20, somebody(80, 36))] * 10)
    kept, _ = follow([somebody(180, 40, somebody(80, 36))] * 90, last, start=1 / 3)
    assert all(alpha[:, :128].any() and not alpha[:, 140:].any() for alpha in kept)


def test_who_comes_nearer_takes_over_after_a_while_and_not_before():
    small, last = follow([somebody(180, 20, somebody(80, 40))] * 10)
    assert small[-1][:, :128].any()
    frames = [somebody(180, 50, somebody(80, 30))] * 60
    kept, _ = follow(frames, last, start=1 / 3)
    chosen = [bool(alpha[:, 140:].any()) for alpha in kept]
    assert chosen.index(True) == pytest.approx(CHANGE * 30, abs=2)
    assert all(chosen[chosen.index(True) :])
    assert all(bool(alpha[:, :128].any()) != right for alpha, right in zip(kept, chosen, strict=True))


def test_somebody_who_is_nearer_for_a_moment_changes_nothing():
    moment = [somebody(180, 50, somebody(80, 30))] * 20
    rest = [somebody(180, 30, somebody(80, 30))] * 5
    _, last = follow([somebody(80, 30)])
    kept, _ = follow((moment + rest) * 4, last)
    assert all(alpha[:, :128].any() and not alpha[:, 140:].any() for alpha in kept)


def test_where_the_nearest_has_gone_nobody_is_kept_for_a_while_then_who_is_there():
    _, last = follow([somebody(200, 25, somebody(90, 40))] * 3)
    kept, _ = follow([somebody(200, 25)] * 60, last, start=0.1)
    there = [bool(alpha.any()) for alpha in kept]
    assert there.index(True) == pytest.approx(AWAY * 30, abs=2)
    assert all(there[there.index(True) :])


def test_who_comes_back_in_time_is_kept_again():
    _, last = follow([somebody(200, 35, somebody(90, 40))] * 3)
    _, last = follow([somebody(200, 35)] * 20, last, start=0.1)
    kept, _ = follow([somebody(200, 35, somebody(90, 40))], last, start=0.8)
    assert np.array_equal(kept[0], somebody(90, 40))


def test_a_hand_beyond_a_pale_sleeve_stays_and_a_passer_by_far_away_does_not():
    alpha = somebody(100, 40)
    cv2.circle(alpha, (151, 120), 7, 1.0, -1)  # some pixels beside the body
    cv2.circle(alpha, (230, 60), 7, 1.0, -1)
    kept, _ = follow([alpha])
    assert kept[0][120, 151] == 1.0
    assert not kept[0][:, 200:].any()


def test_a_speck_is_nobody():
    alpha = np.zeros((144, 256), np.float32)
    alpha[60:66, 100:106] = 1.0
    kept, last = follow([alpha])
    assert not kept[0].any()
    assert last is None


def test_another_network_with_another_size_keeps_the_same_person():
    _, last = follow([somebody(190, 25, somebody(90, 40))])
    larger = cv2.resize(somebody(190, 45, somebody(90, 40)), (320, 192))
    kept, _ = follow([larger], last, start=0.03)
    assert kept[0][:, :150].any()
    assert not kept[0][:, 180:].any()


@given(arrays.arrays(np.float32, (24, 32), elements=st.floats(0, 1, width=32)), st.booleans())
def test_whatever_the_mask_nothing_is_kept_that_was_not(alpha, after):
    place = np.zeros((24, 32), bool)
    place[4:20, 4:14] = True
    before = alpha.copy()
    mask, _ = keep_nearest(FrameMask(alpha, 1), Nearest(place, 0.9) if after else None, 1.0)
    assert np.all(mask.alpha <= before)
    assert np.array_equal(alpha, before)


def test_of_two_men_in_one_picture_the_farther_becomes_background(sample, segmenter):
    man = to_bgr(sample[0].pixels)
    near = cv2.resize(man, (960, 720))[:, 160:800]
    far = cv2.copyMakeBorder(man, 240, 0, 0, 0, cv2.BORDER_REPLICATE)
    pixels = empty(1280, 720)
    from_bgr(np.hstack([near, far]), pixels)
    mask = find_mask(RawFrame(pixels, 1, 0.0), segmenter)
    assert (mask.alpha[:, 130:] > 0.5).mean() > 0.1  # the network sees both
    nearest, _ = keep_nearest(mask, None, 0.0)
    assert not nearest.alpha[:, 130:].any()
    assert np.array_equal(nearest.alpha[:, :125], mask.alpha[:, :125])
