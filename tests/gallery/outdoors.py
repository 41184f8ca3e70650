"""Dawn, sea and night: what one sees from a hill, a beach, and a high window."""

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


def dawn():
    """Hills in the mist, one behind the other, before the sun is up."""
    sky = gradient(((0, "#6f86a6"), (0.22, "#98a6b9"), (0.4, "#d3bdb4"), (0.52, "#f3cfa4"), (0.62, "#f6d9b0")), Y)
    veil = step(0.45, 0.8, clouds(170, 11, stretch=5)) * step(0.5, 0.1, Y)
    picture = mix(sky, light("#efd2c0"), 0.4 * veil)
    picture += glow(1.27, 0.53, 0.5, 1.2, 1.6)[..., None] * light("#ff8f66") * 0.22
    picture += glow(1.27, 0.54, 0.12, 1.5, 1.5)[..., None] * light("#ffc9a0") * 0.30
    colours = ("#b9a9a9", "#9a929b", "#747a88", "#4c5a69", "#2b3a47", "#14202a")
    for number, colour in enumerate(colours):
        near = number / (len(colours) - 1)
        ridge = 0.535 + 0.40 * near**1.25 - (0.045 + 0.035 * near) * line(21 + 10 * number, 520 - 40 * number, 6, 0.45)
        below = Y - ridge[None]
        mist = (1 - near) ** 0.7 * (0.35 + 0.4 * step(0, 0.16, below)) * (0.75 + 0.5 * clouds(120, 51 + number, 3, 4))
        warm = glow(1.27, 0.55, 0.55, 1.4, 1.5)
        hill = mix(light(colour), mix(light("#cdbdb6"), light("#f6cda2"), warm), np.clip(mist, 0, 0.92))
        if near > 0.7:
            ridge = ridge - trees(81 + number, 0.014 + 0.06 * (near - 0.7))
        edge = 0.0012 + 0.001 * (1 - near)
        picture = mix(picture, hill, step(-edge, edge, Y - ridge[None]))
    return blurred(picture, 1.6) * vignette(0.35)[..., None]


def trees(seed, height):
    """The tops of firs along a ridge, as heights, float32 (W,)."""
    tops = np.zeros(WIDTH, np.float32)
    for place, size, shape in zip(*(numbers(420, seed + n) for n in range(3)), strict=True):
        tall = height * (0.3 + 0.7 * size**1.5)
        aside = np.abs(X[0] - np.float32(place * WIDTH / HEIGHT))
        tops = np.maximum(tops, tall - aside * np.float32(3.4 + 2.4 * shape))
    return tops


def sea():
    """A calm sea under a high, hazy sky."""
    horizon = 0.47
    sky = gradient(((0, "#5f8fb4"), (0.25, "#93b4ca"), (0.42, "#d3d9d8"), (0.47, "#efe3d2")), Y)
    white = step(0.5, 0.85, clouds(150, 31, 6, 3.2)) * step(0.44, 0.12, Y)
    picture = mix(sky, light("#f4efe8"), 0.55 * white)
    picture += glow(0.5, horizon, 0.42, 1.3, 1.7)[..., None] * light("#ffdcae") * 0.25
    depth = np.clip((Y - horizon) / (1 - horizon), 1e-4, 1)
    water = gradient(((0, "#a9c0c6"), (0.1, "#7ea6b4"), (0.35, "#46788c"), (0.7, "#27566c"), (1, "#153d52")), depth)
    waves = swell(depth)
    water = water * (1 + 0.55 * (waves - 0.5) * (0.25 + 0.75 * depth**0.5))[..., None]
    path = np.exp(-(((X - 0.5) / (0.16 + 0.5 * depth)) ** 2))
    glints = step(0.56, 0.8, waves) * path * (1 - depth) ** 3
    water += glints[..., None] * light("#fff2d8") * 0.5 + (path * (1 - depth) ** 3)[..., None] * light("#ffe2bb") * 0.25
    picture = mix(picture, water, step(horizon - 0.001, horizon + 0.0015, Y))
    haze = np.exp(-((np.abs(Y - horizon) / 0.02) ** 1.5))
    picture = mix(picture, light("#e6dccf"), 0.45 * haze)
    return blurred(picture, 2.2) * vignette(0.3)[..., None]


def swell(depth):
    """Waves as a map from 0 to 1: the nearer, the larger."""
    far = 0.035 / (depth + 0.035)
    across, along = (X - MIDDLE) * far * 9, 3.2 / (depth + 0.06)
    waves = np.zeros_like(X)
    for number, (turn, size) in enumerate(zip(numbers(14, 41), numbers(14, 42), strict=True)):
        angle, pitch = (turn - 0.5) * 1.1, 1.4 * 1.33**number
        waves += np.sin((across * np.sin(angle) * 2 + along * np.cos(angle)) * pitch + 6.28 * size) / 1.18**number
    return (0.5 + waves / 9).clip(0, 1).astype(np.float32)


def night():
    """The lights of a city out of focus, from a high window."""
    stops = ((0, "#0b1226"), (0.3, "#161f3a"), (0.48, "#2b2c49"), (0.57, "#3d3249"), (0.7, "#171822"), (1, "#08090e"))
    picture = gradient(stops, Y)
    picture += glow(0.35, 0.57, 0.3, 1.4, 2.2)[..., None] * light("#a0643c") * 0.16
    picture += glow(1.45, 0.56, 0.28, 1.4, 2)[..., None] * light("#5c5c9c") * 0.16
    lights = np.zeros_like(picture)
    for towers, base, seed in ((11, 0.60, 201), (9, 0.66, 301)):
        picture, lights = skyline(picture, lights, towers, base, seed)
    ground = gradient(((0.6, "#2a2733"), (0.72, "#191a24"), (1, "#0a0b10")), Y)
    near, nearer = street(110, 401, 0.60, 0.05, 130), street(34, 501, 0.70, 0.05, 420)
    picture = blurred(mix(picture, ground, step(0.6, 0.7, Y)), 14)
    picture += unfocused(lights, 13) + unfocused(near, 19) + unfocused(nearer, 30)
    picture += blurred(lights + near + nearer, 70) * 1.1  # what the window pane scatters
    return picture * (1 - 0.5 * step(0.74, 1.0, Y))[..., None] * vignette(0.4, 0.5)[..., None]


LAMPS = [light(colour) for colour in ("#ffb873", "#ffc98f", "#ff9a4a", "#ffe6c4", "#d8e6ff", "#ff6a4a", "#8fd6d0")]


def skyline(picture, lights, count, base, seed):
    """Towers with windows, some of them lit."""
    chances = zip(*(numbers(count, seed + n) for n in range(4)), strict=True)
    for number, (place, size, tall, tone) in enumerate(chances):
        left = int((number + place * 0.8) / count * WIDTH) - 60
        right, top = left + int(70 + 120 * size), base - 0.05 - 0.24 * tall**1.6 * (1 - 0.55 * near_middle(left))
        tower = (left <= X * HEIGHT) & (right > X * HEIGHT) & (top <= Y)
        picture = np.where(tower[..., None], picture * 0.35 + light("#10131f") * (0.6 + 0.6 * tone), picture)
        columns, rows = range(left + 10, right - 8, 17), range(int(top * HEIGHT) + 14, int(base * HEIGHT), 20)
        lit = iter(numbers(3 * len(columns) * len(rows) + 3, seed + 10 + number))
        for column in columns:
            for row in rows:
                on, lamp, power = next(lit), next(lit), next(lit)
                if on < 0.2 and 0 <= column < WIDTH and row < HEIGHT:
                    lights[row, column] += LAMPS[int(lamp * 5)] * 90 * power**2
    return picture, lights


def near_middle(column):
    """1 in the middle of the picture, where somebody sits, 0 at its sides."""
    return float(np.exp(-(((column - WIDTH / 2) / (WIDTH / 4)) ** 2)))


def street(count, seed, y, spread, power):
    """Single lamps around a height."""
    lights = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for x, up, down, lamp, strength in zip(*(numbers(count, seed + n) for n in range(5)), strict=True):
        row = int((y + spread * (up - down)) * HEIGHT)
        lights[row, int(x * (WIDTH - 1))] += LAMPS[int(lamp * len(LAMPS))] * power * (0.25 + strength**3)
    return lights
