"""Training: the formulas against plain ones, the data's promises, and a run that can be interrupted."""

import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segnet.light import LightConfig, LightNet
from segnet.weights import digest, load_weights
from training import person
from training import train as run
from training.augment import Picture, augment_person, augment_room, no_scene, touches_only_below
from training.card import figures
from training.config import TrainConfig
from training.data import SHAPES, Batches, DataError, find_pairs, manifest_hash
from training.evaluate import evaluate
from training.losses import contour_band, contour_bce, segmentation_loss, soft_dice
from training.memory import Motion, previous_masks, trailing
from training.metrics import Confusion, Score, boundary_band, boundary_width
from training.split import split_folder


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
    assert {"iou": 1.0, "boundary_iou": 1.0, "accuracy": 1.0, "pictures": 1}.items() <= same.report().items()
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
    assert float(contour_bce(logits, target, contour_band(target))) == pytest.approx(plain, rel=1e-5)
    previous, still = torch.full_like(target, 0.25), torch.tensor([True])
    fresh = logits + 1
    parts = segmentation_loss(logits, fresh, target, previous, still)
    assert float(parts["bce"]) == pytest.approx(float(contour_bce(fresh, target, contour_band(target))))
    assert float(parts["memory"]) == pytest.approx(float(contour_bce(logits, target, contour_band(target))))
    assert float(parts["steady"]) == pytest.approx(0.7 * np.abs(p - 0.25).sum() / 5, rel=1e-5)
    assert float(parts["follow"]) == 0.0
    assert float(parts["total"]) == pytest.approx(sum(float(parts[name]) for name in parts if name != "total"))
    parts = segmentation_loss(logits, fresh, target, previous, ~still)
    assert float(parts["steady"]) == 0.0
    lag = np.abs(p - 1 / (1 + np.exp(-fresh.numpy()))).sum() / 5
    assert float(parts["follow"]) == pytest.approx(lag, rel=1e-5)


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


def test_what_a_webcam_shows_without_a_scene_has_nobody_in_it_and_is_not_all_the_same():
    kinds = [no_scene((64, 48), np.random.default_rng(seed)) for seed in range(30)]
    assert {picture.shape for picture in kinds} == {(48, 64, 3)}
    assert any(picture.max() < 30 for picture in kinds)  # a covered lens
    assert any(len(np.unique(picture.reshape(-1, 3), axis=0)) < 20 and picture.max() > 90 for picture in kinds)  # bars


def test_previous_masks_are_unknown_the_networks_own_or_spoilt_and_only_the_second_may_count_as_still():
    torch.manual_seed(0)
    network = LightNet(LightConfig(stem=8, widths=(8, 8, 8, 8), decoder=(8, 8, 8)))
    x = torch.randn(64, 3, 48, 64)
    masks, still = previous_masks(network, x, torch.Generator().manual_seed(3))
    fresh = (masks == 0.5).flatten(1).all(1)
    assert 30 < int(fresh.sum()) < 55
    assert 2 < int(still.sum()) < 30
    assert not (fresh & still).any()
    own = torch.sigmoid(network.eval()(x, torch.full_like(x[:, :1], 0.5))[0])
    spoilt = ((masks == 0) | (masks == 1)).flatten(1).any(1)
    assert spoilt.any()
    assert not (spoilt & still).any()
    assert float((masks[still] - own[still]).detach().abs().mean()) < 0.1
    assert masks.min() >= 0
    assert masks.max() <= 1
    again, _ = previous_masks(network, x, torch.Generator().manual_seed(3))
    assert torch.equal(masks == 0.5, again == 0.5)


def test_what_moves_was_elsewhere_before_and_what_stands_still_was_not():
    picture = torch.arange(36.0).view(1, 6, 6)
    assert torch.equal(Motion(1, 2).back(picture, 2), picture.roll((2, 4), (1, 2)))
    partly = Motion(1, 0, axis=1, start=4).back(picture, 1)
    assert torch.equal(partly[:, 4:], picture[:, 4:])
    assert torch.equal(partly[:, 1:4], picture[:, :3])
    trail = trailing(picture, Motion(0, 1), torch.Generator().manual_seed(1))
    assert not torch.equal(trail, picture)
    assert float(trail.mean()) == pytest.approx(float(picture.mean()))
    assert torch.allclose(trailing(picture, Motion(0, 0), torch.Generator()), picture)


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


def test_the_processes_of_a_run_share_its_batches_without_overlap(data):
    make = lambda rank, world: Batches(data, {"train/discs": 1.0}, "rooms", 4, 10, 0, rank, world)  # noqa: E731
    whole, parts = make(0, 1)[5], [make(rank, 2)[5] for rank in (0, 1)]
    for whole_tensor, zero, one in zip(whole, *parts, strict=True):
        assert torch.equal(whole_tensor[0::2], zero)
        assert torch.equal(whole_tensor[1::2], one)


@pytest.mark.timeout(300)
def test_a_run_of_two_processes_ends_with_the_figures_of_a_run_of_one(data, tmp_path):
    """Not the same bits: each process normalises its own half of the batch."""
    options = [
        "--data", str(data), "--sets", '{"train/discs": 1}', "--validation", '["val/discs"]', "--batch", "8",
        "--steps", "40", "--warmup", "5", "--workers", "0", "--evaluate-every", "40", "--ema", "0.8", "--device", "cpu",
    ]  # fmt: skip
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*torchrun, "-m", "training", "train", *options, "--out", str(tmp_path / "two")], check=True, cwd=tmp_path
    )
    subprocess.run(
        [sys.executable, "-m", "training", "train", *options, "--out", str(tmp_path / "one")], check=True, cwd=tmp_path
    )
    two, one = (load_weights(tmp_path / name / "best.safetensors")[1].metrics["val/discs"] for name in ("two", "one"))
    assert one["iou"] > 0.8
    assert two["iou"] == pytest.approx(one["iou"], abs=0.05)


def test_a_process_that_is_told_to_stop_stops_the_others_after_the_same_step(data, tmp_path):
    code = (
        "import os, sys, torch; from training.group import join\n"
        "with join('cpu') as group:\n"
        "    assert group.any(group.rank == 1) and not group.any(False)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    subprocess.run([*command, sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_the_manifest_names_the_content(data, tmp_path):
    files = [path for pair in find_pairs(data / "train/discs") for path in (pair.image, pair.mask)]
    assert manifest_hash(files, data) == manifest_hash(files[::-1], data)
    assert manifest_hash(files[1:], data) != manifest_hash(files, data)


def drawn(folder, names):
    """A set of grey pictures with a square person."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.full((40, 60, 3), 90, np.uint8))
        cv2.imwrite(
            str(folder / "masks" / f"{name}.png"), np.pad(np.full((20, 20), 255, np.uint8), ((20, 0), (20, 20)))
        )


def test_a_split_puts_nobody_on_both_sides_and_keeps_them_there_when_pictures_are_added(tmp_path):
    names = [f"p{person:02}_{shot}" for person in range(40) for shot in range(3)]
    drawn(tmp_path / "set", names)
    split_folder(tmp_path / "set", "^p[0-9]+", 0.25)
    train, val = (find_pairs(tmp_path / "set" / name) for name in ("train", "val"))
    people = [{pair.name.split("_")[0] for pair in pairs} for pairs in (train, val)]
    assert not people[0] & people[1]
    assert len(train) + len(val) == 120
    assert 4 <= len(people[1]) <= 16
    with pytest.raises(DataError, match=r"train\.txt exists"):
        split_folder(tmp_path / "set", "^p[0-9]+", 0.25)
    drawn(tmp_path / "more", [*names, "p99_0"])
    split_folder(tmp_path / "more", "^(p[0-9]+)_", 0.25)
    assert {pair.name for pair in val} <= {pair.name for pair in find_pairs(tmp_path / "more" / "val")}


@pytest.mark.parametrize(
    ("by", "share", "why"),
    [
        ("(", 0.1, "not a regular"),
        ("^q", 0.1, "matches nothing in the name p0"),
        ("^p", 0.5, "one side"),
        ("^p", 1.5, "1.5"),
    ],
)
def test_a_split_that_can_not_be_is_refused_and_writes_nothing(tmp_path, by, share, why):
    drawn(tmp_path / "set", ["p0", "p1"])
    with pytest.raises(DataError, match=why):
        split_folder(tmp_path / "set", by, share)
    assert not list((tmp_path / "set").glob("*.txt"))


def voc_layout(root, labels, mode="P"):
    """One picture in VOC's layout, in the split `train`."""
    for part in ("ImageSets/Segmentation", "JPEGImages", "SegmentationClass"):
        (root / part).mkdir(parents=True)
    (root / "ImageSets/Segmentation/train.txt").write_text("2007_000001\n")
    cv2.imwrite(str(root / "JPEGImages/2007_000001.jpg"), np.full((*labels.shape, 3), 90, np.uint8))
    picture = Image.fromarray(labels)
    if mode == "P":
        picture.putpalette([i // 3 for i in range(768)])
    picture.save(root / "SegmentationClass/2007_000001.png")
    return root / "train"


def test_of_vocs_classes_only_people_are_kept_and_void_is_neither(tmp_path):
    labels = np.array([[0, 15], [8, 255]], np.uint8)
    picture = find_pairs(voc_layout(tmp_path, labels))[0].load()
    assert picture.mask.tolist() == [[0, 255], [0, 128]]


def test_voc_labels_that_lost_their_palette_are_refused(tmp_path):
    pair = find_pairs(voc_layout(tmp_path, np.zeros((4, 4), np.uint8), mode="L"))[0]
    with pytest.raises(DataError, match="has lost its palette"):
        pair.load()


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
    step, measure, calls = run.train_step, person.evaluate, []

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
    monkeypatch.setattr(person, "evaluate", interrupted_measure)
    with pytest.raises(KeyboardInterrupt):
        run.train(config(data, tmp_path / "parts"))
    parts = run.train(config(data, tmp_path / "parts"))
    assert len(calls) == 6
    one, other = load_weights(whole)[0].state_dict(), load_weights(parts)[0].state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (tmp_path / "whole" / "metrics.csv").read_text() == (tmp_path / "parts" / "metrics.csv").read_text()


def test_schedules_start_at_the_full_rate_and_end_at_nothing(tmp_path):
    for schedule in ("trapezoid", "cosine", "poly"):
        of = config(tmp_path, tmp_path, steps=1000, warmup=10, schedule=schedule)
        assert run.rate_at(10, of) == pytest.approx(2e-3, rel=0.01)
        assert 0 < run.rate_at(999, of) < 2e-5
    assert run.rate_at(505, config(tmp_path, tmp_path, steps=1000, warmup=10, schedule="cosine")) == pytest.approx(1e-3)
    assert run.rate_at(505, config(tmp_path, tmp_path, steps=1000, warmup=10, schedule="poly")) == pytest.approx(
        2e-3 * 0.5**0.9
    )


def test_a_run_never_overwrites_the_results_of_another(data, tmp_path):
    run.train(config(data, tmp_path, steps=2))
    (tmp_path / "checkpoint.pt").unlink()
    before = (tmp_path / "best.safetensors").read_bytes()
    with pytest.raises(DataError, match="holds the results of another run"):
        run.train(config(data, tmp_path, steps=2))
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        run.train(config(data, tmp_path, steps=2))
    assert (tmp_path / "best.safetensors").read_bytes() == before


def test_a_network_that_takes_everything_for_background_is_told_of(tmp_path):
    said = run.collapse({"val": {"predicted_background": 0.995, "miou": 0.035, "accuracy": 0.73}})
    assert "99.5% of the pixels for background" in said
    assert "finds nobody" in run.collapse({"val": {"iou": 0.0}})
    assert run.collapse({"val": {"predicted_background": 0.9, "accuracy": 0.8}, "other": {"iou": 0.7}}) == ""


def test_fine_tuning_starts_from_the_weights_that_are_given_and_from_no_others(data, tmp_path):
    first = run.train(config(data, tmp_path / "first", steps=2))
    tuned = run.train(config(data, tmp_path / "tuned", steps=1, learning_rate=1e-9, init=first, ema=0.0))
    one, other = load_weights(first)[0].state_dict(), load_weights(tuned)[0].state_dict()
    assert torch.allclose(one["stem.dense"], other["stem.dense"], atol=1e-6)
    before = load_weights(tuned)[1].training["started_from"]
    assert before["sha256"] == digest(one)
    assert before["training"]["step"] == 2
    assert "started from weights that were made in 2 steps of 2 pictures (4 in all)" in figures(tuned)
    with pytest.raises(DataError, match="holds the weights of light, not of deconvnet"):
        run.train(config(data, tmp_path / "other", init=first, network="deconvnet"))


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
