"""Loose pieces of a mask that are too small to be somebody: a lamp, the back of a chair, a curtain."""

from math import ceil
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PERSON = 0.5  # from here on a pixel is rather kept than not
SMALLEST = 0.01  # share of the picture from which a piece of the mask is a person
# The same where the frame before kept somebody: who walks away stays, and no piece near the limit blinks.
REMAINS = 0.005
EDGE = 3  # pixels around a piece that are its soft edge


def limits(pixels: int) -> tuple[int, int]:
    """From how many pixels on a piece stays, in a mask of so many: anywhere, and where somebody was kept before."""
    return ceil(SMALLEST * pixels), ceil(REMAINS * pixels)


def without_specks(alpha: NDArray[Any], before: NDArray[Any] | None) -> NDArray[Any]:
    """The mask, float32 (h, w), 0 to 1, without the pieces that are too small, and without their soft edges; what is
    left is as it was. `before` is the result for the frame before, None where that tells nothing of this one.
    """
    person = alpha > PERSON
    anywhere, again = limits(alpha.size)
    # Usually there is one piece, which needs no counting: that takes longer than to find it.
    count, pieces = cv2.connectedComponents(person.view(np.uint8), connectivity=4, ltype=cv2.CV_16U)
    if count == 1 or (count == 2 and np.count_nonzero(person) >= anywhere):
        return alpha
    area = np.bincount(pieces.ravel(), minlength=count)
    small = area < anywhere
    if before is not None:
        known = np.bincount(pieces[before > PERSON], minlength=count) > 0
        small &= ~known | (area < again)
    small[0] = False  # not a piece, but what is around them
    if not small.any():
        return alpha
    dropped = small[pieces]
    edge = cv2.dilate(dropped.view(np.uint8), np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)) > 0
    return np.where(edge & (dropped | ~person), np.float32(0.0), alpha)
