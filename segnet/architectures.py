"""Every network that a weights file may hold, by the name that its header gives, and what the header may say of it.
Only building one imports torch: who runs the graph that was made of a network does without.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

if TYPE_CHECKING:
    from torch import nn

UNKNOWN = 0.5  # the previous mask of a first frame, and after a scene cut: nothing is known
TORCHVISION = (
    "lraspp_mobilenet_v3_large",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
)

Channels = Annotated[int, Field(ge=1, le=4096)]
Hidden = Annotated[int, Field(ge=0, le=1024)]


@dataclass(frozen=True)
class LightConfig:
    """Everything that is needed to build a LightNet again; it travels inside the weights file."""

    stem: Channels = 16  # channels at 1/2 of the input
    widths: tuple[Channels, Channels, Channels, Channels] = (32, 48, 96, 160)  # channels at 1/4, 1/8, 1/16, 1/32
    decoder: tuple[Channels, Channels, Channels] = (16, 32, 64)  # channels of the way back, at 1/4, 1/8, 1/16


@dataclass(frozen=True)
class SelfieConfig:
    """Everything that is needed to build a SelfieNet again; it travels inside the weights file."""

    refine: tuple[Hidden, Hidden, Hidden] = (0, 0, 0)  # channels within the refinements at 1/16, 1/8, 1/4; 0: none
    depth: Annotated[int, Field(ge=1, le=8)] = 1  # how many refinements at 1/16, one after the other


@dataclass(frozen=True)
class DeconvConfig:
    """Everything that is needed to build a DeconvNet again; it travels inside the weights file."""

    width: Annotated[float, Field(ge=1 / 64, le=1)] = 1.0  # share of the paper's channels, in every block
    fc: Annotated[int, Field(ge=1, le=4096)] = 4096  # channels of the fully connected layers


@dataclass(frozen=True)
class TorchvisionConfig:
    """Nothing to choose: the name of the architecture says it all."""


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
