"""Between what cameras deliver, planes, and RGB. Everything is BT.601, limited range, in I420."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes, size_of

Pixels = NDArray[Any]  # uint8
STRIP = 180  # lines, even


def from_yuyv(packed: Pixels, out: I420) -> None:
    """uint8 (H, W, 2) as V4L2's YUYV, limited range, into `out` of the same picture size. Colour of two
    lines is averaged into one.
    """
    y, u, v = planes(out)
    width = packed.shape[1]
    # In parts that the processor's own memory holds. Colours are averaged as rows of bytes, which is seven times as
    # quick as a resize of two interleaved channels.
    for top in range(0, packed.shape[0], STRIP):
        rows, half = slice(top, top + STRIP), slice(top // 2, (top + STRIP) // 2)
        colour = np.empty_like(y[rows])
        cv2.split(packed[rows], [y[rows], colour])
        halved = cv2.addWeighted(colour[::2], 0.5, colour[1::2], 0.5, 0)
        cv2.split(halved.reshape(-1, width // 2, 2), [u[half], v[half]])


def from_bgr(bgr: Pixels, out: I420) -> None:
    """uint8 (H, W, 3) BGR into `out`: scaled to cover it, and what sticks out at two sides cut off."""
    width, height = size_of(out)
    cv2.cvtColor(cover(bgr, width, height), cv2.COLOR_BGR2YUV_I420, dst=out)


def cover(image: Pixels, width: int, height: int) -> Pixels:
    """The middle of the picture, scaled to fill width × height without distortion."""
    rows, columns = image.shape[:2]
    if (columns, rows) == (width, height):
        return image
    scale = max(width / columns, height / rows)
    used_w, used_h = (
        min(columns, max(1, round(width / scale))),
        min(rows, max(1, round(height / scale))),
    )
    left, top = (columns - used_w) // 2, (rows - used_h) // 2
    crop = image[top : top + used_h, left : left + used_w]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (width, height), interpolation=method))


def to_bgr(pixels: I420) -> Pixels:
    """uint8 (H, W, 3) BGR."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_I420))


def halved(plane: Pixels, size: tuple[int, int]) -> Pixels:
    """A plane (H, W) halved as often as it goes while it stays at least as large as (width, height)."""
    while plane.shape[1] >= 2 * size[0] and plane.shape[0] >= 2 * size[1] and not (plane.shape[0] | plane.shape[1]) & 1:
        plane = np.asarray(cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA))
    return plane


def shrink(plane: Pixels, size: tuple[int, int]) -> NDArray[Any]:
    """A plane (H, W), uint8 or float32, as float32 at (width, height): halved, then interpolated. The exact mean over
    the area of each new pixel takes six times as long, and makes masks no better.
    """
    near = halved(plane, size).astype(np.float32)
    far = near.shape[1] > 2 * size[0] or near.shape[0] > 2 * size[1]
    return np.asarray(cv2.resize(near, size, interpolation=cv2.INTER_AREA if far else cv2.INTER_LINEAR))


def small_rgb(pixels: I420, size: tuple[int, int]) -> Pixels:
    """The picture at (width, height), both even, as uint8 (H, W, 3) RGB: what the network sees."""
    small = empty(*size)
    for plane, target in zip(planes(pixels), planes(small), strict=True):
        cv2.convertScaleAbs(shrink(plane, target.shape[::-1]), dst=target)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_YUV2RGB_I420))
