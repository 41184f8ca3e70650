"""Weights given away: as ours, and for OpenVINO."""

import numpy as np
import pytest

from segnet.engines import openvino_core, openvino_works
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT, WeightsError, load_weights, read_info
from training.convert.export import run_export
from training.errors import DataError


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
        (DEFAULT, "a.onnx", None, r"must end with \.safetensors or \.xml"),
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
