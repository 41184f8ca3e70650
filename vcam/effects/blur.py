"""What is shown where the room was: each effect makes a whole picture of it, which the compositor puts behind what is
kept.

So that the person's colours do not bleed into the blurred background, the person is first filled with what is beside,
by normalised convolution (Knutsson & Westin 1993, §2): blur(weight · picture) / blur(weight), with no weight on the
person. Filled from near by, because a contour that takes its colours from as far as the blur reaches looks like a halo.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes, size_of
from vcam.media.yuv import shrink

LOW_LINES = 90  # the blur is found at about this many lines, where it costs little and loses nothing
WEAKEST = 0.2  # strength; what this hides is hidden by every effect
NEAR = 2.0  # standard deviation, in pixels of that many lines, of what the person is filled from
EPSILON = 1e-4  # weight of the mean background colour where no background is near


class Effect(Protocol):
    """A picture that shows nothing of the room, of what is not kept."""

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """The frame, and the share of each of its pixels that is kept: float32 (h, w), 0 to 1, at any size; None where
        nothing is. → A picture of the frame's size, all of which may be shown; the caller's until the next call.
        """
        ...


@dataclass(frozen=True)
class Blur:
    """The background, blurred so far that it can't be read; `strength` 0.2 to 1."""

    strength: float

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        result = empty(*size_of(pixels))
        size = low_resolution(*size_of(pixels))
        scale = size[1] / LOW_LINES
        weight = background_weight(kept, size)
        spread = blurred(weight, NEAR * scale) + EPSILON
        for source, target in zip(planes(pixels), planes(result), strict=True):
            room = fill(shrink(source, size), weight, spread, NEAR * scale)
            # In bytes: floats of a whole plane are four times as much to write, and to read again.
            low = cv2.convertScaleAbs(blurred(room, blur_sigma(self.strength) * scale))
            cv2.resize(low, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)
        return result


def low_resolution(width: int, height: int) -> tuple[int, int]:
    """Width and height at which the blur is found: a whole fraction of the picture where possible."""
    factor = max(1, round(height / LOW_LINES))
    return max(1, width // factor), max(1, height // factor)


def blur_sigma(strength: float) -> float:
    """Standard deviation of the blur in pixels of a picture of LOW_LINES lines; strength 0.2 to 1. At 720p:
    22 to 48 pixels, so that even the weakest leaves no letter below 1/16 of the picture's height readable.
    """
    return 2.0 + 4.0 * strength


def background_weight(kept: NDArray[Any] | None, size: tuple[int, int]) -> NDArray[Any]:
    """How much each pixel of the low-resolution picture counts as background, float32, 0 to 1. To the fourth power, so
    that the soft edge, where both colours are mixed, counts little.
    """
    if kept is None:
        return np.ones(size[::-1], np.float32)
    return np.asarray(np.square(np.square(1.0 - shrink(kept, size))))


def blurred(image: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur; borders are mirrored."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def fill(small: NDArray[Any], weight: NDArray[Any], spread: NDArray[Any], sigma: float) -> NDArray[Any]:
    """The low-resolution plane, float32, as far as `weight` counts it, and what is beside it for the rest; `spread` is
    the weight blurred by `sigma`, and EPSILON.
    """
    weighted = small * weight
    mean = float(weighted.sum() / max(float(weight.sum()), EPSILON))
    beside = blurred(weighted, sigma)
    beside += EPSILON * mean
    beside /= spread
    beside *= 1.0 - weight
    beside += weighted
    return beside
