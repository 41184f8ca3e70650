"""The memory of one mask, behind networks that find people frame by frame: how much of the previous mask to keep."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segnet.configs import MOST_KEPT, UNKNOWN

TINY = 1e-6


class Memory(nn.Module):
    """How much of the previous mask to keep, pixel by pixel: much where it differs from the new one as noise makes it
    differ, nothing where something moved or was wrong. It looks at masks only, so that no error of the past can reach
    what the network sees in a picture, and keeps at most MOST_KEPT, so that whatever was wrong fades within frames.
    """

    def __init__(self) -> None:
        super().__init__()
        self.compare = nn.Conv2d(12, 8, kernel_size=3, padding=1)
        self.keep = nn.Conv2d(8, 4, kernel_size=3, padding=1)

    def forward(self, logits: Tensor, previous: Tensor) -> Tensor:
        """Logits of the new mask and the previous mask, float32 (N, 1, H, W) → logits of the two mixed."""
        new, old = fours(logits), fours(previous)
        return whole(mixed(new, old, self.keeps(torch.sigmoid(new), old)))

    def keeps(self, new: Tensor, old: Tensor) -> Tensor:
        """How much of the previous mask to keep, 0 to MOST_KEPT, by both masks; all float32 (N, 4, H / 2, W / 2)."""
        seen = torch.cat((new, (new - old).abs(), (old - UNKNOWN).abs()), dim=1)
        keep = MOST_KEPT * torch.sigmoid(self.keep(F.relu(self.compare(seen))).float())
        return keep * (old != UNKNOWN)

    def steadied(self, new: Tensor, previous: Tensor) -> Tensor:
        """The new mask, float32 (N, 4, H / 2, W / 2), and the previous one, (N, 1, H, W) → the two mixed, float32
        (N, 1, H, W), without the way through logits: for inference.
        """
        old = fours(previous.float())
        return whole(blend(new, old, self.keeps(new, old)))


def fours(plane: Tensor) -> Tensor:
    """(N, 1, H, W) → (N, 4, H / 2, W / 2): convolutions of the same reach take a quarter of the places."""
    return F.pixel_unshuffle(plane, 2)


def whole(four: Tensor) -> Tensor:
    """(N, 4, H / 2, W / 2) → (N, 1, H, W): back again."""
    return F.pixel_shuffle(four, 2)


def blend(new: Tensor, old: Tensor, keep: Tensor) -> Tensor:
    """New shares and `keep`, 0 to 1, of the old ones; all float32 of one shape."""
    return (1 - keep) * new + keep * old


def mixed(logits: Tensor, previous: Tensor, keep: Tensor) -> Tensor:
    """Logits of sigmoid(logits) blended with `previous`, float32 of one shape. As a difference of logarithms of both
    sides, person and not, so that neither end loses its gradient.
    """
    yes = blend(torch.sigmoid(logits), previous, keep)
    no = blend(torch.sigmoid(-logits), 1 - previous, keep)
    return torch.log(yes + TINY) - torch.log(no + TINY)
