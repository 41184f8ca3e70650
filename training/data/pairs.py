"""Which pictures belong to a set, and where their masks lie."""

import hashlib
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.data.labels import read_classes
from training.data.masks import VOC_PERSON, Form, find_form, person_of, read_mask
from training.data.pictures import Picture, Pixels, decode_rgb, read_bytes, read_rgb, turned
from training.errors import DataError

SEGMENTATION = Path("ImageSets", "Segmentation")  # where VOC's layout has its lists of pictures
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}  # what Windows leaves in folders; macOS' names begin with a dot
# Around a picture's name in that of its mask: mask_NAME, NAME_mask, NAME-matte, NAME.jpg
AFFIXES = re.compile(r"^masks?[-_]|[-_. ](masks?|matte)$|\.(jpe?g|png|webp|bmp|tiff?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """Where one picture and its mask lie."""

    name: str
    image: Path
    mask: Path
    voc: bool = False  # in VOC's layout
    form: Form = "soft"  # of the mask

    def load(self) -> Picture:
        """Image uint8 (H, W, 3) RGB; mask uint8 (H, W), 255 = person, MASK_VOID = void. Raises DataError."""
        image, orientation = decode_rgb(read_bytes(self.image), self.image)
        if self.voc:
            labels = read_classes(read_bytes(self.mask), str(self.mask))
            mask, own = person_of(labels, VOC_PERSON), 1
        else:
            mask, own = read_mask(self.mask, self.form)
        return Picture(image, self._fitted(mask, own, image.shape[:2], orientation))

    def _fitted(self, mask: Pixels, own: int, shape: tuple[int, ...], orientation: int) -> Pixels:
        """The mask turned as its picture was, by `orientation`, or by its `own` where it was drawn on the upright one.
        Raises DataError.
        """
        fitting = [plane for turn in {own, orientation} if (plane := turned(mask, turn)).shape == shape]
        if not fitting:
            sizes = [f"{width}×{height}" for height, width in (mask.shape, shape)]
            raise DataError(f"{self.mask} is {sizes[0]}, but its picture {self.image} is {sizes[1]}; make them alike")
        if not np.array_equal(fitting[0], fitting[-1]):
            raise DataError(
                f"only one of {self.image} and {self.mask} is turned by EXIF, and their sizes don't tell whether they "
                "fit: save both upright and without EXIF"
            )
        return fitting[0]


@dataclass(frozen=True)
class Room(Pair):
    """A picture without a mask, as nobody is there: what is kept of it is an error."""

    def load(self) -> Picture:
        """As a pair's, with nobody in the mask. Raises DataError."""
        image = read_rgb(self.image)
        return Picture(image, np.zeros(image.shape[:2], np.uint8))


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs of a set, by name; nothing is read of them yet. Raises DataError. `folder` is one of
    - a folder of images/NAME.* and masks/NAME.* or the like (see find_mask),
    - such a folder and /LIST, where LIST.txt in it names some of its pictures,
    - a folder in VOC's layout and /SPLIT, for its ImageSets/Segmentation/SPLIT.txt.
    """
    parent, listed = folder.parent, folder.parent / f"{folder.name}.txt"
    split = parent / SEGMENTATION / f"{folder.name}.txt"
    if split.is_file():
        images, labels = parent / "JPEGImages", parent / "SegmentationClass"
        names = sorted(read_names(split, lambda name: (images / f"{name}.jpg").exists()))
        return [Pair(name, images / f"{name}.jpg", labels / f"{name}.png", voc=True) for name in names]
    if listed.is_file():
        pairs = {pair.name: pair for pair in find_pairs(parent)}
        names = sorted(read_names(listed, pairs.__contains__))
        if missing := [name for name in names if name not in pairs]:
            raise DataError(f"{listed} names {missing[0]}, which is not in {parent / 'images'}")
        return [pairs[name] for name in names]
    pictures = files_in(folder / "images")
    if not pictures:
        raise DataError(f"{folder / 'images'} holds no pictures; expected images/NAME.jpg and masks/NAME.png")
    masks: dict[str, list[Path]] = {}
    for path in files_in(folder / "masks"):
        for name in {path.stem, without_affixes(path.stem)}:
            masks.setdefault(name, []).append(path)
    return [Pair(path.stem, path, find_mask(path.stem, folder / "masks", masks)) for path in pictures]


def find_mask(name: str, folder: Path, masks: dict[str, list[Path]]) -> Path:
    """The mask of a picture: NAME.png, NAME of another ending, or what DRESS allows around NAME; NAME.png where
    there is none. Raises DataError where there are several.
    """
    plain, found = folder / f"{name}.png", masks.get(name, [])
    exact = [path for path in found if path.stem == name]
    found = exact or found
    if plain in found or not found:
        return plain
    if len(found) > 1:
        raise DataError(f"{found[0]} and {found[1]} are masks of one picture; remove one of them")
    return found[0]


def without_affixes(stem: str) -> str:
    """The name of a mask without what says that it is one."""
    while (bare := AFFIXES.sub("", stem)) != stem and bare:
        stem = bare
    return stem


def checked(pairs: list[Pair], *, empty: bool = False) -> list[Pair]:
    """The pairs of a set with the form that all its masks were found to have; `empty`: whether masks may show nobody.
    Raises DataError.
    """
    if pairs[0].voc:
        with ThreadPoolExecutor() as pool:  # decoding releases the interpreter
            list(pool.map(lambda pair: read_classes(read_bytes(pair.mask), str(pair.mask)), pairs))
        return pairs
    for pair in pairs:
        if not pair.mask.is_file():
            raise DataError(f"{pair.mask} is missing: {pair.image} has no mask of its name")
    form = find_form([pair.mask for pair in pairs], empty=empty)
    return [replace(pair, form=form) for pair in pairs]


def find_set(folder: Path) -> list[Pair]:
    """What is to be measured, by name: the pairs of a set, as find_pairs has it, or, where pictures lie directly in
    `folder` and it has no images/, empty rooms. Raises DataError.
    """
    bare = [] if (folder / "images").is_dir() else files_in(folder)
    rooms = [path for path in bare if path.suffix.lower() in SUFFIXES]
    return [Room(path.stem, path, path) for path in rooms] or checked(find_pairs(folder))


def files_in(folder: Path) -> list[Path]:
    """The files that lie in a folder, by name, without those that systems leave there; none where it is no folder."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.name.lower() not in SYSTEM_FILES
    )


def read_names(path: Path, exists: Callable[[str], bool]) -> list[str]:
    """The names in a list of pictures, one a line, each once. The list is in UTF-8 or UTF-16 or, for names that exist
    only so, in Latin-1. Raises DataError, and OSError where it can't be read.
    """
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    names: dict[str, None] = {}
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line := line.strip():
            name, latin = os.fsdecode(line), line.decode("latin-1")
            names[latin if exists(latin) and not exists(name) else name] = None
    if not names:
        raise DataError(f"{path} lists no pictures")
    return list(names)


def manifest_hash(files: list[Path], root: Path) -> str:
    """sha256 over the sorted (path below root, sha256 of the content): the same data gives the same hash."""
    lines = (f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in sorted(files))
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()
