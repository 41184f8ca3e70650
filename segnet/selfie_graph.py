"""The Selfie network (segnet.selfie) as OpenVINO's operations, of its tensors, without torch."""

from typing import NamedTuple

from segnet.configs import SelfieConfig
from segnet.opset_layers import Layers, Node, Shapes, conv_shapes, memory_shapes


class Bottleneck(NamedTuple):
    """A block of the encoder."""

    inputs: int
    hidden: int
    outputs: int
    size: int  # of the depthwise kernel
    down: bool  # half the sides
    gate: int  # channels within the gate; 0: none
    hard: bool  # hard swish, not ReLU


STEM, QUARTER, EIGHTH, SIXTEENTH, CONTEXT = 16, 16, 24, 32, 128  # channels
BLOCKS = {
    "quarter": Bottleneck(STEM, 16, QUARTER, 3, down=True, gate=8, hard=False),
    "eighth.0": Bottleneck(QUARTER, 72, EIGHTH, 3, down=True, gate=0, hard=False),
    "eighth.1": Bottleneck(EIGHTH, 88, EIGHTH, 3, down=False, gate=0, hard=False),
    "sixteenth.0": Bottleneck(EIGHTH, 96, SIXTEENTH, 5, down=True, gate=24, hard=True),
    "sixteenth.1": Bottleneck(SIXTEENTH, 128, SIXTEENTH, 5, down=False, gate=32, hard=True),
    "sixteenth.2": Bottleneck(SIXTEENTH, 128, SIXTEENTH, 5, down=False, gate=32, hard=True),
    "sixteenth.3": Bottleneck(SIXTEENTH, 96, SIXTEENTH, 5, down=False, gate=24, hard=True),
    "sixteenth.4": Bottleneck(SIXTEENTH, 96, SIXTEENTH, 5, down=False, gate=24, hard=True),
}
UPS = {"up8": (CONTEXT, EIGHTH), "up4": (EIGHTH, QUARTER), "up2": (QUARTER, STEM)}  # channels, coarse and fine


def refinements(config: SelfieConfig) -> dict[str, tuple[int, int]]:
    """The refinements that the configuration asks for: name → channels, and those within."""
    deep, eighth, quarter = config.refine
    found = {f"deep.{number}": (SIXTEENTH, deep) for number in range(config.depth)}
    found |= {"refine8": (EIGHTH, eighth), "refine4": (QUARTER, quarter)}
    return {name: channels for name, channels in found.items() if channels[1]}


def shapes(config: SelfieConfig) -> Shapes:
    """Every tensor that the network has."""
    found = conv_shapes("stem.conv", 3, STEM, 3)
    for name, block in BLOCKS.items():
        found |= conv_shapes(f"{name}.wider", block.inputs, block.hidden, 1)
        found |= conv_shapes(depthwise(name, block), 1, block.hidden, block.size)
        if block.gate:
            found |= gate_shapes(f"{name}.gate", block.hidden, block.gate)
        found |= conv_shapes(f"{name}.narrower", block.hidden, block.outputs, 1)
    found |= conv_shapes("everywhere", SIXTEENTH, CONTEXT, 1) | conv_shapes("local", SIXTEENTH, CONTEXT, 1)
    for name, (coarse, fine) in UPS.items():
        found |= conv_shapes(f"{name}.bring", coarse, fine, 1) | gate_shapes(f"{name}.gate", fine, fine)
        found |= conv_shapes(f"{name}.mix", fine, fine, 1) | conv_shapes(f"{name}.depthwise", 1, fine, 3)
    for name, (channels, hidden) in refinements(config).items():
        found |= conv_shapes(f"{name}.first", channels, hidden, 3) | conv_shapes(f"{name}.second", hidden, channels, 3)
    found |= {"head.weight": ("F32", (STEM, 1, 2, 2)), "head.bias": ("F32", (1,))}
    return found | memory_shapes()


def gate_shapes(name: str, channels: int, hidden: int) -> Shapes:
    """Of a gate."""
    return conv_shapes(f"{name}.squeeze", channels, hidden, 1) | conv_shapes(f"{name}.excite", hidden, channels, 1)


def depthwise(name: str, block: Bottleneck) -> str:
    """The name of a block's depthwise convolution."""
    return f"{name}.depthwise.conv" if block.down else f"{name}.depthwise"


def mask(layers: Layers, config: SelfieConfig, x: Node, previous: Node) -> Node:
    """As SelfieNet.mask: (1, 3, H, W), normalised, and the previous mask, (1, 1, H, W) → the mask, (1, 1, H, W)."""
    ops, refined = layers.ops, refinements(config)
    half = ops.hswish(layers.conv(x, "stem.conv", 2, halving(3)))
    quarter = bottleneck(layers, half, "quarter")
    eighth = bottleneck(layers, bottleneck(layers, quarter, "eighth.0"), "eighth.1")
    y = eighth
    for name in (name for name in BLOCKS if name.startswith("sixteenth.")):
        y = bottleneck(layers, y, name)
    for name in (name for name in refined if name.startswith("deep.")):
        y = refine(layers, y, name)
    everywhere = ops.sigmoid(layers.conv(layers.mean(y), "everywhere"))
    y = ops.multiply(ops.relu(layers.conv(y, "local")), everywhere)
    y = up(layers, y, eighth, "up8")
    y = refine(layers, y, "refine8") if "refine8" in refined else y
    y = up(layers, y, quarter, "up4")
    y = refine(layers, y, "refine4") if "refine4" in refined else y
    y = up(layers, y, half, "up2")
    return layers.steadied(ops.sigmoid(head(layers, y)), previous)


def head(layers: Layers, x: Node) -> Node:
    """The last convolution, (1, 16, H / 2, W / 2) → (1, 4, H / 2, W / 2), as SelfieNet.fours has it."""
    weight = layers.tensors["head.weight"].transpose(1, 2, 3, 0).reshape(4, STEM, 1, 1)
    return layers.convolved(x, weight, layers.tensors["head.bias"].repeat(4))


def bottleneck(layers: Layers, x: Node, name: str) -> Node:
    """A block of the encoder."""
    ops, block = layers.ops, BLOCKS[name]
    act = ops.hswish if block.hard else ops.relu
    stride, pads = (2, halving(block.size)) if block.down else (1, None)
    y = act(layers.depthwise(act(layers.conv(x, f"{name}.wider")), depthwise(name, block), stride, pads))
    y = ops.multiply(y, gate(layers, y, f"{name}.gate")) if block.gate else y
    y = layers.conv(y, f"{name}.narrower")
    return y if block.down or block.inputs != block.outputs else ops.add(y, x)


def up(layers: Layers, coarse: Node, fine: Node, name: str) -> Node:
    """A step of the decoder."""
    ops = layers.ops
    brought = layers.enlarged(layers.conv(coarse, f"{name}.bring"), fine)
    gated = ops.multiply(fine, gate(layers, ops.add(fine, brought), f"{name}.gate"))
    y = ops.relu(layers.conv(ops.add(gated, brought), f"{name}.mix"))
    return ops.add(y, ops.relu(layers.depthwise(y, f"{name}.depthwise")))


def gate(layers: Layers, x: Node, name: str) -> Node:
    """How much of each channel to let through."""
    y = layers.ops.relu(layers.conv(layers.mean(x), f"{name}.squeeze"))
    return layers.ops.sigmoid(layers.conv(y, f"{name}.excite"))


def refine(layers: Layers, x: Node, name: str) -> Node:
    """A refinement."""
    return layers.ops.add(x, layers.conv(layers.ops.relu(layers.conv(x, f"{name}.first")), f"{name}.second"))


def halving(size: int) -> tuple[int, int]:
    """The pads before and after of a kernel of stride 2, as TensorFlow pads."""
    return (size - 2) // 2, (size - 1) // 2
