"""Those of openvino.opset13's operations that networks here use, in numpy: slow, but NaN stays NaN. Nodes are arrays,
(1, C, H, W). Arguments that have only one value here are ignored.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from segnet.opset_layers import Array

add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide
abs, not_equal, transpose = np.abs, np.not_equal, np.transpose
DTYPES = {"f32": np.float32}


def convert(x: Array, kind: str) -> Array:
    """The same numbers, of another type."""
    return x.astype(DTYPES[kind])


def relu(x: Array) -> Array:
    """Nothing below 0."""
    found: Array = np.maximum(x, 0)
    return found


def hswish(x: Array) -> Array:
    """Hard swish."""
    found: Array = x * (np.clip(x + 3, 0, 6) / 6)
    return found


def sigmoid(x: Array) -> Array:
    """Logistic function."""
    with np.errstate(over="ignore"):  # 1 / ∞ is right
        found: Array = 1 / (1 + np.exp(-x))
    return found


def reduce_mean(x: Array, axes: Array, keep_dims: bool) -> Array:
    """Mean over axes."""
    found: Array = x.mean(axis=tuple(axes), keepdims=keep_dims)
    return found


def concat(parts: list[Array], axis: int) -> Array:
    """One behind the other."""
    return np.concatenate(parts, axis)


def shape_of(x: Array) -> Array:
    """Its shape."""
    return np.array(x.shape)


def gather(x: Array, places: Array, axis: Array) -> Array:
    """Some of x."""
    return x.take(places, axis)


def convolution(x: Array, weight: Array, **how: Any) -> Array:
    """Of (outputs, inputs, K, K)."""
    return group_convolution(x, weight[None], **how)


def group_convolution(
    x: Array, weight: Array, strides: list[int], pads_begin: list[int], pads_end: list[int], dilations: list[int]
) -> Array:
    """Of (groups, outputs, inputs, K, K), the last three of each group."""
    groups, outputs, inputs, size, _ = weight.shape
    padded = np.pad(x, [(0, 0), (0, 0), *zip(pads_begin, pads_end, strict=True)])
    windows = sliding_window_view(padded, (size, size), (2, 3))[0, :, :: strides[0], :: strides[1]]
    _, height, width, _, _ = windows.shape
    seen = windows.transpose(0, 3, 4, 1, 2).reshape(groups, inputs * size * size, height * width)
    found: Array = weight.reshape(groups, outputs, -1) @ seen
    return found.reshape(1, groups * outputs, height, width)


def interpolate(x: Array, sides: Array, mode: str, sizes: str, axes: Array, **how: str) -> Array:
    """At another height and width, linear in both."""
    for axis, side in zip(axes, sides, strict=True):
        length = x.shape[axis]
        at = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
        before = at.astype(int)
        share = (at - before).astype(x.dtype).reshape([-1 if part == axis else 1 for part in range(x.ndim)])
        x = x.take(before, axis) * (1 - share) + x.take(np.minimum(before + 1, length - 1), axis) * share
    return x


def space_to_depth(x: Array, mode: str, block: int) -> Array:
    """(1, C, H, W) → (1, C × block², H / block, W / block)."""
    _, channels, height, width = x.shape
    parts = x.reshape(channels, height // block, block, width // block, block).transpose(0, 2, 4, 1, 3)
    return parts.reshape(1, -1, height // block, width // block)


def depth_to_space(x: Array, mode: str, block: int) -> Array:
    """(1, C × block², H, W) → (1, C, H × block, W × block)."""
    _, channels, height, width = x.shape
    parts = x.reshape(channels // block**2, block, block, height, width).transpose(0, 3, 1, 4, 2)
    return parts.reshape(1, -1, height * block, width * block)
