"""Networks of other programs, as weights files list them (OpenVinoConfig): built of OpenVINO's operations, one by one.

The list may be hostile. Only operations of the table are built, none of which opens a file, loops or holds anything
back from one frame to the next. Each is looked at as soon as it is made, before another can use it: it gives one
tensor, float32, of a known shape that is not too large.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from segnet.classes import kept
from segnet.configs import PICTURE, OpenVinoConfig, Operation
from segnet.engines import import_opset, node_factory
from segnet.opset_layers import Node, Tensors
from segnet.weights import WeightsError, WeightsInfo

MOST_NUMBERS = 64 * 1024**2  # that one operation may give: 256 MB
MOST_IN_ALL = 1024**3  # that all of them may give, or look at to pool; most is never in memory at once

POOL = {"kernel", "strides", "pads_begin", "pads_end", "auto_pad", "rounding_type"}
CONVOLUTION = {"strides", "dilations", "pads_begin", "pads_end", "auto_pad"}
BROADCAST = {"auto_broadcast"}
# Kind → its attributes, by the names that OpenVINO has for both.
KINDS: Mapping[str, set[str]] = {
    "Add": BROADCAST,
    "AvgPool": {*POOL, "exclude-pad"},
    "BatchNormInference": {"epsilon"},
    "Clamp": {"min", "max"},
    "Concat": {"axis"},  # what has one place only stands for all of the others' places
    "Convert": {"destination_type"},
    "Convolution": CONVOLUTION,
    "ConvolutionBackpropData": {*CONVOLUTION, "output_padding"},
    "Divide": {*BROADCAST, "m_pythondiv"},
    "Elu": {"alpha"},
    "Exp": set(),
    "FakeQuantize": {"levels", *BROADCAST},
    "Gelu": {"approximation_mode"},
    "GroupConvolution": CONVOLUTION,
    "GroupConvolutionBackpropData": {*CONVOLUTION, "output_padding"},
    "HSigmoid": set(),
    "HSwish": set(),
    "Interpolate": {
        "mode",
        "shape_calculation_mode",
        "coordinate_transformation_mode",
        "nearest_mode",
        "antialias",
        "pads_begin",
        "pads_end",
        "cube_coeff",
    },
    "MatMul": {"transpose_a", "transpose_b"},
    "MaxPool": {*POOL, "dilations", "index_element_type", "axis"},
    "Maximum": BROADCAST,
    "Minimum": BROADCAST,
    "Mish": set(),
    "Multiply": BROADCAST,
    "PRelu": set(),
    "Pad": {"pad_mode"},
    "Power": BROADCAST,
    "ReduceMean": {"keep_dims"},
    "Relu": set(),
    "Reshape": {"special_zero"},
    "Sigmoid": set(),
    "SoftPlus": {"beta", "threshold"},
    "Softmax": {"axis"},
    "Sqrt": set(),
    "Squeeze": set(),
    "Subtract": BROADCAST,
    "Swish": set(),
    "Tanh": set(),
    "Transpose": set(),
    "Unsqueeze": set(),
}


def mask_graph(tensors: Tensors, info: WeightsInfo, size: tuple[int, int], keep: Sequence[str]) -> Any:
    """The network with all that is around it, as an openvino.Model for pictures of this width and height: picture uint8
    (1, H, W, 3) RGB → float32 (1, 1, H, W), how much of each pixel to keep, 0 to 1. Raises WeightsError, ClassError.
    """
    openvino, ops = import_opset()
    picture, logits = from_picture(tensors, info, size)
    if len(info.classes) == 1:
        return openvino.Model([ops.sigmoid(logits)], [picture])
    shares = ops.gather(ops.softmax(logits, 1), np.array(kept(info.classes, keep)), np.array(1))
    share = ops.clamp(ops.reduce_sum(shares, np.array([1]), keep_dims=True), 0.0, 1.0)  # a sum may be 1.0000001
    return openvino.Model([share], [picture])


def logits_graph(tensors: Tensors, info: WeightsInfo, size: tuple[int, int]) -> Any:
    """The same → logits of all classes, float32 (1, classes, H, W). Raises WeightsError."""
    picture, logits = from_picture(tensors, info, size)
    return import_opset()[0].Model([logits], [picture])


def from_picture(tensors: Tensors, info: WeightsInfo, size: tuple[int, int]) -> tuple[Node, Node]:
    """The picture, uint8 (1, H, W, 3), and its logits, float32 (1, classes, H, W). Raises WeightsError."""
    _, ops = import_opset()
    width, height = size
    picture = ops.parameter([1, height, width, 3], np.uint8, "picture")
    shift, scale = (255 * np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (info.mean, info.std))
    x = ops.convert(ops.transpose(picture, np.array([0, 3, 1, 2])), "f32")
    small = logits_of(info.config, tensors, ops.divide(ops.subtract(x, shift), scale))
    shape = shape_of(small)
    if len(shape) != 4 or shape[:2] != (1, len(info.classes)):
        raise WeightsError(f"it gives {shape_text(shape)} numbers, which are not logits of {len(info.classes)} classes")
    how = {"coordinate_transformation_mode": "align_corners" if info.config.corners else "half_pixel"}
    sides = np.array([height, width])
    return picture, ops.interpolate(small, sides, "linear_onnx", "sizes", axes=np.array([2, 3]), **how)


def logits_of(config: OpenVinoConfig, tensors: Tensors, x: Node) -> Node:
    """What the last operation gives for `x`, the normalised picture, float32 (1, 3, H, W). Raises WeightsError."""
    nodes: list[Node] = []
    total = 0
    for number, operation in enumerate(config.operations):
        try:
            node = made(operation, [taken(name, nodes, tensors, x) for name in operation.inputs])
            total += numbers_of(node) * prod(operation.attributes.get("kernel", [1]))  # type: ignore[arg-type]
            if total > MOST_IN_ALL:
                raise WeightsError("all of them together take more memory or time than a network may")
        except WeightsError as error:
            raise WeightsError(f"operation {number}, {operation.kind!r:.40}: {error}") from None
        nodes.append(node)
    return nodes[-1]


def taken(name: int | str, nodes: Sequence[Node], tensors: Tensors, x: Node) -> Node:
    """What an operation takes under this name, where `nodes` stand before it. Raises WeightsError."""
    if isinstance(name, str):
        if name not in tensors:
            raise WeightsError(f"it takes {name!r:.40}, which is none of the tensors")
        return import_opset()[1].constant(tensors[name])
    if name != PICTURE and not 0 <= name < len(nodes):
        raise WeightsError(f"it takes what operation {name} gives, which does not stand before it")
    return x if name == PICTURE else nodes[name]


def made(operation: Operation, inputs: list[Node]) -> Node:
    """The operation as OpenVINO's. Raises WeightsError."""
    known = KINDS.get(operation.kind)
    if known is None:
        raise WeightsError("this operation is not known here")
    if strange := operation.attributes.keys() - known:
        raise WeightsError(f"there is no attribute {min(strange)!r:.40}")
    if not inputs:
        raise WeightsError("it takes nothing")
    try:
        parts = spread(inputs) if operation.kind == "Concat" else inputs
        return node_factory().create(operation.kind, [part.output(0) for part in parts], operation.attributes)
    except Exception as error:  # noqa: BLE001 - OpenVINO raises what it likes where something makes no sense to it
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise WeightsError(f"OpenVINO can't make it ({lines[-1].strip():.200})") from None


def numbers_of(node: Node) -> int:
    """How many numbers an operation gives. Raises WeightsError where they are too many, or not what networks have."""
    if not node.output(0).get_partial_shape().is_static or node.output(0).get_element_type().get_type_name() != "f32":
        raise WeightsError("it does not give float32 of a known shape")
    count: int = sum(prod(output.get_shape()) for output in node.outputs())
    if not 0 < count <= MOST_NUMBERS:
        raise WeightsError(f"it gives {count} numbers, not between 1 and {MOST_NUMBERS}")
    return count


def spread(parts: list[Node]) -> list[Node]:
    """The same, those of one place, (1, C, 1, 1), brought to the height and width of the first of more."""
    sides = [shape_of(part)[2:] for part in parts if len(shape_of(part)) == 4]
    wanted = next((side for side in sides if side != (1, 1)), None)
    if wanted is None or len(sides) < len(parts):
        return parts
    broadcast = import_opset()[1].broadcast
    return [
        broadcast(part, np.array([*shape_of(part)[:2], *wanted])) if shape_of(part)[2:] == (1, 1) else part
        for part in parts
    ]


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of what it gives."""
    return tuple(node.output(0).get_shape())


def shape_text(shape: Sequence[int]) -> str:
    """A shape in words."""
    return "×".join(map(str, shape))
