"""Layers as OpenVINO's operations, of the tensors of a weights file by the names that torch gives them. Without torch.

Nodes are openvino's, float32 (1, C, H, W) where nothing else is said; H and W are known only when the graph is shaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segnet.configs import MOST_KEPT, UNKNOWN

Array = NDArray[Any]
Tensors = Mapping[str, Array]
Shapes = dict[str, tuple[str, tuple[int, ...]]]  # name → type, as safetensors calls it, and shape
Node = Any

NORM_EPSILON = 1e-5  # torch's, of batch norms


@dataclass(frozen=True)
class Layers:
    """What a network is made of."""

    ops: Any  # openvino.opset13
    tensors: Tensors

    def conv(self, x: Node, name: str, stride: int = 1, pads: tuple[int, int] | None = None) -> Node:
        """The convolution of that name; `pads` before and after, by default so that sides stay as they are."""
        return self.convolved(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], stride, pads)

    def convolved(
        self, x: Node, weight: Array, bias: Array, stride: int = 1, pads: tuple[int, int] | None = None
    ) -> Node:
        """The same by float32 (outputs, inputs, K, K) and (outputs,)."""
        return self.biased(self.ops.convolution(x, weight, **self.how(weight, stride, pads)), bias)

    def depthwise(self, x: Node, name: str, stride: int = 1, pads: tuple[int, int] | None = None) -> Node:
        """The same, each channel by itself."""
        weight = self.tensors[f"{name}.weight"][:, :, None]
        y = self.ops.group_convolution(x, weight, **self.how(weight, stride, pads))
        return self.biased(y, self.tensors[f"{name}.bias"])

    def how(self, weight: Array, stride: int, pads: tuple[int, int] | None) -> dict[str, list[int]]:
        """The attributes of a convolution."""
        before, after = pads or (weight.shape[-1] // 2,) * 2
        return {
            "strides": [stride, stride],
            "pads_begin": [before, before],
            "pads_end": [after, after],
            "dilations": [1, 1],
        }

    def biased(self, x: Node, bias: Array) -> Node:
        """A number for each channel added."""
        return self.ops.add(x, bias.reshape(1, -1, 1, 1))

    def mean(self, x: Node) -> Node:
        """(1, C, H, W) → (1, C, 1, 1)."""
        return self.ops.reduce_mean(x, np.array([2, 3]), keep_dims=True)

    def enlarged(self, x: Node, like: Node) -> Node:
        """`x` at the height and width of `like`, bilinear."""
        sides = self.ops.gather(self.ops.shape_of(like), np.array([2, 3]), np.array(0))
        how = {"coordinate_transformation_mode": "pytorch_half_pixel", "nearest_mode": "floor"}
        return self.ops.interpolate(x, sides, "linear_onnx", "sizes", axes=np.array([2, 3]), **how)

    def fours(self, plane: Node) -> Node:
        """(1, 1, H, W) → (1, 4, H / 2, W / 2)."""
        return self.ops.space_to_depth(plane, "depth_first", 2)

    def steadied(self, new: Node, previous: Node) -> Node:
        """As segnet.memory has it: the new mask, (1, 4, H / 2, W / 2), and the previous one, (1, 1, H, W) → the two
        mixed, (1, 1, H, W).
        """
        ops, unknown = self.ops, np.float32(UNKNOWN)
        old = self.fours(previous)
        known = ops.convert(ops.not_equal(old, unknown), "f32")
        seen = ops.concat([new, ops.abs(ops.subtract(new, old)), ops.abs(ops.subtract(old, unknown))], 1)
        keep = ops.sigmoid(self.conv(ops.relu(self.conv(seen, "memory.compare")), "memory.keep"))
        keep = ops.multiply(ops.multiply(keep, np.float32(MOST_KEPT)), known)
        mixed = ops.add(ops.multiply(ops.subtract(np.float32(1), keep), new), ops.multiply(keep, old))
        return ops.depth_to_space(mixed, "depth_first", 2)


def conv_shapes(name: str, inputs: int, outputs: int, size: int) -> Shapes:
    """Of a convolution with a bias; of a depthwise one, where `inputs` is 1."""
    return {f"{name}.weight": ("F32", (outputs, inputs, size, size)), f"{name}.bias": ("F32", (outputs,))}


def norm_shapes(name: str, channels: int) -> Shapes:
    """Of a batch norm."""
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": ("F32", (channels,)) for part in parts} | {f"{name}.num_batches_tracked": ("I64", ())}


def memory_shapes() -> Shapes:
    """Of the memory."""
    return conv_shapes("memory.compare", 12, 8, 3) | conv_shapes("memory.keep", 8, 4, 3)


def folded(kernel: Array, tensors: Tensors, norm: str) -> tuple[Array, Array]:
    """Weight and bias, float32, of a convolution without a bias, float64 (outputs, inputs, K, K), and the batch norm of
    that name behind it, calculated in double precision.
    """
    parts = ("weight", "bias", "running_mean", "running_var")
    scale, shift, mean, variance = (tensors[f"{norm}.{part}"].astype(np.float64) for part in parts)
    with np.errstate(all="ignore"):  # what is not finite is refused by the check of the whole graph
        scale = scale / np.sqrt(variance + NORM_EPSILON)
        weight, bias = kernel * scale[:, None, None, None], shift - mean * scale
        return weight.astype(np.float32), bias.astype(np.float32)
