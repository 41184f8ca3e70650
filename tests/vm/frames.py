"""What a frame shows, measured on its luma: how much of the secret is left, whose picture it is, what kind it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from material import CELL, HEIGHT, PERSON, SECRETS, WIDTH, checkerboard
from numpy.typing import NDArray

Kind = Literal["live", "blurred", "placeholder", "torn"]

TILE = 8 * CELL  # the secret is looked for in tiles as well, so that a small leak isn't lost in a mean
SAME = 6.0  # mean difference in grey levels up to which a person is the source frame's person
DARK, FLAT, MOST = 60, 4, 0.8  # a placeholder: this share of it within FLAT grey levels of one dark one


@dataclass(frozen=True)
class Frame:
    """One frame's measurements."""

    kind: Kind
    leak: float  # what is left of the secret's pattern: 1 in the source, 0 where nothing is
    source: int  # the clip's frame with the same person, most nearly
    difference: float  # mean absolute difference to that frame's person, grey levels
    sharpness: float  # mean absolute Laplacian of the person, as a share of that frame's


def read_i420(path: Path) -> NDArray[Any]:
    """A raw recording, (n, HEIGHT * 3 / 2, WIDTH), not read into memory before it is used."""
    size = WIDTH * HEIGHT * 3 // 2
    count = path.stat().st_size // size if path.exists() else 0
    if not count:
        return np.empty((0, HEIGHT * 3 // 2, WIDTH), np.uint8)
    return np.memmap(path, np.uint8, "r", shape=(count, HEIGHT * 3 // 2, WIDTH))


def read_png(path: Path) -> NDArray[Any]:
    """A browser's picture as BT.601 luma of limited range, which is what the webcam's is."""
    picture = cv2.imread(str(path))
    assert picture is not None, f"{path} is no picture"
    return cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)[: picture.shape[0]]


def detail(luma: NDArray[Any]) -> float:
    """Mean absolute Laplacian: the energy of what is finer than a few pixels."""
    return float(np.abs(cv2.Laplacian(luma.astype(np.float32), cv2.CV_32F)).mean())


def pattern(luma: NDArray[Any]) -> float:
    """Contrast of the secret's own pattern in the tile where it is strongest, grey levels."""
    height, width = luma.shape
    product = luma.astype(np.float32) * checkerboard(height, width)
    tiles = product.reshape(height // TILE, TILE, width // TILE, TILE).mean(axis=(1, 3))
    return float(np.abs(tiles).max())


class Judge:
    """Measures frames against the clip that the webcam played."""

    def __init__(self, clip: NDArray[Any]) -> None:
        self.clip = clip
        self._small = np.stack([self._points(frame) for frame in clip])

    @staticmethod
    def _points(luma: NDArray[Any]) -> NDArray[Any]:
        """Some of the person's pixels, enough to find the right frame by."""
        return np.concatenate([luma[box][::4, ::4].ravel() for box in PERSON.values()]).astype(np.int16)

    def leak(self, luma: NDArray[Any]) -> float:
        """The strongest trace of the secret, by either measure, in either region."""
        source = self.clip[0]
        return max(
            measure(luma[box]) / measure(source[box]) for box in SECRETS.values() for measure in (detail, pattern)
        )

    def frame(self, luma: NDArray[Any]) -> Frame:
        """All of one frame's measurements. `luma` is (HEIGHT, WIDTH)."""
        best = int(np.abs(self._small - self._points(luma)).mean(axis=1).argmin())
        pairs = [(luma[box], self.clip[best][box]) for box in PERSON.values()]
        difference = max(float(np.abs(ours.astype(np.int16) - theirs).mean()) for ours, theirs in pairs)
        sharpness = min(detail(ours) / detail(theirs) for ours, theirs in pairs)
        return Frame(self._kind(luma, difference, sharpness), self.leak(luma), best, difference, sharpness)

    def frames(self, lumas: Iterable[NDArray[Any]]) -> list[Frame]:
        """The same for many."""
        return [self.frame(luma[:HEIGHT]) for luma in lumas]

    @staticmethod
    def _kind(luma: NDArray[Any], difference: float, sharpness: float) -> Kind:
        if difference <= SAME:
            return "live"
        middle = int(np.median(luma))
        if middle <= DARK and np.mean(np.abs(luma.astype(np.int16) - middle) <= FLAT) >= MOST:
            return "placeholder"
        # Nothing fine is left anywhere, or something is: two frames in one, or a picture that nobody may send.
        return "blurred" if sharpness < 0.3 and detail(luma) < 2.0 else "torn"
