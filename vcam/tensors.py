"""The pixel functions of yuv, mask, edge and effects once more, on tensors of one shape each: what runs on a GPU as one
CUDA graph, and on a CPU for the tests. Nothing here looks at a value, so nothing waits for the device.

Planes are (n, h, w), luma one and colour two, float32 unless said otherwise, in grey levels 0 to 255; masks are (h, w),
0 to 1. Every filter is separable, and at the sizes at which filters run here it is two small matrix products, borders
included.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vcam import edge, mask
from vcam.effects import EPSILON, LOW_LINES, NEAR

TURNS = 8  # corners that a way through a doubtful area may have; where one has more, no hole is filled
# BT.601, limited range: from Y − 16, U − 128, V − 128 to R, G, B, as OpenCV rounds it.
RGB = ((1.164, 0.0, 1.596), (1.164, -0.391, -0.813), (1.164, 2.018, 0.0))


def linear(new: int, old: int) -> NDArray[Any]:
    """Matrix (new, old) of bilinear interpolation: half-pixel centres, edges repeated."""
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(at[:, None] - np.arange(old))))


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


class Shrink:
    """vcam.yuv.shrink: halved as often as it goes, then interpolated."""

    def __init__(self, old: Sequence[int], new: Sequence[int], device: str) -> None:
        """From (h, w) to (h', w')."""
        height, width = old
        self.times = 0
        while width >= 2 * new[1] and height >= 2 * new[0] and not (height | width) & 1:
            height, width, self.times = height // 2, width // 2, self.times + 1
        method = area if width > 2 * new[1] or height > 2 * new[0] else linear
        self.rest = Separable(method(new[0], height), method(new[1], width), device)

    def __call__(self, levels: Sequence[Tensor]) -> Tensor:
        """What `halved` made of planes, at least `times` times → float32 (n, h', w')."""
        return self.rest(levels[self.times])


def resize(old: Sequence[int], new: Sequence[int], device: str) -> Separable:
    """From (h, w) to (h', w'): the mean of what a pixel covers where either side gets smaller, else interpolated."""
    method = area if new[0] < old[0] or new[1] < old[1] else linear
    return Separable(method(new[0], old[0]), method(new[1], old[1]), device)


def enlarged(images: Tensor, size: Sequence[int]) -> Tensor:
    """(n, h, w) at (h', w'), interpolated."""
    return F.interpolate(images[None], size=tuple(size), mode="bilinear", align_corners=False)[0]


def planes_of(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Y (1, H, W), and U and V (2, H / 2, W / 2), all uint8, of I420 (H · 3 / 2, W) or YUYV (H, W, 2)."""
    if pixels.ndim == 3:
        colour = pixels[..., 1].float()
        lines = torch.round((colour[::2] + colour[1::2]) / 2).to(torch.uint8)
        return pixels[None, ..., 0], lines.view(lines.shape[0], -1, 2).permute(2, 0, 1)
    height, width = pixels.shape[0] * 2 // 3, pixels.shape[1]
    return pixels[None, :height], pixels[height:].view(2, height // 2, width // 2)


def rgb(luma: Tensor, colour: Tensor) -> Tensor:
    """uint8 (h, w, 3) of planes Y (1, h, w), and U and V (2, h / 2, w / 2)."""
    y = (torch.round(luma[0]) - 16).clamp(min=0)
    cb, cr = F.interpolate(torch.round(colour)[None] - 128, scale_factor=2.0, mode="nearest")[0]
    channels = [by_y * y + by_u * cb + by_v * cr for by_y, by_u, by_v in RGB]
    return torch.round(torch.stack(channels, dim=-1)).clamp(0, 255).to(torch.uint8)


def checked(soft: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """vcam.mask.check: the network's answer (h, w), whatever it holds, as a mask (h, w); whether it is a good one; and
    the figures (6,) that vcam.mask.demand takes. Where it is not good, the mask is 0 everywhere and keeps nothing.
    """
    low, high = soft.amin(), soft.amax()  # NaN where there is one
    doubtful = ((soft > mask.LOW) & (soft < mask.HIGH)).float().mean()
    alpha = ((filled(soft) - mask.LOW) / (mask.HIGH - mask.LOW)).clamp(0, 1)
    kept = alpha.mean()
    room, beside = (soft <= mask.LOW).float().mean(), (mask.middle(soft) < mask.HIGH).float().mean()
    fills = (doubtful <= mask.CLEAR) & (room >= mask.SURE) & (beside <= mask.HOLE)
    good = (low >= 0) & (high <= 1) & ~((high - low < mask.FLAT) & (high > mask.LOW))
    good = good & (doubtful <= mask.UNDECIDED) & ((kept <= mask.MOST) | fills)
    return torch.where(good, alpha, 0.0), good, torch.stack((low, high, doubtful, kept, room, beside))


def filled(soft: Tensor) -> Tensor:
    """vcam.mask.fill_doubtful_holes, (h, w) both. All pixels of a doubtful area come to have the greatest number in it,
    by turns along rows and along columns; what touches the border, or is somewhere sure to be background, counts more
    than any. An area that winds so much that TURNS turns are too few for it keeps all holes from being filled.
    """
    doubtful = soft < mask.HIGH
    count = soft.numel()
    number = torch.arange(1, count + 1, device=soft.device).view(soft.shape)
    background = soft <= mask.LOW
    background[0], background[-1], background[:, 0], background[:, -1] = True, True, True, True
    label = before = torch.where(background, count + 1, number) * doubtful
    ways = runs(doubtful), runs(doubtful.T).T
    greatest = label.new_zeros(2 * count), label.new_zeros(2 * count)  # of each run, so far
    for _ in range(TURNS):
        before = label
        for way, most in zip(ways, greatest, strict=True):
            most.scatter_reduce_(0, way.flatten(), label.flatten(), "amax")
            label = most[way]
    inside = doubtful & (label <= count) & (label == before).all()
    where = torch.where(inside, label, number) - 1
    covered = torch.zeros_like(where).flatten().scatter_add_(0, where.flatten(), inside.flatten().long())
    return torch.where(inside & (covered[where] <= mask.HOLE * count), 1.0, soft)


def runs(there: Tensor) -> Tensor:
    """Bool (h, w) → int64 (h, w): the number of the run, along the row, that a pixel is in; one for itself, from h · w
    on, where there is none.
    """
    begins = there & ~F.pad(there, (1, 0))[:, :-1]
    alone = torch.arange(there.numel(), 2 * there.numel(), device=there.device).view(there.shape)
    return torch.where(there, (begins.flatten().cumsum(0) - 1).view(there.shape), alone)


class Cutout:
    """vcam.edge.cut_out, in full instead of along the contour only: away from it the line is level."""

    def __init__(self, alpha: Sequence[int], luma: Sequence[int], device: str) -> None:
        """For masks of (h, w) and pictures of (H, W)."""
        self.size = tuple(luma)
        scale, _ = edge.grid(self.size, tuple(alpha))
        cells = luma[0] // scale, luma[1] // scale
        self.coarse, self.guide = resize(alpha, cells, device), Shrink(luma, cells, device)
        down, across = cells
        self.around = Separable(box(down, edge.REACH), box(across, edge.REACH), device)
        self.smooth = Separable(box(down, edge.SMOOTH), box(across, edge.SMOOTH), device)

    def __call__(self, alpha: Tensor, luma: Sequence[Tensor]) -> Tensor:
        """Mask (h, w) and luma (1, H, W), halved → mask (1, H, W)."""
        coarse, guide = self.coarse(alpha), self.guide(luma)[0] / 255
        mean, kept, square, product = self.around(torch.stack((guide, coarse, guide * guide, guide * coarse)))
        variance = square - mean * mean
        told = variance / (variance + edge.FLAT)  # how far the luma is to be believed, 0 to 1
        slope = (product - mean * kept) / (variance + edge.FLAT)
        slope, offset, trust = self.smooth(torch.stack((slope, kept - slope * mean, torch.ones_like(told))) * told)
        offset = offset + (1 - trust) * coarse
        none = F.max_pool2d(coarse[None], 3, stride=1, padding=1)[0] <= 0
        every = -F.max_pool2d(-coarse[None], 3, stride=1, padding=1)[0] >= 1
        still = none | every
        slope, offset = torch.where(still, 0.0, slope / 255), torch.where(still, coarse, offset) - edge.LOW
        slope, offset = enlarged(torch.stack((slope, offset)) / (edge.HIGH - edge.LOW), self.size)
        calm = F.avg_pool2d(F.pad(luma[0], (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        return torch.addcmul(offset, slope, torch.round(calm)).clamp(0, 1)


class Blur:
    """vcam.effects.Blur of all three planes."""

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
