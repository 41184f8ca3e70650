"""A DeconvNet made small enough to hand around."""

import pytest
import torch

from segnet.classes import VOC_CLASSES
from segnet.configs import DeconvConfig
from segnet.weights import DEFAULT, WeightsInfo, build, load_weights, save_weights
from training.errors import DataError
from training.run.slim import run_slim

INFO = WeightsInfo(
    "deconvnet", DeconvConfig(1 / 8, 0, 1 / 32), VOC_CLASSES, ((64, 64),), metrics={"val": {"miou": 0.5}}
)


@pytest.fixture
def wide(tmp_path):
    torch.manual_seed(0)
    save_weights(tmp_path / "wide.safetensors", build(INFO).state_dict(), INFO)
    return tmp_path / "wide.safetensors"


def test_a_narrow_copy_is_small_and_claims_no_figures_of_the_wide_one(folder, wide, tmp_path):
    said = run_slim(wide, target := tmp_path / "slim.safetensors", 1 / 16, folder / "train")
    assert said.startswith(f"{target} (")
    network, info = load_weights(target)
    assert info.config == DeconvConfig(1 / 16, 0, 1 / 32)
    assert not info.metrics
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 21, 64, 64)
    assert target.stat().st_size < wide.stat().st_size / 4
    with pytest.raises(DataError, match="exists; choose another name"):
        run_slim(wide, target, 1 / 16, folder / "train")


def test_what_can_not_be_made_narrower_is_said(folder, wide, tmp_path):
    with pytest.raises(DataError, match="only a deconvnet can be made narrower"):
        run_slim(DEFAULT, tmp_path / "x.safetensors", 0.5, folder / "train")
    with pytest.raises(DataError, match=r"can't be made 0\.01 wide"):
        run_slim(wide, tmp_path / "x.safetensors", 0.01, folder / "train")
