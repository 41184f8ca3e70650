"""From a raw frame and its mask to a picture that may be shown."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects import Effect
from vcam.frame import I420, RawFrame, SafeFrame, empty, planes, seal, size_of
from vcam.mask import FrameMask
from vcam.rim import Replacement, relit


def compose(frame: RawFrame, mask: FrameMask | None, effect: Effect, out: I420 | None = None) -> SafeFrame:
    """The frame where the mask keeps it, and what the effect makes elsewhere; without a mask, everywhere. `out` is an
    I420 array of the frame's size to write to. Raises ValueError where the mask is another frame's.
    """
    if mask is not None and mask.sequence != frame.sequence:
        raise ValueError(f"the mask of frame {mask.sequence} can't serve frame {frame.sequence}")
    result = empty(*size_of(frame.pixels)) if out is None else out
    if result.shape != frame.pixels.shape:
        raise ValueError(f"a frame of {frame.pixels.shape} doesn't fit into {result.shape}")
    background = effect(frame.pixels, None if mask is None else mask.alpha)
    if mask is None:
        np.copyto(result, background)
    else:
        kept = frame.pixels
        if isinstance(effect, Replacement):
            kept = relit(kept, mask.alpha, background, effect.clean, effect.wrap)
        alpha = cv2.convertScaleAbs(mask.alpha, alpha=255)
        for person, behind, target in zip(planes(kept), planes(background), planes(result), strict=True):
            blend(person, behind, alpha, target)
    return seal(result)


def blend(person: NDArray[Any], background: NDArray[Any], alpha: NDArray[Any], out: NDArray[Any]) -> None:
    """Alpha · person + (1 − alpha) · background into `out`, all uint8 (H, W); alpha uint8 at any size, 255 = person.
    In bytes, because floats of a whole plane cost several times as much, most of it for fresh memory.
    """
    full = cv2.resize(alpha, person.shape[::-1], interpolation=cv2.INTER_LINEAR)
    kept = cv2.multiply(person, full, scale=1 / 255)
    rest = cv2.multiply(background, cv2.bitwise_not(full, dst=full), scale=1 / 255)
    cv2.add(kept, rest, dst=out)
