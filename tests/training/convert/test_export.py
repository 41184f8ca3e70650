"""Weights given away: as ours, and for OpenVINO."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from segnet.classes import VOC_CLASSES
from segnet.configs import UNKNOWN, DeconvConfig
from segnet.engines import openvino_core, openvino_works
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT, WeightsError, WeightsInfo, build, load_weights, read_info, save_weights
from training.convert.export import run_export
from training.errors import DataError

SAMPLE = Path(__file__).parents[3] / "vcam/sample/known_answer.jpg"


def test_an_export_is_the_same_network_and_overwrites_nothing(tmp_path):
    target = tmp_path / "copy.safetensors"
    assert str(target) in run_export(DEFAULT, target)
    one, other = (load_weights(path)[0].state_dict() for path in (DEFAULT, target))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    with pytest.raises(DataError, match="exists; choose another name"):
        run_export(DEFAULT, target)
    (tmp_path / "net.bin").touch()
    with pytest.raises(DataError, match=r"net\.bin exists"):
        run_export(DEFAULT, tmp_path / "net.xml")


def test_a_small_export_has_a_third_of_the_size_and_finds_the_same(tmp_path):
    run_export(DEFAULT, target := tmp_path / "small.safetensors", small=True)
    assert target.stat().st_size < 0.4 * DEFAULT.stat().st_size
    picture = np.full((192, 320, 3), 90, np.uint8)
    picture[60:, 100:220] = 200
    one, other = (load_segmenter(path, engine="torch")(picture) for path in (DEFAULT, target))
    assert np.abs(one - other).max() < 0.02


def test_the_best_weights_of_a_run_are_exported_by_its_folder_or_its_checkpoint(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(DataError, match=r"best\.safetensors can't be exported: a run leaves it there"):
        run_export(run, tmp_path / "a.safetensors")
    run_export(DEFAULT, run / "best.safetensors")
    run_export(run, tmp_path / "a.safetensors")
    run_export(run / "checkpoint.pt", tmp_path / "b.safetensors")
    one, other = (load_weights(tmp_path / name) for name in ("a.safetensors", "b.safetensors"))
    assert one[1] == other[1] == read_info(DEFAULT)
    assert all(np.array_equal(tensor, other[0].state_dict()[name]) for name, tensor in one[0].state_dict().items())


def test_what_can_not_be_exported_is_said(tmp_path):
    for source, target, name, says in (
        (DEFAULT, "a.tflite", None, r"must end with \.safetensors, \.xml or \.onnx"),
        (tmp_path / "none.pth", "a.xml", None, "there is no such file"),
        (DEFAULT.parent / "CARD.md", "a.xml", None, "a run's folder"),
    ):
        with pytest.raises(DataError, match=says):
            run_export(source, tmp_path / target, name)
    (tmp_path / "theirs.pth").write_bytes(b"no pickle")
    with pytest.raises(DataError, match="does not say what network it is of"):
        run_export(tmp_path / "theirs.pth", tmp_path / "a.xml")
    with pytest.raises(WeightsError):
        run_export(tmp_path / "theirs.pth", tmp_path / "a.xml", "deeplabv3_resnet50")
    assert not (tmp_path / "a.xml").exists()


@pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")
def test_an_export_for_openvino_gives_the_services_mask(tmp_path):
    assert "the mask of the frame before" in run_export(DEFAULT, tmp_path / "net.xml")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (176, 320, 3)).astype(np.uint8)
    previous = rng.random((176, 320)).astype(np.float32)
    network = openvino_core().compile_model(tmp_path / "net.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    mask = network([picture[None], previous[None, None]])[0][0, 0]
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cpu")
    assert np.allclose(mask, segmenter(picture, previous), atol=1e-3)


@pytest.mark.parametrize("installed", [True, False])
def test_an_export_as_onnx_gives_the_services_mask_in_another_runtime(tmp_path, monkeypatch, installed):
    import onnxruntime

    if not installed:
        monkeypatch.setitem(sys.modules, "onnx", None)  # nobody needs the package onnx
        monkeypatch.setattr("training.convert.onnx_file.find_spec", lambda name: None)
    assert "the mask of the frame before" in run_export(DEFAULT, tmp_path / "net.onnx")
    network = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cpu")
    picture = cv2.resize(np.asarray(Image.open(SAMPLE).convert("RGB")), (320, 176), interpolation=cv2.INTER_AREA)
    previous = np.full((176, 320), UNKNOWN, np.float32)
    for _ in range(3):  # the first frame, and two with a past
        (mask,) = network.run(["mask"], {"picture": picture[None], "previous": previous[None, None]})
        expected = segmenter(picture, previous)
        assert np.abs(mask[0, 0] - expected).max() < 1 / 255
        assert 0.05 < (expected > 0.5).mean() < 0.95  # there is somebody
        previous = expected
    assert [*tmp_path.iterdir()] == [tmp_path / "net.onnx"]


def test_networks_without_a_past_are_written_as_onnx_too(tmp_path):
    import onnxruntime

    info = WeightsInfo("deconvnet", DeconvConfig(width=0.05, fc=8), VOC_CLASSES, ((224, 224),))
    save_weights(tmp_path / "w.safetensors", build(info).state_dict(), info)
    run_export(tmp_path / "w.safetensors", tmp_path / "net.onnx")
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    network = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (mask,) = network.run(["mask"], {"picture": picture[None]})
    segmenter = load_segmenter(tmp_path / "w.safetensors", engine="torch", device="cpu")
    assert np.abs(mask[0, 0] - segmenter(picture)).max() < 1 / 255
