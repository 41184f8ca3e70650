"""The person's soft edge, before something else than the room: there each pixel is a mixture of both, and the old room
would rim the hair. The share of the room is found and taken out, and some of the new scene's light falls in.

The colours of person and room beside a pixel are estimated as in blur fusion (Forte 2021, "Approximate Fast Foreground
Colour Estimation", eq. 4), at low resolution. What is changed is added to the full picture, which so keeps its detail.
Unlike there, only pixels that have more of the room's colour than of the person's are changed: eq. 5 trusts the mask,
and where that is softer than the edge it takes colours from the person.
"""

from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, planes, size_of

LINES = 180  # of the low-resolution picture
NEAR = 9  # pixels of it: side of the box that colours are estimated from, and twice the edge onto which light falls
FAR = 23  # pixels of it: side of the box that light is gathered from
MIXED, ROOM = 0.3, 0.7  # share of the room's colour: below, a pixel is the person's; above, it is the room's
EPSILON = 1e-4
SAME = 64.0  # squared grey levels between person and room that say nothing


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
    alpha = resized(kept, (max(2, width // factor), max(2, height // factor)))
    result = pixels.copy()
    part = around(alpha, (width, height), factor)
    if part is None:
        return result
    small = alpha[tuple(slice(side.start // factor, side.stop // factor) for side in part)]
    for colour, (source, scene, target) in enumerate(zip(planes(pixels), planes(behind), planes(result), strict=True)):
        half = 2 if colour else 1  # colours have half as many pixels, here too
        where = tuple(slice(side.start // half, side.stop // half) for side in part)
        share = resized(small, (small.shape[1] // half, small.shape[0] // half))
        mixed = resized(source[where], share.shape[::-1])
        change = clean * (foreground(mixed, share, half) - mixed)
        if wrap:
            light = wrap * share * (1.0 - box(share, NEAR // half | 1))
            change += light * (box(resized(scene[where], share.shape[::-1]), FAR // half | 1) - mixed - change)
        steps = np.rint(change).astype(np.int16)
        whole = cv2.resize(steps, target[where].shape[::-1], interpolation=cv2.INTER_LINEAR)
        cv2.add(source[where], whole, dst=target[where], dtype=cv2.CV_8U)
    return result


def around(alpha: NDArray[Any], size: tuple[int, int], factor: int) -> tuple[slice, slice] | None:
    """Rows and columns of a picture of (width, height) that hold all of a mask which is `factor` times smaller, with
    some room beside it; None where the mask holds nothing.
    """
    left, top, width, height = cv2.boundingRect((alpha > 0.0).astype(np.uint8))
    if not width:
        return None
    if size[0] % (2 * factor) or size[1] % (2 * factor):  # pixels would not fit onto each other
        return slice(0, size[1]), slice(0, size[0])
    rows, columns = (
        slice(max(0, start - FAR // 2) // 2 * 2 * factor, min(end + FAR // 2 + 1, most) // 2 * 2 * factor)
        for start, end, most in ((top, top + height, alpha.shape[0]), (left, left + width, alpha.shape[1]))
    )
    return rows, columns


def foreground(mixed: NDArray[Any], alpha: NDArray[Any], half: int) -> NDArray[Any]:
    """The person's part of a mixture, both float32 (h, w); at `half` = 2 of pixels that are twice as large."""
    side = NEAR // half | 1
    shares = box(alpha, side)
    person = box(mixed * alpha, side) / (shares + EPSILON)
    room = box(mixed * (1.0 - alpha), side) / (1.0 - shares + EPSILON)
    apart = person - room
    like_room = np.clip((person - mixed) * apart / (apart * apart + SAME), 0.0, 1.0)
    sure = np.clip((like_room - MIXED) / (ROOM - MIXED), 0.0, 1.0)
    # Twice the room's share by the mask, because the mask of a contour that is half a pixel off says too little of it.
    return np.asarray(mixed + np.minimum(2.0 * (1.0 - alpha) * sure, like_room) * apart)


def box(image: NDArray[Any], side: int) -> NDArray[Any]:
    """The mean of the pixels around each; borders are mirrored."""
    return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REFLECT))


def resized(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """At (width, height), float32."""
    smaller = image.shape[1] > size[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=method), np.float32)
