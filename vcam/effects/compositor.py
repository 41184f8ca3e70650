"""From a raw frame and its mask to a picture that may be shown."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.blur import Effect
from vcam.effects.tones import Tables, toned
from vcam.frame import I420, SafeFrame, empty, planes, seal, size_of
from vcam.masks.decontaminate import Replacement, relit
from vcam.masks.mask import FrameMask
from vcam.masks.upsample import Cutout, cut_out, pixels, strips
from vcam.media.raw_frame import RawFrame


def compose(
    frame: RawFrame, mask: FrameMask | None, effect: Effect, out: I420 | None = None, tables: Tables | None = None
) -> SafeFrame:
    """The frame where the mask keeps it, and what the effect makes elsewhere; without a mask, everywhere. Person and
    room are corrected by `tables` before, but what is kept does not depend on them. `out` is an I420 array of the
    frame's size to write to. Raises ValueError where the mask is another frame's, or of one turned or cut otherwise.
    """
    if mask is not None and mask.sequence != frame.sequence:
        raise ValueError(f"the mask of frame {mask.sequence} can't serve frame {frame.sequence}")
    if mask is not None and mask.geometry != frame.geometry:
        raise ValueError(f"the mask of frame {mask.sequence} is of a picture turned or cut in another way")
    result = empty(*size_of(frame.pixels)) if out is None else out
    if result.shape != frame.pixels.shape:
        raise ValueError(f"a frame of {frame.pixels.shape} doesn't fit into {result.shape}")
    # Before the effect: what it writes drives the luma out of the processor's own memory.
    cutout = None if mask is None else cut_out(mask.alpha, planes(frame.pixels)[0])
    # The room is corrected at full size, too: after it is shrunk, bright letters on a dark wall would stand out.
    person = frame.pixels if tables is None else toned(frame.pixels, tables)
    np.copyto(result, effect(person, None if mask is None else mask.alpha))
    if cutout is not None:
        if isinstance(effect, Replacement):
            person = relit(person, cutout.whole(), result, effect.clean, effect.wrap)
        for part, target in zip(stacks(person), stacks(result), strict=True):
            lay(part, cutout if part.shape[0] == 1 else cutout.halved(), target)
    return seal(result)


def stacks(pixels: I420) -> tuple[NDArray[Any], NDArray[Any]]:
    """Views of Y (1, H, W), and of U and V together (2, H / 2, W / 2)."""
    width, height = size_of(pixels)
    return pixels[:height].reshape(1, height, width), pixels[height:].reshape(2, height // 2, width // 2)


def lay(person: NDArray[Any], cutout: Cutout, out: NDArray[Any]) -> None:
    """The person's pixels over those of `out`, uint8 (n, H, W) each, as far as the cutout keeps them."""
    source, target = strips(person, cutout.side), strips(out, cutout.side)
    np.copyto(target, source, where=cutout.inside[:, None, :])
    if len(cutout.alpha):
        edge = slice(None), cutout.rows, slice(None), cutout.columns
        behind, mixed = (pixels(lines[edge]).astype(np.float32) for lines in (target, source))
        mixed -= behind
        mixed *= cutout.alpha[:, None]
        mixed += behind
        target[edge] = cv2.convertScaleAbs(mixed.reshape(-1, cutout.side)).view(target.dtype).reshape(mixed.shape[:3])
