"""The background as a lens with a wide aperture shows it: each point becomes a disc, and lights become bright ones.

As the blur, a normalised convolution: blur(weight · picture) / blur(weight). Lights weigh more than what is beside
them, so that their discs stay bright, without a brightness that the picture can't hold.

A disc alone can be undone: sharp as its edge is, it leaves some of every detail in the picture, faint but exact, and a
filter of one line (Wiener 1949) brings it back. So the edge is as soft as the weakest blur: of what that hides nothing
is left that eight bits could hold.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.blur import EPSILON, LOW_LINES, WEAKEST, background_weight, blur_sigma
from vcam.frame import I420, empty, planes, size_of

LINES = 180  # the discs are found at about this many lines: at fewer, their edges would show steps
LIGHT, BRIGHTEST = 185.0, 235.0  # luma from which a pixel counts as a light, and where it counts most
LIGHTS = 20.0  # how much more the brightest weighs


Planes = tuple[NDArray[Any], ...]  # uint8 (H, W) each


@dataclass(frozen=True)
class Bokeh:
    """The background out of focus; `strength` 0.2 to 1: discs across 1/9 to 1/4 of the picture's height. What a blur of
    strength `least` hides can't be brought back.
    """

    strength: float
    least: float = WEAKEST

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        width, height = size_of(pixels)
        factor = max(1, round(height / LINES))
        size = max(2, width // factor), max(2, height // factor)
        result = empty(width, height)
        luma = small(planes(pixels)[0], size)
        lights = np.square(np.clip((luma - LIGHT) / (BRIGHTEST - LIGHT), 0.0, 1.0))
        weight = background_weight(kept, size) * (1.0 + LIGHTS * lights)
        radius, edge = disc_radius(self.strength) * size[1] / LINES, blur_sigma(self.least) * size[1] / LOW_LINES
        spread_discs(planes(pixels)[:1], weight, disc(radius, edge), planes(result)[:1])
        # Colours have half as many pixels, and need no more here.
        half = small(weight, (size[0] // 2, size[1] // 2))
        spread_discs(planes(pixels)[1:], half, disc(radius / 2, edge / 2), planes(result)[1:])
        return result


def spread_discs(sources: Planes, weight: NDArray[Any], kernel: NDArray[Any], out: Planes) -> None:
    """Each pixel of some planes as a disc, float32, at the size of `weight`, float32 (h, w); into `out`."""
    spread = convolved(weight, kernel) + EPSILON
    for source, target in zip(sources, out, strict=True):
        weighted = small(source, weight.shape[::-1]) * weight
        mean = float(weighted.sum() / max(float(weight.sum()), EPSILON))
        low = (convolved(weighted, kernel) + EPSILON * mean) / spread
        cv2.convertScaleAbs(cv2.resize(low, target.shape[::-1], interpolation=cv2.INTER_LINEAR), dst=target)


def disc_radius(strength: float) -> float:
    """In pixels of a picture of LINES lines; strength 0.2 to 1. A disc spreads a point as far as a Gaussian of half its
    radius does.
    """
    return 2.0 * blur_sigma(strength) * LINES / 90 / 1.3


@lru_cache(maxsize=4)
def disc(radius: float, edge: float) -> NDArray[Any]:
    """A disc, blurred by a Gaussian of standard deviation `edge`; in pixels. float32, its sum 1."""
    reach = int(np.ceil(radius + 4 * edge))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = cv2.GaussianBlur(np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0), (0, 0), edge)
    return np.asarray(kernel / kernel.sum(), np.float32)


def convolved(image: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    """Borders are mirrored."""
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT))


def small(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The plane at (width, height), float32, smaller than it is."""
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
