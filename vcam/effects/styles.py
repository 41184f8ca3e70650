"""Other looks of the room than blurred: laid over the blur, so that the room is hidden whatever they do."""

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.blur import Blur
from vcam.frame import I420, empty, planes, size_of

BLOCK = 1 / 16  # of the picture's height: the smallest block; a letter as high as that lies in one or two
BLACK, GREY = 16, 128  # luma and chroma of black, in limited range
SHARE_OF_LIGHT, SHARE_OF_COLOUR = 0.35, 0.6  # what dim leaves


@dataclass(frozen=True)
class Pixelate:
    """Square blocks of one colour each; `strength` 0.2 to 1: of 1/16 to 1/9 of the picture's height."""

    strength: float

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        result = Blur(self.strength)(pixels, kept)  # weighted by the mask, so no block takes the person's colour
        width, height = size_of(pixels)
        side = height * BLOCK * (0.8 + self.strength)
        grid = max(1, round(width / side)), max(1, round(height / side))
        for plane in planes(result):
            # What is at a block's middle is a mean already; the mean of whole blocks cost four times as much.
            blocks = cv2.resize(plane, grid, interpolation=cv2.INTER_LINEAR)
            cv2.resize(blocks, plane.shape[::-1], dst=plane, interpolation=cv2.INTER_NEAREST)
        return result


@dataclass(frozen=True)
class Grey:
    """The blurred room without its colours; `strength` of the blur, 0.2 to 1."""

    strength: float

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        result = Blur(self.strength)(pixels, kept)
        for plane in planes(result)[1:]:
            plane[:] = GREY
        return result


@dataclass(frozen=True)
class Dim:
    """The blurred room with the lights turned down; `strength` of the blur, 0.2 to 1."""

    strength: float
    clean: ClassVar[float] = 1.0  # see decontaminate.Replacement: a bright room would rim the person
    wrap: ClassVar[float] = 0.0

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        result = Blur(self.strength)(pixels, kept)
        luma, *chroma = planes(result)
        towards(BLACK, SHARE_OF_LIGHT, luma)
        for plane in chroma:
            towards(GREY, SHARE_OF_COLOUR, plane)
        return result


@dataclass(frozen=True)
class Colour:
    """One colour; red, green and blue 0 to 255."""

    red: int
    green: int
    blue: int
    clean: ClassVar[float] = 1.0
    wrap: ClassVar[float] = 0.0  # a program that keys by the colour does not want it on the person

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        patch = np.empty((3, 2), np.uint8)
        cv2.cvtColor(np.full((2, 2, 3), (self.red, self.green, self.blue), np.uint8), cv2.COLOR_RGB2YUV_I420, dst=patch)
        result = empty(*size_of(pixels))
        for plane, colour in zip(planes(result), planes(patch), strict=True):
            plane[:] = colour[0, 0]
        return result


def towards(value: int, share: float, plane: NDArray[Any]) -> None:
    """Bring each pixel of a uint8 plane nearer to `value`, so that `share` of the difference is left."""
    table = np.rint(value + share * (np.arange(256) - value)).astype(np.uint8)
    cv2.LUT(plane, table, dst=plane)
