"""Paired augmentation: whatever moves a picture moves its mask; whatever a webcam does is done to the picture.

Pure functions of their arguments and of the random generator that is passed in.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Size = tuple[int, int]  # width, height in pixels

COMPOSITED = 0.4  # share of people moved into another room; the rest keep the seams of real pictures


@dataclass(frozen=True)
class Picture:
    """image uint8 (H, W, 3) RGB; mask uint8 (H, W), 255 = person."""

    image: NDArray[Any]
    mask: NDArray[Any]


def augment_person(picture: Picture, room: NDArray[Any], size: Size, rng: Rng) -> Picture:
    """A training picture of `size` from one person and, now and then, another room behind."""
    if rng.random() < COMPOSITED and touches_only_below(picture.mask):
        framed = composite(picture, frame_room(room, size, rng), rng)
    else:
        framed = warp(picture, framing(picture, size, rng), size)
    return Picture(as_a_webcam_sees(lit_from_one_side(framed.image, rng), rng), framed.mask)


def augment_room(room: NDArray[Any], size: Size, rng: Rng) -> Picture:
    """A training picture without anybody: a room, or now and then no scene at all."""
    framed = no_scene(size, rng) if rng.random() < 0.25 else frame_room(room, size, rng)
    image = as_a_webcam_sees(framed, rng)
    return Picture(image, np.zeros(image.shape[:2], np.uint8))


def no_scene(size: Size, rng: Rng) -> NDArray[Any]:
    """What webcams show without a scene: bars of colour, a covered lens, a plain area that gets brighter."""
    width, height = size
    kind = rng.integers(3)
    if kind == 0:
        bars = rng.integers(0, 256, (int(rng.integers(1, 3)), int(rng.integers(2, 10)), 3)).astype(np.uint8)
        return np.asarray(cv2.resize(bars, size, interpolation=cv2.INTER_NEAREST))
    if kind == 1:
        return np.full((height, width, 3), rng.integers(0, 30, 3), np.uint8)
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(corners, size, interpolation=cv2.INTER_LINEAR))


def touches_only_below(mask: NDArray[Any]) -> bool:
    """Whether the person is cut off by no border but the lower one, so that a cut-out has no straight edge."""
    sides = (mask[0], mask[:, 0], mask[:, -1])
    return bool(mask.max() > 127) and all(float((side > 127).mean()) < 0.05 for side in sides)


def framing(picture: Picture, size: Size, rng: Rng) -> NDArray[Any]:
    """Affine 2×3 matrix, picture → canvas: a crop of the canvas' aspect near the person, turned a little."""
    height, width = picture.mask.shape
    fit = max(size[0] / width, size[1] / height)  # the whole canvas is covered
    scale = fit * rng.uniform(0.85, 1.0) if rng.random() < 0.4 else fit * float(np.exp(rng.uniform(0.0, 0.7)))
    rows, columns = np.nonzero(picture.mask[::4, ::4] > 127)
    middle = (4 * columns.mean(), 4 * np.quantile(rows, 0.4)) if rows.size else (width / 2, height / 2)
    centre = [
        place(
            middle[i] + rng.normal(0.0, 0.15) * (width, height)[i],
            size[i] / scale,
            (width, height)[i],
        )
        for i in (0, 1)
    ]
    return affine(centre, scale, rng.normal(0.0, 4.0), rng.random() < 0.5, size)


def place(centre: float, window: float, length: float) -> float:
    """The centre, moved so that a window around it lies inside [0, length] where it fits."""
    return length / 2 if window >= length else float(np.clip(centre, window / 2, length - window / 2))


def affine(centre: Any, scale: float, degrees: float, mirror: bool, size: Size) -> NDArray[Any]:
    """Affine 2×3 matrix that scales and turns about `centre` (x, y), which comes to the canvas' middle."""
    matrix = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), degrees, scale)
    matrix[:, 2] += (size[0] / 2 - centre[0], size[1] / 2 - centre[1])
    if mirror:
        matrix[0] = -matrix[0]
        matrix[0, 2] += size[0] - 1
    return np.asarray(matrix)


def warp(picture: Picture, matrix: NDArray[Any], size: Size) -> Picture:
    """Image and mask through the same matrix; borders are mirrored in both alike."""
    flags = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT_101}
    return Picture(
        np.asarray(cv2.warpAffine(picture.image, matrix, size, **flags)),  # type: ignore[call-overload]
        np.asarray(cv2.warpAffine(picture.mask, matrix, size, **flags)),  # type: ignore[call-overload]
    )


def frame_room(room: NDArray[Any], size: Size, rng: Rng) -> NDArray[Any]:
    """A crop of the room at `size`, sometimes out of focus as behind a person."""
    height, width = room.shape[:2]
    scale = max(size[0] / width, size[1] / height) * float(np.exp(rng.uniform(0.0, 0.8)))
    centre = [
        rng.uniform(min(w / 2, n - w / 2), max(w / 2, n - w / 2))
        for w, n in ((size[0] / scale, width), (size[1] / scale, height))
    ]
    matrix = affine(centre, scale, rng.normal(0.0, 2.0), rng.random() < 0.5, size)
    framed = cv2.warpAffine(room, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return blurred(framed, rng.uniform(0.4, 2.5)) if rng.random() < 0.3 else np.asarray(framed)


def composite(picture: Picture, room: NDArray[Any], rng: Rng) -> Picture:
    """The person cut out and set into `room` as in front of a webcam: standing on the lower border."""
    height, width = room.shape[:2]
    rows, columns = np.nonzero(picture.mask > 127)
    top, bottom = float(rows.min()), float(picture.mask.shape[0])
    tall = (bottom - top) * rng.uniform(0.55, 1.0)  # how much of the person is above the lower border
    scale = height * rng.uniform(0.5, 0.98) / tall
    x = (columns.min() + columns.max()) / 2 - rng.normal(0.0, 0.18) * width / scale
    y = top + tall - height / scale / 2
    matrix = affine((x, y), scale, rng.normal(0.0, 3.0), rng.random() < 0.5, (width, height))
    # Cut out a little inside the contour, so that no rim of the old background comes along.
    inner = cv2.erode(picture.mask, np.ones((3, 3), np.uint8))
    image = cv2.warpAffine(picture.image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(inner, matrix, (width, height), flags=cv2.INTER_LINEAR)
    mask = blurred(mask, rng.uniform(0.4, 0.9))
    alpha = mask[..., None].astype(np.float32) / 255
    person = in_the_light_of(image, mask, room, rng.uniform(0.0, 0.7))
    return Picture((alpha * person + (1 - alpha) * room).astype(np.uint8), mask)


def in_the_light_of(image: NDArray[Any], mask: NDArray[Any], room: NDArray[Any], strength: float) -> NDArray[Any]:
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


def lit_from_one_side(image: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """Now and then a gradient of light from one side, as of a window or a screen."""
    if rng.random() > 0.25:
        return image
    height, width = image.shape[:2]
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
    x, y = (
        np.linspace(-1, 1, width, dtype=np.float32),
        np.linspace(-1, 1, height, dtype=np.float32)[:, None],
    )
    light = 1 + strength * (np.cos(angle) * x + np.sin(angle) * y)
    tint = 1 + rng.uniform(-0.1, 0.1, 3).astype(np.float32)
    return np.asarray(np.clip(image * (light[..., None] * tint), 0, 255).astype(np.uint8))


def as_a_webcam_sees(image: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """Exposure, white balance, blur, noise, small sensors, MJPEG: each now and then."""
    image = tone(image, rng)
    if rng.random() < 0.2:
        factor = rng.uniform(0.35, 0.9)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
        image = np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.15:
        image = motion_blurred(image, int(rng.integers(3, 8)), rng.uniform(0, 180))
    elif rng.random() < 0.15:
        image = blurred(image, rng.uniform(0.4, 1.2))
    if rng.random() < 0.5:
        image = noisy(image, rng)
    if rng.random() < 0.6:
        image = compressed(image, int(rng.integers(25, 91)))
    return image


def tone(image: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """Gamma, exposure, contrast and white balance as one table per channel; saturation after it."""
    x = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    gamma, gain, contrast = (np.exp(rng.normal(0.0, s)) for s in (0.25, 0.15, 0.15))
    balance = np.exp(rng.normal(0.0, 0.08, 3)).astype(np.float32)
    if rng.random() < 0.12:
        gain *= rng.uniform(0.3, 0.7)  # a dark room
    curve = (x**gamma - 0.5) * contrast + 0.5
    table = np.clip(curve * gain * balance * 255, 0, 255).astype(np.uint8)
    image = np.asarray(cv2.LUT(image, table[:, None, :]))
    saturation = 0.0 if rng.random() < 0.04 else rng.uniform(0.6, 1.3)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, saturation, grey, 1 - saturation, 0))


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


def noisy(image: NDArray[Any], rng: Rng) -> NDArray[Any]:
    """Sensor noise, finer in brightness than in colour; standard deviation up to 0.06 of the range."""
    height, width = image.shape[:2]
    sigma = 255 * rng.uniform(0.005, 0.06)
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
