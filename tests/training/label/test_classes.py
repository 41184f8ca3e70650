"""Pictures that a network for VOC's classes labels: a set to train on, void where it is unsure."""

import cv2
import numpy as np
import pytest

from segnet.classes import VOC_CLASSES
from segnet.engines import openvino_works
from segnet.weights import WeightsInfo
from tests.cli.test_main import segblur
from tests.helpers.network_files import SIDE, ByColour, write_onnx
from tests.helpers.voc_scene import CAT, DOG, Perfect
from training.convert.export import run_export
from training.data.voc_data import load_voc
from training.errors import DataError
from training.label.classes import label_classes, run_label_classes

pytestmark = pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")


@pytest.fixture
def teacher(tmp_path):
    """It takes red for a cat, green for a dog, blue for a person."""
    write_onnx(tmp_path / "network.onnx", ByColour())
    run_export(tmp_path / "network.onnx", tmp_path / "teacher.safetensors")
    return tmp_path / "teacher.safetensors"


@pytest.fixture
def pictures(tmp_path):
    """Half red, half green."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, : SIDE // 2], image[:, SIDE // 2 :] = (5, 5, 250), (5, 250, 5)  # BGR
    for name in ("a.png", "b.jpg"):
        cv2.imwrite(str(folder / name), image)
    return folder


def test_labels_are_a_set_that_training_reads(teacher, pictures, tmp_path):
    result = segblur("label", pictures, tmp_path / "out", "--teachers", f'{{"{teacher}": 1}}', "--sure", "0.1")
    assert result.returncode == 0
    assert result.stdout.startswith(f"{tmp_path / 'out/train'}: 2 pictures; of their pixels ")
    made = load_voc(tmp_path / "out/train")
    assert [picture.name for picture in made.pictures] == ["a", "b"]
    for picture in made.pictures:
        labels = picture.labels()
        assert (labels[:, : SIDE // 2 - 8] == CAT).all()
        assert (labels[:, SIDE // 2 + 8 :] == DOG).all()


def test_what_is_less_likely_than_asked_for_is_void():
    info = WeightsInfo("deconvnet", object(), VOC_CLASSES, ((64, 64),))
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, :32] = 255, 0, 0
    likely = {cls: float(score) for cls, score in enumerate(Perfect()(bright(image, info)).softmax(1)[0, :, 0, 0])}
    assert (label_classes(Perfect(), info, image, likely[CAT] - 0.01)[:, :30] == CAT).all()
    assert (label_classes(Perfect(), info, image, likely[CAT] + 0.01)[:, :30] == 255).all()


def bright(image, info):
    from training.measure.classes import prepared

    return prepared(image, info)


def test_a_bad_picture_is_named_and_results_are_never_overwritten(teacher, pictures, tmp_path, capsys):
    (pictures / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"2 pictures; .*; 1 of 3 could not be used, see above"):
        run_label_classes(pictures, tmp_path / "out", teacher, 0.1)
    assert "bad.jpg is not a readable picture" in capsys.readouterr().err
    assert len(load_voc(tmp_path / "out/train").pictures) == 2
    with pytest.raises(DataError, match="holds other results; choose another folder"):
        run_label_classes(pictures, tmp_path / "out", teacher, 0.1)
