"""The graph that OpenVINO runs, built of a weights file's tensors by OpenVINO's own operations: in tens of milliseconds
and without torch, for the networks of which somebody wrote that down (Architecture.graph).
"""

from typing import Any

import numpy as np

from segnet import numpy_ops
from segnet.architectures import ARCHITECTURES
from segnet.configs import UNKNOWN
from segnet.engines import import_opset
from segnet.opset_layers import Layers, Node, Tensors
from segnet.weights import WeightsInfo

PROBE = 32  # pixels, height and width


def mask_graph(tensors: Tensors, info: WeightsInfo) -> Any:
    """The network with all that is around it, as segnet.mask_model has it, as an openvino.Model for pictures of any
    size: picture uint8 (1, H, W, 3) RGB and previous mask float32 (1, 1, H, W) → float32 (1, 1, H, W), 0 to 1. Raises
    ImportError.
    """
    openvino, ops = import_opset()
    picture = ops.parameter([1, -1, -1, 3], np.uint8, "picture")
    previous = ops.parameter([1, 1, -1, -1], np.float32, "previous")
    return openvino.Model([mask(ops, tensors, info, picture, previous)], [picture, previous])


def gives_finite(tensors: Tensors, info: WeightsInfo) -> bool:
    """Whether all is finite that the network makes of noise. By numpy, because OpenVINO makes numbers of NaN."""
    noise = np.random.default_rng(0).integers(0, 256, (1, PROBE, PROBE, 3)).astype(np.uint8)
    with np.errstate(all="ignore"):
        found = mask(numpy_ops, tensors, info, noise, np.full((1, 1, PROBE, PROBE), UNKNOWN, np.float32))
    return bool(np.isfinite(found).all())


def mask(ops: Any, tensors: Tensors, info: WeightsInfo, picture: Node, previous: Node) -> Node:
    """By operations of openvino.opset13, or numpy's."""
    graph = ARCHITECTURES[info.architecture].graph
    assert graph is not None
    shift, scale = (255 * np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (info.mean, info.std))
    x = ops.convert(ops.transpose(picture, np.array([0, 3, 1, 2])), "f32")
    return graph(Layers(ops, tensors), info.config, ops.divide(ops.subtract(x, shift), scale), previous)
