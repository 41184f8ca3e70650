"""Pictures of a webcam that hangs upside down or stands on its side, turned upright before anything else is done."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes, size_of

CODES = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Turn(NamedTuple):
    """How a picture is turned: by how many degrees clockwise, 0, 90, 180 or 270; and where on the longer side of a
    picture that lay on its side the middle of the part is that is shown, 0 to 1, from the left or the top.
    """

    degrees: int = 0
    middle: float = 0.5

    @property
    def sideways(self) -> bool:
        """Whether rows become columns."""
        return self.degrees in (90, 270)


UPRIGHT = Turn()


class Part(NamedTuple):
    """A part of a picture, in pixels, all of them even."""

    left: int
    top: int
    columns: int
    lines: int


def rotated(image: NDArray[Any], degrees: int) -> NDArray[Any]:
    """An image, uint8 (H, W) or (H, W, 3), turned clockwise: by 90 or 270 degrees its width becomes its height."""
    return np.asarray(cv2.rotate(image, CODES[degrees])) if degrees else image


def turned(pixels: I420, degrees: int) -> I420:
    """The same of I420."""
    if not degrees:
        return pixels
    width, height = size_of(pixels)
    result = empty(height, width) if degrees in (90, 270) else empty(width, height)
    for plane, target in zip(planes(pixels), planes(result), strict=True):
        cv2.rotate(plane, CODES[degrees], dst=target)
    return result


def upright(pixels: I420, turn: Turn) -> I420:
    """The picture turned, at its own size: of one that lay on its side the largest part that has the shape, enlarged.
    The very picture where it is not turned.
    """
    whole = turned(pixels, turn.degrees)
    if not turn.sideways:
        return whole
    left, top, columns, lines = part_of(size_of(pixels), turn)
    result = empty(*size_of(pixels))
    for plane, target, coarse in zip(planes(whole), planes(result), (1, 2, 2), strict=True):
        rows, across = (
            slice(start // coarse, (start + many) // coarse) for start, many in ((top, lines), (left, columns))
        )
        cv2.resize(plane[rows, across], target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
    return result


def part_of(size: tuple[int, int], turn: Turn) -> Part:
    """The largest part of the shape of `size` (width, height) that a picture of that size holds once it is turned."""
    width, height = size
    if not turn.sideways:
        return Part(0, 0, width, height)
    columns, lines = (2 * max(1, round(side / enlargement(size, turn) / 2)) for side in size)
    left, top = (
        2 * round(min(max(turn.middle * side - part / 2, 0), side - part) / 2)
        for side, part in ((height, columns), (width, lines))
    )
    return Part(left, top, columns, lines)


def enlargement(size: tuple[int, int], turn: Turn) -> float:
    """How many times larger everything is seen in a picture of (width, height) for its being turned."""
    return max(size) / min(size) if turn.sideways else 1.0
