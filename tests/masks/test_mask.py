"""Which answers of a network count as a mask."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.faulty_worker import Box
from vcam.masks.mask import FILLS, MOST, MaskError, check, find_mask, mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.pipeline.known_answer import MASK

SIZE = (64, 48)


class Broken(Box):
    """Fails at every picture."""

    def __call__(self, picture, previous=None):
        raise MemoryError("CUDA out of memory")


def person(value=1.0):
    mask = np.zeros(SIZE[::-1], np.float32)
    mask[10:40, 20:40] = value
    return mask


def test_a_good_mask_is_that_of_its_frame_with_firm_inside_and_outside():
    mask = check(person(0.9), SIZE, 7)
    assert mask.sequence == 7
    assert set(np.unique(mask.alpha)) == {0.0, 1.0}


def test_a_small_hole_is_filled_where_the_network_is_in_doubt_but_not_where_it_sees_background():
    for value, filled in ((0.45, 1.0), (0.1, 0.0)):
        answer = person(0.9)
        answer[20:23, 28:31] = value
        assert check(answer, SIZE, 1).alpha[21, 29] == filled
    large = person(0.9)
    large[12:38, 22:38] = 0.45
    assert 0 < check(large, SIZE, 1).alpha[21, 29] < 1


def test_a_doubtful_hole_is_found_among_more_areas_of_background_than_are_told_one_by_one():
    answer = person(0.9)
    answer[20:23, 28:31] = 0.45
    for column in range(2 * FILLS):
        answer[12, 21 + column : 22 + column] = 0.9 if column % 2 else 0.0
        answer[36, 21 + column : 22 + column] = 0.9 if column % 2 else 0.0
    alpha = check(answer, SIZE, 1).alpha
    assert alpha[21, 29] == 1.0
    assert alpha[12, 21] == alpha[36, 21] == 0.0


def test_an_empty_room_is_a_good_mask():
    assert check(np.zeros(SIZE[::-1], np.float32), SIZE, 1).alpha.max() == 0.0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (person(np.nan), "nan"),
        (person(np.inf), "inf"),
        (person(1.5), "1.5"),
        (person() - 0.5, "-0.5"),
        (np.ones(SIZE[::-1], np.float32), "whole picture"),
        (np.full(SIZE[::-1], 0.6, np.float32), "whole picture"),
        (np.linspace(0.9, 1.0, 64 * 48, dtype=np.float32).reshape(48, 64), "100%"),
        (np.where(person() > 0, 0.0, 0.5).astype(np.float32), "undecided"),
        (np.random.default_rng(0).uniform(0.3, 0.7, SIZE[::-1]).astype(np.float32), "undecided"),
        (np.random.default_rng(0).uniform(0.4, 0.5, SIZE[::-1]).astype(np.float32), "undecided"),
        (person().astype(np.float64), "float64"),
        (person().T.copy(), "64, 48"),
        (person()[None], "1, 48, 64"),
        (None, "NoneType"),
        ([[0.0]], "list"),
    ],
)
def test_anything_else_is_refused_with_the_reason(answer, why):
    with pytest.raises(MaskError, match=why):
        check(answer, SIZE, 1)


# A face that fills the picture, and a network that takes everything for a person


def close_up():
    """Where the man of the test picture is, seen from so near that there is little else: room at the upper left."""
    man = cv2.imread(str(MASK), cv2.IMREAD_GRAYSCALE)[144:204, 264:344]
    return np.asarray(cv2.resize(man, SIZE, interpolation=cv2.INTER_AREA), np.float32) / 255


def test_a_face_that_fills_the_picture_is_a_good_mask():
    assert MOST < check(close_up(), SIZE, 1).alpha.mean() < 0.95


def spoilt(where, value):
    answer = close_up()
    answer[where] = value
    return answer


NOT_A_FACE = {
    "sees no room for certain": np.maximum(close_up(), 0.4),
    "sees next to none": np.where(np.arange(48 * 64).reshape(48, 64) < 20, 0.0, 0.95),
    "is in doubt about more than the contour": spoilt(np.s_[:, 50:], 0.62),
    "sees room in the middle": spoilt(np.s_[30:34, 30:35], 0.0),
    "sees room below": spoilt(np.s_[45:, 30:36], 0.0),
    "has mixed up room and a person far away": 1 - 0.98 * ((np.indices(SIZE[::-1])[0] > 30) & (person() > 0)),
}


@pytest.mark.parametrize("answer", NOT_A_FACE.values(), ids=NOT_A_FACE.keys())
def test_much_person_is_refused_unless_the_mask_is_that_of_a_face_before_the_lens(answer):
    with pytest.raises(MaskError, match="of the picture for a person"):
        check(answer.astype(np.float32), SIZE, 1)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.15))
def test_what_takes_all_for_a_person_is_refused_where_it_is_nowhere_sure_of_room(seed, share):
    rng = np.random.default_rng(seed)
    doubtful, sure = rng.uniform(0.31, 0.64, SIZE[::-1]), rng.uniform(0.66, 1.0, SIZE[::-1])
    with pytest.raises(MaskError):
        check(np.where(rng.random(SIZE[::-1]) < share, doubtful, sure).astype(np.float32), SIZE, 1)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.09))
def test_person_with_room_strewn_over_it_is_refused(seed, share):
    answer = np.ones(SIZE[0] * SIZE[1], np.float32)
    answer[: int(share * answer.size)] = 0
    answer = np.random.default_rng(seed).permutation(answer).reshape(SIZE[::-1])
    with pytest.raises(MaskError):
        check(answer, SIZE, 1)


def test_a_single_bad_number_is_enough_to_refuse():
    for row, column in [(0, 0), (47, 63), (24, 32)]:
        answer = person()
        answer[row, column] = np.nan
        with pytest.raises(MaskError):
            check(answer, SIZE, 1)


def test_whatever_the_network_raises_there_is_no_mask_and_a_reason_is_given(sample):
    reasons = []
    assert mask_or_none(sample[0], Broken(), reasons.append) is None
    assert "CUDA out of memory" in reasons.pop()
    assert mask_or_none(sample[0], Box(), reasons.append) is not None
    assert reasons == []


def test_the_network_sees_the_frame_at_its_own_size_in_rgb(sample):
    seen = []

    class Curious(Box):
        def __call__(self, picture, previous=None):
            seen.append(picture)
            return super().__call__(picture, previous)

    assert find_mask(sample[0], Curious()).sequence == sample[0].sequence
    assert seen[0].shape == (48, 64, 3)
    assert seen[0].dtype == np.uint8
    blue_board = seen[0][15, 52]  # behind the man, right
    assert blue_board[2] > blue_board[0] + 40


class Remembering(Box):
    """Notes what it is told of the frame before."""

    def __init__(self):
        self.told = []

    def __call__(self, picture, previous=None):
        self.told.append(previous)
        return super().__call__(picture, previous)


def test_the_network_is_told_its_own_answer_to_the_frame_before(sample):
    segment, mask = Remembering(), None
    for frame in sample[:3]:
        mask = find_mask(frame, segment, mask)
    assert segment.told[0] is None
    for told in segment.told[1:]:
        assert np.array_equal(told, Box()(np.zeros((48, 64, 3), np.uint8)))


def test_after_a_scene_cut_at_another_size_and_after_a_failure_it_is_told_nothing(sample):
    segment = Remembering()
    mask = find_mask(sample[0], segment)
    dark = RawFrame(cv2.subtract(sample[1].pixels, np.full_like(sample[1].pixels, 60)), 1, 0.0)
    find_mask(dark, segment, mask)
    assert segment.told[-1] is None
    find_mask(sample[1], segment, replace(mask, soft=mask.soft[:-1]))
    assert segment.told[-1] is None
    find_mask(sample[1], segment, mask_or_none(sample[0], Broken(), lambda reason: None, mask))
    assert segment.told[-1] is None
