"""Which pictures belong to a set, and what is refused."""

import cv2
import numpy as np
import pytest
from PIL import Image

from training.augment.batches import load_album
from training.data.pairs import find_pairs, find_set, manifest_hash
from training.errors import DataError


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
    folder = voc_layout(tmp_path, np.full((4, 4), 38, np.uint8), mode="L")  # 38: an aeroplane's red as grey
    for read in (find_set, lambda folder: find_pairs(folder)[0].load()):
        with pytest.raises(DataError, match="38 is neither one of VOC's classes nor void"):
            read(folder)


def test_folders_and_pictures_that_can_not_be_used_are_named(data, tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        find_pairs(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("no picture")
    with pytest.raises(DataError, match=r"a\.png is not a readable picture"):
        find_pairs(tmp_path)[0].load()
    with pytest.raises(DataError, match="holds no pictures of rooms"):
        load_album(data, {"train/discs": 1.0}, "nowhere")
