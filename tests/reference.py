"""The compositor in plain float64 numpy, one formula a line: what the fast one is held against."""

import numpy as np

from vcam.effects import EPSILON, blur_sigma, low_resolution
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


def compose(pixels, alpha, strength):
    """Planes Y, U, V of the composite, float64."""
    width, height = low_resolution(*size_of(pixels))
    sigma = blur_sigma(strength) * height / 90
    small = alpha.astype(np.float64)
    bigger = small.shape[1] >= width and small.shape[0] >= height
    weight = (1 - (resize_area if bigger else resize_bilinear)(small, width, height)) ** 2
    result = []
    for plane in planes(pixels):
        full = plane.astype(np.float64)
        low = resize_area(full, width, height)
        mean = (low * weight).sum() / max(weight.sum(), EPSILON)
        background = (gauss(low * weight, sigma) + EPSILON * mean) / (gauss(weight, sigma) + EPSILON)
        background = resize_bilinear(background, plane.shape[1], plane.shape[0])
        share = resize_bilinear(small, plane.shape[1], plane.shape[0])
        result.append(share * full + (1 - share) * background)
    return result
