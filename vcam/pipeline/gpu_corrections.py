"""The corrections of the webcam's picture once more, on tensors, as gpu_pixels.py has the other pixel functions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vcam.media.turn import UPRIGHT, Turn, part_of


class Upright:
    """turn.upright of all planes: where each line and each column of the result lies in the picture."""

    def __init__(self, size: Sequence[int], device: str) -> None:
        """For pictures of (H, W)."""
        self.size = tuple(size)
        # What its line and its column say of the x and the y of a pixel, whose sums are −1 to 1.
        self.places = [
            (torch.zeros(2, size[0] // coarse, device=device), torch.zeros(2, size[1] // coarse, device=device))
            for coarse in (1, 2)
        ]
        self.set(UPRIGHT)

    def set(self, turn: Turn) -> None:
        """Turn pictures like that from now on."""
        part = part_of((self.size[1], self.size[0]), turn)
        for coarse, (down, across) in zip((1, 2), self.places, strict=True):
            height, width = down.shape[1], across.shape[1]
            left, top, columns, lines = (side // coarse for side in part)
            x, y = enlarged_from(left, columns, width), enlarged_from(top, lines, height)
            # So far in the turned picture, now in the one that was delivered.
            if turn.sideways:
                x, y = y, x  # the line says x, and the column says y
            x = width - 1 - x if turn.degrees in (180, 270) else x
            y = height - 1 - y if turn.degrees in (90, 180) else y
            by_x, by_y = 2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1
            zeros = np.zeros(height), np.zeros(width)
            both = ((by_x, zeros[0]), (zeros[1], by_y)) if turn.sideways else ((zeros[0], by_y), (by_x, zeros[1]))
            for place, sums in zip((down, across), both, strict=True):
                place.copy_(torch.tensor(np.stack(sums), dtype=torch.float32))

    def __call__(self, planes: Sequence[Tensor]) -> list[Tensor]:
        """Luma and colour, uint8 → the same."""
        return [
            torch.round(
                F.grid_sample(plane[None].float(), at_places(*place), padding_mode="border", align_corners=True)
            )[0].to(torch.uint8)
            for plane, place in zip(planes, self.places, strict=True)
        ]


def enlarged_from(start: int, many: int, new: int) -> NDArray[Any]:
    """Where `new` pixels lie that are made of `many` from `start` on."""
    return start + np.clip((np.arange(new) + 0.5) * many / new - 0.5, 0, many - 1)


def at_places(down: Tensor, across: Tensor) -> Tensor:
    """What grid_sample takes: (2, h) and (2, w) → (1, h, w, 2)."""
    return (down[:, :, None] + across[:, None]).permute(1, 2, 0)[None]


def toned(planes: Tensor, tables: Tensor) -> Tensor:
    """tones.toned: planes (n, h, w) and a table for each (n, 256), uint8 all."""
    return torch.gather(tables, 1, planes.flatten(1).long()).view(planes.shape)
