"""Every network that a weights file may hold, by the name that its header gives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from segnet import deeplab
from segnet.deconvnet import DeconvConfig, DeconvNet
from segnet.light import LightConfig, LightNet


@dataclass(frozen=True)
class Architecture:
    """How a network is built from what the header says, and what it takes."""

    config: type[Any]  # frozen dataclass; what it may hold is checked by pydantic
    build: Callable[[Any, int], nn.Module]  # (config, outputs) → network; outputs: the classes, 1 for person alone
    remembers: bool = False  # forward (x, previous mask) → (logits, those without a memory), instead of x → logits
    step: int = 16  # input sides are multiples of this
    least: int = 32  # and no shorter than this
    fixed: bool = False  # takes its own input sizes only, whatever the picture's aspect
    single: bool = False  # can only tell one class from the rest


def light(config: LightConfig, outputs: int) -> nn.Module:
    """The light network, whose one output is person."""
    assert outputs == 1
    return LightNet(config)


ARCHITECTURES = {
    "light": Architecture(LightConfig, light, remembers=True, single=True),
    "deconvnet": Architecture(DeconvConfig, DeconvNet, step=32, least=224, fixed=True),
} | {name: Architecture(deeplab.TorchvisionConfig, partial(deeplab.build, name)) for name in deeplab.NAMES}
