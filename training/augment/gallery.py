"""Pictures and masks in the memory of the device that trains, and crops of many of them at once."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from training.augment.draws import Size
from training.augment.opencv import inner
from training.data.pictures import Picture


@dataclass(frozen=True)
class Gallery:
    """Pictures of any sizes, one after the other, row by row: 5 bytes a pixel."""

    pixels: Tensor  # int32 (P,): red, green, blue and mask are the four bytes of each
    inner: Tensor  # uint8 (P,): the mask a little inside its contour, for cutting out
    start: Tensor  # int64 (N,), where each picture begins
    width: Tensor  # int64 (N,)
    height: Tensor  # int64 (N,)


def make_gallery(pictures: Iterable[Picture], device: torch.device) -> Gallery:
    """A gallery of these pictures."""
    pixels, inners, sizes = [], [], []
    for picture in pictures:
        four = np.asarray(cv2.cvtColor(picture.image, cv2.COLOR_RGB2RGBA))
        four[..., 3] = picture.mask
        pixels.append(torch.from_numpy(four.reshape(-1, 4)).view(torch.int32).flatten().to(device))
        inners.append(torch.from_numpy(inner(picture.mask)).flatten().to(device))
        sizes.append(picture.mask.shape)
    height, width = (torch.tensor(sides) for sides in zip(*sizes, strict=True))
    area = height * width
    place = (area.cumsum(0) - area, width, height)
    return Gallery(torch.cat(pixels), torch.cat(inners), *(tensor.to(device) for tensor in place))


def crop(gallery: Gallery, which: Tensor, matrices: Tensor, size: Size, cut: Tensor | None = None) -> Tensor:
    """Pictures `which` (N,) through matrices float (N, 2, 3), canvas → picture: red, green, blue and mask, float
    (N, 4, H, W), whole numbers from 0 to 255. Beyond its borders a picture is mirrored, as by OpenCV's
    BORDER_REFLECT_101, but where `cut`, bool (N,), there is nothing, and the mask is the inner one.
    """
    x, y = positions(matrices, size)
    cut = (torch.zeros_like(which, dtype=torch.bool) if cut is None else cut).view(-1, 1, 1)
    start, width, height = (part[which].view(-1, 1, 1) for part in (gallery.start, gallery.width, gallery.height))
    total = torch.zeros((*x.shape, 4), device=x.device)
    across = neighbours(x, width, cut)
    for row, row_weight in neighbours(y, height, cut):
        line = start + row * width
        for column, column_weight in across:
            here = line + column
            colours = gallery.pixels[here].view(torch.uint8).view(*x.shape, 4).float()
            colours[..., 3] = torch.where(cut, gallery.inner[here].float(), colours[..., 3])
            total += (row_weight * column_weight)[..., None] * colours
    return total.round_().permute(0, 3, 1, 2).contiguous()


def neighbours(position: Tensor, length: Tensor, cut: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The two pixels beside each position float (N, H, W) along a side of `length` (N, 1, 1), and how much of each
    there is in a linear sample; nothing of those beyond the border where `cut`, bool (N, 1, 1).
    """
    before = position.floor()
    share, first = position - before, before.long()
    return [
        (mirrored(index, length), weight * ((index >= 0) & (index < length) | ~cut))
        for index, weight in ((first, 1 - share), (first + 1, share))
    ]


def positions(matrices: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """Column and row in the picture of every pixel of the canvas, float (N, H, W) each."""
    columns = torch.arange(size[0], device=matrices.device, dtype=torch.float32)
    rows = torch.arange(size[1], device=matrices.device, dtype=torch.float32)[:, None]
    a = matrices.view(-1, 6, 1, 1)
    return a[:, 0] * columns + a[:, 1] * rows + a[:, 2], a[:, 3] * columns + a[:, 4] * rows + a[:, 5]


def mirrored(index: Tensor, length: Tensor) -> Tensor:
    """Integers reflected into 0 to length - 1 without repeating the border pixel (BORDER_REFLECT_101)."""
    period = (2 * (length - 1)).clamp(min=1)
    index = index.abs() % period
    return torch.minimum(index, period - index).clamp(max=length - 1)
