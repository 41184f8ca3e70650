"""What a weights file's header may say of the network that it holds: one configuration for each architecture. Without
torch.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

UNKNOWN = 0.5  # the previous mask of a first frame, and after a scene cut: nothing is known
MOST_KEPT = 0.84  # share of the previous mask that the memory may keep in a new one
PICTURE = -1  # what operations take in place of the number of another one
TORCHVISION = (
    "lraspp_mobilenet_v3_large",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
)

Channels = Annotated[int, Field(ge=1, le=4096)]
Hidden = Annotated[int, Field(ge=0, le=1024)]
Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Pixels = Annotated[int, Field(ge=-1024, le=1024)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=64)]
Kind = Literal["F32", "F16", "I8", "U8", "I32", "I64"]
Sides = Annotated[tuple[Annotated[int, Field(ge=0, le=2**24)], ...], Field(max_length=6)]


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


@dataclass(frozen=True)
class Operation:
    """One operation of OpenVINO's."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    kind: Word  # a name in segnet.operations.KINDS
    inputs: Annotated[tuple[Whole | Word, ...], Field(max_length=256)]  # numbers of operations, PICTURE, or tensors
    attributes: dict[Word, bool | Whole | Finite | Word | list[Pixels]] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenVinoConfig:
    """A network of another program as the list of its operations, from the normalised picture to logits. It is
    OpenVINO's to run, and only that: each operation takes what stands before it in the list, so there are no circles,
    and names no file.
    """

    operations: Annotated[tuple[Operation, ...], Field(min_length=1, max_length=4096)]  # the last gives the logits
    tensors: dict[Word, tuple[Kind, Sides]]  # type, as safetensors calls it, and shape
    corners: bool = False  # whether the logits at the corners are those of the picture's corner pixels
    fit: Literal["letterbox", "squeeze"] = "letterbox"  # top left, and grey beside it; or all of it, out of proportion
