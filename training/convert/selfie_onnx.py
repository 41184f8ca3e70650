"""MediaPipe's Selfie network from its ONNX copy, made into ours: the weights of its convolutions, one after the other,
and a comparison of what both find, without which nothing is taken.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segnet.configs import SelfieConfig
from segnet.engines import import_openvino
from segnet.selfie import SelfieNet
from segnet.weights import WeightsError, WeightsInfo
from training.convert.onnx_reader import read_onnx

INPUT_SIZES = ((320, 176), (384, 224))  # where it finds contours best for its time, and finer
SIDE = 256  # pixels of the pictures that the ONNX file takes
CONVOLUTIONS = ("Convolution", "GroupConvolution", "ConvolutionBackpropData")
ALIKE = 1e-4  # most by which a probability may differ
ORIGIN = "MediaPipe Selfie Segmentation, general (Google, Apache-2.0), its ONNX copy"
MEMORY_STARTS = -3.0  # logit of how much of the last mask is kept before the memory is trained: 4 % of what it may


def convert_onnx(path: Path, config: SelfieConfig) -> tuple[nn.Module, WeightsInfo]:
    """The network of an ONNX file of MediaPipe's Selfie, general, with the refinements of `config`, which do nothing
    yet, and a memory that keeps next to nothing until it is trained; and its description. Raises WeightsError.
    """
    try:
        content = path.read_bytes()
        theirs = read_onnx(content)
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror}; name the ONNX file itself") from None
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1]
        raise WeightsError(f"{path} is not a readable ONNX file that holds all its numbers: {last:.200}") from None
    torch.manual_seed(0)  # the refinements' first weights
    network = without_memory(SelfieNet(config))
    try:
        fill(network, convolutions(theirs))
        apart = difference(network, theirs)
    except (ValueError, RuntimeError) as error:
        raise foreign(path, str(error).strip().splitlines()[0]) from None
    if not apart <= ALIKE:
        raise foreign(path, f"both see other people, by {apart:.2g}")
    origin = {"from": f"{ORIGIN}, sha256 {hashlib.sha256(content).hexdigest()}"}
    return network, WeightsInfo(
        "selfie", network.config, input_sizes=INPUT_SIZES, mean=(0, 0, 0), std=(1, 1, 1), training=origin
    )


class NotSelfieError(WeightsError):
    """An ONNX file of another network."""


def foreign(path: Path, why: str) -> NotSelfieError:
    """The error for an ONNX file of another network."""
    return NotSelfieError(f"{path} is not MediaPipe's Selfie network, general: {why:.200}; only that one can be taken")


def without_memory(network: SelfieNet) -> SelfieNet:
    """The same, whose memory keeps next to nothing; changed in place."""
    nn.init.zeros_(network.memory.keep.weight)
    assert network.memory.keep.bias is not None
    nn.init.constant_(network.memory.keep.bias, MEMORY_STARTS)
    return network.eval()


def convolutions(theirs: Any) -> list[tuple[Tensor, Tensor]]:
    """Kernel and bias of each convolution of an openvino.Model, in the order that the network was written in. Raises
    ValueError for those that can't be read.
    """
    found = []
    for op in theirs.get_ops():
        if op.get_type_name() in CONVOLUTIONS:
            after = [target.get_node() for target in op.output(0).get_target_inputs()]
            bias = next((node for node in after if node.get_type_name() == "Add"), None)
            if bias is None:
                raise ValueError(f"{op.get_friendly_name()} has no bias")
            number = bias.get_friendly_name().rpartition("__")[2]
            order = int(number) if number.isdigit() else np.inf  # the last one has no number
            found.append((order, constant(op.input_value(1)), constant(bias.input_value(1))))
    return [(kernel, bias) for _, kernel, bias in sorted(found, key=lambda part: part[0])]


def constant(output: Any) -> Tensor:
    """The numbers that stand there, at most reshaped. Raises ValueError."""
    node = output.get_node()
    while node.get_type_name() == "Reshape":
        node = node.input_value(0).get_node()
    if node.get_type_name() != "Constant":
        raise ValueError(f"the weights of {node.get_friendly_name()} are not in the file")
    return torch.from_numpy(np.array(node.data, np.float32))


def fill(network: SelfieNet, parts: list[tuple[Tensor, Tensor]]) -> None:
    """Put the kernels and biases into the network's own convolutions. Raises ValueError where they are others."""
    names = ("deep", "refine8", "refine4", "memory")
    own = [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and name.split(".")[0] not in names
    ]
    if len(parts) != len(own):
        raise ValueError(f"it has {len(parts)} convolutions, not {len(own)}")
    for conv, (kernel, bias) in zip(own, parts, strict=True):
        assert conv.bias is not None
        if kernel.numel() != conv.weight.numel() or bias.numel() != conv.bias.numel():
            raise ValueError(f"a convolution has {tuple(kernel.shape)} weights, not {tuple(conv.weight.shape)}")
        conv.weight = nn.Parameter(kernel.reshape(conv.weight.shape))
        conv.bias = nn.Parameter(bias.reshape(conv.bias.shape))


@torch.no_grad()
def difference(network: SelfieNet, theirs: Any) -> float:
    """By how much the probabilities of both differ, for noise that has areas: the most of all pixels."""
    rng = np.random.default_rng(0)
    picture = np.kron(rng.random((8, 8, 3)), np.ones((SIDE // 8, SIDE // 8, 1))).astype(np.float32)
    run = import_openvino().compile_model(theirs, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (expected,) = run([picture[None]]).to_tuple()
    ours = torch.sigmoid(network.fresh(torch.from_numpy(picture).permute(2, 0, 1)[None]))
    return float(np.abs(ours.numpy().ravel() - expected.ravel()).max())
