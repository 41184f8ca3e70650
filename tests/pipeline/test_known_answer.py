"""The test picture: who finds the man passes, and nobody else does."""

import cv2
import numpy as np
import pytest
import torch

from segnet.inference import Segmenter, load_segmenter
from segnet.weights import DEFAULT, build, read_info
from vcam.errors import SettingsError
from vcam.masks.mask import FrameMask
from vcam.pipeline import known_answer
from vcam.pipeline.known_answer import LEAST, MASK, PICTURE, check_known_answer, overlap, without_furniture

SIZE = 256, 144
TRUTH = cv2.imread(str(MASK), cv2.IMREAD_GRAYSCALE)
MAN = cv2.resize(TRUTH.astype(np.float32) / 255, SIZE, interpolation=cv2.INTER_AREA)
FURNITURE = 1 - without_furniture(MAN.shape).astype(np.float32)
ACROSS, DOWN = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))


class Answers:
    """Gives these masks in turn, whatever it is shown; the last one for ever."""

    def __init__(self, *masks):
        self.masks, self.previous = [np.asarray(mask, np.float32) for mask in masks], []

    def size_for(self, width, height):
        return SIZE

    def __call__(self, picture, previous):
        self.previous.append(previous)
        return self.masks[min(len(self.previous), len(self.masks)) - 1]


def test_picture_and_mask_belong_together():
    assert cv2.imread(str(PICTURE)).shape[:2] == TRUTH.shape == (360, 640)
    assert set(np.unique(TRUTH)) == {0, 255}
    assert 0.15 < np.mean(TRUTH > 0) < 0.3


@pytest.mark.parametrize("engine", ["torch", "openvino"])
@pytest.mark.parametrize("size", ["fast", "fine"])
def test_the_shipped_weights_pass_with_room_to_spare(monkeypatch, engine, size):
    monkeypatch.setattr(known_answer, "LEAST", 0.95)
    named = read_info(DEFAULT).size_named(size)
    check_known_answer(load_segmenter(DEFAULT, engine=engine, device="cpu", size=named), ["person"])


def test_a_network_that_never_learnt_anything_does_not_pass():
    info = read_info(DEFAULT)
    for seed in range(3):
        torch.manual_seed(seed)
        network = Segmenter(build(info).eval(), info, engine="torch", device="cpu")
        with pytest.raises(SettingsError, match=r"network\.weights: .*test picture"):
            check_known_answer(network, ["person"])


@pytest.mark.parametrize("soft", [MAN, np.roll(MAN, 4, axis=1), MAN * (DOWN > 40), np.maximum(MAN, DOWN > 135)])
def test_a_mask_that_is_about_right_passes(soft):
    check_known_answer(Answers(soft), ["person"])


ELSEWHERE = {
    "nothing": MAN * 0,
    "the room": 1 - MAN,
    "mirrored": MAN[:, ::-1],
    "upside down": MAN[::-1],
    "the left half": ACROSS < 128,
    "the right half": ACROSS >= 128,
    "the lower half": DOWN >= 72,
    "a box in the middle": (ACROSS > 64) & (ACROSS < 192) & (DOWN > 20),
    "the best box": (ACROSS > 65) & (ACROSS < 165) & (DOWN > 12),
    "an ellipse where the man is": ((ACROSS - 115) / 45) ** 2 + ((DOWN - 85) / 75) ** 2 < 1,
    "a man of twice the width": cv2.dilate(MAN, np.ones((25, 25))),
}


@pytest.mark.parametrize("what", ELSEWHERE)
@pytest.mark.parametrize("first", [True, False])
def test_a_mask_of_something_else_does_not_pass_without_a_frame_before_or_with_one(what, first):
    masks = [ELSEWHERE[what]] if first else [MAN, ELSEWHERE[what]]
    with pytest.raises(SettingsError, match=r"does not find the man in the test picture \(IoU 0\.\d\d, at least 0.7"):
        check_known_answer(Answers(*masks), ["person"])


NO_MASK = {
    "a half everywhere": (MAN * 0 + 0.5, "gave 0.50 for the whole picture"),
    "all": (MAN * 0 + 1, "gave 1.00 for the whole picture"),
    "nearly all": (np.maximum(MAN, DOWN < 140), "took .* of the picture for a person"),
    "no numbers": (MAN * np.nan, "gave values from nan"),
    "large numbers": (MAN * 255, "gave values from 0.0 to 255"),
    "another size": (MAN[:9], "gave float32"),
    "undecided": (MAN * 0.1 + 0.4, "undecided about 100%"),
}


@pytest.mark.parametrize("what", NO_MASK)
@pytest.mark.parametrize("keep", [["person"], ["cat", "chair"]])
def test_what_is_no_mask_does_not_pass_whatever_is_to_be_kept(what, keep):
    soft, says = NO_MASK[what]
    with pytest.raises(SettingsError, match=rf"network\.weights: .*test picture.*{says}.*; take other weights"):
        check_known_answer(Answers(soft), keep)


def test_where_no_person_is_to_be_kept_nothing_need_be_found():
    check_known_answer(Answers(MAN * 0), ["cat"])
    check_known_answer(Answers(FURNITURE), ["chair", "tvmonitor"])
    with pytest.raises(SettingsError):
        check_known_answer(Answers(MAN * 0), ["cat", "person"])


@pytest.mark.parametrize(("soft", "share"), [(MAN, 25), (1 - MAN, 75)])
def test_a_network_that_takes_the_man_or_the_room_for_a_cat_is_refused(soft, share):
    with pytest.raises(
        SettingsError, match=rf"takes {share}% of the test picture for cat or dog, which is not in it; "
    ):
        check_known_answer(Answers(soft), ["cat", "dog"])


def test_furniture_that_is_kept_beside_the_man_does_not_count_against_the_network_and_the_room_does():
    both = np.maximum(MAN, FURNITURE)
    check_known_answer(Answers(both), ["person", "tvmonitor"])
    with pytest.raises(SettingsError, match="does not find the man"):
        check_known_answer(Answers(both), ["person"])
    with pytest.raises(SettingsError, match="does not find the man"):
        check_known_answer(Answers(np.maximum(both, ACROSS > 192)), ["person", "tvmonitor"])


def test_the_second_time_the_network_is_told_of_the_first():
    network = Answers(MAN)
    check_known_answer(network, ["person"])
    assert network.previous[0] is None
    assert np.array_equal(network.previous[1], MAN)


def test_an_installation_without_the_picture_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(known_answer, "PICTURE", tmp_path / "known_answer.jpg")
    with pytest.raises(SettingsError, match=r"known_answer\.jpg .* is missing or damaged; install segblur again"):
        check_known_answer(Answers(MAN), ["person"])


def test_the_overlap_is_intersection_over_union():
    truth = np.zeros((10, 10), np.uint8)
    truth[:, :5] = 255
    alpha = np.zeros((10, 10), np.float32)
    alpha[:, 2:6] = 1.0
    assert overlap(FrameMask(alpha, 0), truth, truth >= 0) == 0.5
    assert overlap(FrameMask(alpha, 0), truth, np.arange(10) > 1) == 0.75
    assert LEAST == 0.7
