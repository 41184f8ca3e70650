"""Bookshelf, studio and paper: what stands behind somebody in a house."""

import numpy as np

from tests.gallery.brush import (
    HEIGHT,
    MIDDLE,
    WIDTH,
    X,
    Y,
    blurred,
    clouds,
    glow,
    gradient,
    light,
    line,
    mix,
    numbers,
    step,
    unfocused,
    vignette,
)

BOOKS = [
    light(colour)
    for colour in (
        "#6d4a38", "#8d6b4e", "#3e4d4a", "#5d6d64", "#a88b66", "#75392f", "#303b4b", "#c4b498", "#4d3c47", "#918c82",
        "#b7a78c", "#2f3f3a", "#84533a", "#d3c7b0",
    )
]  # fmt: skip
UPRIGHTS = (24, 640, 1252, 1868)  # where the boards of the shelf stand, pixels
BOARDS = (-46, 226, 500, 776, 1052)  # and lie
THICK = 26


def studio():
    """A painted canvas of a portrait photographer, lit from the left."""
    picture = gradient(((0, "#a3a4a6"), (0.3, "#83878c"), (0.62, "#5b626c"), (1, "#353b46")), lamp())
    cloth = clouds(90, 101, 4, 1.6, 0.6) - 0.5
    strokes = clouds(420, 111, 2, 1.2) - 0.5
    picture *= (1 + 0.15 * cloth + 0.16 * strokes)[..., None]
    picture = mix(picture, picture * light("#d8cbbf") / light("#cccccc"), glow(0.85, 0.3, 0.6, 1.6, 1.2) * 0.6)
    return blurred(picture, 8) * (1 - 0.45 * step(0.6, 1.05, Y))[..., None] * vignette(0.3, 0.4)[..., None]


def lamp():
    """How far from the light of the studio's lamp: 0 in the middle of its cone."""
    return np.clip(np.hypot((X - MIDDLE + 0.12) / 1.25, Y - 0.36) / 0.95, 0, 1)


def paper():
    """Sheets of paper, one before the other, each with its shadow."""
    picture = gradient(((0, "#f1e9dc"), (0.6, "#e9dfcf"), (1, "#dccfba")), np.hypot(X - 0.4, Y) / 1.7)
    sheets = (
        (0.66, 0.10, "#e3d3bb", 131),
        (0.735, 0.11, "#d4b999", 141),
        (0.81, 0.10, "#bd9473", 151),
        (0.885, 0.085, "#8f6a57", 161),
        (0.955, 0.06, "#57464a", 171),
    )
    for top, swing, colour, seed in sheets:
        picture = sheet(picture, X, Y, top, swing, light(colour), seed)
    grain = clouds(7, 181, 3, 1.6) - 0.5
    picture *= (1 + 0.035 * grain)[..., None]
    daylight = 0.86 + 0.22 * glow(0.25, 0.1, 0.95, 1.6, 1.3)
    return picture * daylight[..., None] * vignette(0.16, 0.4)[..., None]


def sheet(picture, x, y, top, swing, colour, seed):
    """One more sheet, cut along a slow wave, with a shadow on those behind it."""
    wave = line(seed, 900, 2, 0.3) * swing * 0.6 + 0.05 * swing * np.cos((x[0] - MIDDLE) * 2)
    valley = 0.055 * np.exp(-(((x[0] - MIDDLE) / 0.55) ** 2))  # lower where somebody sits
    below = y - (top + wave + valley)[None].astype(np.float32)
    cut = step(-0.0008, 0.0008, below)
    near, far = blurred(shifted(cut, 5, 3), 7), blurred(shifted(cut, 22, 12), 26)
    shade = 1 - 0.24 * near - 0.2 * far
    lit = colour * (1 + 0.10 * np.exp(-below / 0.02) - 0.10 * step(0, 0.25, below))[..., None]
    edge = np.exp(-((below - 0.0012) ** 2) / 0.0009**2)
    return mix(picture * shade[..., None], lit * (1 + 0.18 * edge)[..., None], cut)


def shifted(shape, up, left):
    """A map moved up and to the left, as a shadow falls from light below and right... of what is before the wall."""
    return np.roll(np.roll(shape, -up, 0), -left, 1)


def bookshelf():
    """A shelf out of focus, a lamp beside it."""
    picture = np.broadcast_to(light("#2b211b"), (HEIGHT, WIDTH, 3)).copy()
    shade = np.ones((HEIGHT, WIDTH), np.float32)
    for column in range(len(UPRIGHTS) - 1):
        for row in range(len(BOARDS) - 1):
            box = UPRIGHTS[column] + THICK, BOARDS[row] + THICK, UPRIGHTS[column + 1], BOARDS[row + 1]
            fill(picture, box, 211 + 20 * column + 100 * row, quiet=column == 1)
            darken(shade, box)
    picture *= shade[..., None]
    wood = light("#6b4c37") * (0.85 + 0.3 * clouds(18, 191, 3, 14))[..., None]
    for y in BOARDS[1:]:
        picture[y : y + THICK] = wood[y : y + THICK] * 0.8
        picture[y : y + 5] *= 1.5
    for x in UPRIGHTS:
        picture[:, x : x + THICK] = wood[:, x : x + THICK] * 0.62
        picture[:, x : x + 4] *= 1.3
    warm = glow(0.30, 0.24, 0.62, 1.3, 1.2)[..., None] * light("#ffd2a0") * 1.9
    day = glow(1.75, 0.30, 0.8, 1.5)[..., None] * light("#c4d4e6") * 0.55
    picture = unfocused(picture * (0.22 + warm + day), 11)
    picture += glow(0.30, 0.24, 0.16, 1.4)[..., None] * light("#ffdcb0") * 0.10
    return picture * (1 - 0.5 * step(0.6, 1.05, Y))[..., None] * vignette(0.35)[..., None]


def darken(shade, box):
    """The shadow of the boards around an open part of the shelf."""
    left, top, right, bottom = box
    rows = np.arange(max(top, 0), min(bottom, HEIGHT), dtype=np.float32)
    columns = np.arange(left, min(right, WIDTH), dtype=np.float32)
    under = 0.45 + 0.55 * step(0, 110, rows - top)
    beside = 0.7 + 0.3 * step(0, 60, np.minimum(columns - left, right - columns))
    shade[int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1] *= under[:, None] * beside[None]


def fill(picture, box, seed, quiet):
    """Books and things in an open part of the shelf; few where it is to be quiet."""
    left, top, right, bottom = box
    chances = iter(numbers(400, seed))
    x, end = left + 6, right - 8
    gap = left + (right - left) * (0.35 + 0.3 * next(chances))
    width = 150 if quiet else 70
    placed = False
    tone = next(chances)
    while x < end:
        if not placed and x > gap:
            thing(picture, int(x + width / 2), bottom, next(chances))
            x, placed = x + width, True
            continue
        wide, tall = 20 + int(26 * next(chances) ** 1.5), 150 + int(72 * next(chances))
        if x + wide > end:
            break
        if next(chances) < 0.22:
            tone = next(chances)
        colour = BOOKS[int((tone + 0.25 * next(chances)) * len(BOOKS)) % len(BOOKS)]
        book(picture, int(x), bottom - min(tall, bottom - top - 18), int(x + wide), bottom, colour, next(chances))
        x += wide + 1


def book(picture, left, top, right, bottom, colour, kind):
    """The back of a book, rounded, with one or two bands."""
    top, bottom = max(top, 0), min(bottom, HEIGHT)
    if top >= bottom:
        return
    across = np.linspace(0, np.pi, right - left, dtype=np.float32)
    back = colour * (0.55 + 0.5 * np.sin(across).clip(0) ** 0.7)[None, :, None]
    picture[top:bottom, left:right] = back
    height = bottom - top
    band = slice(top + height // 8, top + height // 8 + max(3, height // 14))
    if kind < 0.55:
        picture[band, left:right] = picture[band, left:right] * 0.5 + light("#c9a86a") * 0.3
    if kind < 0.25:
        low = slice(bottom - height // 5, bottom - height // 5 + max(3, height // 20))
        picture[low, left:right] = picture[low, left:right] * 0.5 + light("#c9a86a") * 0.25


def thing(picture, x, bottom, kind):
    """A vase, a bowl or a plant on the board."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    high = 120 if kind < 0.7 else 70
    t = np.clip((bottom - rows) / high, 0, 1)
    half = (18 + 24 * np.sin(np.pi * (0.18 + 0.72 * t)) ** 1.4) if kind < 0.7 else 20 + 34 * t**0.6
    inside = (np.abs(columns - x) < half) & (rows < bottom) & (rows > bottom - high)
    side = (columns - x) / half
    colour = light(("#b9c2bd", "#c98f6b", "#e2d8c6", "#5f7f7c")[int(kind * 4)])
    shaded = colour * (0.35 + 0.65 * np.clip(1 - (side + 0.4) ** 2, 0, 1))[..., None]
    picture[inside] = shaded[inside]
    if 0.35 < kind < 0.7:  # leaves
        for angle, length in zip(numbers(22, int(kind * 999)), numbers(22, int(kind * 999) + 1), strict=True):
            leaf(picture, x, bottom - high, (angle - 0.5) * 2.6, 50 + 60 * length)


def leaf(picture, x, y, angle, length):
    """A long leaf from a point upwards, turned by an angle."""
    for part in np.linspace(0, 1, 14):
        bend = angle * (0.5 + 0.8 * part)
        cx, cy = x + np.sin(bend) * length * part, y - np.cos(bend) * length * part
        size = 1 + 8 * np.sin(np.pi * part) ** 0.8
        top, left = int(cy - size), int(cx - size)
        area = picture[max(top, 0) : max(int(cy + size), 0), max(left, 0) : max(int(cx + size), 0)]
        area[:] = light("#4f6b45") * (0.5 + 0.6 * part)
