"""What every engine runs: a small picture, and the mask of the frame before, to the mask of this one. Preparing the
picture and choosing the classes are in it, so that no engine can do either differently.
"""

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet.architectures import ARCHITECTURES
from segnet.classes import PERSON, kept
from segnet.light import LightNet, fused
from segnet.weights import WeightsInfo


class MaskModel(nn.Module):
    """A network with all that is around it. Its own copy, in which batch norms are folded into convolutions."""

    shift: Tensor
    scale: Tensor
    kept: Tensor

    def __init__(
        self,
        network: nn.Module,
        info: WeightsInfo,
        keep: Sequence[str] = (PERSON,),
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`dtype` is that of the network's layers; whatever deals with masks is float32. Raises ClassError."""
        super().__init__()
        self.remembers = ARCHITECTURES[info.architecture].remembers  # whether forward takes the previous mask too
        self.single = len(info.classes) == 1
        self.dtype = dtype
        self.network = slim(network).to(dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.remembers:
            self.network.memory.float()  # it compares masks, and is small
        self.register_buffer("shift", 255 * torch.tensor(info.mean).view(1, 3, 1, 1))
        self.register_buffer("scale", 255 * torch.tensor(info.std).view(1, 3, 1, 1))
        self.register_buffer("kept", torch.tensor(list(kept(info.classes, keep)), dtype=torch.int64))

    def forward(self, picture: Tensor, previous: Tensor | None = None) -> Tensor:
        """Picture uint8 (1, H, W, 3) RGB; previous, where the network remembers, float32 (1, 1, H, W) → float32
        (1, 1, H, W), how much of each pixel to keep, 0 to 1.
        """
        x = ((picture.permute(0, 3, 1, 2).float() - self.shift) / self.scale).to(self.dtype)
        if previous is not None:
            steady: Tensor = self.network.mask(x, previous)
            return steady
        logits: Tensor = self.network(x).float()
        if self.single:
            return torch.sigmoid(logits)
        shares = torch.softmax(logits, dim=1).index_select(1, self.kept)
        return shares.sum(dim=1, keepdim=True).clamp(0, 1)  # a sum of shares may be 1.0000001


def slim(network: nn.Module) -> nn.Module:
    """A copy on the CPU that is the same function, in inference, in fewer operations."""
    network = copy.deepcopy(network).cpu().eval()
    if isinstance(network, LightNet):
        return fused(network)
    for module in list(network.modules()):
        # In all networks here a batch norm takes the output of the convolution that stands before it. A test compares.
        for (name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm, transpose=isinstance(conv, nn.ConvTranspose2d)))
                setattr(module, norm_name, nn.Identity())
        for name, child in list(module.named_children()):
            if isinstance(child, nn.MaxPool2d) and child.return_indices:
                setattr(module, name, Pool())
            elif isinstance(child, nn.MaxUnpool2d):
                setattr(module, name, Unpool())
    return network


class Pool(nn.Module):
    """nn.MaxPool2d(2, return_indices=True), its switches as a picture: OpenVINO has no quick way to the indices, which
    took it five sixths of DeconvNet's time.
    """

    order: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("order", torch.tensor([[4.0, 3.0], [2.0, 1.0]]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Float (N, C, 2H, 2W) → float (N, C, H, W), and for each of x's values 1 or 0: whether it is the one of its
        four that was taken, the first where several are the greatest, as after a ReLU.
        """
        greatest = F.max_pool2d(x, 2)
        order = (x == twice(greatest)).to(x.dtype) * self.order.to(x.dtype).repeat(1, 1, *greatest.shape[2:])
        return greatest, (order == twice(F.max_pool2d(order, 2))).to(x.dtype)


class Unpool(nn.Module):
    """nn.MaxUnpool2d(2) by a Pool's switches."""

    def forward(self, x: Tensor, switches: Tensor) -> Tensor:
        """Float (N, C, H, W) and what came with it (N, C, 2H, 2W) → float (N, C, 2H, 2W)."""
        return twice(x) * switches


def twice(x: Tensor) -> Tensor:
    """Each value four times: (N, C, H, W) → (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
