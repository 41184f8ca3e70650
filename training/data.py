"""Pictures and masks from folders, and the batches that training draws from them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import Picture, augment_person, augment_room

Pixels = NDArray[Any]  # uint8 (H, W, 3) RGB, or (H, W) for masks

# Width × height of a batch and how often: webcams are 16:9 and 4:3, pictures also upright and square.
# All have about the area of the network's nominal input, 256×144.
SHAPES = ((256, 144), (224, 160), (160, 224), (192, 192))
SHAPE_CHANCES = (0.45, 0.35, 0.10, 0.10)
NEGATIVES = 0.06  # share of pictures without any person


class DataError(Exception):
    """A folder or picture that training can't use; the text says which and what to do."""


@dataclass(frozen=True)
class Pair:
    """Where one picture and its mask lie."""

    name: str
    image: Path
    mask: Path

    def load(self) -> Picture:
        """Image uint8 (H, W, 3) RGB; mask uint8 (H, W), 255 = person. Raises DataError."""
        image, mask = (
            read_rgb(self.image),
            cv2.imread(str(self.mask), cv2.IMREAD_GRAYSCALE),
        )
        if mask is None or mask.shape != image.shape[:2]:
            raise DataError(f"{self.mask} is missing, unreadable or not the size of {self.image}")
        return Picture(image, mask)


def read_rgb(path: Path) -> Pixels:
    """The picture as uint8 (H, W, 3) RGB. Raises DataError."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise DataError(f"{path} is not a readable picture")
    return image


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs of `folder`/images/NAME.* and `folder`/masks/NAME.png, by name. Raises DataError."""
    images = sorted((folder / "images").glob("*")) if (folder / "images").is_dir() else []
    if not images:
        raise DataError(f"{folder / 'images'} holds no pictures; expected images/NAME.jpg and masks/NAME.png")
    return [Pair(path.stem, path, folder / "masks" / f"{path.stem}.png") for path in images]


def manifest_hash(files: list[Path], root: Path) -> str:
    """sha256 over the sorted (path below root, sha256 of the content): the same data gives the same hash."""
    lines = (f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class Batches(Dataset[tuple[Tensor, Tensor]]):
    """Batch number `step` is a pure function of (data, seed, step), so a resumed run sees what an
    uninterrupted one would have seen, whatever the number of workers. Holds all pictures decoded in
    memory (about 0.4 MB each at a short side of 320): worker processes share them by fork.
    """

    def __init__(
        self,
        root: Path,
        sets: dict[str, float],
        rooms: str,
        batch: int,
        steps: int,
        seed: int,
    ) -> None:
        self.batch, self.steps, self.seed = batch, steps, seed
        self.files: list[Path] = []
        self.people: list[Picture] = []
        weights = []
        for name, weight in sets.items():
            pairs = find_pairs(root / name)
            self.people += [pair.load() for pair in pairs]
            self.files += [path for pair in pairs for path in (pair.image, pair.mask)]
            weights += [weight / len(pairs)] * len(pairs)
        room_files = sorted(path for path in (root / rooms).glob("*") if path.is_file())
        if not room_files:
            raise DataError(f"{root / rooms} holds no pictures of rooms; backgrounds are drawn from there")
        self.rooms = [read_rgb(path) for path in room_files]
        self.files += room_files
        self.chances = np.array(weights) / np.sum(weights)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures uint8 (N, 3, H, W) RGB and masks uint8 (N, 1, H, W), 255 = person."""
        rng = np.random.default_rng((self.seed, step))
        size = SHAPES[rng.choice(len(SHAPES), p=SHAPE_CHANCES)]
        pictures = [self._draw(rng, size) for _ in range(self.batch)]
        images = np.stack([picture.image for picture in pictures]).transpose(0, 3, 1, 2)
        masks = np.stack([picture.mask for picture in pictures])[:, None]
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(masks)

    def _draw(self, rng: np.random.Generator, size: tuple[int, int]) -> Picture:
        room = self.rooms[rng.integers(len(self.rooms))]
        if rng.random() < NEGATIVES:
            return augment_room(room, size, rng)
        return augment_person(self.people[rng.choice(len(self.people), p=self.chances)], room, size, rng)
