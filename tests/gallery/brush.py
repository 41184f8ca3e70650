"""What the backgrounds are drawn with. A picture is float32 (H, W, 3), RGB, in linear light; a map is float32 (H, W).

Nothing is drawn at random: what looks so comes from a hash of whole numbers, the same on every machine.
"""

import cv2
import numpy as np

WIDTH, HEIGHT = 1920, 1080
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / np.float32(HEIGHT)  # both in heights of the picture
MIDDLE = WIDTH / HEIGHT / 2


def light(colour):
    """A colour such as "#c0a080" in linear light."""
    return (np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / np.float32(255)) ** np.float32(2.2)


def hashed(rows, columns, seed):
    """A map of numbers from 0 to 1, as if at random."""
    i, j = np.arange(rows, dtype=np.uint32)[:, None], np.arange(columns, dtype=np.uint32)[None]
    mixed = i * np.uint32(374761393) + j * np.uint32(668265263) + np.uint32(seed * 2246822519 % 2**32)
    for shift, factor in ((15, 2246822507), (13, 3266489909)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    return ((mixed ^ (mixed >> np.uint32(16))) / np.float64(2**32)).astype(np.float32)


def numbers(count, seed):
    """A list of numbers from 0 to 1, as if at random."""
    return [float(number) for number in hashed(1, count, seed)[0]]


def noise(cell, seed, stretch=1.0):
    """A smooth map from 0 to 1 whose hills are about `cell` pixels high and `stretch` times as wide."""
    rows, columns = int(HEIGHT / cell) + 4, int(WIDTH / (cell * stretch)) + 4
    large = (int(columns * cell * stretch), int(rows * cell))
    return cv2.resize(hashed(rows, columns, seed), large, interpolation=cv2.INTER_CUBIC)[:HEIGHT, :WIDTH]


def clouds(cell, seed, octaves=5, stretch=1.0, fall=0.5):
    """Noise upon finer noise, about 0 to 1."""
    parts = [noise(cell / 2**n, seed + n, stretch) * fall**n for n in range(octaves)]
    return sum(parts) / sum(fall**n for n in range(octaves))


def line(seed, cell, octaves=5, fall=0.5):
    """A hilly line along the width of the picture, float32 (W,), about -1 to 1."""
    total = np.zeros(WIDTH, np.float32)
    for n in range(octaves):
        points = hashed(1, int(WIDTH / cell * 2**n) + 4, seed + n)
        total += cv2.resize(points, (int(points.shape[1] * cell / 2**n), 1), interpolation=cv2.INTER_CUBIC)[
            0, :WIDTH
        ] * np.float32(fall**n)
    return total / sum(fall**n for n in range(octaves)) * 2 - 1


def step(low, high, values):
    """From 0 at `low` smoothly to 1 at `high`."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def mix(one, other, share):
    """From one picture or colour to the other, by a map or a number."""
    share = np.asarray(share, np.float32)
    return one + (other - one) * (share[..., None] if share.ndim else share)


def gradient(stops, values):
    """A picture whose colour follows a map, between stops of (value, colour)."""
    at = [value for value, _ in stops]
    # Between the colours as eyes see them, not in linear light.
    colours = np.array([light(colour) ** (1 / 2.2) for _, colour in stops], np.float32)
    flat = np.stack([np.interp(values.ravel(), at, channel) for channel in colours.T], -1)
    return (flat.reshape(*values.shape, 3) ** 2.2).astype(np.float32)


def glow(x, y, radius, power=2.0, wide=1.0):
    """A map of light around a point in heights of the picture: 1 there, 1/e at `radius`, `wide` times as far aside."""
    distance = np.hypot((X - x) / wide, Y - y) / radius
    return np.exp(-(distance**power)).astype(np.float32)


def blurred(picture, sigma):
    """As through frosted glass."""
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def unfocused(picture, radius):
    """As by a lens that is focused on somebody before it: each point becomes a disc."""
    size = int(radius) * 2 + 1
    y, x = np.mgrid[0:size, 0:size] - int(radius)
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cv2.filter2D(picture, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)


def vignette(strength, middle=0.45):
    """A map that is 1 in the middle and darker towards the corners."""
    return 1 - strength * step(0.25, 1.25, np.hypot((X - MIDDLE) * 0.85, Y - middle))


def developed(picture):
    """uint8 (H, W, 3) RGB: the brightest parts softly white, as on film, and a grain of one level against bands."""
    bright = np.maximum(picture - 0.75, 0)
    picture = np.minimum(picture, 0.75) + 0.25 * (1 - np.exp(-bright / 0.25))
    levels = np.clip(picture, 0, 1) ** np.float32(1 / 2.2) * 255
    grain = hashed(HEIGHT, WIDTH, 1) + hashed(HEIGHT, WIDTH, 2) - 1
    return np.clip(np.rint(levels + grain[..., None]), 0, 255).astype(np.uint8)
