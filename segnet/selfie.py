"""MediaPipe Selfie Segmentation, the general network (Google, Apache-2.0), as a plain module for pictures of any size,
with the memory of one mask behind it and, where its configuration asks for them, refinements of our own in it.

Its encoder is MobileNetV3's (Howard et al. 2019, §5), its decoder gated sums at 1/8, 1/4 and 1/2.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segnet.configs import SelfieConfig
from segnet.memory import Memory, whole

QUARTER, EIGHTH, SIXTEENTH, CONTEXT = 16, 24, 32, 128  # channels at these shares of the input, and in the context


class Down(nn.Module):
    """A convolution of stride 2, or a depthwise one, with zeros to the right and below first, as TensorFlow pads."""

    def __init__(self, inputs: int, outputs: int, size: int, groups: int = 1) -> None:
        super().__init__()
        self.before, self.after = (size - 2) // 2, (size - 1) // 2
        self.conv = nn.Conv2d(inputs, outputs, size, stride=2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, inputs, H, W) → float (N, outputs, H / 2, W / 2); H and W even."""
        result: Tensor = self.conv(F.pad(x, (self.before, self.after, self.before, self.after)))
        return result


class Gate(nn.Module):
    """How much of each channel to let through, by the whole picture (Hu et al. 2018, squeeze and excitation, §3)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, C, H, W) → float (N, C, 1, 1), 0 to 1."""
        return torch.sigmoid(self.excite(F.relu(self.squeeze(mean(x)))))


class Bottleneck(nn.Module):
    """MobileNetV3's block: wider, a depthwise convolution, a gate, narrower, and the input added where it fits."""

    def __init__(self, inputs: int, hidden: int, outputs: int, size: int, *, down: bool, gate: int, hard: bool) -> None:
        super().__init__()
        self.wider = nn.Conv2d(inputs, hidden, 1)
        self.depthwise: nn.Module = (
            Down(hidden, hidden, size, groups=hidden)
            if down
            else nn.Conv2d(hidden, hidden, size, padding=size // 2, groups=hidden)
        )
        self.gate = Gate(hidden, gate) if gate else None
        self.narrower = nn.Conv2d(hidden, outputs, 1)
        self.act: Callable[[Tensor], Tensor] = F.hardswish if hard else F.relu
        self.adds = not down and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, inputs, H, W) → float (N, outputs, H, W), or of half the sides."""
        y = self.act(self.depthwise(self.act(self.wider(x))))
        if self.gate is not None:
            y = y * self.gate(y)
        y = self.narrower(y)
        result: Tensor = y + x if self.adds else y
        return result


class Up(nn.Module):
    """A step of the decoder: what is coarse, enlarged, and a gated share of what is fine, added up."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.bring = nn.Conv2d(coarse, fine, 1)
        self.gate = Gate(fine, fine)
        self.mix = nn.Conv2d(fine, fine, 1)
        self.depthwise = nn.Conv2d(fine, fine, 3, padding=1, groups=fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Float (N, coarse, H / 2, W / 2) and (N, fine, H, W) → float (N, fine, H, W)."""
        # A 1×1 convolution and a bilinear resize may change places; before it, it has a quarter of the work.
        brought = F.interpolate(self.bring(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        y = F.relu(self.mix(fine * self.gate(fine + brought) + brought))
        result: Tensor = y + F.relu(self.depthwise(y))
        return result


class Refinement(nn.Module):
    """Two plain 3×3 convolutions whose result is added: nothing before they are trained, as the last begins at zero,
    so that weights without them are where training starts.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        assert self.second.bias is not None
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, C, H, W) → the same."""
        result: Tensor = x + self.second(F.relu(self.first(x)))
        return result


class SelfieNet(nn.Module):
    """The network and its memory."""

    def __init__(self, config: SelfieConfig) -> None:
        super().__init__()
        self.config = config
        deep, eighth, quarter = config.refine
        self.stem = Down(3, 16, 3)
        self.quarter = Bottleneck(16, 16, QUARTER, 3, down=True, gate=8, hard=False)
        self.eighth = nn.Sequential(
            Bottleneck(QUARTER, 72, EIGHTH, 3, down=True, gate=0, hard=False),
            Bottleneck(EIGHTH, 88, EIGHTH, 3, down=False, gate=0, hard=False),
        )
        self.sixteenth = nn.Sequential(
            Bottleneck(EIGHTH, 96, SIXTEENTH, 5, down=True, gate=24, hard=True),
            Bottleneck(SIXTEENTH, 128, SIXTEENTH, 5, down=False, gate=32, hard=True),
            Bottleneck(SIXTEENTH, 128, SIXTEENTH, 5, down=False, gate=32, hard=True),
            Bottleneck(SIXTEENTH, 96, SIXTEENTH, 5, down=False, gate=24, hard=True),
            Bottleneck(SIXTEENTH, 96, SIXTEENTH, 5, down=False, gate=24, hard=True),
        )
        self.deep = nn.Sequential(*(Refinement(SIXTEENTH, deep) for _ in range(config.depth if deep else 0)))
        self.everywhere = nn.Conv2d(SIXTEENTH, CONTEXT, 1)
        self.local = nn.Conv2d(SIXTEENTH, CONTEXT, 1)
        self.up8 = Up(CONTEXT, EIGHTH)
        self.refine8 = Refinement(EIGHTH, eighth) if eighth else nn.Identity()
        self.up4 = Up(EIGHTH, QUARTER)
        self.refine4 = Refinement(QUARTER, quarter) if quarter else nn.Identity()
        self.up2 = Up(QUARTER, 16)
        self.head = nn.ConvTranspose2d(16, 1, 2, stride=2)
        self.memory = Memory()

    def forward(self, x: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Float (N, 3, H, W), RGB, 0 to 1, H and W multiples of 16; previous float (N, 1, H, W), the mask of the frame
        before, 0 to 1, or UNKNOWN everywhere → logits, float32 (N, 1, H, W), and what they were without a memory, which
        matters in training only. The sigmoid of the first is the share of the pixel that is person, and the `previous`
        of the next frame.
        """
        fresh = self.fresh(x)
        return self.memory(fresh.detach(), previous.float()), fresh

    def mask(self, x: Tensor, previous: Tensor) -> Tensor:
        """The sigmoid of forward's first, float32 (N, 1, H, W), without the way through logits: for inference."""
        return self.memory.steadied(torch.sigmoid(self.fours(x)), previous)

    def fresh(self, x: Tensor) -> Tensor:
        """Logits by this picture alone, float32 (N, 1, H, W)."""
        return whole(self.fours(x))

    def fours(self, x: Tensor) -> Tensor:
        """The same, four pixels at each place: float32 (N, 4, H / 2, W / 2)."""
        # The head is transposed, 2×2 of stride 2: without overlaps, so it is a 1×1 convolution to four channels, which
        # takes a third of the time.
        assert self.head.bias is not None
        weight, bias = self.head.weight.permute(1, 2, 3, 0).reshape(4, -1, 1, 1), self.head.bias.repeat(4)
        return F.conv2d(self.features(x), weight, bias).float()

    def features(self, x: Tensor) -> Tensor:
        """What the head sees, float (N, 16, H / 2, W / 2)."""
        half = F.hardswish(self.stem(x))
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.deep(self.sixteenth(eighth))
        y = F.relu(self.local(sixteenth)) * torch.sigmoid(self.everywhere(mean(sixteenth)))
        y = self.refine8(self.up8(y, eighth))
        y = self.refine4(self.up4(y, quarter))
        found: Tensor = self.up2(y, half)
        return found


def mean(x: Tensor) -> Tensor:
    """Float (N, C, H, W) → float (N, C, 1, 1)."""
    return x.mean(dim=(2, 3), keepdim=True)
