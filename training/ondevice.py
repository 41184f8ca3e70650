"""Batches that are made on the device that trains, which holds all pictures: as many as a GPU can take."""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training import lens
from training.augment import Picture
from training.data import Album
from training.draws import ROOM, Draws, Size
from training.gallery import Gallery, crop, hang
from training.jpeg import compressed

Parts = dict[str, Tensor]  # the fields of Draws, float32 (N, …)


class DeviceBatches(Dataset[tuple[Tensor, Tensor]]):
    """The batches of training.data.Batches but for the noise: batch number `step` is a pure function of (data, seed,
    step, device). They are made on `device` and stay there. Of `album` only the index is kept.
    """

    def __init__(
        self, album: Album, device: torch.device, batch: int, steps: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.people = hang(album.people, device)
        self.rooms = hang((Picture(room, np.zeros(room.shape[:2], np.uint8)) for room in album.rooms), device)
        self.index, self.device = album.index, device
        self.batch, self.steps, self.seed, self.rank, self.world = batch, steps, seed, rank, world

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures uint8 (N, 3, H, W) RGB and masks uint8 (N, 1, H, W), 255 = person: of the whole batch, or, in a run
        of several processes, every `world`th of them.
        """
        size, draws = self.index.draw(self.batch, self.seed, step)
        parts = on_device(draws.each(slice(self.rank, None, self.world)), self.device)
        noise = torch.Generator(self.device).manual_seed((self.seed * 1_000_003 + step) * self.world + self.rank)
        images, masks = augment(self.people, self.rooms, parts, size, noise)
        return images.to(torch.uint8), masks.to(torch.uint8)


def on_device(draws: Draws, device: torch.device) -> Parts:
    """Everything that was drawn, by one copy that nobody waits for."""
    arrays = {field.name: np.asarray(getattr(draws, field.name), np.float32) for field in fields(draws)}
    flat = torch.from_numpy(np.concatenate([array.ravel() for array in arrays.values()]))
    if device.type == "cuda":
        flat = flat.pin_memory().to(device, non_blocking=True)
    pieces = torch.split(flat, [array.size for array in arrays.values()])
    return {name: piece.view(array.shape) for (name, array), piece in zip(arrays.items(), pieces, strict=True)}


def augment(people: Gallery, rooms: Gallery, drawn: Parts, size: Size, noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures float (N, 3, H, W) RGB and masks float (N, 1, H, W), whole numbers from 0 to 255."""
    nobody, composited = (drawn[name].view(-1, 1, 1, 1) > 0 for name in ("nobody", "composited"))
    backs = crop(rooms, drawn["room"].long(), drawn["around"], size)[:, :3]
    backs = lens.blurred(backs, drawn["defocus"])
    seen = crop(people, drawn["person"].long(), drawn["placed"], size, drawn["composited"] > 0)
    images, masks = seen[:, :3], seen[:, 3:]
    masks = lens.blurred(masks, drawn["feather"] * drawn["composited"]) * ~nobody
    images = torch.where(composited, lens.composite(images, masks, backs, drawn["harmony"]), images)
    images = torch.where(nobody, backs, images)
    empty = lens.no_scene(drawn["grid"], drawn["bars"], drawn["lens"], drawn["corners"], drawn["scene"], size)
    images = torch.where(drawn["scene"].view(-1, 1, 1, 1) == ROOM, images, empty)
    images = lens.lit_from_one_side(images, drawn["side"], drawn["light"], drawn["tint"])
    return as_a_webcam_sees(images, drawn, noise), masks


def as_a_webcam_sees(images: Tensor, drawn: Parts, noise: torch.Generator) -> Tensor:
    """Exposure, white balance, blur, noise, small sensors, MJPEG; float (N, 3, H, W) → the same."""
    n, _, height, width = images.shape
    levels = (drawn[name] for name in ("gamma", "gain", "contrast", "balance", "saturation"))
    images = lens.tone(images, *levels)
    images = lens.on_a_small_sensor(images, drawn["shrunk"])
    images = lens.shaken(images, drawn["blur"], drawn["motion"], drawn["heading"])
    fine = torch.randn((n, 1, height, width), generator=noise, device=images.device)
    coarse = torch.randn((n, 3, height // 2, width // 2), generator=noise, device=images.device)
    images = lens.noisy(images, drawn["noise"], fine, coarse)
    return compressed(images, drawn["quality"])
