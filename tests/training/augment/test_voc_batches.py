"""Crops of VOC's pictures, and labels that move with them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.voc_scene import CAT, DOG, PERSON, a_scene, save_labels
from training.augment.voc_batches import (
    VocBatches,
    choose_crop,
    cut_out,
    find_objects,
    grown,
    overlap,
    proposal,
    random_part,
    repeats,
)
from training.data.voc_data import load_voc


def batches(folder, **changes):
    values = {"stage": "whole", "size": (64, 48), "batch": 6, "steps": 10, "seed": 0}
    return VocBatches([(load_voc(folder / "train"), 1.0)], **(values | changes))


def test_labels_that_are_resized_keep_to_their_numbers():
    image, labels = a_scene()
    for size in ((224, 224), (37, 29), (100, 60)):
        _, small = cut_out(image, labels, (3, 2, 98, 59), size)
        assert small.shape == size[::-1]
        assert set(np.unique(small)) <= {0, CAT, DOG, 255}


@pytest.mark.parametrize("stage", ["whole", "objects", "proposals"])
def test_pictures_and_labels_move_together(folder, stage):
    data = batches(folder, stage=stage, size=(96, 96), batch=8)
    for step in range(3):
        images, labels = data[step]
        assert images.shape == (8, 3, 96, 96)
        assert labels.shape == (8, 1, 96, 96)
        assert images.dtype == labels.dtype == torch.uint8
        for image, label in zip(images.int(), labels[:, 0], strict=True):
            redder = image[0] > image[1] + 40
            assert (redder[label == CAT]).float().mean() > 0.9 or not (label == CAT).any()
            assert not redder[label == DOG].any() or redder[label == DOG].float().mean() < 0.1


def test_a_batch_depends_on_its_number_and_the_seed_alone(folder):
    one, two = batches(folder), batches(folder)
    two[3]
    for a, b in zip(one[7], two[7], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[7][0], one[6][0])
    assert not torch.equal(one[7][0], batches(folder, seed=1)[7][0])


def test_processes_together_make_the_batch_that_one_alone_makes(folder):
    whole = batches(folder)[5]
    parts = [batches(folder, rank=rank, world=3)[5] for rank in range(3)]
    for n in range(2):
        assert torch.equal(torch.stack([part[n] for part in parts], dim=1).flatten(0, 1), whole[n])


def test_sets_are_drawn_as_often_as_told(folder):
    Image.fromarray(np.full((60, 100, 3), 255, np.uint8)).save(folder / "JPEGImages/d.jpg")
    sets = [(load_voc(folder / "train"), 1.0), (load_voc(folder / "val"), 3.0)]
    images, _ = VocBatches(sets, "whole", (32, 32), 400, 1, 0)[0]
    bright = (images.float().mean(dim=(1, 2, 3)) > 170).float().mean()
    assert 0.68 < bright < 0.82


def test_pictures_of_rare_classes_are_drawn_more_often():
    counts = np.zeros((100, 21), np.int64)
    counts[:, 0], counts[:60, CAT], counts[:4, DOG], counts[2:5, PERSON] = 9, 9, 9, 9
    drawn = repeats(counts, 0.36)
    assert np.allclose(drawn[:5], [3, 3, 12**0.5, 12**0.5, 12**0.5])  # of dogs, people: in 4 and 3 of 100 pictures
    assert (drawn[5:] == 1).all()
    assert (repeats(counts, 0.0) == 1).all()


def test_a_set_is_drawn_by_how_rare_its_classes_are(folder):
    image, labels = a_scene()
    Image.fromarray(np.full_like(image, 255)).save(folder / "JPEGImages/c.jpg")
    save_labels(folder / "SegmentationClass/c.png", np.where(labels == DOG, PERSON, labels))
    one = load_voc(folder / "train")
    assert one.counts.shape == (3, 21)
    images, _ = VocBatches([(one, 1.0)], "whole", (32, 32), 400, 1, 0, repeat=1.0)[0]
    bright = (images.float().mean(dim=(1, 2, 3)) > 170).float().mean()  # 1.73 of 1.73 and twice 1.22
    assert 0.35 < bright < 0.48


def test_crops_of_the_whole_begin_at_the_objects_and_end_at_the_picture():
    labels = np.zeros((200, 300), np.uint8)
    labels[80:120, 100:160] = CAT
    rng = np.random.default_rng(0)
    early = [choose_crop("whole", labels, None, 0.0, rng)[0] for _ in range(50)]
    late = [choose_crop("whole", labels, None, 1.0, rng)[0] for _ in range(200)]
    near = grown((100, 80, 160, 120), 1.2, 300, 200)
    assert all(near[0] <= box[0] and near[1] <= box[1] and box[2] <= near[2] and box[3] <= near[3] for box in early)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) / 60_000 for box in late]
    assert min(areas) > 0.45
    assert max(areas) > 0.9


def test_a_crop_of_one_object_makes_the_others_background_and_keeps_void():
    labels = a_scene()[1]
    rng, seen = np.random.default_rng(0), set()
    for _ in range(20):
        _, alone = choose_crop("objects", labels, None, 1.0, rng)
        assert np.array_equal(alone == 255, labels == 255)
        (one,) = set(np.unique(alone)) - {0, 255}
        assert np.array_equal(alone == one, labels == one)
        seen.add(int(one))
    assert seen == {CAT, DOG}


def test_a_proposal_keeps_the_other_objects():
    _, kept = choose_crop("proposals", a_scene()[1], None, 1.0, np.random.default_rng(0))
    assert np.array_equal(kept, a_scene()[1])


@given(st.integers(0, 2**32 - 1))
def test_a_proposal_overlaps_its_object_by_half_and_lies_inside(seed):
    rng = np.random.default_rng(seed)
    left, top = (int(v) for v in rng.integers(0, 90, 2))
    box = (left, top, left + int(rng.integers(1, 110 - left)), top + int(rng.integers(1, 100 - top)))
    other = proposal(box, 110, 100, rng)
    a, b = np.zeros((2, 100, 110), bool)
    a[box[1] : box[3], box[0] : box[2]] = True
    b[other[1] : other[3], other[0] : other[2]] = True
    assert overlap(box, other) == pytest.approx((a & b).sum() / (a | b).sum())
    assert overlap(box, other) >= 0.5
    assert b.sum() == (other[2] - other[0]) * (other[3] - other[1])


@given(st.integers(0, 2**32 - 1))
def test_a_random_part_is_part_of_its_box_and_never_empty(seed):
    rng = np.random.default_rng(seed)
    width, height = (int(v) for v in rng.integers(1, 90, 2))
    left, top = int(rng.integers(width)), int(rng.integers(height))
    box = grown((left, top, left + 1, top + 1), 1.2, width, height)
    part = random_part(box, 0.3, width, height, rng)
    assert 0 <= box[0] <= part[0] < part[2] <= box[2] <= width
    assert 0 <= box[1] <= part[1] < part[3] <= box[3] <= height


def test_objects_are_pieces_of_a_class_or_what_the_instances_say():
    labels = np.zeros((50, 60), np.uint8)
    labels[5:20, 5:15] = labels[5:20, 30:40] = PERSON
    labels[45, 50] = PERSON  # a speck
    numbers, boxes = find_objects(labels, None)
    assert sorted(boxes) == [(5, 5, 15, 20), (30, 5, 40, 20)]
    assert (numbers[labels == 0] == 0).all()
    instances = np.where(labels == PERSON, 1, 0).astype(np.uint8)
    instances[0, 0] = 255
    assert find_objects(labels, instances)[1] == [(5, 5, 51, 46)]


def test_of_specks_alone_the_largest_counts_and_of_nothing_nothing():
    labels = np.zeros((100, 100), np.uint8)
    labels[3, 4:8] = labels[50, 50] = CAT
    assert find_objects(labels, None)[1] == [(4, 3, 8, 4)]
    assert find_objects(np.zeros((9, 9), np.uint8), None)[1] == []


@pytest.mark.parametrize("stage", ["whole", "objects", "proposals"])
def test_a_picture_of_nothing_is_shown_whole(stage):
    labels = np.full((50, 60), 255, np.uint8)
    box, same = choose_crop(stage, labels, None, 0.0, np.random.default_rng(0))
    assert (box[2] - box[0]) * (box[3] - box[1]) > 0.45 * 3000
    assert np.array_equal(same, labels)
