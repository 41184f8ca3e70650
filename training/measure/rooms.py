"""Pictures of rooms in which nobody is: what is kept of them is a mistake."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.augment.opencv import Picture
from training.data.album import Pair, find_pairs, read_rgb

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class Room(Pair):
    """A picture without a mask, as nobody is there."""

    def load(self) -> Picture:
        """As a pair's, with nobody in the mask. Raises DataError."""
        image = read_rgb(self.image)
        return Picture(image, np.zeros(image.shape[:2], np.uint8))


def find_set(folder: Path) -> list[Pair]:
    """What is to be measured, by name: the pairs of a set, as find_pairs has it, or, where pictures lie directly in
    `folder` and it has no images/, empty rooms. Raises DataError.
    """
    bare = [] if (folder / "images").is_dir() else folder.glob("*")
    rooms = sorted(path for path in bare if path.suffix.lower() in SUFFIXES)
    return [Room(path.stem, path, path) for path in rooms] or find_pairs(folder)
