"""The light network (segnet.light) as OpenVINO's operations, of its tensors, without torch."""

import numpy as np

from segnet.configs import LightConfig
from segnet.opset_layers import Array, Layers, Node, Shapes, Tensors, conv_shapes, folded, memory_shapes, norm_shapes


def blocks(config: LightConfig) -> dict[str, tuple[int, int, int]]:
    """The network's blocks: name → (inputs, outputs, stride)."""
    stem = config.stem
    w4, w8, w16, w32 = config.widths
    d4, d8, d16 = config.decoder
    return {
        "stem": (3, stem, 2),
        "quarter.0": (stem, w4, 2),
        "quarter.1": (w4, w4, 1),
        "eighth.0": (w4, w8, 2),
        "eighth.1": (w8, w8, 1),
        "sixteenth.0": (w8, w16, 2),
        "sixteenth.1": (w16, w16, 1),
        "sixteenth.2": (w16, w16, 1),
        "thirtysecond.0": (w16, w32, 2),
        "thirtysecond.1": (w32, w32, 1),
        "up16": (w16 + w16, d16, 1),
        "up8": (d16 + w8, d8, 1),
        "up4": (d8 + w4, d4, 1),
        "up2": (d4, d4, 1),
    }


def shapes(config: LightConfig) -> Shapes:
    """Every tensor that the network has."""
    found: Shapes = {}
    for name, (inputs, outputs, stride) in blocks(config).items():
        found[f"{name}.dense"] = ("F32", (outputs, inputs, 3, 3))
        found[f"{name}.point"] = ("F32", (outputs, inputs, 1, 1))
        if stride == 1 and inputs == outputs:
            found[f"{name}.same"] = ("F32", (outputs,))
        found |= norm_shapes(f"{name}.norm", outputs)
    _, _, w16, w32 = config.widths
    d4 = config.decoder[0]
    found["context.local.weight"] = ("F32", (w16, w32, 1, 1))
    found |= norm_shapes("context.norm", w16) | conv_shapes("context.whole", w32, w16, 1)
    found |= conv_shapes("lateral", config.stem, d4, 1) | conv_shapes("head.0", d4, 4, 3)
    return found | memory_shapes()


def mask(layers: Layers, config: LightConfig, x: Node, previous: Node) -> Node:
    """As LightNet.mask: (1, 3, H, W), normalised, and the previous mask, (1, 1, H, W) → the mask, (1, 1, H, W)."""
    ops, strides = layers.ops, {name: stride for name, (_, _, stride) in blocks(config).items()}

    def block(x: Node, name: str) -> Node:
        weight, bias = folded(kernel(layers.tensors, name), layers.tensors, f"{name}.norm")
        # As Conv2d of torch pads, whatever the stride: one row and one column on each side.
        return ops.relu(layers.convolved(x, weight, bias, strides[name]))

    def row(x: Node, name: str) -> Node:
        for part in (part for part in strides if part.startswith(f"{name}.")):
            x = block(x, part)
        return x

    def up(coarse: Node, fine: Node, name: str) -> Node:
        return block(ops.concat([layers.enlarged(coarse, fine), fine], 1), name)

    half = block(x, "stem")
    quarter = row(half, "quarter")
    eighth = row(quarter, "eighth")
    sixteenth = row(eighth, "sixteenth")
    y = up(context(layers, row(sixteenth, "thirtysecond")), sixteenth, "up16")
    y = up(up(y, eighth, "up8"), quarter, "up4")
    y = block(ops.add(layers.enlarged(y, half), layers.conv(half, "lateral")), "up2")
    return layers.steadied(ops.sigmoid(layers.conv(y, "head.0")), previous)


def context(layers: Layers, x: Node) -> Node:
    """What the whole picture says about each pixel."""
    ops, tensors = layers.ops, layers.tensors
    gate = ops.sigmoid(layers.conv(layers.mean(x), "context.whole"))
    weight, bias = folded(tensors["context.local.weight"].astype(np.float64), tensors, "context.norm")
    return ops.multiply(ops.relu(layers.convolved(x, weight, bias)), gate)


def kernel(tensors: Tensors, name: str) -> Array:
    """The one 3×3 kernel that all parts of a block make, float64 (outputs, inputs, 3, 3)."""
    dense, point = (tensors[f"{name}.{part}"].astype(np.float64) for part in ("dense", "point"))
    dense[:, :, 1, 1] += point[:, :, 0, 0]
    if f"{name}.same" in tensors:
        dense[:, :, 1, 1] += np.diag(tensors[f"{name}.same"].astype(np.float64))
    return dense
