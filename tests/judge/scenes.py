"""Pictures whose truth is known, as frames of a webcam: photographs with masks, and people set before rooms, of which
the person's colours, the room's and the share of each are known in every pixel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.pairs import Pair, find_pairs
from training.data.pictures import read_rgb
from vcam.frame import I420, empty
from vcam.media.yuv import cover, from_bgr

Plane = NDArray[Any]  # float32 (H, W), 0 to 1
Colours = NDArray[Any]  # float32 (H, W, 3), BGR, 0 to 255

LINES = 720  # of every picture, as of a webcam
SIZE = (1280, 720)  # of a composite
TALL = 0.9  # of a composite's height, that a person's picture has
NOISE = 2.0  # standard deviation of a webcam's noise in good light, in grey levels
RING = 0.01  # of the diagonal: what "near the contour" means, 15 pixels at 1280×720
SURE = 0.95  # share of a pixel from which on it is the person's alone
STEPS, REACH = 10, 30  # frames of a walk, and pixels of its way


@dataclass(frozen=True)
class Scene:
    """A frame, and the share of the person in each pixel."""

    pixels: I420
    truth: Plane


@dataclass(frozen=True)
class Composite:
    """A person before a room: colours of both, everywhere, and the share of the person in each pixel."""

    person: Colours
    room: Colours
    share: Plane

    def scene(self, rng: np.random.Generator) -> tuple[Scene, Colours]:
        """The frame as a webcam sees it, and the person's colours with the noise that they have there."""
        share = self.share[..., None]
        noise = rng.normal(0, NOISE, self.room.shape).astype(np.float32)
        pixels = to_i420(share * self.person + (1 - share) * self.room + noise)
        return Scene(pixels, self.share), self.person + noise


def to_i420(bgr: Colours) -> I420:
    """A frame of these colours; the size is cut to even numbers."""
    height, width = bgr.shape[0] & ~1, bgr.shape[1] & ~1
    pixels = empty(width, height)
    from_bgr(np.clip(np.rint(bgr[:height, :width]), 0, 255).astype(np.uint8), pixels)
    return pixels


def photographs(folder: Path, count: int) -> Iterator[Scene]:
    """The first `count` of a set, enlarged to LINES. Raises DataError."""
    for pair in find_pairs(folder)[:count]:
        bgr, share = enlarged(pair, LINES)
        yield Scene(to_i420(bgr), share[: bgr.shape[0] & ~1, : bgr.shape[1] & ~1])


def enlarged(pair: Pair, lines: int) -> tuple[Colours, Plane]:
    """A picture, and the share of the person in its pixels, at so many lines. Raises DataError."""
    picture = pair.load()
    size = (round(picture.image.shape[1] * lines / picture.image.shape[0]), lines)
    bgr = cv2.resize(picture.image[..., ::-1].astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    share = cv2.resize(picture.mask.astype(np.float32) / 255, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(bgr), np.asarray(share)


def composites(data: Path, count: int) -> Iterator[Composite]:
    """People of val/ccp_upper, each before a room of its own. Raises DataError."""
    people = find_pairs(data / "val" / "ccp_upper")[:count]
    rooms = sorted((data / "rooms").glob("*.jpg"))
    for number, pair in enumerate(people):
        room = read_rgb(rooms[number * len(rooms) // len(people)])[..., ::-1]
        yield compose_scene(pair, np.asarray(cover(np.ascontiguousarray(room), *SIZE), np.float32), number)


def compose_scene(pair: Pair, room: Colours, number: int) -> Composite:
    """The person of a picture before a room, standing at its lower edge. The colours of a soft contour, in which those
    of the old background are mixed, are taken from the nearest pixel that is the person's alone, two pixels inside.
    Raises DataError.
    """
    picture = pair.load()
    share = picture.mask.astype(np.float32) / 255
    sure = cv2.erode((share > SURE).astype(np.uint8), np.ones((5, 5), np.uint8))
    _, nearest = cv2.distanceTransformWithLabels(1 - sure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    bgr = picture.image[..., ::-1].astype(np.float32)
    colours = np.zeros((int(nearest.max()) + 1, 3), np.float32)
    colours[nearest[sure > 0]] = bgr[sure > 0]
    lines = round(TALL * SIZE[1])
    size = (round(bgr.shape[1] * lines / bgr.shape[0]), lines)
    person = np.asarray(cv2.resize(colours[nearest], size, interpolation=cv2.INTER_CUBIC))
    mask = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_LINEAR))
    left = (SIZE[0] - size[0]) // 2 + (number * 97) % 201 - 100
    move = np.array([[1, 0, left], [0, 1, SIZE[1] - lines]], np.float32)
    everywhere = cv2.warpAffine(person, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
    there = cv2.warpAffine(mask, move, SIZE)
    return Composite(np.asarray(everywhere), room, np.asarray(there))


def walk(composite: Composite) -> Iterator[Composite]:
    """The person moves to one side and back, at most some 10 pixels from frame to frame; the room stands still."""
    for step in range(STEPS):
        move = np.array([[1, 0, REACH * (1 - cos(2 * pi * step / STEPS)) / 2], [0, 1, 0]], np.float32)
        person = cv2.warpAffine(composite.person, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.warpAffine(composite.share, move, SIZE, borderMode=cv2.BORDER_REPLICATE)
        yield Composite(np.asarray(person), composite.room, np.asarray(share))


def distance(share: Plane) -> NDArray[Any]:
    """Pixels from the contour, float32 (H, W): above 0 outside of the person, below 0 inside."""
    inside = (share > 0.5).astype(np.uint8)
    outer, inner = (cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (1 - inside, inside))
    return np.where(inside > 0, 0.5 - inner, outer - 0.5)


def ring(shape: Sequence[int]) -> float:
    """Width in pixels of what is near the contour in a picture of (H, W)."""
    return RING * hypot(shape[0], shape[1])
