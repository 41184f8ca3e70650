"""What the network is told of the frame before, while it is trained on single pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segnet.architectures import UNKNOWN
from segnet.light import MOST_KEPT

FRESH = 0.65  # share of pictures without a frame before
STILL = 0.45  # share of the others in which nothing moves but the noise
MISLED = 0.3  # share of the others whose previous mask is wrong somewhere or everywhere
REACHES = (1, 2, 4, 12)  # pixels that the picture moves at most from frame to frame
PARTLY = 0.5  # share of those that move in which only one side does: an arm, a passer-by
FRAMES = 5  # before this one, that may still be seen in the previous mask
NOISE = 0.05  # standard deviation of the noise of the frame before, of the network's input: 3 grey levels


@dataclass(frozen=True)
class Motion:
    """How a picture moves from frame to frame: by (down, right) pixels, on one side of a line only."""

    down: int
    right: int
    axis: int = 1  # 1: the rows from `start` on stand still, 2: the columns
    start: int = 10_000

    def back(self, picture: Tensor, frames: int) -> Tensor:
        """Float (C, H, W) → the same, so many frames ago."""
        result = picture.roll((self.down * frames, self.right * frames), (1, 2))
        if self.start < picture.shape[self.axis]:
            here = (self.axis, self.start, picture.shape[self.axis] - self.start)
            result.narrow(*here).copy_(picture.narrow(*here))
        return result


@torch.no_grad()
def previous_masks(network: nn.Module, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Previous masks for pictures x, float (N, 3, H, W) as the network takes them: float (N, 1, H, W), 0 to 1; and
    which pictures stood still since, bool (N,).

    The frame before is the same picture, moved and with noise of its own, and its mask is the network's own, with its
    errors, and with what a memory leaves of the frames before that. Some masks are spoilt, so that a wrong past is
    mended rather than repeated.
    """
    n, _, height, width = x.shape
    fresh, still, misled = (torch.rand(n, generator=generator) < share for share in (FRESH, STILL, MISLED))
    masks = torch.full_like(x[:, :1], UNKNOWN)
    known = torch.nonzero(~fresh).flatten().tolist()
    if known:
        motions = [Motion(0, 0) if still[i] else draw_motion(height, width, generator) for i in known]
        before = torch.stack([motion.back(x[i], 1) for i, motion in zip(known, motions, strict=True)])
        before += NOISE * torch.randn((len(known), 1, height, width), generator=generator).to(x.device)
        own = masks_of(network, before)
        for i, mask, motion in zip(known, own, motions, strict=True):
            masks[i] = mask if still[i] else trailing(mask, motion, generator)
    for i in torch.nonzero(misled & ~fresh).flatten().tolist():
        spoil(masks, i, generator)
    return masks, (still & ~misled & ~fresh).to(x.device)


def masks_of(network: nn.Module, x: Tensor) -> Tensor:
    """The masks of first frames, as the network will give them in use, and without a trace in its batch norms."""
    training = network.training
    network.eval()
    with torch.autocast(x.device.type, torch.bfloat16):
        logits, _ = network(x.contiguous(memory_format=torch.channels_last), torch.full_like(x[:, :1], UNKNOWN))
    network.train(training)
    return torch.sigmoid(logits)


def draw_motion(height: int, width: int, generator: torch.Generator) -> Motion:
    """A whole picture that moves, or one side of it."""
    reach = REACHES[draw(0, len(REACHES), generator)]
    down, right = draw(-reach, reach + 1, generator), draw(-reach, reach + 1, generator)
    if float(torch.rand((), generator=generator)) >= PARTLY:
        return Motion(down, right)
    axis = draw(1, 3, generator)
    return Motion(down, right, axis, draw(0, (height, width)[axis - 1], generator))


def trailing(mask: Tensor, motion: Motion, generator: torch.Generator) -> Tensor:
    """What a memory that keeps some share from frame to frame would have made of the last masks, (1, H, W)."""
    share = MOST_KEPT * float(torch.rand((), generator=generator))
    weights = torch.tensor([share**frame for frame in range(FRAMES)])
    masks = torch.stack([motion.back(mask, frame) for frame in range(FRAMES)])
    return torch.einsum("f,fchw->chw", (weights / weights.sum()).to(mask), masks)


def spoil(masks: Tensor, i: int, generator: torch.Generator) -> None:
    """Make one of the previous masks, (N, 1, H, W), a wrong one, in place."""
    height, width = masks.shape[2:]
    kind = draw(0, 4, generator)
    if kind == 0:
        masks[i] = masks[i - 1]  # of another scene
    elif kind == 1:
        masks[i] = float(torch.rand((), generator=generator) < 0.3)  # nobody, or somebody everywhere
    else:
        top, left = draw(0, height, generator), draw(0, width, generator)
        masks[i, :, top : top + height // 3, left : left + width // 3] = float(kind == 2)


def draw(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number from `low` to `high` - 1."""
    return int(torch.randint(low, high, (), generator=generator))
