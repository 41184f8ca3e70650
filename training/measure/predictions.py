"""Masks to be measured: those of a network, as the service would find them, or those of a folder that others made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from training.data.pairs import Pair, Room
from training.data.pictures import MASK_VOID, Mask, Pixels, decode, read_bytes
from training.errors import DataError


class Segments(Protocol):
    """What a Segmenter does."""

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that pictures of this size are brought to."""

    def __call__(self, picture: Pixels, previous: Mask | None = None) -> Mask:
        """uint8 (H, W, 3) RGB of that size and the mask before → float32 (H, W), 0 to 1."""


@dataclass(frozen=True)
class Seen:
    """A picture and what is known of it: uint8 (H, W, 3) RGB, bool (H, W) where a person is, bool (H, W) where the
    label says anything at all.
    """

    name: str
    image: Pixels
    truth: Mask
    known: Mask

    @property
    def luma(self) -> float:
        """Mean brightness of the person, 0 to 255, BT.601; 0 without one."""
        grey = np.asarray(cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY))
        return float(grey[self.truth].mean()) if self.truth.any() else 0.0


Find = Callable[[Seen], Mask]  # → soft mask, float32 (H, W), 0 to 1, at the picture's size


def look(pair: Pair) -> Seen:
    """Read a pair. Raises DataError, also for a mask that shows nobody, but in VOC."""
    picture = pair.load()
    classes = pair.voc or pair.form in ("one", "voc")  # which have a void, and pictures of others than people
    known = picture.mask != MASK_VOID if classes else np.ones(picture.mask.shape, bool)
    truth = (picture.mask > 127) & known
    if not truth.any() and not (classes or isinstance(pair, Room)):
        raise DataError(
            f"{pair.mask} shows nobody: its highest value is {picture.mask.max()}; in masks 255 is person, and a "
            "picture without people is measured without a mask, in a folder of empty rooms"
        )
    return Seen(pair.name, picture.image, truth, known)


def shrink(segmenter: Segments, image: Pixels) -> Pixels:
    """A picture at the network's size, as the service brings it there."""
    size = segmenter.size_for(image.shape[1], image.shape[0])
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def enlarge(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A soft mask at the picture's size (H, W), float32."""
    return np.asarray(cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def by_network(segmenter: Segments) -> Find:
    """The network's masks, each found without a past."""
    return lambda seen: enlarge(segmenter(shrink(segmenter, seen.image)), seen.truth.shape)


def by_folder(folder: Path) -> Find:
    """The masks `folder`/NAME.png: 8-bit, 255 = person, of any size. What they give raises DataError."""
    return lambda seen: enlarge(read_prediction(folder / f"{seen.name}.png"), seen.truth.shape)


def read_prediction(path: Path) -> Mask:
    """Float32 (H, W), 0 to 1. Raises DataError."""
    if not path.is_file():
        raise DataError(f"{path} is missing; every picture of the set needs its prediction")
    mask = decode(read_bytes(path), cv2.IMREAD_UNCHANGED)
    if mask is None or mask.dtype != np.uint8 or mask.ndim != 2:
        raise DataError(f"{path} is not an 8-bit picture of one channel, 255 = person")
    if mask.max() == 1:
        raise DataError(f"{path} has only 0 and 1; in predictions 255 is person")
    return np.asarray(mask, np.float32) / 255
