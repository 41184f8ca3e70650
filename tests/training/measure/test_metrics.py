"""Figures against plain ones, counted pixel by pixel."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segnet.classes import VOC_CLASSES
from tests.helpers.voc_scene import CAT, PERSON
from training.measure.metrics import (
    ClassConfusion,
    Confusion,
    Score,
    boundary_band,
    boundary_width,
    choice,
    collapsed,
    core,
)


@given(st.integers(0, 2**32 - 1))
def test_the_confusion_is_that_of_counting_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    counts, matrix = [0, 0, 0, 0], Confusion()
    for _ in range(3):
        p, t = rng.random((2, 5, 7)) > rng.random()
        matrix.add(p, t)
        for a, b in zip(p.flat, t.flat, strict=True):
            counts[0 if a and b else 1 if a else 2 if b else 3] += 1
    assert [matrix.tp, matrix.fp, matrix.fn, matrix.tn] == counts
    union = sum(counts[:3])
    assert matrix.iou == (counts[0] / union if union else 1.0)
    assert matrix.accuracy == (counts[0] + counts[3]) / 105


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_the_boundary_band_is_what_is_near_the_outside_counted_by_hand(seed, width):
    mask = cv2.GaussianBlur(np.random.default_rng(seed).random((20, 24)), (0, 0), 2) > 0.5
    band = boundary_band(mask, width)
    padded = np.pad(mask, width)
    for row in range(20):
        for column in range(24):
            near = padded[row : row + 2 * width + 1, column : column + 2 * width + 1]
            assert band[row, column] == (mask[row, column] and not near.all())


def test_boundary_iou_is_one_for_equal_masks_and_falls_with_a_shift():
    mask = np.zeros((100, 100), bool)
    mask[30:70, 30:70] = True
    same, shifted = Score.empty(), Score.empty()
    same.add(mask, mask)
    shifted.add(np.roll(mask, 2, axis=1), mask)
    assert {"iou": 1.0, "boundary_iou": 1.0, "accuracy": 1.0, "pictures": 1}.items() <= same.report().items()
    assert shifted.report()["boundary_iou"] < shifted.report()["iou"] < 1.0
    assert boundary_width((300, 400)) == 10


# Holes and leaks


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_holes_and_leaks_are_those_of_looking_at_every_pixels_neighbours(seed, void):
    rng, score, counts = np.random.default_rng(seed), Score.empty(), np.zeros(4, int)
    for _ in range(2):
        truth, predicted = (cv2.GaussianBlur(rng.random((24, 30)), (0, 0), 4) > 0.5 for _ in range(2))
        known = rng.random((24, 30)) > 0.01 if void else np.ones_like(truth)
        score.add(predicted, truth, known)
        width = boundary_width(truth.shape)
        for row in range(24):
            for column in range(30):
                near = (slice(max(0, row - width), row + width + 1), slice(max(0, column - width), column + width + 1))
                if not known[near].all() or truth[near].any() != truth[near].all():
                    continue
                shown = bool(predicted[row, column])
                counts += [truth[row, column], truth[row, column] and not shown, not truth[row, column], 0]
                counts[3] += not truth[row, column] and shown
    report = score.report()
    assert report["hole_rate"] == pytest.approx(counts[1] / max(1, counts[0]), abs=1e-5)
    assert report["leak_rate"] == pytest.approx(counts[3] / max(1, counts[2]), abs=1e-5)


def test_a_hole_in_the_middle_counts_and_a_rough_contour_does_not():
    truth = np.zeros((200, 200), bool)
    truth[50:, 50:150] = True
    wide = boundary_width(truth.shape)
    holed, rough, low = truth.copy(), core(truth, 2), truth.copy()
    holed[100:110, 90:110] = False
    low[195:, 90:110] = False  # at the picture's border, which is no contour of the person
    for predicted, pixels in ((holed, 200), (rough, 0), (low, 100)):
        score = Score.empty()
        score.add(predicted, truth)
        assert score.report()["hole_rate"] == round(pixels / ((150 - wide) * (100 - 2 * wide)), 5)


def test_stray_and_missing_parts_are_shares_of_a_picture_far_from_the_contour():
    truth, score = np.zeros((200, 200), bool), Score.empty()
    truth[100:, 50:150] = True
    wide = boundary_width(truth.shape)
    for stray, missing in ((19, 0), (0, 0), (15, 21), (14, 19)):
        predicted = truth.copy()
        predicted[100 - wide : 100, 50:150] = True  # in the band, which says nothing
        predicted[100 : 100 + wide, 60:140] = False
        predicted[2:16, 2 : 2 + stray] = True
        predicted[150:171, 90 : 90 + missing] = False
        score.add(predicted, truth)
    report, strays, losses = score.report(), [19 * 14, 0, 15 * 14, 14 * 14], [0, 0, 21 * 21, 19 * 21]
    assert report["stray_rate"] == round(sum(strays) / 4 / 40_000, 5)
    assert report["missing_rate"] == round(sum(losses) / 4 / 40_000, 5)
    assert report["stray_rate_95"] == round(float(np.quantile(strays, 0.95)) / 40_000, 5)
    assert report["missing_rate_95"] == round(float(np.quantile(losses, 0.95)) / 40_000, 5)
    assert (report["stray_pictures"], report["missing_pictures"]) == (2, 1)


def test_where_nobody_is_all_that_is_kept_counts_up_to_the_border():
    score, kept = Score.empty(), np.zeros((100, 100), bool)
    kept[:5, :20] = True
    for predicted in (kept, ~kept & kept):
        score.add(predicted, np.zeros((100, 100), bool))
    assert score.report() == {"kept_rate": 0.005, "kept_rate_95": 0.0095, "kept_pictures": 1, "pictures": 2}


# Which weights are best

GOOD = {"iou": 0.9, "boundary_iou": 0.7, "stray_pictures": 0, "missing_pictures": 0, "pictures": 20}


def test_the_choice_is_the_stated_formula_over_all_sets():
    assert choice({"a": GOOD}) == pytest.approx(0.8)
    sets = {"a": GOOD, "b": GOOD | {"iou": 0.6, "boundary_iou": 0.4}}
    assert choice(sets) == pytest.approx((2 * 0.8 + 0.5) / 3)
    assert choice({"a": GOOD | {"stray_pictures": 5}}) == pytest.approx(0.8 - 0.2 * 5 / 20)
    assert choice({"a": GOOD | {"missing_pictures": 5}}) == pytest.approx(0.8 - 0.2 * 5 / 20)
    rooms = {"kept_pictures": 3, "pictures": 10}
    assert choice({"rooms": rooms, "a": GOOD}) == pytest.approx(0.8 - 0.5 * 3 / 10)
    assert choice(sets | {"r": rooms, "q": rooms | {"kept_pictures": 1}}) == pytest.approx(2.1 / 3 - 0.5 * 2 / 10)
    assert choice({"rooms": rooms}) == pytest.approx(-0.15)


def test_a_pictures_iou_is_a_mean_over_pictures_and_the_sets_one_over_pixels():
    score, truth = Score.empty(), np.zeros((20, 20), bool)
    small, large = truth.copy(), truth.copy()
    small[:2, :2], large[:, :10] = True, True
    score.add(large, large)
    score.add(truth, small)  # missed
    score.add(truth, truth)  # nobody there
    assert score.report()["picture_iou"] == 0.5
    assert score.report()["iou"] == round(200 / 204, 4)
    assert score.report()["pictures"] == 3


def test_pixels_without_a_label_count_for_nothing():
    rng = np.random.default_rng(0)
    truth, predicted, known = rng.random((3, 40, 50)) > 0.4
    one, other = Score.empty(), Score.empty()
    one.add(predicted, truth, known)
    other.add(predicted, truth ^ ~known, known)  # said otherwise where nothing is said
    assert one.report() == other.report()
    assert one.area.tp + one.area.fp + one.area.fn + one.area.tn == known.sum()


# Classes


@given(st.integers(0, 2**32 - 1))
def test_the_class_figures_are_those_of_counting_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    names, confusion = ("background", "a", "b", "c"), ClassConfusion(("background", "a", "b", "c"))
    pairs = []
    for _ in range(3):
        predicted = rng.integers(0, 4, (5, 7))
        truth = rng.choice([0, 1, 3, 255], (5, 7), p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint8)  # b never occurs
        confusion.add(torch.from_numpy(predicted), torch.from_numpy(truth))
        pairs += [(p, t) for p, t in zip(predicted.flat, truth.flat, strict=True) if t != 255]
    report, ious = confusion.report(), []
    for n, name in enumerate(names):
        both = sum(p == n and t == n for p, t in pairs)
        either = sum(n in (p, t) for p, t in pairs)
        assert report[f"predicted_{name}"] == round(sum(p == n for p, _ in pairs) / len(pairs), 4)
        if any(t == n for _, t in pairs):
            ious.append(both / either)
            assert report[f"iou_{name}"] == round(both / either, 4)
        else:
            assert f"iou_{name}" not in report
    assert report["miou"] == round(sum(ious) / len(ious), 4)
    assert report["accuracy"] == round(sum(p == t for p, t in pairs) / len(pairs), 4)
    assert report["classes"] == len(ious)
    assert confusion.counts.dtype == torch.int64


def test_a_label_beyond_the_classes_is_no_silent_count():
    confusion = ClassConfusion(("background", "person"))
    with pytest.raises(ValueError, match="labels from 0 to 2, but there are 2 classes"):
        confusion.add(torch.zeros(2, 2), torch.tensor([[0, 1], [2, 255]]))


def test_all_background_is_called_a_collapse_and_true_background_is_not():
    confusion, truth = ClassConfusion(VOC_CLASSES), torch.zeros(100, 100, dtype=torch.uint8)
    truth[:27] = CAT
    confusion.add(torch.zeros(100, 100), truth)
    assert "takes 100.0% of the pixels for background" in collapsed(confusion.report())
    right = ClassConfusion(VOC_CLASSES)
    right.add(truth, truth)
    assert collapsed(right.report()) == ""
    empty = ClassConfusion(VOC_CLASSES)
    empty.add(torch.zeros(100, 100), torch.zeros(100, 100))
    assert collapsed(empty.report()) == ""


def test_everything_taken_for_one_other_class_is_a_collapse_too():
    confusion, truth = ClassConfusion(VOC_CLASSES), torch.zeros(100, 100, dtype=torch.uint8)
    confusion.add(torch.full((100, 100), PERSON), truth)
    assert "for person" in collapsed(confusion.report())
