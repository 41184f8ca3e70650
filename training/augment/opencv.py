"""Paired augmentation: geometry changes picture and mask alike, webcam effects the picture alone.

Pure functions of their arguments: of what draws.py drew and, for noise, of the random generator that is
passed in.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augment.draws import BARS, LENS, ROOM, Draws, Rng, Size
from training.data.pictures import Picture


def augment(picture: Picture, room: NDArray[Any], drawn: Draws, size: Size, rng: Rng) -> Picture:
    """A training picture of `size`: a person, sometimes before another room, or an empty room. `drawn`
    for this one picture.
    """
    if drawn.nobody:
        image = frame_room(room, drawn, size) if drawn.scene == ROOM else synthetic_scene(drawn, size)
        framed = Picture(image, np.zeros(image.shape[:2], np.uint8))
    elif drawn.composited:
        framed = composite(picture, frame_room(room, drawn, size), drawn)
    else:
        framed = Picture(*(warp(plane, drawn.placed, size) for plane in (picture.image, picture.mask)))
    return Picture(webcam_effects(add_side_light(framed.image, drawn), drawn, rng), framed.mask)


def synthetic_scene(drawn: Draws, size: Size) -> NDArray[Any]:
    """What webcams show without a scene: bars of colour, a covered lens, a plain area that gets brighter."""
    if drawn.scene == BARS:
        bars = drawn.bars[: drawn.grid[0], : drawn.grid[1]].astype(np.uint8)
        return np.asarray(cv2.resize(bars, size, interpolation=cv2.INTER_NEAREST))
    if drawn.scene == LENS:
        return np.full((size[1], size[0], 3), drawn.lens, np.uint8)
    return np.asarray(cv2.resize(drawn.corners.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR))


def warp(plane: NDArray[Any], matrix: NDArray[Any], size: Size, border: int = cv2.BORDER_REFLECT_101) -> NDArray[Any]:
    """An image or a mask through a matrix, canvas → picture; by default its borders are mirrored."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, matrix, size, flags=flags, borderMode=border))


def frame_room(room: NDArray[Any], drawn: Draws, size: Size) -> NDArray[Any]:
    """A crop of the room at `size`, sometimes out of focus as behind a person."""
    framed = warp(room, drawn.around, size)
    return blurred(framed, float(drawn.defocus)) if drawn.defocus else framed


def composite(picture: Picture, room: NDArray[Any], drawn: Draws) -> Picture:
    """The person cut out and set into `room` as in front of a webcam."""
    size = (room.shape[1], room.shape[0])
    image = warp(picture.image, drawn.placed, size, cv2.BORDER_CONSTANT)
    mask = warp(inner(picture.mask), drawn.placed, size, cv2.BORDER_CONSTANT)
    mask = blurred(mask, float(drawn.feather))
    alpha = mask[..., None].astype(np.float32) / 255
    person = match_lighting(image, mask, room, float(drawn.harmony))
    return Picture((alpha * person + (1 - alpha) * room).astype(np.uint8), mask)


def inner(mask: NDArray[Any]) -> NDArray[Any]:
    """A mask a little inside its contour, so that no fringe of the old background is copied."""
    return np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)))


def match_lighting(image: NDArray[Any], mask: NDArray[Any], room: NDArray[Any], strength: float) -> NDArray[Any]:
    """The person with mean and contrast moved towards the room's, per channel (Reinhard et al. 2001, §3)."""
    inside = mask > 127
    if not inside.any():
        return image
    own, other = (
        image[inside].astype(np.float32),
        room[::4, ::4].reshape(-1, 3).astype(np.float32),
    )
    mean, spread = own.mean(0), own.std(0) + 1
    gain = 1 + strength * (np.clip(other.std(0) / spread, 0.6, 1.5) - 1)
    moved = (image - mean) * gain + mean + 0.5 * strength * (other.mean(0) - mean)
    return np.asarray(np.clip(moved, 0, 255))


def add_side_light(image: NDArray[Any], drawn: Draws) -> NDArray[Any]:
    """Sometimes a gradient of light from one side, as of a window or a screen."""
    if not drawn.light:
        return image
    height, width = image.shape[:2]
    x, y = (
        np.linspace(-1, 1, width, dtype=np.float32),
        np.linspace(-1, 1, height, dtype=np.float32)[:, None],
    )
    light = 1 + float(drawn.light) * (np.cos(drawn.side) * x + np.sin(drawn.side) * y)
    return np.asarray(np.clip(image * (light[..., None] * drawn.tint), 0, 255).astype(np.uint8))


def webcam_effects(image: NDArray[Any], drawn: Draws, rng: Rng) -> NDArray[Any]:
    """Exposure, white balance, blur, noise, small sensors, MJPEG: each with its own probability."""
    image = tone(image, drawn)
    if drawn.shrunk < 1:
        image = through_small_sensor(image, float(drawn.shrunk))
    if drawn.motion:
        image = motion_blurred(image, int(drawn.motion), float(drawn.heading))
    elif drawn.blur:
        image = blurred(image, float(drawn.blur))
    if drawn.noise:
        image = noisy(image, float(drawn.noise), rng)
    if drawn.quality:
        image = compressed(image, int(drawn.quality))
    return image


def tone(image: NDArray[Any], drawn: Draws) -> NDArray[Any]:
    """Gamma, exposure, contrast and white balance as one table per channel; saturation after it."""
    x = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    curve = (x**drawn.gamma - 0.5) * drawn.contrast + 0.5
    table = np.clip(curve * drawn.gain * drawn.balance * 255, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[:, None, :]))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    saturation = float(drawn.saturation)
    return np.asarray(cv2.addWeighted(image, saturation, grey, 1 - saturation, 0))


def through_small_sensor(image: NDArray[Any], factor: float) -> NDArray[Any]:
    """With the pixels of `factor` times the width and height."""
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def blurred(image: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur of `sigma` pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma))


def motion_blurred(image: NDArray[Any], length: int, degrees: float) -> NDArray[Any]:
    """As moved by `length` pixels along `degrees` while the shutter was open."""
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), degrees, 1.0)
    kernel = np.asarray(cv2.warpAffine(line, turn, (length, length))) + 1e-6
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()))


def noisy(image: NDArray[Any], sigma: float, rng: Rng) -> NDArray[Any]:
    """Sensor noise, finer in brightness than in colour; standard deviation of about `sigma` grey levels."""
    height, width = image.shape[:2]
    fine = rng.standard_normal((height, width), dtype=np.float32)
    coarse = rng.standard_normal((height // 2, width // 2, 3), dtype=np.float32)
    colour = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(image + sigma * (0.7 * fine[..., None] + 0.6 * colour), 0, 255).astype(np.uint8)


def compressed(image: NDArray[Any], quality: int) -> NDArray[Any]:
    """Through JPEG and back, as an MJPEG webcam does."""
    data = cv2.imencode(
        ".jpg",
        cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, quality],
    )[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB))
