"""One picture with a man in it, and where he is: what every network has to find before it sees a webcam."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.errors import SettingsError
from vcam.frame import empty
from vcam.masks.mask import FrameMask, MaskError, Segment, find_mask, mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import Pixels, from_bgr

if TYPE_CHECKING:
    from vcam.pipeline.cuda_graph import Frames

PICTURE = (
    Path(__file__).parent.parent / "sample" / "known_answer.jpg"
)  # a frame of signing.mkv, cut to the shape of most webcams
MASK = PICTURE.with_suffix(".png")  # by the shipped weights at their fine size, and looked at; white is the man
# Intersection over union with that mask. The shipped weights reach 0.99 at either size, an older network with a
# quarter of their parameters 0.98, the shipped weights with noise of 0.4 of their own deviation added 0.89 or more. An
# ellipse in the right place has 0.68, the best box 0.58, the mask mirrored 0.56.
# DeepLabv3 (MobileNetV2 of width 1.0 or 0.5, 21 classes, as converted from .tflite) reaches 0.93 and 0.94, and at half
# the width and height of its input 0.89.
LEAST = 0.7
# Where a screen and the back of a chair are, as shares of the picture's width and height: left, top, right, bottom. A
# network that is to keep such things too may or may not find them, so there neither counts.
FURNITURE = ((0.0, 0.0, 0.16, 1.0), (0.88, 0.8, 1.0, 1.0))
MOST_ELSE = 0.1  # share of the picture beside these that a network may keep where it keeps no people
STRENGTH = 0.5  # of the blur in which two ways of making a picture are compared
REMEDY = "take other weights, or train these longer"


def check_known_answer(segment: Segment, keep: Sequence[str]) -> None:
    """Whether the network finds the man, without a frame before and with one; where `keep` (names of classes) has no
    person in it, whether it finds next to nothing. Raises SettingsError, and whatever the network raises.
    """
    picture, man = cv2.imread(str(PICTURE)), cv2.imread(str(MASK), cv2.IMREAD_GRAYSCALE)
    if picture is None or man is None:
        raise SettingsError(f"{PICTURE} or {MASK.name} is missing or damaged; install segblur again")
    pixels = empty(picture.shape[1], picture.shape[0])
    from_bgr(picture, pixels)
    counts = np.ones(man.shape, bool) if set(keep) == {"person"} else without_furniture(man.shape)
    mask: FrameMask | None = None
    for sequence in range(2):
        try:
            mask = find_mask(RawFrame(pixels, sequence, captured=0.0), segment, mask)
        except MaskError as error:
            raise SettingsError(f"network.weights: for the test picture {error}; {REMEDY}") from None
        if "person" in keep and (found := overlap(mask, man, counts)) < LEAST:
            raise SettingsError(
                f"network.weights: this network does not find the man in the test picture "
                f"(IoU {found:.2f}, at least {LEAST} is needed); {REMEDY}"
            )
        if "person" not in keep and (found := float(kept(mask, man.shape)[counts].mean())) > MOST_ELSE:
            raise SettingsError(
                f"network.weights: this network takes {found:.0%} of the test picture for {' or '.join(keep)}, "
                f"which is not in it; {REMEDY}"
            )


def known_answer_difference(frames: "Frames", segment: Segment, size: tuple[int, int]) -> float:
    """How far what is made of the test picture in one go is, on average and in grey levels, from what is made of it
    step by step, for frames of (width, height); of two frames the worse. Infinite where only one of them trusts the
    mask. Raises whatever either raises.
    """
    picture, pixels, worst = cv2.imread(str(PICTURE)), empty(*size), 0.0
    assert picture is not None  # check_known_answer has seen it
    from_bgr(picture, pixels)
    mask: FrameMask | None = None
    for sequence in range(2):
        frame = RawFrame(pixels, sequence, captured=0.0)
        mask = mask_or_none(frame, segment, lambda reason: None, mask)
        made = frames(pixels, STRENGTH, goes_on=sequence > 0)
        if bool(made.trouble) != (mask is None):
            return float("inf")
        slowly = compose(frame, mask, Blur(STRENGTH))
        worst = max(worst, float(np.mean(cv2.absdiff(made.picture.pixels, slowly.pixels))))
    return worst


def overlap(mask: FrameMask, truth: Pixels, counts: NDArray[Any]) -> float:
    """Intersection over union of what the mask keeps for the greater part with the white of `truth`, uint8 (H, W), in
    `counts`, bool (H, W).
    """
    found, there = kept(mask, truth.shape) & counts, (truth > 127) & counts
    return np.count_nonzero(found & there) / np.count_nonzero(found | there)


def kept(mask: FrameMask, shape: tuple[int, ...]) -> NDArray[Any]:
    """What the mask keeps for the greater part, bool (H, W) of that shape."""
    return np.asarray(cv2.resize(mask.alpha, shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)


def without_furniture(shape: tuple[int, ...]) -> NDArray[Any]:
    """Where things stand that are no people, False; bool (H, W) of that shape."""
    height, width = shape
    counts = np.ones(shape, bool)
    for left, top, right, bottom in FURNITURE:
        counts[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = False
    return counts
