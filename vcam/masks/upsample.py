"""The mask brought to the picture's size along the picture's own edges, and laid over a background by it.

How much is kept is explained by the luma around each pixel, as a straight line found at the mask's size (fast guided
filter: He & Sun 2015, "Fast Guided Filter", algorithm 2), and the line is followed at the picture's size. Where
the luma has nothing to say the mask stays as it is, so that the gap under an arm that is of the wall's grey isn't
closed; and away from the contour nothing is touched at all. So only blocks along the contour cost anything.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import gcd
from typing import Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vcam.media.yuv import shrink

REACH = 3  # cells to each side over which luma and mask are compared
SMOOTH = 1  # cells to each side over which the lines found are averaged
FLAT = 2e-3  # variance of the luma (0 to 1) that says as much as it hides: 11 grey levels
LOW, HIGH = 0.25, 0.7  # what the line gives: below: background, above: person; soft, and rather outside than inside
CELLS = 2  # sides of a block, in cells, at most: larger ones hold more pixels that are far from the contour
AROUND = np.ones((3, 3), np.uint8)
NOTHING = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Cutout:
    """How much of each pixel to keep, at the picture's size, in blocks of `side` pixels: of those of `inside` all, of
    those at (`rows`, `columns`) `alpha`, of the others nothing.
    """

    side: int  # even
    inside: NDArray[Any] = field(repr=False)  # bool (H / side, W / side)
    rows: NDArray[Any] = field(repr=False)  # int (n,)
    columns: NDArray[Any] = field(repr=False)  # int (n,)
    alpha: NDArray[Any] = field(repr=False)  # float32 (n, side, side), 0 to 1

    def whole(self) -> NDArray[Any]:
        """The same as one plane, float32 (H, W), 0 to 1."""
        plane = self.inside.repeat(self.side, 0).repeat(self.side, 1).astype(np.float32)
        height, width = self.inside.shape
        plane.reshape(height, self.side, width, self.side)[self.rows, :, self.columns] = self.alpha
        return plane

    def halved(self) -> "Cutout":
        """The same for planes of half the size, such as those of colour."""
        half = self.side // 2
        if not len(self.alpha):
            return replace(self, side=half, alpha=self.alpha[:, :half, :half])
        # All blocks as one tall picture: their sides are even, so that none is mixed with the next.
        tall = cv2.resize(
            self.alpha.reshape(-1, self.side), (half, half * len(self.alpha)), interpolation=cv2.INTER_AREA
        )
        return replace(self, side=half, alpha=tall.reshape(-1, half, half))


def cut_out(alpha: NDArray[Any], luma: NDArray[Any]) -> Cutout:
    """The mask, float32 (h, w), 0 to 1, for the picture with this luma, uint8 (H, W), both even."""
    scale, cells = grid(luma.shape, alpha.shape)
    size = luma.shape[1] // scale, luma.shape[0] // scale
    coarse = alpha if alpha.shape[::-1] == size else resized(alpha, size)
    touched = ((cv2.dilate(coarse, AROUND) > 0) & (cv2.erode(coarse, AROUND) < 1)).astype(np.uint8)
    # Pixels lie between the centres of cells, so a block has a part in the cells around it.
    near, lines = cv2.dilate(touched, AROUND) * np.uint8(255), (size[0] // cells, size[1] // cells)
    edge = np.asarray(cv2.resize(near, lines, interpolation=cv2.INTER_AREA)) > 0
    rows, columns = np.nonzero(edge)
    inside = (coarse[::cells, ::cells] > 0.5) & ~edge
    side = cells * scale
    if not len(rows):  # no person, or a mask without an edge
        return Cutout(side, inside, rows, columns, np.empty((0, side, side), np.float32))
    slope, offset = line(coarse, shrink(luma, size), touched)
    kept = enlarged(slope, rows, columns, scale, cells)
    kept *= calm(luma, rows, columns, side)
    kept += enlarged(offset, rows, columns, scale, cells)
    np.clip(kept, 0.0, 1.0, out=kept)
    return Cutout(side, inside, rows, columns, kept)


def grid(picture: tuple[int, ...], mask: tuple[int, ...]) -> tuple[int, int]:
    """Pixels to a side of a cell, about as large as the mask's pixels but not larger, and cells to a side of a block,
    for a picture of (H, W) and a mask of (h, w): so that blocks fill the picture and have even sides.
    """
    (height, width), common = picture, gcd(*picture)
    limit = max(1, min(height // mask[0], width // mask[1]))
    scale = next(n for n in range(limit, 0, -1) if common % n == 0)
    common //= scale
    return scale, next(n for n in range(CELLS, 0, -1) if common % n == 0 and n * scale % 2 == 0)


def resized(alpha: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The mask at (width, height)."""
    smaller = size[0] < alpha.shape[1] or size[1] < alpha.shape[0]
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def line(coarse: NDArray[Any], luma: NDArray[Any], touched: NDArray[Any]) -> NDArray[Any]:
    """Slope (for each grey level of luma) and offset that give how much to keep, float32 (2, h, w): below 0 nothing,
    above 1 all. `coarse`: mask, float32; `luma`: 0 to 255, float32; `touched`: uint8, 0 where the mask stays as it is.
    """
    result = np.zeros((2, *coarse.shape), np.float32)
    np.subtract(coarse, LOW, out=result[1])
    # Only where the contour is, and as far around as the sums there reach.
    left, top, width, height = cv2.boundingRect(touched)
    reach = REACH + SMOOTH
    part = slice(max(0, top - reach), top + height + reach), slice(max(0, left - reach), left + width + reach)
    coarse, luma, changed = coarse[part], luma[part] * np.float32(1 / 255), touched[part] > 0
    mean, kept = box(luma, REACH), box(coarse, REACH)
    variance = box(luma * luma, REACH)
    variance -= mean * mean
    slope = box(luma * coarse, REACH)
    slope -= mean * kept
    told = 1 / (variance + FLAT)
    slope *= told
    told *= variance  # how far the luma is to be believed, 0 to 1
    kept -= slope * mean
    kept *= told
    slope *= told
    offset = 1 - box(told, SMOOTH)
    offset *= coarse
    offset += box(kept, SMOOTH)
    offset -= LOW
    np.copyto(result[0][part], box(slope, SMOOTH) * np.float32(1 / 255), where=changed)
    np.copyto(result[1][part], offset, where=changed)
    result *= 1 / (HIGH - LOW)
    return result


def box(image: NDArray[Any], reach: int) -> NDArray[Any]:
    """Mean over a square of 2 · reach + 1 cells; borders are mirrored."""
    return np.asarray(cv2.blur(image, (2 * reach + 1, 2 * reach + 1), borderType=cv2.BORDER_REFLECT))


def calm(luma: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], side: int) -> NDArray[Any]:
    """The luma of some blocks, uint8 (n, side, side), each pixel the mean of 3 × 3: or the camera's noise would make
    the edge flicker.
    """
    # Only of the part of the picture that holds them, with the blocks beside it.
    top, left = max(0, rows.min() - 1), max(0, columns.min() - 1)
    part = luma[top * side : (rows.max() + 2) * side, left * side : (columns.max() + 2) * side]
    near = cv2.blur(part, (3, 3), borderType=cv2.BORDER_REFLECT)
    return pixels(strips(np.asarray(near), side)[rows - top, :, columns - left])


def enlarged(cells: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any], scale: int, side: int) -> NDArray[Any]:
    """Bilinear interpolation of a plane of cells, float32 (h, w), to the pixels of some blocks of side × side cells of
    scale × scale pixels: float32 (n, pixels to a side, pixels to a side).
    """
    padded = cv2.copyMakeBorder(cells, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    windows = sliding_window_view(padded, (side + 2, side + 2))[::side, ::side][rows, columns]
    # In OpenCV, because numpy's product would wake threads for it.
    every = cv2.gemm(windows.reshape(len(rows), -1), taps(scale, side), 1.0, NOTHING, 0.0)
    return np.asarray(every).reshape(-1, side * scale, side * scale)


@lru_cache(maxsize=4)
def taps(scale: int, side: int) -> NDArray[Any]:
    """What each of the cells in and around a block gives to each of its pixels: float32 ((side + 2)², pixels)."""
    at = (np.arange(side * scale) + 0.5) / scale + 0.5  # in cells, from the centre of the one before the block
    one = np.maximum(0.0, 1.0 - np.abs(at - np.arange(side + 2)[:, None]))
    return np.kron(one, one).astype(np.float32)


def strips(planes: NDArray[Any], side: int) -> NDArray[Any]:
    """A view of planes, uint8 (…, H, W), as lines of blocks: (…, H / side, side, W / side) items of `side` bytes, which
    numpy moves as one.
    """
    *several, height, width = planes.shape
    return planes.view(np.dtype((np.void, side))).reshape(*several, height // side, side, width // side)


def pixels(lines: NDArray[Any]) -> NDArray[Any]:
    """The same in memory of its own, (…, side) items of `side` bytes, as uint8 (…, side, side)."""
    return lines.view(np.uint8).reshape(*lines.shape, -1)
