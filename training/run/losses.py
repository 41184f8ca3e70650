"""Losses: pure functions of logits and target, with named parts."""

import statistics
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from training.data.pictures import VOID

BAND = 5  # pixels either side of the contour that weigh more
EDGE_WEIGHT = 4.0


STEADY_WEIGHT, FOLLOW_WEIGHT = 0.7, 1.0


def segmentation_loss(
    logits: Tensor, fresh: Tensor, target: Tensor, previous: Tensor, still: Tensor
) -> dict[str, Tensor]:
    """Parts of the loss and their "total". All float (N, 1, H, W): logits, and what they were without a memory, the
    target and the previous mask from 0 to 1; still bool (N,): pictures in which nothing moved since that mask.
    """
    band, rests = contour_band(target), still.view(-1, 1, 1, 1).to(target.dtype)
    parts = {
        "bce": contour_bce(fresh, target, band),
        "dice": soft_dice(fresh, target),
        "memory": contour_bce(logits, target, band),
        "steady": STEADY_WEIGHT * difference(torch.sigmoid(logits), previous, band * rests),
        "follow": FOLLOW_WEIGHT * difference(torch.sigmoid(logits), torch.sigmoid(fresh.detach()), band * (1 - rests)),
    }
    return parts | {"total": torch.stack(list(parts.values())).sum()}


def difference(masks: Tensor, others: Tensor, band: Tensor) -> Tensor:
    """Mean absolute difference inside `band`; all float (N, 1, H, W). Of a still picture's mask and the one before it
    this is its flicker; of a moving picture's mask and what it would be without a memory, its lag.
    """
    return ((masks - others).abs() * band).sum() / (band.sum() + 1)


def contour_bce(logits: Tensor, target: Tensor, band: Tensor) -> Tensor:
    """Binary cross entropy whose weight is 1 + EDGE_WEIGHT inside `band`, float (N, 1, H, W)."""
    weight = 1 + EDGE_WEIGHT * band
    return (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / weight.sum()


def contour_band(target: Tensor) -> Tensor:
    """Float (N, 1, H, W), 1 within about BAND pixels of the target's contour, 0 elsewhere; H and W even.
    Found at half the size, where it costs far less.
    """
    both = F.max_pool2d(torch.cat((target, 1 - target), dim=1), 2)
    near = F.max_pool2d(both, BAND, stride=1, padding=BAND // 2)
    return F.interpolate(near[:, :1] + near[:, 1:] - 1, scale_factor=2, mode="nearest")


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 − Dice of the probabilities (Milletari et al. 2016, §3), over the batch, so that a picture without
    anybody counts by what it wrongly adds.
    """
    p = torch.sigmoid(logits)
    result: Tensor = 1 - (2 * (p * target).sum() + 1) / (p.square().sum() + target.square().sum() + 1)
    return result


def class_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> dict[str, Tensor]:
    """Cross entropy of float (N, C, H, W) logits against uint8 (N, 1, H, W) labels, and the same as the "total"; pixels
    labelled VOID do not count. `weights` float (C,), of the classes.
    """
    target = labels[:, 0].long()
    summed = F.cross_entropy(logits, target, weight=weights, ignore_index=VOID, reduction="sum")
    known = target != VOID
    # By hand, because the mean over no pixels, in a batch of void, is NaN; without picking the known ones, whose number
    # a GPU would have to be asked for.
    count = (known if weights is None else known * weights[target * known]).sum()
    entropy = summed / count.clamp(min=1)
    return {"cross_entropy": entropy, "total": entropy}


def median_frequency(pixels: Sequence[int]) -> list[float]:
    """A weight for each class from its number of pixels: the median over its own, from 0.5 to 5 (Eigen and Fergus 2015,
    §6.3.1, but kept within bounds); 1 for a class without pixels.
    """
    median = statistics.median([count for count in pixels if count] or [1])
    return [min(5.0, max(0.5, median / count)) if count else 1.0 for count in pixels]
