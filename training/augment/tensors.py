"""Batch augmentation with torch on any device, the counterpart of opencv.py: pictures are
float (N, C, H, W), whole numbers from 0 to 255, RGB, and come back so; parameters have an entry for each picture.
Rounded where OpenCV rounds and cut where numpy's cast cuts, so that brightness is the same.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from training.augment.draws import BARS, LENS, Size

GREY = (0.299, 0.587, 0.114)  # BT.601
REACH = 4  # pixels to either side that a blur of the camera takes part of: up to sigma 1.2, or 7 pixels of motion
ROOM_REACH = 8  # the same behind a person: up to sigma 2.5


def synthetic_scene(grid: Tensor, bars: Tensor, lens: Tensor, corners: Tensor, scene: Tensor, size: Size) -> Tensor:
    """Float (N, 3, H, W): bars of `grid` (N, 2) rows and columns in colours (N, 2, 9, 3) where `scene` (N,) is BARS, a
    lens' colour (N, 3) where it is LENS, else a plain area between corners (N, 2, 2, 3).
    """
    width, height = size
    row = (torch.arange(height, device=grid.device) * grid[:, :1] / height).long()
    column = (torch.arange(width, device=grid.device) * grid[:, 1:] / width).long()
    each = torch.arange(len(grid), device=grid.device).view(-1, 1, 1)
    striped = bars[each, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)
    plain = F.interpolate(corners.permute(0, 3, 1, 2), (height, width), mode="bilinear").round()
    kind = scene.view(-1, 1, 1, 1)
    return torch.where(kind == BARS, striped, torch.where(kind == LENS, lens[:, :, None, None], plain))


def composite(images: Tensor, masks: Tensor, rooms: Tensor, harmony: Tensor) -> Tensor:
    """People set before rooms; masks (N, 1, H, W)."""
    alpha = masks / 255
    return (alpha * match_lighting(images, masks, rooms, harmony) + (1 - alpha) * rooms).floor()


def match_lighting(images: Tensor, masks: Tensor, rooms: Tensor, strength: Tensor) -> Tensor:
    """People with mean and contrast moved towards their rooms', per channel (Reinhard et al. 2001, §3)."""
    inside = (masks > 127).float()
    count = inside.sum((2, 3), keepdim=True)
    mean = (images * inside).sum((2, 3), keepdim=True) / count.clamp(min=1)
    spread = ((images - mean).square() * inside).sum((2, 3), keepdim=True) / count.clamp(min=1)
    other = rooms[:, :, ::4, ::4]
    other_mean, other_spread = other.mean((2, 3), keepdim=True), other.std((2, 3), correction=0, keepdim=True)
    how = strength.view(-1, 1, 1, 1) * (count > 0)
    gain = 1 + how * ((other_spread / (spread.sqrt() + 1)).clamp(0.6, 1.5) - 1)
    return ((images - mean) * gain + mean + 0.5 * how * (other_mean - mean)).clamp(0, 255)


def add_side_light(images: Tensor, side: Tensor, strength: Tensor, tint: Tensor) -> Tensor:
    """A gradient of light of `strength` (N,), 0 = none, from `side` (N,) radians, of colour `tint` (N, 3)."""
    height, width = images.shape[2:]
    x = torch.linspace(-1, 1, width, device=images.device)
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    angle, much = side.view(-1, 1, 1, 1), strength.view(-1, 1, 1, 1)
    light = 1 + much * (torch.cos(angle) * x + torch.sin(angle) * y)
    colour = torch.where(much > 0, tint[:, :, None, None], 1.0)
    return (images * (light * colour)).clamp(0, 255).floor()


def tone(images: Tensor, gamma: Tensor, gain: Tensor, contrast: Tensor, balance: Tensor, saturation: Tensor) -> Tensor:
    """Gamma, exposure, contrast and white balance, (N,) and (N, 3), as one table per channel; saturation after it."""
    gamma, gain, contrast, saturation = (part.view(-1, 1, 1) for part in (gamma, gain, contrast, saturation))
    x = torch.linspace(0, 1, 256, device=images.device)
    curve = (x**gamma - 0.5) * contrast + 0.5
    table = (curve * gain * balance[:, :, None] * 255).clamp(0, 255).floor()
    toned = table.gather(2, images.long().flatten(2)).view_as(images)
    red, green, blue = toned.unbind(1)
    grey = (GREY[0] * red + GREY[1] * green + GREY[2] * blue).round()[:, None]
    return (grey + saturation[..., None] * (toned - grey)).round().clamp(0, 255)


def through_small_sensor(images: Tensor, factor: Tensor) -> Tensor:
    """With the pixels of `factor` (N,), up to 1, times the width and height: bilinear, there and back."""
    height, width = images.shape[2:]
    down, across = resize_matrix(height, factor), resize_matrix(width, factor)
    return (down[:, None] @ images @ across[:, None].transpose(2, 3)).round()


def resize_matrix(length: int, factor: Tensor) -> Tensor:
    """A bilinear resize of `length` pixels by `factor` (N,) and back, as a matrix: float (N, length, length)."""
    here, factor = torch.arange(length, device=factor.device), factor[:, None]
    count = (length * factor).round()  # as OpenCV has it, which still takes `factor` itself for the way there
    there = between((here + 0.5) / factor - 0.5, torch.full_like(count, length))
    back = between((here + 0.5) * count / length - 0.5, count)
    return back @ there


def between(position: Tensor, count: Tensor) -> Tensor:
    """Linear interpolation weights of M pixels, the first `count` (N, 1) of which exist, at positions (N, M):
    float (N, M, M).
    """
    position = position.clamp(min=0).minimum(count - 1)[:, :, None]
    pixels = torch.arange(position.shape[1], device=position.device)
    return (1 - (position - pixels).abs()).clamp(min=0)


def filtered(images: Tensor, kernels: Tensor) -> Tensor:
    """Each picture with its own kernel (N, h, w), odd sides; borders are mirrored. As sums of shifted pictures: a
    convolution of as many groups as pictures takes a GPU longer, and anew to prepare for every number of them.
    """
    height, width = images.shape[2:]
    rows, columns = kernels.shape[1:]
    padded = F.pad(images, (columns // 2, columns // 2, rows // 2, rows // 2), mode="reflect")
    result = torch.zeros_like(images)
    for row in range(rows):
        for column in range(columns):
            shifted = padded[:, :, row : row + height, column : column + width]
            result.addcmul_(shifted, kernels[:, row, column].view(-1, 1, 1, 1))
    return result


def blurred(images: Tensor, sigma: Tensor, reach: int = ROOM_REACH) -> Tensor:
    """Gaussian blur of `sigma` pixels (N,), 0 = none."""
    line = gaussian_weights(sigma, reach)
    return filtered(filtered(images, line[:, None, :]), line[:, :, None]).round()


def gaussian_weights(sigma: Tensor, reach: int) -> Tensor:
    """Gaussian weights float (N, 2 reach + 1); sigma 0: 1 in the middle."""
    far = torch.arange(-reach, reach + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (far / sigma[:, None].clamp(min=1e-3)).square())
    return weights / weights.sum(1, keepdim=True)


def shaken(images: Tensor, sigma: Tensor, motion: Tensor, heading: Tensor) -> Tensor:
    """Blurred by the lens, sigma (N,) in pixels, or moved by `motion` (N,) pixels along `heading` (N,) degrees while
    the shutter was open; 0 = not.
    """
    bell = gaussian_weights(sigma, REACH)
    kernels = torch.where(motion.view(-1, 1, 1) > 0, lines(motion, heading), bell[:, :, None] * bell[:, None, :])
    return filtered(images, kernels).round().clamp(0, 255)


def lines(length: Tensor, degrees: Tensor) -> Tensor:
    """Kernels (N, 2 REACH + 1, 2 REACH + 1) of a line turned about the middle of a square of `length` (N,) pixels; the
    kernel's own middle is that square's pixel number length // 2.
    """
    length, turn = length.view(-1, 1, 1), torch.deg2rad(degrees).view(-1, 1, 1)
    middle, anchor = (length - 1) / 2, (length / 2).floor()
    place = torch.arange(2 * REACH + 1, device=length.device) - REACH + anchor
    x, y = place - middle, place.transpose(1, 2) - middle
    along = torch.cos(turn) * x - torch.sin(turn) * y + middle
    beside = torch.sin(turn) * x + torch.cos(turn) * y + middle - anchor
    ends = (1 + torch.minimum(along, length - 1 - along)).clamp(0, 1)
    inside = (place >= 0) & (place < length)
    kernels = ((1 - beside.abs()).clamp(min=0) * ends + 1e-6) * (inside & inside.transpose(1, 2))
    return kernels / kernels.sum((1, 2), keepdim=True).clamp(min=1e-6)


def noisy(images: Tensor, sigma: Tensor, fine: Tensor, coarse: Tensor) -> Tensor:
    """Sensor noise, finer in brightness than in colour, of about `sigma` (N,) grey levels, made of standard normal
    numbers: fine (N, 1, H, W), coarse (N, 3, H / 2, W / 2).
    """
    colour = F.interpolate(coarse, size=images.shape[2:], mode="bilinear")
    return (images + sigma.view(-1, 1, 1, 1) * (0.7 * fine + 0.6 * colour)).clamp(0, 255).floor()
