"""The person's soft edge, before something else than the room: there each pixel is a mixture of both, and the old room
would rim the hair. The share of the room is found and taken out, and some of the new scene's light falls in.

The colours of person and room are estimated by blur fusion (Forte 2021, "Approximate Fast Foreground Colour
Estimation", eqs. 4 and 5, twice: from afar, then nearby), at low resolution. What it changes is added to the full
picture, which so keeps its detail.
"""

from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes, size_of

LINES = 180  # of the low-resolution picture
FAR, NEAR = 23, 5  # pixels of it: sides of the boxes that the two estimates are taken from
SQUARE = np.ones((3, 3), np.uint8)  # the outermost pixel of it that seems to be all person, is not
EPSILON = 1e-4
REACH = 9  # pixels of it: twice the width of the edge onto which light falls


@runtime_checkable
class Replacement(Protocol):
    """An effect that shows something unlike the room, so that the person's edge has to be cleaned of the room."""

    @property
    def clean(self) -> float:
        """How much of the room to take out, 0 to 1."""
        ...

    @property
    def wrap(self) -> float:
        """Share of the scene's light that falls onto the very edge, 0 to 1."""
        ...


def relit(pixels: I420, kept: NDArray[Any], behind: I420, clean: float, wrap: float) -> I420:
    """The frame, in the person's soft edge of which the person's colour stands alone, lit by the picture `behind`;
    unchanged where `kept`, float32 (h, w), 0 to 1, is 1 and no edge is near. `clean` and `wrap` as of Replacement.
    """
    width, height = size_of(pixels)
    factor = max(1, round(height / LINES))
    size = max(2, width // factor), max(2, height // factor)
    alpha = np.asarray(cv2.erode(resized(kept, size), SQUARE))
    light = wrap * alpha * (1.0 - box(alpha, REACH))
    result = empty(width, height)
    for source, scene, target in zip(planes(pixels), planes(behind), planes(result), strict=True):
        mixed = resized(source, size)
        change = clean * (foreground(mixed, alpha) - mixed)
        if wrap:
            change += light * (box(resized(scene, size), FAR) - mixed - change)
        whole = cv2.resize(change, source.shape[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.add(source, np.rint(whole).astype(np.int16), dst=target, dtype=cv2.CV_8U)
    return result


def foreground(mixed: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """The person's part of a mixture, both float32 (h, w)."""
    person, room, near_person = mixed, mixed, mixed
    for side in (FAR, NEAR):
        near_person = box(person * alpha, side) / (box(alpha, side) + EPSILON)
        near_room = box(room * (1.0 - alpha), side) / (box(1.0 - alpha, side) + EPSILON)
        person = near_person + alpha * (mixed - alpha * near_person - (1.0 - alpha) * near_room)
        room = near_room
    # Where the mask is wider or narrower than the person, eq. 5 goes too far: nothing lies beyond what is to be seen
    # there and what the person has beside it.
    return np.asarray(np.clip(person, np.minimum(mixed, near_person), np.maximum(mixed, near_person)))


def box(image: NDArray[Any], side: int) -> NDArray[Any]:
    """The mean of the pixels around each; borders are mirrored."""
    return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REFLECT))


def resized(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """At (width, height), float32."""
    smaller = image.shape[1] > size[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.float32)
