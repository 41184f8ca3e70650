"""Which pictures belong to a set, and where their masks lie."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.data.pictures import Picture, read_rgb, read_voc_person
from training.errors import DataError

SEGMENTATION = Path("ImageSets", "Segmentation")  # where VOC's layout has its lists of pictures
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class Pair:
    """Where one picture and its mask lie."""

    name: str
    image: Path
    mask: Path
    voc: bool = False  # the mask is a palette picture of VOC's 21 classes

    def load(self) -> Picture:
        """Image uint8 (H, W, 3) RGB; mask uint8 (H, W), 255 = person. Raises DataError."""
        image = read_rgb(self.image)
        mask = read_voc_person(self.mask) if self.voc else cv2.imread(str(self.mask), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != image.shape[:2]:
            raise DataError(f"{self.mask} is missing, unreadable or not the size of {self.image}")
        return Picture(image, mask)


@dataclass(frozen=True)
class Room(Pair):
    """A picture without a mask, as nobody is there."""

    def load(self) -> Picture:
        """As a pair's, with nobody in the mask. Raises DataError."""
        image = read_rgb(self.image)
        return Picture(image, np.zeros(image.shape[:2], np.uint8))


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs of a set, by name. Raises DataError. `folder` is one of
    - a folder of images/NAME.* and masks/NAME.png,
    - such a folder and /LIST, where LIST.txt in it names some of its pictures,
    - a folder in VOC's layout and /SPLIT, for its ImageSets/Segmentation/SPLIT.txt.
    """
    parent, listed = folder.parent, folder.parent / f"{folder.name}.txt"
    split = parent / SEGMENTATION / f"{folder.name}.txt"
    if split.is_file():
        return [
            Pair(name, parent / "JPEGImages" / f"{name}.jpg", parent / "SegmentationClass" / f"{name}.png", voc=True)
            for name in sorted(read_names(split))
        ]
    if listed.is_file():
        pairs = {pair.name: pair for pair in find_pairs(parent)}
        names = sorted(read_names(listed))
        if missing := [name for name in names if name not in pairs]:
            raise DataError(f"{listed} names {missing[0]}, which is not in {parent / 'images'}")
        return [pairs[name] for name in names]
    images = sorted((folder / "images").glob("*")) if (folder / "images").is_dir() else []
    if not images:
        raise DataError(f"{folder / 'images'} holds no pictures; expected images/NAME.jpg and masks/NAME.png")
    return [Pair(path.stem, path, folder / "masks" / f"{path.stem}.png") for path in images]


def find_set(folder: Path) -> list[Pair]:
    """What is to be measured, by name: the pairs of a set, as find_pairs has it, or, where pictures lie directly in
    `folder` and it has no images/, empty rooms. Raises DataError.
    """
    bare = [] if (folder / "images").is_dir() else folder.glob("*")
    rooms = sorted(path for path in bare if path.suffix.lower() in SUFFIXES)
    return [Room(path.stem, path, path) for path in rooms] or find_pairs(folder)


def read_names(path: Path) -> list[str]:
    """The names in a list of pictures, one a line, each once. Raises DataError, and OSError where it can't be read."""
    names = list(dict.fromkeys(line.strip() for line in path.read_text().split("\n") if line.strip()))
    if not names:
        raise DataError(f"{path} lists no pictures")
    return names


def manifest_hash(files: list[Path], root: Path) -> str:
    """sha256 over the sorted (path below root, sha256 of the content): the same data gives the same hash."""
    lines = (f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
