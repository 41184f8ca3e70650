"""DeconvNet's way of looking at a whole picture (Noh, Hong and Han 2015, §4.4): many boxes of it, one at a time, each
with some context and at the network's own size; what is said most loudly of a pixel counts.

The paper takes its 50 boxes from EdgeBoxes, which needs a trained model of edges, a file that can't be had from a
package registry. Here they are windows of several sizes that slide over the picture, nearly as many. They know nothing
of objects, so they cut through some that EdgeBoxes would have framed. Far too slow for a camera.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 224  # DeconvNet's own size
CONTEXT = 1.2  # how much larger than its box a crop is, in training and here
SHARES = (1.0, 2 / 3, 1 / 2)  # sides of the windows, of the picture's shorter side
SMALLEST = 112  # a smaller crop would have to be enlarged more than twice; the paper's program leaves them out too


class Box(NamedTuple):
    """Pixels from left to right and top to bottom, the latter not included; may reach beyond the picture."""

    left: int
    top: int
    right: int
    bottom: int


def windows(width: int, height: int, shares: Sequence[float] = SHARES) -> list[Box]:
    """The whole picture, and square windows that overlap by half at least, for each share of the shorter side. They lie
    within the picture, and those of one share cover it.
    """
    sides = [round(share * min(width, height)) for share in shares]
    squares = [
        Box(left, top, left + side, top + side)
        for side in sides
        if side >= SMALLEST
        for top, left in product(starts(height, side), starts(width, side))
    ]
    return list(dict.fromkeys([Box(0, 0, width, height), *squares]))


def starts(length: int, side: int) -> list[int]:
    """Where windows begin so that they cover `length` evenly, each overlapping the next by half at least."""
    steps = ceil((length - side) / max(1, side // 2))
    return [round(step * (length - side) / steps) for step in range(steps + 1)] if steps else [0]


def enlarged(box: Box, factor: float = CONTEXT) -> Box:
    """The box with context on all sides, its middle where it was, within half a pixel."""
    more_x, more_y = ((factor - 1) / 2 * side for side in (box.right - box.left, box.bottom - box.top))
    return Box(round(box.left - more_x), round(box.top - more_y), round(box.right + more_x), round(box.bottom + more_y))


def cut(picture: Tensor, box: Box, side: int = SIDE) -> Tensor:
    """Float (3, H, W), normalised, so that 0 is the mean colour → what is in the box, float (3, side, side); beyond
    the picture's edge lies the mean colour.
    """
    _, height, width = picture.shape
    inside = picture[:, max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)]
    beyond = (max(0, -box.left), max(0, box.right - width), max(0, -box.top), max(0, box.bottom - height))
    return F.interpolate(F.pad(inside, beyond)[None], size=(side, side), mode="bilinear", antialias=True)[0]


def loudest(scores: Tensor, crop: Tensor, box: Box) -> None:
    """Scores of a crop, float (classes, side, side), are brought to the size of its box, and each score of the picture,
    float (classes, H, W), becomes the larger of the two. Changes `scores` in place.
    """
    _, height, width = scores.shape
    sized = F.interpolate(
        crop[None], size=(box.bottom - box.top, box.right - box.left), mode="bilinear", antialias=True
    )[0]
    rows = slice(max(0, box.top), min(height, box.bottom))
    columns = slice(max(0, box.left), min(width, box.right))
    here = scores[:, rows, columns]
    part = sized[:, rows.start - box.top : rows.stop - box.top, columns.start - box.left : columns.stop - box.left]
    torch.maximum(here, part, out=here)


@torch.inference_mode()
def segment(
    network: Callable[[Tensor], Tensor], picture: Tensor, boxes: Sequence[Box], side: int = SIDE, batch: int = 8
) -> Tensor:
    """Float (3, H, W), normalised, and boxes that cover it → probabilities of the classes, float (classes, H, W).

    `network` takes crops, float (N, 3, side, side), N at most `batch`, and gives logits, (N, classes, side, side).
    Where the paper puts zeros around a crop's scores, and so never lets a score below zero through, here only crops
    that hold a pixel have a say. Raises ValueError for pixels that no box holds.
    """
    scores = None
    for first in range(0, len(boxes), batch):
        some = [enlarged(box) for box in boxes[first : first + batch]]
        logits = network(torch.stack([cut(picture, box, side) for box in some]))
        if scores is None:
            scores = logits.new_full((logits.shape[1], *picture.shape[1:]), -torch.inf)
        for crop, box in zip(logits, some, strict=True):
            loudest(scores, crop, box)
    if scores is None or bool(torch.isinf(scores).any()):
        raise ValueError("the boxes do not cover the picture")
    return torch.softmax(scores, dim=0)
