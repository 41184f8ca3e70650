"""What a weights file's header may say of the network that it holds: one configuration for each architecture. Without
torch.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

UNKNOWN = 0.5  # the previous mask of a first frame, and after a scene cut: nothing is known
MOST_KEPT = 0.8  # share of the previous mask that the memory may keep in a new one
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
    fc: Annotated[int, Field(ge=0, le=4096)] = 4096  # channels of the fully connected layers; 0: there are none
    up: Annotated[float, Field(ge=1 / 64, le=1)] | None = None  # the same share on the way up; None: as on the way down

    def __post_init__(self) -> None:
        """Raises ValueError for a way up for which there are not enough switches."""
        if self.up is not None and self.up > self.width:
            raise ValueError(f"the way up ({self.up:g}) can't be wider than the way down ({self.width:g})")


@dataclass(frozen=True)
class TorchvisionConfig:
    """Nothing to choose: the name of the architecture says it all."""
