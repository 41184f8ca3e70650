"""From a small picture to the mask of that very picture."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet.network import SegNet
from segnet.weights import WeightsError, WeightsInfo, load_weights

STEP = 16  # the network's input sides are multiples of this


def input_size(width: int, height: int, nominal: tuple[int, int] = (256, 144)) -> tuple[int, int]:
    """Width and height at which a picture goes through the network: about the nominal area and the picture's
    own aspect, so that nothing is letterboxed and little is stretched. Very long pictures are squeezed to 4:1.
    """
    aspect = min(4.0, max(0.25, width / height))
    area = nominal[0] * nominal[1]
    columns = max(1, round((area * aspect) ** 0.5 / STEP))
    rows = max(1, round((area / aspect) ** 0.5 / STEP))
    return columns * STEP, rows * STEP


class Segmenter:
    """A network ready to run: batch norm folded into the convolutions, channels last, on its device."""

    def __init__(self, network: SegNet, info: WeightsInfo, device: str = "cpu") -> None:
        self.info = info
        self.device = torch.device(device)
        self.network = fused(network.eval()).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        scale = 255 * torch.tensor(info.std)
        self._scale = scale.view(1, 3, 1, 1).to(self.device)
        self._shift = (255 * torch.tensor(info.mean)).view(1, 3, 1, 1).to(self.device)

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that pictures of this size are brought to before they are segmented."""
        return input_size(width, height, self.info.input_size)

    @torch.inference_mode()
    def __call__(self, picture: NDArray[Any]) -> NDArray[Any]:
        """uint8 (H, W, 3) RGB, sides multiples of 16 → float32 (H, W), share of each pixel that is person,
        0 to 1. Raises what torch raises.
        """
        x = torch.from_numpy(picture).to(self.device).permute(2, 0, 1)[None].float()
        logits = self.network(((x - self._shift) / self._scale).contiguous(memory_format=torch.channels_last))
        mask: NDArray[Any] = torch.sigmoid(logits[0, 0]).cpu().numpy()
        return mask


def fused(network: SegNet) -> SegNet:
    """The same network with every batch norm folded into the convolution before it (changed in place)."""
    for block in network.modules():
        if isinstance(block, nn.Sequential) and len(block) > 1 and isinstance(block[1], nn.BatchNorm2d):
            block[0] = fuse_conv_bn_eval(block[0], block[1])  # type: ignore[type-var]
            block[1] = nn.Identity()
    return network


def load_segmenter(path: Path, device: str = "cpu") -> Segmenter:
    """The segmenter of a weights file, warmed up and seen to give numbers. Raises WeightsError."""
    segmenter = Segmenter(*load_weights(path), device=device)
    width, height = segmenter.size_for(*segmenter.info.input_size)
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    if not np.isfinite(segmenter(noise)).all():
        raise WeightsError(f"the network in {path} gives numbers that are not finite")
    return segmenter
