"""Batches that are made on the device that trains, which holds all pictures: as many as a GPU can take."""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.augment import tensors
from training.augment.batches import Album
from training.augment.draws import ROOM, Array, Draws, Size
from training.augment.gallery import Gallery, crop, make_gallery
from training.augment.jpeg import compressed
from training.data.pictures import Picture

Parts = dict[str, Tensor]  # the fields of Draws, float32 (N, …)


class DeviceBatches(Dataset[tuple[Tensor, Tensor]]):
    """The batches of album.Batches but for the noise: batch number `step` is a pure function of (data, seed, step,
    device). They are made on `device` and stay there. Of `album` only the index is kept.
    """

    def __init__(
        self, album: Album, device: torch.device, batch: int, steps: int, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.people = make_gallery(album.people, device)
        self.rooms = make_gallery((Picture(room, np.zeros(room.shape[:2], np.uint8)) for room in album.rooms), device)
        self.index, self.device = album.index, device
        self.batch, self.steps, self.seed, self.rank, self.world = batch, steps, seed, rank, world

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures uint8 (N, 3, H, W) RGB and masks uint8 (N, 1, H, W), 255 = person: of the whole batch, or, in a run
        of several processes, every `world`th of them.
        """
        size, draws = self.index.draw(self.batch, self.seed, step)
        mine = draws.each(slice(self.rank, None, self.world))
        noise = torch.Generator(self.device).manual_seed((self.seed * 1_000_003 + step) * self.world + self.rank)
        images, masks = augment(self.people, self.rooms, mine, on_device(mine, self.device), size, noise)
        return images.to(torch.uint8), masks.to(torch.uint8)


def on_device(draws: Draws, device: torch.device) -> Parts:
    """All draws on the device, by one asynchronous copy."""
    arrays = {field.name: np.asarray(getattr(draws, field.name), np.float32) for field in fields(draws)}
    flat = torch.from_numpy(np.concatenate([array.ravel() for array in arrays.values()]))
    if device.type == "cuda":
        flat = flat.pin_memory().to(device, non_blocking=True)
    pieces = torch.split(flat, [array.size for array in arrays.values()])
    return {name: piece.view(array.shape) for (name, array), piece in zip(arrays.items(), pieces, strict=True)}


def augment(
    people: Gallery, rooms: Gallery, draws: Draws, drawn: Parts, size: Size, noise: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pictures float (N, 3, H, W) RGB and masks float (N, 1, H, W), whole numbers from 0 to 255. `draws`, on the host,
    tells which pictures something is done to, so that nothing is done to the others and nothing waits for the device;
    `drawn` is the same on the device.
    """
    seen = crop(people, drawn["person"].long(), drawn["placed"], size, drawn["composited"] > 0)
    images, masks = seen[:, :3].contiguous(), seen[:, 3:].contiguous()
    if (chosen := some(drawn, draws.composited)) is not None:
        here, part = chosen
        cut = tensors.blurred(masks[here], part["feather"])
        images[here] = tensors.composite(images[here], cut, room_of(rooms, part, size), part["harmony"])
        masks[here] = cut
    if (chosen := some(drawn, draws.nobody)) is not None:
        here, part = chosen
        images[here], masks[here] = room_of(rooms, part, size), torch.zeros_like(masks[here])
    if (chosen := some(drawn, draws.scene != ROOM)) is not None:
        here, part = chosen
        images[here] = tensors.synthetic_scene(
            part["grid"], part["bars"], part["lens"], part["corners"], part["scene"], size
        )
    if (chosen := some(drawn, draws.light != 0)) is not None:
        here, part = chosen
        images[here] = tensors.add_side_light(images[here], part["side"], part["light"], part["tint"])
    return webcam_effects(images, draws, drawn, noise), masks


def some(drawn: Parts, which: Array) -> tuple[Tensor, Parts] | None:
    """The numbers, int64 (K,), of the pictures that `which`, bool (N,) on the host, says, and what was drawn for them;
    None where it says none.
    """
    numbers = np.flatnonzero(which)
    if not numbers.size:
        return None
    device = drawn["person"].device
    here = torch.from_numpy(numbers)
    here = here.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else here
    return here, {name: part[here] for name, part in drawn.items()}


def room_of(rooms: Gallery, part: Parts, size: Size) -> Tensor:
    """Crops of the rooms, float (K, 3, H, W), sometimes out of focus."""
    return tensors.blurred(crop(rooms, part["room"].long(), part["around"], size)[:, :3], part["defocus"])


def webcam_effects(images: Tensor, draws: Draws, drawn: Parts, noise: torch.Generator) -> Tensor:
    """Exposure, white balance, blur, noise, small sensors, MJPEG; float (N, 3, H, W) → the same, changed in place."""
    height, width = images.shape[2:]
    images = tensors.tone(images, *(drawn[name] for name in ("gamma", "gain", "contrast", "balance", "saturation")))
    if (chosen := some(drawn, draws.shrunk < 1)) is not None:
        here, part = chosen
        images[here] = tensors.through_small_sensor(images[here], part["shrunk"])
    if (chosen := some(drawn, (draws.blur != 0) | (draws.motion != 0))) is not None:
        here, part = chosen
        images[here] = tensors.shaken(images[here], part["blur"], part["motion"], part["heading"])
    if (chosen := some(drawn, draws.noise != 0)) is not None:
        here, part = chosen
        fine = torch.randn((len(here), 1, height, width), generator=noise, device=images.device)
        coarse = torch.randn((len(here), 3, height // 2, width // 2), generator=noise, device=images.device)
        images[here] = tensors.noisy(images[here], part["noise"], fine, coarse)
    if (chosen := some(drawn, draws.quality != 0)) is not None:
        here, part = chosen
        images[here] = compressed(images[here], part["quality"])
    return images
