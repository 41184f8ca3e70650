"""From a raw frame and its mask to a picture that may be shown.

The background is blurred by normalised convolution (Knutsson & Westin 1993, §2): blur(weight · picture) /
blur(weight), with no weight on the person, so that the person's colours do not bleed into it.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, RawFrame, SafeFrame, empty, planes, seal, size_of
from vcam.mask import FrameMask

LOW_LINES = 90  # the blur is found at about this many lines, where it costs little and loses nothing
EPSILON = 1e-3  # weight of the mean background colour where no background is near


def compose(frame: RawFrame, mask: FrameMask | None, strength: float, out: I420 | None = None) -> SafeFrame:
    """The frame with everything but the person blurred; without a mask, everything. `out` is an I420 array
    of the frame's size to write to. Raises ValueError where the mask is another frame's.
    """
    if mask is not None and mask.sequence != frame.sequence:
        raise ValueError(f"the mask of frame {mask.sequence} can't serve frame {frame.sequence}")
    width, height = size_of(frame.pixels)
    result = empty(width, height) if out is None else out
    if result.shape != frame.pixels.shape:
        raise ValueError(f"a frame of {frame.pixels.shape} doesn't fit into {result.shape}")
    low_size = low_resolution(width, height)
    weight = background_weight(None if mask is None else mask.alpha, low_size)
    alpha = None if mask is None else cv2.convertScaleAbs(mask.alpha, alpha=255)
    sigma = blur_sigma(strength) * low_size[1] / LOW_LINES
    spread = blurred(weight, sigma) + EPSILON
    for source, target in zip(planes(frame.pixels), planes(result), strict=True):
        background = blur_background(source, weight, spread, sigma)
        if alpha is None:
            np.copyto(target, background)
        else:
            blend(source, background, alpha, target)
    return seal(result)


def low_resolution(width: int, height: int) -> tuple[int, int]:
    """Width and height at which the blur is found: a whole fraction of the picture where possible."""
    factor = max(1, round(height / LOW_LINES))
    return max(1, width // factor), max(1, height // factor)


def blur_sigma(strength: float) -> float:
    """Standard deviation of the blur in pixels of a picture of LOW_LINES lines; strength 0.2 to 1. At 720p:
    22 to 48 pixels, so that even the weakest leaves no letter below 1/16 of the picture's height readable.
    """
    return 2.0 + 4.0 * strength


def background_weight(alpha: NDArray[Any] | None, size: tuple[int, int]) -> NDArray[Any]:
    """How much each pixel of the low-resolution picture counts as background, float32, 0 to 1. Squared, so that
    the soft edge, where both colours are mixed, counts little.
    """
    if alpha is None:
        return np.ones(size[::-1], np.float32)
    small = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    return np.asarray(np.square(1.0 - small))


def blurred(image: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur; borders are mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def blur_background(plane: NDArray[Any], weight: NDArray[Any], spread: NDArray[Any], sigma: float) -> NDArray[Any]:
    """The plane's background, blurred, at the plane's size, uint8."""
    small = np.asarray(cv2.resize(plane, weight.shape[::-1], interpolation=cv2.INTER_AREA)).astype(np.float32)
    weighted = small * weight
    mean = float(weighted.sum() / max(float(weight.sum()), EPSILON))
    low = (blurred(weighted, sigma) + EPSILON * mean) / spread
    return np.asarray(cv2.convertScaleAbs(cv2.resize(low, plane.shape[::-1], interpolation=cv2.INTER_LINEAR)))


def blend(person: NDArray[Any], background: NDArray[Any], alpha: NDArray[Any], out: NDArray[Any]) -> None:
    """Alpha · person + (1 − alpha) · background into `out`, all uint8 (H, W); alpha uint8 at any size, 255 = person.
    In bytes, because floats of a whole plane cost several times as much, most of it for fresh memory.
    """
    full = cv2.resize(alpha, person.shape[::-1], interpolation=cv2.INTER_LINEAR)
    kept = cv2.multiply(person, full, scale=1 / 255)
    rest = cv2.multiply(background, cv2.bitwise_not(full, dst=full), scale=1 / 255)
    cv2.add(kept, rest, dst=out)
