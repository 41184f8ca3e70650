"""How much a mask flickers while nothing changes but the camera's noise."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from training.data.pairs import Pair
from training.data.pictures import Mask
from training.measure.predictions import Segments, look, shrink

PICTURES = 40  # the first of a set
COPIES = 8  # of each picture, as one camera would give them in a row
SETTLED = 4  # of the steps from one copy to the next, the last
NOISE = 4.0  # standard deviation of each copy's own Gaussian noise, in grey levels
REACH = 5  # pixels either side of the true contour, at the network's size


def flicker(segmenter: Segments, pairs: Sequence[Pair]) -> dict[str, float]:
    """Mean |difference| of successive soft masks, 0 to 1, near the contours of still pictures. The first copy has
    no previous mask, each later one that of the copy before, as in the service. "flicker" is one mean over
    all pixels and steps; "settled" that of the last SETTLED steps, when the memory has settled.
    Raises DataError.
    """
    totals, count = np.zeros(COPIES - 1), 0
    for number, pair in enumerate(pairs[:PICTURES]):
        seen = look(pair)
        near = around(shrink(segmenter, seen.truth.astype(np.float32)) > 0.5)
        rng = np.random.default_rng(number)
        masks: list[Mask] = []
        for _ in range(COPIES):
            noisy = np.clip(np.rint(seen.image + rng.normal(0, NOISE, seen.image.shape)), 0, 255).astype(np.uint8)
            masks.append(segmenter(shrink(segmenter, noisy), masks[-1] if masks else None))
        totals += [np.abs(after - before)[near].sum(dtype=np.float64) for before, after in pairwise(masks)]
        count += int(near.sum())
    steps = totals / max(1, count)
    return {"flicker": round(float(steps.mean()), 5), "settled": round(float(steps[-SETTLED:].mean()), 5)}


def around(mask: Mask) -> Mask:
    """Pixels at most REACH pixels from the contour of a bool (H, W) mask, on either side."""
    square = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    grown, shrunk = cv2.dilate(mask.astype(np.uint8), square), cv2.erode(mask.astype(np.uint8), square)
    band: Mask = grown != shrunk
    return band
