"""What the frozen blocks of a DeconvNet make of pictures, computed once and kept: on a CPU they cost ten times as much
as a narrow way up, and give the same for the same picture in every round.
"""

import hashlib
import os
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from segnet.deconvnet import DeconvNet
from segnet.weights import WeightsInfo, digest
from training.augment.voc_batches import VocBatches
from training.data.pictures import Pixels
from training.measure.classes import normalised

IN_MEMORY = 4000  # views; at 128×128 each is 0.2 MB


class Halfway(NamedTuple):
    """Pictures as the frozen blocks leave them."""

    values: Tensor  # float16 (N, C, h, w)
    corners: list[Tensor]  # of each pooling, uint8 (N, C, h, w): which of its four pixels was the largest

    def to(self, device: torch.device, non_blocking: bool = False) -> "Halfway":
        """The same on another device, as a tensor's."""
        values, *corners = (part.to(device, non_blocking=non_blocking) for part in (self.values, *self.corners))
        return Halfway(values, corners)

    def switches(self) -> list[Tensor]:
        """Of each pooling, as DeconvNet takes them: int64 (N, C, h, w), places in a channel of (2h, 2w)."""
        return [places(corner) for corner in self.corners]


def places(corners: Tensor) -> Tensor:
    """Corners 0 to 3 of the windows, uint8 (N, C, h, w) → places in a channel of (2h, 2w), int64 (N, C, h, w)."""
    _, _, height, width = corners.shape
    rows, columns = (2 * torch.arange(side, device=corners.device) for side in (height, width))
    number = corners.long()
    return (rows[:, None] + number // 2) * (2 * width) + columns + number % 2


def corners_of(switches: Tensor) -> Tensor:
    """The other way round."""
    width = 2 * switches.shape[-1]
    return (switches // width % 2 * 2 + switches % 2).to(torch.uint8)


class FeatureStore:
    """A folder that keeps what the frozen blocks of a network made of pictures, a file each, named by its pixels: the
    same name, or the same picture cut out otherwise, is another one.
    """

    def __init__(self, network: DeconvNet, info: WeightsInfo, folder: Path) -> None:
        """What other blocks made has a folder of its own."""
        self.network, self.info = deepcopy(network).eval(), info
        frozen = digest(self.network.down[: network.frozen].state_dict())
        name = hashlib.sha256(f"{frozen} {network.config} {info.mean} {info.std}".encode()).hexdigest()[:16]
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, image: Pixels) -> Halfway:
        """What the blocks make of a picture, uint8 (H, W, 3) RGB, of the network's size. N is 1."""
        pixels = np.ascontiguousarray(image)
        path = self.folder / f"{hashlib.sha256(f'{pixels.shape}'.encode() + pixels.tobytes()).hexdigest()[:32]}.npz"
        if not path.exists():
            self.write(path, image)
        with np.load(path) as file:
            values, *corners = (torch.from_numpy(file[key])[None] for key in sorted(file))  # arr_0 to arr_5 at most
        return Halfway(values, corners)

    def look(self, network: nn.Module, image: Pixels) -> Tensor:
        """What `network`, whose blocks are frozen as this one's, says of a picture: logits, float (1, C, h, w)."""
        seen = self.get(image).to(next(network.parameters()).device)
        logits: Tensor = network(seen.values.float(), seen.switches())
        return logits

    @torch.no_grad()
    def write(self, path: Path, image: Pixels) -> None:
        """Compute, and write in one step."""
        x = normalised(image, self.info)[None].contiguous(memory_format=torch.channels_last)
        values, switches = self.network.encode(x, self.network.frozen)
        parts = [values.half(), *(corners_of(part) for part in switches)]
        beside = path.with_name(f".{path.stem}-{os.getpid()}.npz")
        np.savez_compressed(beside, *(part[0].contiguous().numpy() for part in parts))
        beside.replace(path)


class FeatureBatches(Dataset[tuple[Halfway, Tensor]]):
    """The batches of `source`, with fixed views of its pictures, as the frozen blocks leave them."""

    def __init__(self, source: VocBatches, store: FeatureStore) -> None:
        self.source, self.store = source, store
        self.view = lru_cache(maxsize=IN_MEMORY)(self._view)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, step: int) -> tuple[Halfway, Tensor]:
        """What the blocks made of a batch of pictures, and labels uint8 (N, 1, H, W), 255 = void."""
        made, found = [], []
        for place in self.source.places:
            halfway, labels = self.view(*self.source.drawn(step, place))
            made.append(halfway)
            found.append(labels)
        corners = [torch.cat(parts) for parts in zip(*(one.corners for one in made), strict=True)]
        return Halfway(torch.cat([one.values for one in made]), corners), torch.stack(found)[:, None]

    def _view(self, number: int, view: int) -> tuple[Halfway, Tensor]:
        """What the blocks made of one view of a picture, and its labels, uint8 (H, W)."""
        image, labels = self.source.view(number, view)
        return self.store.get(image), torch.from_numpy(labels)
