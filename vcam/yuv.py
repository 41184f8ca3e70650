"""Between what cameras deliver, planes, and RGB. Everything is BT.601, limited range, in I420."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes, size_of

Pixels = NDArray[Any]  # uint8


def from_yuyv(packed: Pixels, out: I420) -> None:
    """uint8 (H, W, 2) as V4L2's YUYV, limited range, into `out` of the same picture size. Colour of two
    lines is averaged into one.
    """
    y, u, v = planes(out)
    height, width = packed.shape[:2]
    pairs = packed.reshape(height, width // 2, 4)
    cv2.extractChannel(packed, 0, y)
    for channel, plane in ((1, u), (3, v)):
        cv2.resize(
            cv2.extractChannel(pairs, channel),
            plane.shape[::-1],
            dst=plane,
            interpolation=cv2.INTER_AREA,
        )


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


def small_rgb(pixels: I420, size: tuple[int, int]) -> Pixels:
    """The picture at (width, height), both even, as uint8 (H, W, 3) RGB: what the network sees."""
    small = empty(*size)
    for plane, target in zip(planes(pixels), planes(small), strict=True):
        cv2.resize(plane, target.shape[::-1], dst=target, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_YUV2RGB_I420))
