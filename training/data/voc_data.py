"""Pictures with labels of VOC's 21 classes, and the batches that training draws from them.

A folder in VOC's layout holds JPEGImages/NAME.jpg, SegmentationClass/NAME.png and ImageSets/Segmentation/SPLIT.txt, and
perhaps SegmentationObject/NAME.png, which tells objects of one class apart (Everingham et al. 2010, §2).
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segnet.classes import VOC_CLASSES
from training.data.labels import read_classes, read_numbers
from training.data.pairs import SEGMENTATION, read_names
from training.errors import DataError

Pixels = NDArray[Any]  # uint8 (H, W, 3) RGB, or (H, W) for labels
NAMED = 5  # problems that a message names before it only counts


@dataclass(frozen=True)
class VocPicture:
    """One picture and its labels, as the bytes of their files: VOC and SBD together are 1 GB so, and 6 GB decoded."""

    name: str
    image_file: bytes
    label_file: bytes
    object_file: bytes | None

    def image(self) -> Pixels:
        """uint8 (H, W, 3) RGB. Raises DataError."""
        try:
            with Image.open(io.BytesIO(self.image_file)) as picture:
                return np.array(picture.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:  # what PIL raises for damaged files
            raise DataError(f"the picture of {self.name} is not readable: {error}") from None

    def labels(self) -> Pixels:
        """uint8 (H, W), 0 to 20 and 255 = void. Raises DataError."""
        return read_classes(self.label_file, f"the labels of {self.name}")

    def instances(self) -> Pixels | None:
        """uint8 (H, W), one number an object, 0 = background and 255 = void, where they are known. Raises DataError."""
        return read_numbers(self.object_file, f"the objects of {self.name}") if self.object_file else None


@dataclass(frozen=True)
class VocSet:
    """Pictures that were read and found good."""

    pictures: list[VocPicture]
    files: list[Path]
    counts: NDArray[Any]  # int64 (pictures, 21): how many pixels each class has

    @property
    def pixels(self) -> NDArray[Any]:
        """How many each class has, int64 (21,)."""
        return np.asarray(self.counts.sum(axis=0))

    def absent(self) -> list[str]:
        """Names of the classes without a single pixel."""
        return [name for name, count in zip(VOC_CLASSES, self.pixels, strict=True) if not count]


def load_voc(folder: Path) -> VocSet:
    """The pictures of VOC/SPLIT, which are those that VOC/ImageSets/Segmentation/SPLIT.txt lists. All are decoded, so
    that a bad one is found before the run and not hours into it. Raises DataError that names what is missing,
    unreadable, of another size or no VOC label.
    """
    pictures, files, counts, problems = [], [], [], []
    root = folder.parent
    for name in split_names(folder):
        paths = [root / "JPEGImages" / f"{name}.jpg", root / "SegmentationClass" / f"{name}.png"]
        if (objects := root / "SegmentationObject" / f"{name}.png").is_file():
            paths.append(objects)
        try:
            image, labels, *instances = (path.read_bytes() for path in paths)
            picture = VocPicture(name, image, labels, instances[0] if instances else None)
            count = checked(picture)
        except OSError as error:
            problems.append(f"{error.filename} is missing or not readable")
        except DataError as error:
            problems.append(str(error))
        else:
            pictures.append(picture)
            counts.append(count)
            files += paths
    if problems:
        more = f"; and {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise DataError(f"{folder}: {'; '.join(problems[:NAMED])}{more}")
    return VocSet(pictures, files, np.array(counts, np.int64).reshape(-1, 256)[:, : len(VOC_CLASSES)])


def split_names(folder: Path) -> list[str]:
    """The names in the list of VOC/SPLIT, each once. Raises DataError."""
    path = folder.parent / SEGMENTATION / f"{folder.name}.txt"
    try:
        return read_names(path, lambda name: (folder.parent / "JPEGImages" / f"{name}.jpg").exists())
    except OSError:
        there = ", ".join(sorted(other.stem for other in path.parent.glob("*.txt")))
        raise DataError(
            f"there is no {path}; "
            + (f"the lists there are {there}" if there else f"{folder.parent} is not in VOC's layout")
        ) from None


def checked(picture: VocPicture) -> NDArray[Any]:
    """How many pixels have each label, int64 (256,). Raises DataError."""
    image, labels, instances = picture.image(), picture.labels(), picture.instances()
    if labels.shape != image.shape[:2] or (instances is not None and instances.shape != labels.shape):
        raise DataError(f"the labels of {picture.name} are not of the size of the picture")
    return np.bincount(labels.ravel(), minlength=256)
