"""How good a network is on a set of pictures: one figure each, over all pixels of the set."""

import cv2
import numpy as np

from segnet.inference import Segmenter
from training.augment import Picture
from training.data import Pair
from training.metrics import Mask, Score


def predict(segmenter: Segmenter, picture: Picture) -> Mask:
    """The soft mask of a picture at its own size, float32 (H, W), as the service would find it."""
    height, width = picture.mask.shape
    small = cv2.resize(picture.image, segmenter.size_for(width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(
            segmenter(np.asarray(small)),
            (width, height),
            interpolation=cv2.INTER_LINEAR,
        )
    )


def evaluate(segmenter: Segmenter, pairs: list[Pair]) -> Score:
    """Count every pair. Raises DataError."""
    score = Score.empty()
    for pair in pairs:
        picture = pair.load()
        score.add(predict(segmenter, picture) > 0.5, picture.mask > 127)
    return score
