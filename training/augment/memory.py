"""Simulated previous masks for training on single pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segnet.configs import MOST_KEPT, UNKNOWN

FRESH = 0.65  # share of pictures without a frame before
STILL = 0.45  # share of the others in which nothing moves but the noise
CORRUPT = 0.3  # share of the others whose previous mask is wrong somewhere or everywhere
REACHES = (1, 2, 4, 12)  # pixels that the picture moves at most from frame to frame
PARTLY = 0.5  # share of those that move in which only one side does: an arm, a passer-by
FRAMES = 5  # before this one, that may still be seen in the previous mask
NOISE = 0.05  # standard deviation of the noise of the frame before, of the network's input: 3 grey levels


@dataclass(frozen=True)
class Motion:
    """How each of N pictures moves from frame to frame: by (down, right) pixels, on one side of a line only."""

    down: Tensor  # int (N,)
    right: Tensor  # int (N,)
    rows: Tensor  # int (N,): the rows from here on stand still
    columns: Tensor  # int (N,): and so do the columns from here on

    def back(self, pictures: Tensor, frames: int) -> Tensor:
        """(N, C, H, W) → the same, so many frames ago. What leaves at one border comes in at the other."""
        n, channels, height, width = pictures.shape
        row, column = (torch.arange(side, device=pictures.device) for side in (height, width))
        down, right, rows, columns = (part.view(-1, 1, 1) for part in (self.down, self.right, self.rows, self.columns))
        moves = (row[:, None] < rows) & (column < columns)
        source_row = torch.where(moves, (row[:, None] - frames * down) % height, row[:, None])
        source_column = torch.where(moves, (column - frames * right) % width, column)
        where = (source_row * width + source_column).view(n, 1, -1).expand(-1, channels, -1)
        return pictures.flatten(2).gather(2, where).view_as(pictures)


@torch.no_grad()
def previous_masks(network: nn.Module, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Previous masks for pictures x, float (N, 3, H, W) as the network takes them: float (N, 1, H, W), 0 to 1; and
    which pictures stood still since, bool (N,).

    The frame before is the same picture, moved and with noise of its own, and its mask is the network's own, with its
    errors, and with what a memory leaves of the frames before that. Some masks are corrupted, so that a wrong past is
    mended rather than repeated. `generator` is one of the CPU, which draws a few numbers and never waits for a GPU.
    """
    n, _, height, width = x.shape
    # Each picture has a past with the same chance, but their number varies by one at most: work of the same shape.
    known = torch.randperm(n, generator=generator)[: int(n * (1 - FRESH) + float(torch.rand((), generator=generator)))]
    still, corrupt = (torch.rand(len(known), generator=generator) < share for share in (STILL, CORRUPT))
    motion, share = draw_motion(still, height, width, generator), torch.rand(len(known), generator=generator)
    noise = torch.Generator(x.device).manual_seed(int(torch.randint(2**62, (), generator=generator)))
    masks, stands = torch.full_like(x[:, :1], UNKNOWN), torch.zeros(n, dtype=torch.bool)
    stands[known] = still & ~corrupt
    if len(known):
        here = to_device(known, x.device)
        motion = Motion(
            *(to_device(part, x.device) for part in (motion.down, motion.right, motion.rows, motion.columns))
        )
        before = motion.back(x[here], 1)
        before += NOISE * torch.randn((len(known), 1, height, width), generator=noise, device=x.device)
        masks[here] = trailing(masks_of(network, before), motion, to_device(MOST_KEPT * share, x.device))
        masks[here] = corrupted(masks, here, to_device(corrupt, x.device), generator)
    return masks, to_device(stands, x.device)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on that device, copied asynchronously."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def masks_of(network: nn.Module, x: Tensor) -> Tensor:
    """The network's masks of first frames, in evaluation mode: batch norm statistics stay as they are."""
    training = network.training
    network.eval()
    logits, _ = network(x.contiguous(memory_format=torch.channels_last), torch.full_like(x[:, :1], UNKNOWN))
    network.train(training)
    return torch.sigmoid(logits)


def draw_motion(still: Tensor, height: int, width: int, generator: torch.Generator) -> Motion:
    """Whole pictures that move, or one side of them, but not those that are `still`, bool (N,)."""
    n = len(still)
    reach = torch.tensor(REACHES)[torch.randint(len(REACHES), (n,), generator=generator)]
    down, right = (random_integers(-reach, reach + 1, generator) * ~still for _ in range(2))
    partly, upright = torch.rand(n, generator=generator) < PARTLY, torch.rand(n, generator=generator) < 0.5
    rows, columns = (torch.randint(side, (n,), generator=generator) for side in (height, width))
    return Motion(
        down, right, torch.where(partly & upright, rows, height), torch.where(partly & ~upright, columns, width)
    )


def trailing(masks: Tensor, motion: Motion, share: Tensor) -> Tensor:
    """What a memory that keeps `share` (N,) from frame to frame would have made of the last masks, (N, 1, H, W)."""
    weights = share[:, None] ** torch.arange(FRAMES, device=share.device)
    weights = weights / weights.sum(1, keepdim=True)
    moved = [weights[:, frame].view(-1, 1, 1, 1) * motion.back(masks, frame) for frame in range(FRAMES)]
    return torch.stack(moved).sum(0)


def corrupted(masks: Tensor, here: Tensor, corrupt: Tensor, generator: torch.Generator) -> Tensor:
    """Masks `here` (K,) of all (N, 1, H, W), corrupted where `misled`, bool (K,)."""
    n, (height, width) = len(here), masks.shape[2:]
    numbers = [torch.randint(end, (n,), generator=generator) for end in (4, height, width)]
    everywhere = (torch.rand(n, generator=generator) < 0.3).long()
    kind, top, left, somebody = (
        part.view(-1, 1, 1, 1) for part in to_device(torch.stack([*numbers, everywhere]), masks.device)
    )
    row, column = torch.arange(height, device=masks.device)[:, None], torch.arange(width, device=masks.device)
    patch = (row >= top) & (row < top + height // 3) & (column >= left) & (column < left + width // 3)
    own, other = masks[here], masks[here - 1]  # the latter of another scene
    patched = torch.where(patch, (kind == 2).to(masks), own)
    wrong = torch.where(kind == 0, other, torch.where(kind == 1, somebody.to(masks), patched))
    return torch.where(corrupt.view(-1, 1, 1, 1), wrong, own)


def random_integers(low: Tensor, high: Tensor, generator: torch.Generator) -> Tensor:
    """Whole numbers from `low` (N,) to `high` - 1 (N,)."""
    return low + (torch.rand(len(low), generator=generator) * (high - low)).long()
