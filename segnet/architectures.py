"""Every network that a weights file may hold, by the name that its header gives. Only building one imports torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from segnet.configs import TORCHVISION, DeconvConfig, LightConfig, SelfieConfig, TorchvisionConfig

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """How a network is built from what the header says, and what it takes."""

    config: type[Any]  # frozen dataclass; what it may hold is checked by pydantic
    build: Callable[[Any, int], "nn.Module"]  # (config, outputs) → network; outputs: the classes, 1 for person alone
    remembers: bool = False  # forward (x, previous mask) → (logits, those without a memory), instead of x → logits
    step: int = 16  # input sides are multiples of this
    least: int = 32  # and no shorter than this
    fixed: bool = False  # takes its own input sizes only, whatever the picture's aspect
    single: bool = False  # can only tell one class from the rest


def light(config: LightConfig, outputs: int) -> "nn.Module":
    """The light network, whose one output is person."""
    from segnet.light import LightNet

    assert outputs == 1
    return LightNet(config)


def selfie(config: SelfieConfig, outputs: int) -> "nn.Module":
    """MediaPipe's Selfie network, whose one output is person."""
    from segnet.selfie import SelfieNet

    assert outputs == 1
    return SelfieNet(config)


def deconvnet(config: DeconvConfig, outputs: int) -> "nn.Module":
    """DeconvNet."""
    from segnet.deconvnet import DeconvNet

    return DeconvNet(config, outputs)


def torchvision(name: str, config: TorchvisionConfig, outputs: int) -> "nn.Module":
    """The network that torchvision has under that name, without its auxiliary head. Nothing is downloaded."""
    from segnet.deeplab import Torchvision

    return Torchvision(name, outputs)


ARCHITECTURES = {
    "light": Architecture(LightConfig, light, remembers=True, single=True),
    "selfie": Architecture(SelfieConfig, selfie, remembers=True, single=True),
    "deconvnet": Architecture(DeconvConfig, deconvnet, step=32, least=224, fixed=True),
} | {name: Architecture(TorchvisionConfig, partial(torchvision, name)) for name in TORCHVISION}
