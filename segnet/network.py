"""The light network: a picture in, one logit per pixel for "person" out."""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

Channels = Annotated[int, Field(ge=1, le=4096)]


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that is needed to build the network again; it travels inside the weights file."""

    stem: Channels = 16  # channels at 1/2 of the input
    widths: tuple[Channels, Channels, Channels, Channels] = (
        24,
        40,
        64,
        128,
    )  # channels at 1/4, 1/8, 1/16, 1/32
    decoder: tuple[Channels, Channels, Channels] = (
        16,
        24,
        48,
    )  # channels of the way back, at 1/4, 1/8, 1/16


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3×3 convolution, batch norm, ReLU. Every block is this one: on a CPU the number of operations
    costs more than their size, so plain convolutions beat depthwise ones of fewer multiplications.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Context(nn.Module):
    """What the whole picture says about each pixel: LR-ASPP (Howard et al. 2019, MobileNetV3, §6.4)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel_size=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )
        self.whole = nn.Conv2d(inputs, outputs, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, inputs, H, W) → float (N, outputs, H, W)."""
        result: Tensor = self.local(x) * torch.sigmoid(self.whole(x.mean(dim=(2, 3), keepdim=True)))
        return result


class SegNet(nn.Module):
    """U-Net of plain 3×3 convolutions, with a context block at 1/32 and a pixel-shuffle head."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        w4, w8, w16, w32 = config.widths
        d4, d8, d16 = config.decoder
        self.config = config
        self.stem = conv(3, config.stem, stride=2)
        self.quarter = nn.Sequential(conv(config.stem, w4, stride=2), conv(w4, w4))
        self.eighth = nn.Sequential(conv(w4, w8, stride=2), conv(w8, w8))
        self.sixteenth = nn.Sequential(conv(w8, w16, stride=2), conv(w16, w16), conv(w16, w16))
        self.thirtysecond = nn.Sequential(conv(w16, w32, stride=2), conv(w32, w32))
        self.context = Context(w32, w16)
        self.up16 = conv(w16 + w16, d16)
        self.up8 = conv(d16 + w8, d8)
        self.up4 = conv(d8 + w4, d4)
        self.lateral = nn.Conv2d(config.stem, d4, kernel_size=1)
        self.up2 = conv(d4, d4)
        self.head = nn.Sequential(nn.Conv2d(d4, 4, kernel_size=3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, 3, H, W), RGB, normalised as the weights file says, H and W multiples of 16
        → logits, float (N, 1, H, W); sigmoid gives the share of the pixel that is person.
        """
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        y = self.context(self.thirtysecond(sixteenth))
        y = self.up16(torch.cat((enlarge(y, sixteenth), sixteenth), dim=1))
        y = self.up8(torch.cat((enlarge(y, eighth), eighth), dim=1))
        y = self.up4(torch.cat((enlarge(y, quarter), quarter), dim=1))
        y = self.up2(enlarge(y, half) + self.lateral(half))
        logits: Tensor = self.head(y)
        return logits


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the height and width of `like`, bilinear. Sizes are compared, not doubled, because 1/32 of a
    picture whose height is a multiple of 16 may have been rounded up.
    """
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)
