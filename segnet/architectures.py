"""Every network that a weights file may hold, by the name that its header gives. Only building one for torch imports
torch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from segnet import light_graph, selfie_graph
from segnet.configs import TORCHVISION, DeconvConfig, LightConfig, OpenVinoConfig, SelfieConfig, TorchvisionConfig
from segnet.opset_layers import Layers, Node, Shapes

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """How a network is built from what the header says, and what it takes."""

    config: type[Any]  # frozen dataclass; what it may hold is checked by pydantic
    # (config, outputs) → network; outputs: the classes, 1 for person alone. None where only OpenVINO can run it.
    build: Callable[[Any, int], "nn.Module"] | None
    remembers: bool = False  # forward (x, previous mask) → (logits, those without a memory), instead of x → logits
    step: int = 16  # input sides are multiples of this
    least: Callable[[Any], int] = lambda _: 32  # and no shorter than this
    fixed: bool = False  # takes its own input sizes only, whatever the picture's aspect
    single: bool = False  # can only tell one class from the rest
    # Of those that OpenVINO runs without torch: every tensor by the configuration, and the mask by the normalised
    # picture and the previous mask. The others have to be built to know either.
    shapes: Callable[[Any], Shapes] | None = None
    graph: Callable[[Layers, Any, Node, Node], Node] | None = None


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


def deconvnet_least(config: DeconvConfig) -> int:
    """Its fully connected layers see 7×7 points of 32 pixels each."""
    return 224 if config.fc else 32


def torchvision(name: str, config: TorchvisionConfig, outputs: int) -> "nn.Module":
    """The network that torchvision has under that name, without its auxiliary head. Nothing is downloaded."""
    from segnet.deeplab import Torchvision

    return Torchvision(name, outputs)


def listed(config: OpenVinoConfig) -> Shapes:
    """The tensors of a network that came as a list of operations."""
    return {**config.tensors}


ARCHITECTURES = {
    "light": Architecture(
        LightConfig, light, remembers=True, single=True, shapes=light_graph.shapes, graph=light_graph.mask
    ),
    "selfie": Architecture(
        SelfieConfig, selfie, remembers=True, single=True, shapes=selfie_graph.shapes, graph=selfie_graph.mask
    ),
    "deconvnet": Architecture(DeconvConfig, deconvnet, step=32, least=deconvnet_least, fixed=True),
    **{name: Architecture(TorchvisionConfig, partial(torchvision, name)) for name in TORCHVISION},
    "openvino": Architecture(OpenVinoConfig, None, step=1, fixed=True, shapes=listed),
}
