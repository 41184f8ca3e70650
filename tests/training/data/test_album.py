"""Pictures and masks from folders: batches that can be had again, and what is refused."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from training.data.album import Batches, DataError, find_pairs, load_album, manifest_hash


def test_a_batch_depends_on_its_number_and_the_seed_alone(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms")
    make = lambda seed: Batches(album, 4, 10, seed)  # noqa: E731
    one, two = make(0), make(0)
    two[3]
    for a, b in zip(one[7], two[7], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[7][0].float().mean(), make(1)[7][0].float().mean())


def test_the_processes_of_a_run_share_its_batches_without_overlap(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms")
    make = lambda rank, world: Batches(album, 4, 10, 0, rank, world)  # noqa: E731
    whole, parts = make(0, 1)[5], [make(rank, 2)[5] for rank in (0, 1)]
    for whole_tensor, zero, one in zip(whole, *parts, strict=True):
        assert torch.equal(whole_tensor[0::2], zero)
        assert torch.equal(whole_tensor[1::2], one)


def test_sets_are_drawn_as_often_as_they_weigh_however_many_pictures_they_have(data):
    (data / "train/discs/few.txt").write_text("1\n3\n")
    chances = load_album(data, {"train/discs": 1.0, "train/discs/few": 3.0}, "rooms").index.chances
    assert chances.tolist() == pytest.approx([1 / 24] * 6 + [3 / 8] * 2)


def test_batches_have_the_areas_of_the_networks_input_sizes(data):
    album = load_album(data, {"train/discs": 1.0}, "rooms", ((320, 176), (640, 352)))
    shapes = {tuple(Batches(album, 1, 40, 0)[step][0].shape[2:]) for step in range(40)}
    assert {(176, 320), (352, 640), (272, 208)} <= shapes
    for height, width in shapes:
        assert min(abs(height * width / area - 1) for area in (320 * 176, 640 * 352)) < 0.08


def test_the_manifest_names_the_content(data, tmp_path):
    files = [path for pair in find_pairs(data / "train/discs") for path in (pair.image, pair.mask)]
    assert manifest_hash(files, data) == manifest_hash(files[::-1], data)
    assert manifest_hash(files[1:], data) != manifest_hash(files, data)


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
        load_album(data, {"train/discs": 1.0}, "nowhere")
