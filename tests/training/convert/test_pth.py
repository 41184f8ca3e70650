"""Weights that other programs' training scripts saved: taken however they are wrapped, or refused with the reason."""

from argparse import Namespace

import numpy as np
import pytest
import torch
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from segnet.weights import WeightsError
from training.convert.pth import convert, tensors_of

NAME = "lraspp_mobilenet_v3_large"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)


def wrapped(state, prefix="module."):
    return {f"{prefix}{key}": tensor for key, tensor in state.items()}


def emptied(state):
    return {key: torch.zeros_like(tensor) for key, tensor in state.items()}


@pytest.mark.parametrize(
    "save",
    [
        lambda state: state,
        wrapped,
        lambda state: wrapped(wrapped(state, "_orig_mod.")),
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": wrapped(state), "epoch": 3, "arch": "lraspp"},
        lambda state: {"model": {"state_dict": state}, "args": Namespace(lr=0.1)},
        lambda state: {"model": emptied(state), "model_ema": wrapped(state), "optimizer": {"lr": 0.1}},
        lambda state: {"model": emptied(state), "ema": wrapped(state) | {"n_averaged": torch.tensor(3)}},
        lambda state: {"model": state, "ema": 0.999},
    ],
)
def test_the_tensors_are_found_however_they_were_saved(network, tmp_path, save):
    torch.save(save(network.state_dict()), tmp_path / "w.pth")
    tensors, _ = convert(tmp_path / "w.pth", NAME)
    for key, tensor in network.state_dict().items():
        assert torch.equal(tensors[f"network.{key}"], tensor)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            lambda network: network,
            r"holds torchvision\S*LRASPP, and to open that .* save the network",
        ),
        (lambda network: {"model": network.state_dict(), "best": np.float64(1)}, r"holds numpy\S*scalar, and to open"),
        (
            lambda network: {"weights": network.state_dict(), "epoch": 3},
            "holds epoch beside tensors, and none of",
        ),
        (lambda network: [1, 2], "holds no tensors of a network; save"),
        (lambda network: {}, "holds no tensors of a network"),
    ],
)
def test_what_can_not_be_taken_is_refused_in_plain_text(network, tmp_path, content, says):
    torch.save(content(network), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=says) as caught:
        convert(tmp_path / "w.pth", NAME)
    assert str(caught.value).isprintable()


def test_of_two_networks_the_average_is_taken():
    one, other = {"a": torch.zeros(1)}, {"a": torch.ones(1)}
    assert tensors_of({"state_dict": one, "state_dict_ema": other}, "w.pth") == other
