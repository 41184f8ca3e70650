"""VOC's labels stay numbers, and what is no VOC is refused."""

import numpy as np
import pytest
from PIL import Image

from tests.helpers.voc_scene import a_scene, save_labels
from training.data.pairs import find_set
from training.data.voc_data import load_voc
from training.errors import DataError


def test_labels_are_the_numbers_of_the_palette(folder):
    picture = load_voc(folder / "val").pictures[0]
    assert np.array_equal(picture.labels(), a_scene()[1])
    assert picture.image().shape == (60, 100, 3)


@pytest.mark.parametrize(
    ("mode", "says"), [("RGB", r"without a palette \(mode RGB\)"), ("L", "neither one of VOC's classes nor void")]
)
def test_labels_that_lost_their_palette_are_refused(folder, mode, says):
    path = folder / "SegmentationClass/b.png"
    with Image.open(path) as picture:
        converted = picture.convert(mode)
    converted.save(path)
    with pytest.raises(DataError, match=f"the labels of b: .*{says}"):
        load_voc(folder / "train")


def test_grey_class_numbers_are_labels_too(folder):
    for path in (folder / "SegmentationClass").iterdir():
        with Image.open(path) as picture:
            numbers = np.array(picture)
        Image.fromarray(numbers).save(path)
    assert np.array_equal(load_voc(folder / "val").pictures[0].labels(), a_scene()[1])
    assert find_set(folder / "val")[0].load().mask.max() == 128  # void, and nobody


def test_a_label_that_is_no_class_is_refused(folder):
    labels = a_scene()[1]
    labels[0, 0] = 21
    save_labels(folder / "SegmentationClass/c.png", labels)
    with pytest.raises(DataError, match="the labels of c: 21 is neither one of VOC's classes nor void"):
        load_voc(folder / "train")


def test_everything_that_is_wrong_is_found_before_the_run_and_named(folder):
    (folder / "JPEGImages/a.jpg").write_bytes(b"")
    (folder / "SegmentationClass/b.png").unlink()
    save_labels(folder / "SegmentationClass/c.png", a_scene()[1][:50])
    with pytest.raises(DataError) as caught:
        load_voc(folder / "train")
    for problem in ("the picture of a is not readable", "b.png is missing", "of c are not of the size of the picture"):
        assert problem in str(caught.value)


def test_a_picture_that_was_cut_short_is_found_before_the_run(folder):
    for path in (folder / "JPEGImages/a.jpg", folder / "SegmentationClass/b.png"):
        path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError, match=r"the picture of a is not readable.*the labels of b can't be read"):
        load_voc(folder / "train")


def test_many_problems_are_counted_rather_than_listed(folder):
    (folder / "ImageSets/Segmentation/train.txt").write_text("\n".join(f"gone{n}" for n in range(9)))
    with pytest.raises(DataError, match="and 4 more"):
        load_voc(folder / "train")


def test_lists_that_are_not_there_or_empty_are_named(folder, tmp_path):
    with pytest.raises(DataError, match=r"there is no .*test\.txt; the lists there are train, val"):
        load_voc(folder / "test")
    with pytest.raises(DataError, match="is not in VOC's layout"):
        load_voc(tmp_path / "elsewhere" / "train")
    (folder / "ImageSets/Segmentation/train.txt").write_text("\n")
    with pytest.raises(DataError, match=r"train\.txt lists no pictures"):
        load_voc(folder / "train")


def test_classes_that_nothing_shows_are_reported(folder):
    absent = load_voc(folder / "train").absent()
    assert "cat" not in absent
    assert "background" not in absent
    assert len(absent) == 18
