"""The pictures of people that a run draws from, and the batches that worker processes make of them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from segnet.inference import input_size
from training.augment.draws import STYLES, Draws, Size, Style, draw, outline
from training.augment.opencv import augment
from training.data.pairs import Pair, checked, files_in, find_pairs
from training.data.pictures import Picture, Pixels, read_rgb
from training.errors import DataError

ASPECTS = {16 / 9: 0.31, 4 / 3: 0.25, 3 / 4: 0.26, 1.0: 0.18}  # webcams are 16:9 and 4:3, pictures also upright
SIZES = ((256, 144), (320, 192))  # input sizes of the light network
FIRST_SIZE = 0.78  # share of the batches that have the area of the network's first input size; the last has the others


@dataclass(frozen=True)
class Album:
    """All pictures that a run draws from, decoded in memory (about 0.4 MB each at a short side of 320)."""

    people: list[Picture]
    rooms: list[Pixels]
    index: "Index"
    files: list[Path]


@dataclass(frozen=True)
class Index:
    """What the draws depend on: sizes, outlines and sampling weights of the pictures."""

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
    pairs = {name: checked(find_pairs(root / name), empty=True) for name in sets}
    weights = [sets[name] / len(found) for name, found in pairs.items() for _ in found]
    flat = [pair for found in pairs.values() for pair in found]
    room_files = files_in(root / rooms)
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
