"""The compositor and its effects in plain float64 numpy, one formula a line: what the fast ones are held against."""

import numpy as np

from vcam.effects import bokeh as discs
from vcam.effects.blur import EPSILON, NEAR, WEAKEST, blur_sigma, low_resolution
from vcam.effects.styles import BLACK, BLOCK, GREY, SHARE_OF_COLOUR, SHARE_OF_LIGHT
from vcam.frame import planes, size_of
from vcam.masks import decontaminate
from vcam.masks.upsample import FLAT, HIGH, LOW, REACH, SMOOTH


def resize_bilinear(image, width, height):
    """Half-pixel centres, edges repeated."""

    def taps(new, old):
        x = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(x).astype(int)
        return low, np.minimum(low + 1, old - 1), x - low

    y0, y1, fy = taps(height, image.shape[0])
    x0, x1, fx = taps(width, image.shape[1])
    rows = image[y0] * (1 - fy)[:, None] + image[y1] * fy[:, None]
    return rows[:, x0] * (1 - fx) + rows[:, x1] * fx


def resize_area(image, width, height):
    """Each new pixel is the mean of the area that it covers."""

    def shares(new, old):
        edges = np.arange(new + 1) * old / new
        pixels = np.arange(old)
        overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
        return np.clip(overlap, 0, None) * new / old

    return shares(height, image.shape[0]) @ image @ shares(width, image.shape[1]).T


def gauss(image, sigma):
    """Separable, borders mirrored."""
    radius = int(np.ceil(5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(image, radius, mode="symmetric")
    rows = np.apply_along_axis(np.convolve, 0, padded, kernel, "valid")
    return np.apply_along_axis(np.convolve, 1, rows, kernel, "valid")


def window(image, reach):
    """The (2 · reach + 1)² neighbours of each pixel along the last axis, borders mirrored."""
    padded = np.pad(image, reach, mode="symmetric")
    side = 2 * reach + 1
    return np.lib.stride_tricks.sliding_window_view(padded, (side, side)).reshape(*image.shape, side * side)


def box(image, reach):
    return window(image, reach).mean(-1)


def shrink(plane, width, height):
    """Halved, in whole grey levels, as long as it is at least twice as large, then interpolated."""
    image = plane.astype(np.float64)
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height and not any(n % 2 for n in image.shape):
        image = resize_area(image, image.shape[1] // 2, image.shape[0] // 2)
        image = np.floor(image + 0.5) if plane.dtype == np.uint8 else image
    far = image.shape[1] > 2 * width or image.shape[0] > 2 * height
    return (resize_area if far else resize_bilinear)(image, width, height)


def refine(alpha, luma):
    """How much of each pixel to keep, float64 of the luma's size: the mask along the luma's edges."""
    rows, columns = luma.shape
    limit = max(1, min(rows // alpha.shape[0], columns // alpha.shape[1]))
    scale = max(n for n in range(1, limit + 1) if rows % n == 0 and columns % n == 0)
    width, height = columns // scale, rows // scale
    smaller = width < alpha.shape[1] or height < alpha.shape[0]
    kept = (resize_area if smaller else resize_bilinear)(alpha.astype(np.float64), width, height)
    guide = shrink(luma, width, height) / 255
    mean, share = box(guide, REACH), box(kept, REACH)
    variance = box(guide * guide, REACH) - mean**2
    slope = (box(guide * kept, REACH) - mean * share) / (variance + FLAT)
    offset = share - slope * mean
    told = variance / (variance + FLAT)
    slope, offset, trust = box(slope * told, SMOOTH), box(offset * told, SMOOTH), box(told, SMOOTH)
    offset = offset + (1 - trust) * kept
    still = (window(kept, 1).max(-1) <= 0) | (window(kept, 1).min(-1) >= 1)
    slope, offset = np.where(still, 0, slope), np.where(still, kept, offset)
    calm = np.rint(box(luma.astype(np.float64), 1))
    line = resize_bilinear(slope, columns, rows) * calm / 255 + resize_bilinear(offset, columns, rows)
    return np.clip((line - LOW) / (HIGH - LOW), 0, 1)


def compose(pixels, alpha, strength):
    """Planes Y, U, V of the composite with a blurred background, float64."""
    return over(planes(pixels), refine(alpha, planes(pixels)[0]), blur(pixels, alpha, strength))


def over(person, share, background):
    """The person's planes over those of the background, by the share of each pixel of luma that is kept."""
    shares = [share if plane.shape == share.shape else resize_area(share, *plane.shape[::-1]) for plane in background]
    return [kept * plane + (1 - kept) * room for kept, plane, room in zip(shares, person, background, strict=True)]


def blur(pixels, alpha, strength):
    width, height = low_resolution(*size_of(pixels))
    near, sigma = NEAR * height / 90, blur_sigma(strength) * height / 90
    weight = (1 - shrink(alpha, width, height)) ** 4
    result = []
    for plane in planes(pixels):
        low = shrink(plane, width, height)
        mean = (low * weight).sum() / max(weight.sum(), EPSILON)
        beside = (gauss(low * weight, near) + EPSILON * mean) / (gauss(weight, near) + EPSILON)
        background = gauss(weight * low + (1 - weight) * beside, sigma)
        result.append(resize_bilinear(background, *plane.shape[::-1]))
    return result


def pixelate(pixels, alpha, strength):
    width, height = size_of(pixels)
    side = height * BLOCK * (0.8 + strength)
    columns, rows = round(width / side), round(height / side)
    result = []
    for plane in blur(pixels, alpha, strength):
        blocks = resize_bilinear(plane, columns, rows)
        down, across = (np.arange(new) * old // new for new, old in zip(plane.shape, blocks.shape, strict=True))
        result.append(blocks[down][:, across])
    return result


def grey(pixels, alpha, strength):
    luma, *colours = blur(pixels, alpha, strength)
    return [luma, *(np.full_like(plane, GREY) for plane in colours)]


def dim(pixels, alpha, strength):
    luma, *colours = blur(pixels, alpha, strength)
    dark = BLACK + SHARE_OF_LIGHT * (luma - BLACK)
    return [dark, *(GREY + SHARE_OF_COLOUR * (plane - GREY) for plane in colours)]


def bokeh(pixels, alpha, strength):
    factor = round(size_of(pixels)[1] / discs.LINES)
    width, height = (side // factor for side in size_of(pixels))
    lights = (small(planes(pixels)[0], width, height) - discs.LIGHT) / (discs.BRIGHTEST - discs.LIGHT)
    weight = (1 - shrink(alpha, width, height)) ** 4 * (1 + discs.LIGHTS * np.clip(lights, 0, 1) ** 2)
    radius, edge = discs.disc_radius(strength) * height / discs.LINES, blur_sigma(WEAKEST) * height / 90
    result = []
    for plane, half in zip(planes(pixels), (1, 2, 2), strict=True):
        counts = weight if half == 1 else resize_area(weight, width // 2, height // 2)
        low, kernel = small(plane, *counts.shape[::-1]), disc(radius / half, edge / half)
        mean = (low * counts).sum() / max(counts.sum(), EPSILON)
        seen = (convolve(low * counts, kernel) + EPSILON * mean) / (convolve(counts, kernel) + EPSILON)
        result.append(resize_bilinear(seen, *plane.shape[::-1]))
    return result


def disc(radius, edge):
    reach = int(np.ceil(radius + 4 * edge))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = gauss(np.clip(radius + 0.5 - np.hypot(x, y), 0, 1), edge)
    return kernel / kernel.sum()


def convolve(image, kernel):
    """Borders mirrored; the kernel is the same turned by half a circle."""
    reach, (rows, columns) = len(kernel) // 2, image.shape
    padded = np.pad(image, reach, mode="symmetric")
    return sum(
        share * padded[y : y + rows, x : x + columns] for (y, x), share in np.ndenumerate(kernel) if share
    )  # fmt: skip


def small(plane, width, height):
    """In whole grey levels."""
    return np.floor(resize_area(plane.astype(np.float64), width, height) + 0.5)


def relit(pixels, share, behind, clean, wrap):
    """Planes of the person, whose edge is cleaned of the room and lit by the planes `behind`."""
    factor = round(size_of(pixels)[1] / decontaminate.LINES)
    width, height = (side // factor for side in size_of(pixels))
    low = resize_area(share, width, height)
    result = []
    for plane, scene, half in zip(planes(pixels), behind, (1, 2, 2), strict=True):
        alpha = low if half == 1 else resize_area(low, width // 2, height // 2)
        mixed, near = small(plane, *alpha.shape[::-1]), mean_of(decontaminate.NEAR // half | 1)
        person = near(mixed * alpha) / (near(alpha) + decontaminate.EPSILON)
        room = near(mixed * (1 - alpha)) / (1 - near(alpha) + decontaminate.EPSILON)
        apart = person - room
        like_room = np.clip((person - mixed) * apart / (apart**2 + decontaminate.SAME), 0, 1)
        sure = np.clip((like_room - decontaminate.MIXED) / (decontaminate.ROOM - decontaminate.MIXED), 0, 1)
        change = clean * np.minimum(2 * (1 - alpha) * sure, like_room) * apart
        light = wrap * alpha * (1 - near(alpha))
        change += light * (mean_of(decontaminate.FAR // half | 1)(small(scene, *alpha.shape[::-1])) - mixed - change)
        result.append(np.clip(plane + resize_bilinear(change, *plane.shape[::-1]), 0, 255))
    return result


def mean_of(side):
    """What takes an image to the mean of side × side pixels around each; borders mirrored."""
    return lambda image: convolve(image, np.full((side, side), 1 / side**2))


def upright(pixels, degrees, middle=0.5):
    """Planes of the picture turned clockwise; of one that lay on its side the part of the picture's shape, enlarged."""
    width, height = size_of(pixels)
    turned = [np.rot90(plane.astype(np.float64), -degrees // 90) for plane in planes(pixels)]
    if degrees % 180 == 0:
        return turned
    scale = max(width, height) / min(width, height)
    columns, lines = (2 * round(side / scale / 2) for side in (width, height))
    left = 2 * round(np.clip(middle * height - columns / 2, 0, height - columns) / 2)
    top = 2 * round(np.clip(middle * width - lines / 2, 0, width - lines) / 2)
    parts = [
        plane[top // n : (top + lines) // n, left // n : (left + columns) // n]
        for plane, n in zip(turned, (1, 2, 2), strict=True)
    ]
    return [resize_bilinear(part, width // n, height // n) for part, n in zip(parts, (1, 2, 2), strict=True)]


def toned(pixels, light, warmth):
    """Planes of the picture, lighter and warmer."""
    y, u, v = (plane.astype(np.float64) for plane in planes(pixels))
    y = lit(y, light) if light else y
    return [y, np.clip(u - 12 * warmth, 16, 240), np.clip(v + 12 * warmth, 16, 240)] if warmth else [y, u, v]


def lit(luma, light):
    """The power x ^ (2 ^ -light); near black the line 3 · x instead, between the two a cubic in Hermite's form."""
    x, power = np.clip((luma - 16) / 219, 0, 1), 2.0**-light
    if power >= 1:
        return 16 + 219 * x**power
    meet = max(3.0 ** (-1 / (1 - power)), 1e-12)
    a, b = 0.5 * meet, 1.8 * meet
    t, slope = (x - a) / (b - a), power * b ** (power - 1)
    between = (2 * t**3 - 3 * t**2 + 1) * 3 * a + (t**3 - 2 * t**2 + t) * 3 * (b - a)
    between += (3 * t**2 - 2 * t**3) * b**power + (t**3 - t**2) * slope * (b - a)
    return 16 + 219 * np.select([x <= a, x < b], [3 * x, between], x**power)
