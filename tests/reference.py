"""The compositor in plain float64 numpy, one formula a line: what the fast one is held against."""

import numpy as np

from vcam.edge import FLAT, HIGH, LOW, REACH, SMOOTH
from vcam.effects import EPSILON, NEAR, blur_sigma, low_resolution
from vcam.frame import planes, size_of


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
    """Planes Y, U, V of the composite, float64."""
    width, height = low_resolution(*size_of(pixels))
    near, sigma = NEAR * height / 90, blur_sigma(strength) * height / 90
    weight = (1 - shrink(alpha, width, height)) ** 4
    refined = refine(alpha, planes(pixels)[0])
    result = []
    for plane in planes(pixels):
        full = plane.astype(np.float64)
        low = shrink(plane, width, height)
        mean = (low * weight).sum() / max(weight.sum(), EPSILON)
        beside = (gauss(low * weight, near) + EPSILON * mean) / (gauss(weight, near) + EPSILON)
        background = gauss(weight * low + (1 - weight) * beside, sigma)
        background = resize_bilinear(background, plane.shape[1], plane.shape[0])
        share = refined if plane.shape == refined.shape else resize_area(refined, plane.shape[1], plane.shape[0])
        result.append(share * full + (1 - share) * background)
    return result
