"""Light and warmth of the webcam's picture, as a table for each plane, and how one setting glides into the next."""

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, empty, planes, size_of

DARKEST, BRIGHTEST = 16, 235  # luma of black and white, in limited range
LEAST, GREY, MOST = 16, 128, 240  # chroma, the same
CHROMA = 12.0  # grey levels of colour at the most warmth
STEEPEST = 3.0  # slope of the light's curve: a steeper one would show the noise and the blocks of dark pictures
# From where to where the straight line near black becomes the curve, in shares of where the two would meet.
LINE_ENDS, CURVE_BEGINS = 0.5, 1.8
GLIDE = 0.3  # seconds

LEVELS = np.arange(256, dtype=np.uint8)
Tables = NDArray[Any]  # uint8 (3, 256): what becomes of each level of Y, of U and of V


class Tone(NamedTuple):
    """Light and warmth, as in the settings: each from -1 to 1."""

    light: float = 0.0
    warmth: float = 0.0


AS_FILMED = Tone()


class Glide(NamedTuple):
    """From one tone to another, evenly; `since` is when it began, in seconds."""

    start: Tone
    goal: Tone
    since: float

    def at(self, now: float) -> Tone:
        """The tone of the time `now`."""
        share = min(max((now - self.since) / GLIDE, 0.0), 1.0)
        return Tone(*((1 - share) * old + share * new for old, new in zip(self.start, self.goal, strict=True)))

    def to(self, goal: Tone, now: float) -> "Glide":
        """The same, or, where the goal is another one, the way there from what is shown now."""
        return self if goal == self.goal else self._replace(start=self.at(now), goal=goal, since=now)


@lru_cache(maxsize=2)
def tables_of(tone: Tone) -> Tables | None:
    """What the tone makes of each level; None where it leaves the picture as it is."""
    if tone == AS_FILMED:
        return None
    levels = LEVELS.astype(np.float64)
    made = np.stack([levels] * 3)
    if tone.light:
        share = np.clip((levels - DARKEST) / (BRIGHTEST - DARKEST), 0.0, 1.0)
        made[0] = DARKEST + (BRIGHTEST - DARKEST) * curve(share, tone.light)
    if tone.warmth:
        made[1:] = np.clip(levels + CHROMA * tone.warmth * np.array([[-1.0], [1.0]]), LEAST, MOST)
    result = np.floor(made + 0.5).astype(np.uint8)
    result.setflags(write=False)
    return result


def curve(share: NDArray[Any], light: float) -> NDArray[Any]:
    """What becomes of a share of the way from black to white, float64: share^(2^-light), but nowhere steeper than
    STEEPEST: for that it begins with a straight line, which a cubic Hermite spline leads into the curve.
    """
    power = 2.0**-light
    result = share**power
    meet = STEEPEST ** (-1 / (1 - power)) if power < 1 else 0.0  # where STEEPEST · share is the curve's value
    if meet < 1e-6:  # nearer to black than the first level
        return np.asarray(result)
    begin, end = LINE_ENDS * meet, CURVE_BEGINS * meet
    way = end - begin
    at = np.clip((share - begin) / way, 0.0, 1.0)
    low, high, rise = STEEPEST * begin, end**power, power * end ** (power - 1) * way
    run = STEEPEST * way
    joined = low + run * at + (3 * (high - low) - 2 * run - rise) * at**2 + (2 * (low - high) + run + rise) * at**3
    return np.where(share < end, np.where(share < begin, STEEPEST * share, joined), result)


def toned(pixels: I420, tables: Tables) -> I420:
    """The picture with each level replaced by what the tables say, in memory of its own."""
    result = empty(*size_of(pixels))
    for number, (plane, table, target) in enumerate(zip(planes(pixels), tables, planes(result), strict=True)):
        if np.array_equal(table, LEVELS):
            np.copyto(target, plane)
        elif number == 0:
            cv2.LUT(plane, table, dst=target)
        else:  # what the table says too, several times as quickly
            shift = int(table[GREY]) - GREY
            np.clip(plane, LEAST - shift, MOST - shift, out=target)
            np.add(target, np.uint8(shift % 256), out=target)
    return result
