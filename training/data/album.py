"""Pictures and masks from folders, and the batches that training draws from them."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from segnet.classes import PERSON, VOC_CLASSES
from segnet.inference import input_size
from training.augment.draws import STYLES, Draws, Size, Style, draw, outline
from training.augment.opencv import Picture, augment
from training.errors import DataError as DataError

Pixels = NDArray[Any]  # uint8 (H, W, 3) RGB, or (H, W) for masks

ASPECTS = {16 / 9: 0.31, 4 / 3: 0.25, 3 / 4: 0.26, 1.0: 0.18}  # webcams are 16:9 and 4:3, pictures also upright
SIZES = ((256, 144), (320, 192))  # input sizes of the light network
FIRST_SIZE = 0.78  # share of the batches that have the area of the network's first input size; the last has the others

VOID = 255  # in VOC's label pictures: the rim that nobody labelled, which counts nowhere (Everingham et al. 2010, §2)
MASK_VOID = 128  # the same in masks of people, where 255 is person
SEGMENTATION = Path("ImageSets", "Segmentation")  # where VOC's layout has its lists of pictures


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


def read_rgb(path: Path) -> Pixels:
    """The picture as uint8 (H, W, 3) RGB. Raises DataError."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise DataError(f"{path} is not a readable picture")
    return image


def read_voc_person(path: Path) -> Pixels:
    """255 = person of a VOC label picture; MASK_VOID = its void. Raises DataError."""
    try:
        with Image.open(path) as picture:
            if picture.mode != "P":
                raise DataError(f"{path} has lost its palette (mode {picture.mode}): its numbers are not VOC's classes")
            labels = np.array(picture)
    except OSError:
        raise DataError(f"{path} is missing or not a readable picture") from None
    person = np.where(labels == VOC_CLASSES.index(PERSON), 255, 0)
    return np.where(labels == VOID, MASK_VOID, person).astype(np.uint8)


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


@dataclass(frozen=True)
class Album:
    """All pictures that a run draws from, decoded in memory (about 0.4 MB each at a short side of 320)."""

    people: list[Picture]
    rooms: list[Pixels]
    index: "Index"
    files: list[Path]


@dataclass(frozen=True)
class Index:
    """What must be known of the pictures to say what is made of them."""

    chances: NDArray[Any]  # float64 (people,), how often each is drawn; they add up to 1
    outlines: NDArray[Any]  # OUTLINE (people,)
    rooms: NDArray[Any]  # int (rooms, 2), width and height
    sizes: tuple[Size, ...] = SIZES  # the network's input sizes
    style: Style = STYLES["webcam"]

    def draw(self, batch: int, seed: int, step: int) -> tuple[Size, Draws]:
        """Width and height of batch number `step`, and what is done to its pictures."""
        rng = np.random.default_rng((seed, step))
        nominal = self.sizes[0] if rng.random() < FIRST_SIZE else self.sizes[-1]
        aspect = rng.choice(list(ASPECTS), p=list(ASPECTS.values()))
        size = input_size(round(1000 * aspect), 1000, nominal)
        return size, draw(rng, batch, size, self.outlines, self.chances, self.rooms, self.style)


def load_album(
    root: Path, sets: dict[str, float], rooms: str, sizes: tuple[Size, ...] = SIZES, style: Style = STYLES["webcam"]
) -> Album:
    """The pictures of sets and rooms below `root`. `sets` maps each to how often its pictures are drawn, relative to
    the others; `sizes` are the network's input sizes, of which batches have the areas. Raises DataError.
    """
    pairs = {name: find_pairs(root / name) for name in sets}
    weights = [sets[name] / len(found) for name, found in pairs.items() for _ in found]
    flat = [pair for found in pairs.values() for pair in found]
    room_files = sorted(path for path in (root / rooms).glob("*") if path.is_file())
    if not room_files:
        raise DataError(f"{root / rooms} holds no pictures of rooms; backgrounds are drawn from there")
    with ThreadPoolExecutor() as pool:  # decoding releases the interpreter
        people = list(pool.map(Pair.load, flat))
        pictures = list(pool.map(read_rgb, room_files))
    index = Index(
        np.array(weights) / np.sum(weights),
        np.array([outline(picture.mask) for picture in people]),
        np.array([picture.shape[1::-1] for picture in pictures]),
        sizes,
        style,
    )
    return Album(
        people,
        pictures,
        index,
        [path for pair in flat for path in (pair.image, pair.mask)] + room_files,
    )


class Batches(Dataset[tuple[Tensor, Tensor]]):
    """Batch number `step` is a pure function of (data, seed, step), so a resumed run sees what an
    uninterrupted one would have seen, whatever the number of workers. Worker processes share the pictures by fork.
    """

    def __init__(self, album: Album, batch: int, steps: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.album, self.batch, self.steps, self.seed, self.rank, self.world = album, batch, steps, seed, rank, world

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures uint8 (N, 3, H, W) RGB and masks uint8 (N, 1, H, W), 255 = person: of the whole batch, or, in a run
        of several processes, every `world`th of them.
        """
        size, draws = self.album.index.draw(self.batch, self.seed, step)
        numbers = range(self.rank, self.batch, self.world)
        pictures = [self._make(draws.each(n), size, np.random.default_rng((self.seed, step, n))) for n in numbers]
        images = np.stack([picture.image for picture in pictures]).transpose(0, 3, 1, 2)
        masks = np.stack([picture.mask for picture in pictures])[:, None]
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(masks)

    def _make(self, drawn: Draws, size: Size, rng: np.random.Generator) -> Picture:
        return augment(self.album.people[drawn.person], self.album.rooms[drawn.room], drawn, size, rng)
