"""What is drawn for the pictures of a batch: every probability and range of the augmentation, whether OpenCV applies it
picture by picture (opencv.py) or the device that trains for all at once (on_device.py).
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Size = tuple[int, int]  # width, height in pixels
Array = NDArray[Any]

# Where the person is in a picture, in its pixels: (x, y) is what framing keeps near the middle; apart: 1 if they can be
# cut out.
OUTLINE = np.dtype([(n, np.float64) for n in ("width", "height", "x", "y", "left", "right", "top", "apart")])

ROOM, BARS, LENS, PLAIN = range(4)  # what is behind or instead of a person: the last three only instead


@dataclass(frozen=True)
class Draws:
    """Arrays with an entry for each of N pictures, or one picture's entries. A 0 where nothing is to be done, except
    for those fields that say otherwise.
    """

    person: Array  # int (N,), which picture
    room: Array  # int (N,), which room
    nobody: Array  # bool (N,): the room alone
    composited: Array  # bool (N,): the person in that room
    placed: Array  # (N, 2, 3), canvas → picture of the person
    feather: Array  # (N,), sigma in pixels of a composite's edge
    harmony: Array  # (N,), how far a composite's person is brought to the room's light, 0 to 1
    around: Array  # (N, 2, 3), canvas → room
    defocus: Array  # (N,), sigma in pixels of the room's blur
    scene: Array  # int (N,): ROOM, BARS, LENS or PLAIN
    grid: Array  # int (N, 2), rows and columns of bars
    bars: Array  # (N, 2, 9, 3), their colours, 0 to 255
    lens: Array  # (N, 3), colour of a covered lens
    corners: Array  # (N, 2, 2, 3), colours of a plain area's corners
    side: Array  # (N,), where light comes from, radians
    light: Array  # (N,), its strength
    tint: Array  # (N, 3), its colour; 1 = white
    gamma: Array  # (N,); 1 = as it is, also of the next four
    gain: Array  # (N,)
    contrast: Array  # (N,)
    balance: Array  # (N, 3), of red, green and blue
    saturation: Array  # (N,)
    shrunk: Array  # (N,), pixels of a small sensor in one; 1 = as it is
    motion: Array  # int (N,), pixels moved while the shutter was open
    heading: Array  # (N,), degrees, where to
    blur: Array  # (N,), sigma in pixels
    noise: Array  # (N,), standard deviation in grey levels
    quality: Array  # int (N,), of JPEG

    def each(self, which: Any) -> "Draws":
        """The entries of some pictures, or of one."""
        return Draws(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


@dataclass(frozen=True)
class Style:
    """Strength of the augmentation: shares of pictures, and ranges."""

    composited: float  # people moved into another room; the rest keep the seams of real pictures
    negatives: float  # rooms without any person
    scenes: float  # of these, those that are no room at all: bars, a covered lens, a plain area
    closer: float  # logarithm of the most that a picture is enlarged
    turned: float  # standard deviation in degrees
    light: float  # lit from one side
    levels: float  # times the usual spread of gamma, exposure, contrast, white balance and saturation
    dark: float  # dark rooms
    shrunk: float  # small sensors
    blurred: float  # by the lens; and as many by motion
    noisy: float
    noise: float  # the most, a standard deviation in shares of the range
    compressed: float
    quality: int  # the least of JPEG


STYLES = {
    "webcam": Style(0.4, 0.06, 0.25, 0.7, 4.0, 0.25, 1.0, 0.12, 0.2, 0.15, 0.5, 0.06, 0.6, 25),
    "natural": Style(0.0, 0.2, 0.05, 0.45, 2.0, 0.08, 0.8, 0.04, 0.08, 0.05, 0.3, 0.03, 0.4, 40),
}


def draw(
    rng: Rng,
    n: int,
    size: Size,
    outlines: Array,
    chances: Array,
    rooms: Array,
    style: Style = STYLES["webcam"],
) -> Draws:
    """For `n` pictures of `size`, of people with `outlines` (P,) of OUTLINE who are drawn with `chances` (P,), before
    `rooms` (R, 2), width and height of each.
    """
    person, room = rng.choice(len(outlines), n, p=chances), rng.integers(len(rooms), size=n)
    nobody, one = rng.random(n) < style.negatives, outlines[person]
    composited = (rng.random(n) < style.composited) & (one["apart"] > 0) & ~nobody
    placed = np.where(composited[:, None, None], standing(rng, n, size, one), framing(rng, n, size, one, style))
    blur, motion, heading = blurs(rng, n, style.blurred)
    light = at_chance(rng, n, style.light, rng.uniform(0.1, 0.5, n))
    spread = style.levels
    saturation = np.where(rng.random(n) < 0.04, 0.0, 1 + spread * rng.uniform(-0.4, 0.3, n))
    return Draws(
        person=person,
        room=room,
        nobody=nobody,
        composited=composited,
        placed=placed,
        feather=rng.uniform(0.4, 0.9, n),
        harmony=rng.uniform(0.0, 0.7, n),
        around=room_framing(rng, n, size, rooms[room]),
        defocus=at_chance(rng, n, 0.3, rng.uniform(0.4, 2.5, n)),
        scene=np.where(nobody & (rng.random(n) < style.scenes), rng.integers(BARS, PLAIN + 1, n), ROOM),
        grid=np.stack([rng.integers(1, 3, n), rng.integers(2, 10, n)], axis=1),
        bars=rng.integers(0, 256, (n, 2, 9, 3)),
        lens=rng.integers(0, 30, (n, 3)),
        corners=rng.integers(0, 256, (n, 2, 2, 3)),
        side=rng.uniform(0, 2 * np.pi, n),
        light=np.where(nobody, 0.0, light),
        tint=1 + rng.uniform(-0.1, 0.1, (n, 3)),
        gamma=np.exp(rng.normal(0.0, 0.25 * spread, n)),
        gain=np.exp(rng.normal(0.0, 0.15 * spread, n)) * at_chance(rng, n, style.dark, rng.uniform(0.3, 0.7, n), 1),
        contrast=np.exp(rng.normal(0.0, 0.15 * spread, n)),
        balance=np.exp(rng.normal(0.0, 0.08 * spread, (n, 3))),
        saturation=saturation,
        shrunk=at_chance(rng, n, style.shrunk, rng.uniform(0.35, 0.9, n), 1),
        motion=motion,
        heading=heading,
        blur=blur,
        noise=at_chance(rng, n, style.noisy, 255 * rng.uniform(0.005, style.noise, n)),
        quality=at_chance(rng, n, style.compressed, rng.integers(style.quality, 91, n)),
    )


def at_chance(rng: Rng, n: int, chance: float, value: Array, otherwise: float = 0) -> Array:
    """`value` (N,) in that share of the pictures, 0 elsewhere."""
    return np.where(rng.random(n) < chance, value, np.asarray(otherwise, value.dtype))


def blurs(rng: Rng, n: int, chance: float) -> tuple[Array, Array, Array]:
    """Sigma of a blur, pixels and degrees of a motion; (N,) each, and never both."""
    motion = at_chance(rng, n, chance, rng.integers(3, 8, n))
    blur = at_chance(rng, n, chance, rng.uniform(0.4, 1.2, n))
    return np.where(motion > 0, 0.0, blur), motion, rng.uniform(0, 180, n)


def framing(rng: Rng, n: int, size: Size, one: Array, style: Style) -> Array:
    """Matrices (N, 2, 3), canvas → picture: a crop of the canvas' aspect near the person, turned a little."""
    sides = np.stack([one["width"], one["height"]], axis=1)
    fit = (size / sides).max(axis=1)  # the whole canvas is covered
    near, wide = np.exp(rng.uniform(0.0, style.closer, n)), rng.uniform(0.85, 1.0, n)
    scale = fit * np.where(rng.random(n) < 0.4, wide, near)
    middle = np.stack([one["x"], one["y"]], axis=1) + rng.normal(0.0, 0.15, (n, 2)) * sides
    window = size / scale[:, None]
    inside = np.clip(middle, window / 2, np.maximum(sides - window / 2, window / 2))
    centre = np.where(window >= sides, sides / 2, inside)
    return affine(centre, scale, rng.normal(0.0, style.turned, n), rng.random(n) < 0.5, size)


def standing(rng: Rng, n: int, size: Size, one: Array) -> Array:
    """The same for who is set into a room as in front of a webcam: standing on the lower border."""
    tall = np.maximum(1, one["height"] - one["top"]) * rng.uniform(0.55, 1.0, n)  # what is above the lower border
    scale = size[1] * rng.uniform(0.5, 0.98, n) / tall
    x = (one["left"] + one["right"]) / 2 - rng.normal(0.0, 0.18, n) * size[0] / scale
    y = one["top"] + tall - size[1] / scale / 2
    return affine(np.stack([x, y], axis=1), scale, rng.normal(0.0, 3.0, n), rng.random(n) < 0.5, size)


def room_framing(rng: Rng, n: int, size: Size, sides: Array) -> Array:
    """The same for rooms, whose `sides` (N, 2) are their width and height: anywhere in them."""
    scale = (size / sides).max(axis=1) * np.exp(rng.uniform(0.0, 0.8, n))
    half = size / scale[:, None] / 2
    centre = rng.uniform(np.minimum(half, sides - half), np.maximum(half, sides - half))
    return affine(centre, scale, rng.normal(0.0, 2.0, n), rng.random(n) < 0.5, size)


def affine(centre: Array, scale: Array, degrees: Array, mirror: Array, size: Size) -> Array:
    """Matrices (N, 2, 3), canvas → picture, for what is scaled, turned and mirrored about `centre` (N, 2), x and y in
    the picture, which comes to the canvas' middle.
    """
    turn, half = np.deg2rad(degrees), np.array(size) / 2
    cos, sin = np.cos(turn) / scale, np.sin(turn) / scale
    matrices = np.stack([np.stack([cos, -sin], axis=1), np.stack([sin, cos], axis=1)], axis=1)
    shift = centre - matrices @ half
    flipped = matrices * [-1, 1]
    shift = np.where(mirror[:, None], shift + matrices[:, :, 0] * (size[0] - 1), shift)
    matrices = np.where(mirror[:, None, None], flipped, matrices)
    return np.concatenate([matrices, shift[:, :, None]], axis=2)


def outline(mask: Array) -> Array:
    """Where the person is in a mask, uint8 (H, W), 255 = person: one OUTLINE."""
    height, width = mask.shape
    person = mask > 127
    rows, columns = np.flatnonzero(person.any(axis=1)), np.flatnonzero(person.any(axis=0))
    if not rows.size:
        return np.array((width, height, width / 2, height / 2, 0, width, 0, 0), OUTLINE)
    y, x = np.nonzero(person[::4, ::4])
    middle = (4 * x.mean(), 4 * np.quantile(y, 0.4)) if x.size else (width / 2, height / 2)
    return np.array((width, height, *middle, columns[0], columns[-1], rows[0], touches_only_below(mask)), OUTLINE)


def touches_only_below(mask: Array) -> bool:
    """Whether the person is cut off by no border but the lower one, so that a cut-out has no straight edge."""
    sides = (mask[0], mask[:, 0], mask[:, -1])
    return bool(mask.max() > 127) and all(float((side > 127).mean()) < 0.05 for side in sides)
