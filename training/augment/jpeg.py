"""JPEG's loss on a batch of pictures, on any device: colour conversion, DCT and quantisation, no entropy coding."""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 8  # pixels of a block
# Quantisation of quality 50, row by row (ITU-T T.81, tables K.1 and K.2).
LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *([99] * 32),
)
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # T.871, §7
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def compressed(images: Tensor, quality: Tensor) -> Tensor:
    """Pictures float (N, 3, H, W) RGB, 0 to 255, sides multiples of 16, as JPEG of `quality` (N,), 1 to 100, leaves
    them with colours at half the size; 0 = not compressed. Whole numbers.
    """
    there, back, luma, chroma = constants(images.device)
    ycc = torch.einsum("kc,nchw->nkhw", there, images).round()
    y = quantised(ycc[:, :1] - 128, steps(luma, quality)) + 128
    colours = F.avg_pool2d(ycc[:, 1:], 2).round()
    colours = spread(quantised(colours, steps(chroma, quality)))
    result = torch.einsum("kc,nchw->nkhw", back, torch.cat((y, colours), dim=1)).round().clamp(0, 255)
    return torch.where(quality.view(-1, 1, 1, 1) > 0, result, images)


@lru_cache
def constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both colour matrices (3, 3) and both tables (8, 8), on the device."""
    luma, chroma = (
        torch.tensor(table, dtype=torch.float32, device=device).view(SIDE, SIDE) for table in (LUMA, CHROMA)
    )
    return torch.tensor(TO_YCC, device=device), torch.tensor(TO_RGB, device=device), luma, chroma


@lru_cache
def cosines(device: torch.device) -> Tensor:
    """The orthonormal discrete cosine transform (8, 8): coefficients = cosines @ samples."""
    rows, columns = torch.arange(SIDE)[:, None], torch.arange(SIDE)
    matrix = torch.cos(math.pi * (2 * columns + 1) * rows / (2 * SIDE)) * math.sqrt(2 / SIDE)
    matrix[0] /= math.sqrt(2)
    return matrix.to(device)


def steps(table: Tensor, quality: Tensor) -> Tensor:
    """Quantisation steps (N, 8, 8) of `quality` (N,) as the Independent JPEG Group's library scales them."""
    quality = quality.clamp(min=1).view(-1, 1, 1)
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    return ((table * percent + 50) / 100).floor().clamp(1, 255)


def quantised(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes (N, C, H, W) around 0, sides multiples of 8, with the coefficients of their blocks rounded to `steps`
    (N, 8, 8). Whole numbers.
    """
    n, channels, height, width = planes.shape
    matrix, steps = cosines(planes.device), steps[:, None, None, None]
    blocks = planes.reshape(n, channels, height // SIDE, SIDE, width // SIDE, SIDE).transpose(3, 4)
    coefficients = (matrix @ blocks @ matrix.T / steps).round() * steps
    result = (matrix.T @ coefficients @ matrix).round().clamp(-128, 127)
    return result.transpose(3, 4).reshape(n, channels, height, width)


def spread(planes: Tensor) -> Tensor:
    """Planes at twice the size, three quarters of the nearest sample and one of the next in each direction, as the
    usual decoders do: bilinear.
    """
    return F.interpolate(planes, scale_factor=2, mode="bilinear").round()
