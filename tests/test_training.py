"""Training: the formulas against plain ones, the data's promises, and a run that can be interrupted."""

import os
import signal

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segnet.weights import load_weights
from training import train as run
from training.augment import Picture, augment_person, augment_room, touches_only_below
from training.config import TrainConfig
from training.data import SHAPES, Batches, DataError, find_pairs, manifest_hash
from training.evaluate import evaluate
from training.losses import contour_band, contour_bce, segmentation_loss, soft_dice
from training.metrics import Confusion, Score, boundary_band, boundary_width


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small set in the layout that training reads: bright discs before dark noise."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("train/discs", "val/discs"):
        for part in ("images", "masks"):
            (root / name / part).mkdir(parents=True)
        for number in range(6):
            image = rng.integers(0, 90, (120, 160, 3)).astype(np.uint8)
            mask = np.zeros((120, 160), np.uint8)
            centre = (int(rng.integers(50, 110)), int(rng.integers(60, 90)))
            cv2.circle(mask, centre, 35, 255, -1)
            image[mask > 0] = rng.integers(150, 255, 3)
            cv2.imwrite(str(root / name / "images" / f"{number}.png"), image)
            cv2.imwrite(str(root / name / "masks" / f"{number}.png"), mask)
    (root / "rooms").mkdir()
    for number in range(3):
        cv2.imwrite(str(root / "rooms" / f"{number}.png"), rng.integers(0, 90, (100, 140, 3)).astype(np.uint8))
    return root


def config(data, out, **changes):
    values = {
        "data": data, "out": out, "sets": {"train/discs": 1.0}, "validation": ("val/discs",), "steps": 6, "batch": 2,
        "warmup": 2, "workers": 0, "evaluate_every": 6, "checkpoint_every": 2, "device": "cpu", "ema": 0.5,
    }  # fmt: skip
    return TrainConfig(**(values | changes))


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
    assert same.report() == {"iou": 1.0, "boundary_iou": 1.0, "accuracy": 1.0, "pictures": 1}
    assert shifted.report()["boundary_iou"] < shifted.report()["iou"] < 1.0
    assert boundary_width((300, 400)) == 10


def test_the_losses_are_their_formulas():
    logits = torch.tensor([[[[2.0, -1.0], [0.5, -3.0]]]])
    target = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    p = 1 / (1 + np.exp(-logits.numpy()))
    t = target.numpy()
    dice = 1 - (2 * (p * t).sum() + 1) / ((p**2).sum() + (t**2).sum() + 1)
    assert float(soft_dice(logits, target)) == pytest.approx(dice, rel=1e-5)
    # All of so small a picture is near the contour: every weight is the same.
    plain = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert float(contour_bce(logits, target)) == pytest.approx(plain, rel=1e-5)
    parts = segmentation_loss(logits, target)
    assert float(parts["total"]) == pytest.approx(float(parts["bce"] + parts["dice"]))


def test_the_band_lies_on_the_contour_only():
    target = torch.zeros(1, 1, 64, 64)
    target[..., 32:] = 1.0
    band = contour_band(target)[0, 0]
    assert band[:, 28:36].min() == 1.0
    assert band[:, :24].max() == band[:, 40:].max() == 0.0


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


def test_only_people_cut_off_by_the_lower_border_are_cut_out():
    mask = np.zeros((100, 100), np.uint8)
    mask[40:, 30:70] = 255
    assert touches_only_below(mask)
    assert not touches_only_below(mask.T)
    assert not touches_only_below(np.zeros_like(mask))


def test_a_batch_depends_on_its_number_and_the_seed_alone(data):
    make = lambda seed: Batches(data, {"train/discs": 1.0}, "rooms", 4, 10, seed)  # noqa: E731
    one, two = make(0), make(0)
    two[3]
    for a, b in zip(one[7], two[7], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[7][0].float().mean(), make(1)[7][0].float().mean())


def test_the_manifest_names_the_content(data, tmp_path):
    files = [path for pair in find_pairs(data / "train/discs") for path in (pair.image, pair.mask)]
    assert manifest_hash(files, data) == manifest_hash(files[::-1], data)
    assert manifest_hash(files[1:], data) != manifest_hash(files, data)


def test_folders_and_pictures_that_can_not_be_used_are_named(data, tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        find_pairs(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"a\.png is not a readable picture"):
        find_pairs(tmp_path)[0].load()
    with pytest.raises(DataError, match="holds no pictures of rooms"):
        Batches(data, {"train/discs": 1.0}, "nowhere", 1, 1, 0)


def test_the_rate_rises_stays_and_falls_to_nothing(tmp_path):
    rates = [run.rate_at(step, config(tmp_path, tmp_path, steps=100, warmup=10, decay=0.4)) for step in range(100)]
    assert rates[0] == pytest.approx(2e-4)
    assert rates[10:60] == [2e-3] * 50
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert rates[99] == pytest.approx(2e-3 / 40)


@pytest.mark.parametrize("moment", ["before", "after", "measuring"])
def test_a_run_that_is_interrupted_and_resumed_ends_as_one_that_was_not(data, tmp_path, monkeypatch, moment):
    whole = run.train(config(data, tmp_path / "whole"))
    step, measure, calls = run.train_step, run.measure, []

    def ctrl_c():
        os.kill(os.getpid(), signal.SIGINT)

    def interrupted_step(*arguments):
        calls.append(1)
        if moment == "before" and len(calls) == 4:
            ctrl_c()
        parts = step(*arguments)
        if moment == "after" and len(calls) == 4:
            ctrl_c()
        return parts

    def interrupted_measure(*arguments):
        if moment == "measuring" and len(calls) == 6:
            ctrl_c()
        return measure(*arguments)

    monkeypatch.setattr(run, "train_step", interrupted_step)
    monkeypatch.setattr(run, "measure", interrupted_measure)
    with pytest.raises(KeyboardInterrupt):
        run.train(config(data, tmp_path / "parts"))
    parts = run.train(config(data, tmp_path / "parts"))
    assert len(calls) == 6
    one, other = load_weights(whole)[0].state_dict(), load_weights(parts)[0].state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (tmp_path / "whole" / "metrics.csv").read_text() == (tmp_path / "parts" / "metrics.csv").read_text()


def test_a_run_goes_on_with_its_own_settings_and_data_only(data, tmp_path):
    run.train(config(data, tmp_path, steps=2))
    run.train(config(data, tmp_path, steps=3, threads=1, checkpoint_every=9))
    with pytest.raises(DataError, match="was made with other learning_rate, seed"):
        run.train(config(data, tmp_path, steps=4, learning_rate=1e-4, seed=1))


def test_the_network_learns_a_small_set(data, tmp_path):
    path = run.train(config(data, tmp_path, steps=60, batch=8, evaluate_every=60, ema=0.8))
    _, info = load_weights(path)
    assert info.metrics["val/discs"]["iou"] > 0.8
    assert info.training["step"] == 60
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 2


def test_evaluation_is_that_of_the_service(segmenter, data):
    score = evaluate(segmenter, find_pairs(data / "val/discs"))
    assert score.pictures == 6
    assert 0.0 <= score.report()["iou"] <= 1.0
