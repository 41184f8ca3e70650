"""The pixel functions of yuv, mask, edge and effects once more, on tensors of one shape each: what runs on a GPU as one
CUDA graph, and on a CPU for the tests. Nothing here looks at a value, so nothing waits for the device.

Planes are (n, h, w), luma one and colour two, float32 unless said otherwise, in grey levels 0 to 255; masks are (h, w),
0 to 1. Every filter is separable, and at the sizes at which filters run here it is two small matrix products, borders
included, where torch has no kernel that does the same.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vcam.effects.blur import EPSILON, LOW_LINES, NEAR
from vcam.masks import mask, pieces, upsample

TURNS = 6  # corners that a way through a doubtful area may have; where one has more, no hole is filled
ROUNDS, JUMPS = 5, 8  # in which the runs of pixels that are one piece find each other; where some don't, all stay
# BT.601, limited range: what Y − 16, U − 128, V − 128 are in R, G, B, as OpenCV rounds it.
BY_Y, U_IN_G, U_IN_B, V_IN_R, V_IN_G = 1.164, -0.391, 2.018, 1.596, -0.813


def area(new: int, old: int) -> NDArray[Any]:
    """Matrix (new, old): each new pixel is the mean of what it covers."""
    ends, pixels = np.arange(new + 1) * old / new, np.arange(old)
    shared = np.minimum(ends[1:, None], pixels + 1) - np.maximum(ends[:-1, None], pixels)
    return np.asarray(np.maximum(shared, 0.0) * new / old)


def convolution(size: int, kernel: NDArray[Any]) -> NDArray[Any]:
    """Matrix (size, size) of a convolution by a kernel of odd length; borders are mirrored, as often as it takes."""
    reach = len(kernel) // 2
    at = np.arange(size)[:, None]
    source = (at + np.arange(-reach, reach + 1)) % (2 * size)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (at, np.minimum(source, 2 * size - 1 - source)), kernel)
    return matrix


def gauss(size: int, sigma: float) -> NDArray[Any]:
    """Matrix (size, size) of a Gaussian blur, cut off at four standard deviations as OpenCV does."""
    reach = round(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return convolution(size, kernel / kernel.sum())


def box(size: int, reach: int) -> NDArray[Any]:
    """Matrix (size, size) of the mean over 2 · reach + 1 pixels."""
    return convolution(size, np.full(2 * reach + 1, 1 / (2 * reach + 1)))


class Separable:
    """One filter for the columns and one for the rows of images (…, h, w)."""

    def __init__(self, down: NDArray[Any], across: NDArray[Any], device: str) -> None:
        """Matrices (h', h) and (w', w)."""
        self.down, self.across = (torch.tensor(matrix, dtype=torch.float32, device=device) for matrix in (down, across))

    def set(self, down: NDArray[Any], across: NDArray[Any]) -> None:
        """Other matrices of the same shapes, in the same memory."""
        self.down.copy_(torch.tensor(down, dtype=torch.float32))
        self.across.copy_(torch.tensor(across, dtype=torch.float32))

    def __call__(self, image: Tensor) -> Tensor:
        """(…, h, w) → (…, h', w')."""
        return self.down @ image @ self.across.T


def halved(planes: Tensor, times: int) -> list[Tensor]:
    """Planes (n, h, w), uint8 or float32, and what they become each time that they are halved, in whole grey levels if
    they are uint8; all float32.
    """
    levels, whole = [planes.float()], planes.dtype == torch.uint8
    for _ in range(times):
        mean = F.avg_pool2d(levels[-1], 2)
        levels.append(torch.floor(mean + 0.5) if whole else mean)
    return levels


class Resize:
    """From (h, w) to (h', w'): the mean of what a pixel covers where `mean`, else interpolated. In one kernel where
    there is one that does the same.
    """

    def __init__(self, old: Sequence[int], new: Sequence[int], mean: bool, device: str) -> None:
        self.size, self.mean = tuple(new), mean
        self.whole = old[0] // new[0], old[1] // new[1]  # pixels that one covers
        odd = mean and (old[0] % new[0] or old[1] % new[1])
        self.matrices = Separable(area(new[0], old[0]), area(new[1], old[1]), device) if odd else None

    def __call__(self, images: Tensor) -> Tensor:
        """(n, h, w) → (n, h', w')."""
        if self.matrices is not None:
            return self.matrices(images)
        return F.avg_pool2d(images, self.whole) if self.mean else enlarged(images, self.size)


class Shrink:
    """yuv.shrink: halved as often as it goes, then interpolated."""

    def __init__(self, old: Sequence[int], new: Sequence[int], device: str) -> None:
        """From (h, w) to (h', w')."""
        height, width = old
        self.times = 0
        while width >= 2 * new[1] and height >= 2 * new[0] and not (height | width) & 1:
            height, width, self.times = height // 2, width // 2, self.times + 1
        self.rest = Resize((height, width), new, width > 2 * new[1] or height > 2 * new[0], device)

    def __call__(self, levels: Sequence[Tensor]) -> Tensor:
        """What `halved` made of planes, at least `times` times → float32 (n, h', w')."""
        return self.rest(levels[self.times])


def enlarged(images: Tensor, size: Sequence[int]) -> Tensor:
    """(n, h, w) at (h', w'), interpolated."""
    return F.interpolate(images[None], size=tuple(size), mode="bilinear", align_corners=False)[0]


def planes_of(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Y (1, H, W), and U and V (2, H / 2, W / 2), of I420 (H · 3 / 2, W)."""
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    return pixels[None, :height], pixels[height:].view(2, height // 2, width // 2)


def unpacked(yuyv: Tensor) -> tuple[Tensor, Tensor]:
    """yuv.from_yuyv: Y uint8 (1, H, W), and U and V (2, H / 2, W / 2) in whole numbers, of uint8 (H, W, 2)."""
    height, width, _ = yuyv.shape
    colour = yuyv[..., 1].view(height // 2, 2, width // 2, 2)
    return yuyv[None, ..., 0], torch.round((colour[:, 0].float() + colour[:, 1]) / 2).permute(2, 0, 1)


def rgb(luma: Tensor, colour: Tensor) -> Tensor:
    """uint8 (h, w, 3) of planes Y (1, h, w), and U and V (2, h / 2, w / 2)."""
    y = BY_Y * (torch.round(luma[0]) - 16).clamp(min=0)
    u, v = F.interpolate(torch.round(colour)[None] - 128, scale_factor=2.0, mode="nearest")[0]
    red, blue = torch.add(y, v, alpha=V_IN_R), torch.add(y, u, alpha=U_IN_B)
    green = torch.add(torch.add(y, u, alpha=U_IN_G), v, alpha=V_IN_G)
    channels = red, green, blue
    return torch.round(torch.stack(channels, dim=-1)).clamp(0, 255).to(torch.uint8)


def checked(soft: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mask.check: the network's answer (h, w), whatever it holds, as a mask (h, w); whether it is a good one; and
    the figures (6,) that mask.demand takes. Where it is not good, the mask is 0 everywhere and keeps nothing.
    """
    low, high = torch.aminmax(soft)  # NaN where there is one
    background, less = soft <= mask.LOW, soft < mask.HIGH
    alpha = ((filled(soft, background, less) - mask.LOW) / (mask.HIGH - mask.LOW)).clamp(0, 1)
    room, less_share, kept = torch.stack((background.float(), less.float(), alpha)).mean((1, 2))
    doubtful, beside = less_share - room, mask.middle(less).float().mean()
    fills = (doubtful <= mask.CLEAR) & (room >= mask.SURE) & (beside <= mask.HOLE)
    good = (low >= 0) & (high <= 1) & ~((high - low < mask.FLAT) & (high > mask.LOW))
    good = good & (doubtful <= mask.UNDECIDED) & ((kept <= mask.MOST) | fills)
    return torch.where(good, alpha, 0.0), good, torch.stack((low, high, doubtful, kept, room, beside))


def filled(soft: Tensor, background: Tensor, less: Tensor) -> Tensor:
    """mask.fill_doubtful_holes, (h, w) all. All pixels of a doubtful area come to have the greatest number in it,
    by turns along rows and along columns; what is beside the border, or beside background, counts more than any. An
    area that winds so much that TURNS turns are too few for it keeps all holes from being filled.
    """
    doubtful, count = less & ~background, soft.numel()
    number = torch.arange(1, count + 1, device=soft.device, dtype=torch.int32)
    # In runs of doubtful pixels only, which are short: where many write to one place, each waits for the others.
    outside = F.pad(background.float(), (1, 1, 1, 1), value=1.0)[None]
    above_or_below = F.max_pool2d(outside[:, :, 1:-1], (3, 1), stride=1)
    left_or_right = F.max_pool2d(outside[:, 1:-1], (1, 3), stride=1)
    beside = torch.maximum(above_or_below, left_or_right).flatten() > 0
    label = before = torch.where(beside, count + 1, number) * doubtful.flatten()
    ways = runs(doubtful).flatten(), runs(doubtful.T).T.flatten()
    greatest = label.new_zeros(2 * count), label.new_zeros(2 * count)  # of each run, so far
    for _ in range(TURNS):
        before = label
        for way, most in zip(ways, greatest, strict=True):
            most.scatter_reduce_(0, way, label, "amax")
            label = most[way]
    inside = doubtful.flatten() & (label <= count) & (label == before).all()
    where = torch.where(inside, label, number).long() - 1
    covered = label.new_zeros(count).scatter_add_(0, where, inside.int())
    hole = inside & (covered[where] <= mask.HOLE * count)
    return torch.where(hole.view(soft.shape), 1.0, soft)


def without_specks(alpha: Tensor, before: Tensor) -> Tensor:
    """pieces.without_specks, (h, w) both; `before` is 0 everywhere where the frame before tells nothing."""
    there = alpha > pieces.PERSON
    run, root, whole = joined(there)
    # Along runs first, which are short: where many write to one place, each waits for the others.
    counted = torch.stack((there, there & (before > pieces.PERSON))).flatten(1).int()
    of_run = counted.new_zeros(2, len(root)).scatter_add_(1, run.flatten().expand(2, -1), counted)
    area, again = torch.zeros_like(of_run).scatter_add_(1, root.expand(2, -1), of_run)
    anywhere, remains = pieces.limits(alpha.numel())
    small = (area < remains) | ((area < anywhere) & (again == 0))
    dropped = there & small[root[run]] & whole
    reach = pieces.EDGE
    edge = F.max_pool2d(dropped[None].float(), 2 * reach + 1, stride=1, padding=reach)[0] > 0
    return torch.where(edge & (dropped | ~there), 0.0, alpha)


def joined(there: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Bool (h, w) → the number of each pixel's run, as `runs` has it; for each run the number of one run of its piece,
    the same for all of them, int64 (2 · h · w); and whether that is so: a piece that winds very much takes longer.

    In each round every part of a piece joins the neighbour with the greatest number, and then all go to the end of the
    chain that this makes, twice as far with each jump (Shiloach and Vishkin 1982).
    """
    run = runs(there)
    each = torch.arange(2 * there.numel(), device=there.device)
    root, label, most = each, run, beyond(there, run)
    for _ in range(ROUNDS):
        best = root.scatter_reduce(0, run.flatten(), most.flatten(), "amax")
        parent = each.scatter_reduce(0, root, best, "amax")
        for _ in range(JUMPS):
            parent = parent[parent]
        root = parent[root]
        label = root[run]
        most = beyond(there, label)
    return run, root, (most == label).all()


def beyond(there: Tensor, label: Tensor) -> Tensor:
    """The greatest label of a pixel and of those above and below it, of those that are `there`, (h, w) all; elsewhere
    the pixel's own.
    """
    shown = F.pad(torch.where(there, label, -1), (0, 0, 1, 1), value=-1)
    return torch.where(there, torch.maximum(torch.maximum(shown[:-2], shown[2:]), label), label)


def runs(there: Tensor) -> Tensor:
    """Bool (h, w) → int64 (h, w): the number of the run, along the row, that a pixel is in; one for itself, from h · w
    on, where there is none.
    """
    begins = there & ~F.pad(there, (1, 0))[:, :-1]
    alone = torch.arange(there.numel(), 2 * there.numel(), device=there.device).view(there.shape)
    return torch.where(there, (begins.flatten().cumsum(0) - 1).view(there.shape), alone)


class Cutout:
    """upsample.cut_out, in full instead of along the contour only: away from it the line is level."""

    def __init__(self, alpha: Sequence[int], luma: Sequence[int], device: str) -> None:
        """For masks of (h, w) and pictures of (H, W)."""
        self.size = tuple(luma)
        scale, _ = upsample.grid(self.size, tuple(alpha))
        cells = luma[0] // scale, luma[1] // scale
        smaller = cells[0] < alpha[0] or cells[1] < alpha[1]
        self.coarse, self.guide = Resize(alpha, cells, smaller, device), Shrink(luma, cells, device)
        down, across = cells
        self.around = Separable(box(down, upsample.REACH), box(across, upsample.REACH), device)

    def __call__(self, alpha: Tensor, luma: Sequence[Tensor]) -> Tensor:
        """Mask (h, w) and luma (1, H, W), halved → mask (1, H, W)."""
        coarse, guide = self.coarse(alpha[None])[0], self.guide(luma)[0] / 255
        mean, kept, square, product = self.around(torch.stack((guide, coarse, guide * guide, guide * coarse)))
        variance = square - mean * mean
        told = variance / (variance + upsample.FLAT)  # how far the luma is to be believed, 0 to 1
        slope = (product - mean * kept) / (variance + upsample.FLAT)
        slope, offset, trust = smooth(torch.stack((slope, kept - slope * mean, torch.ones_like(told))) * told)
        offset = offset + (1 - trust) * coarse
        none = F.max_pool2d(coarse[None], 3, stride=1, padding=1)[0] <= 0
        every = -F.max_pool2d(-coarse[None], 3, stride=1, padding=1)[0] >= 1
        still = none | every
        slope, offset = torch.where(still, 0.0, slope / 255), torch.where(still, coarse, offset) - upsample.LOW
        slope, offset = enlarged(torch.stack((slope, offset)) / (upsample.HIGH - upsample.LOW), self.size)
        return torch.addcmul(offset, slope, torch.round(smooth(luma[0]))).clamp(0, 1)


def smooth(images: Tensor) -> Tensor:
    """(n, h, w), each pixel the mean of 3 × 3; borders are mirrored, which for one pixel is to repeat them."""
    return F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


class Blur:
    """blur.Blur of all three planes."""

    def __init__(self, alpha: Sequence[int], size: Sequence[int], low: Sequence[int], device: str) -> None:
        """For masks of (h, w) and pictures of (H, W); the blur is found at `low`, (h', w')."""
        self.sizes = tuple(size), (size[0] // 2, size[1] // 2)
        self.weight = Shrink(alpha, low, device)
        self.shrink = [Shrink(plane, low, device) for plane in self.sizes]
        near = NEAR * low[0] / LOW_LINES
        self.near = Separable(gauss(low[0], near), gauss(low[1], near), device)
        self.gauss = Separable(np.eye(low[0]), np.eye(low[1]), device)

    def __call__(self, planes: Sequence[Sequence[Tensor]], alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Luma and colour, halved, and mask (h, w) → luma and colour of the background."""
        weight = torch.square(torch.square(1 - self.weight(halved(alpha[None], self.weight.times))))
        small = torch.cat([shrink(plane) for shrink, plane in zip(self.shrink, planes, strict=True)])
        weighted = small * weight
        mean = weighted.sum((1, 2), keepdim=True) / weight.sum().clamp(min=EPSILON)
        spread = self.near(torch.cat((weight, weighted)))
        beside = (spread[1:] + EPSILON * mean) / (spread[:1] + EPSILON)
        low = self.gauss(torch.lerp(beside, small, weight))
        return enlarged(low[:1], self.sizes[0]), enlarged(low[1:], self.sizes[1])
