"""How good masks are. Means are taken over the pixels of a whole set: one confusion matrix, no average of averages."""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[Any]  # uint8 (H, W), 255 = person; or bool

BOUNDARY = 0.02  # of the picture's diagonal


@dataclass
class Confusion:
    """Streaming counts of a two-class set; constant memory however long the set."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def add(self, predicted: Mask, truth: Mask) -> None:
        """Count one picture; bool (H, W) each, True = person."""
        tp = int(np.count_nonzero(predicted & truth))
        predicted_n, truth_n = (
            int(np.count_nonzero(predicted)),
            int(np.count_nonzero(truth)),
        )
        self.tp += tp
        self.fp += predicted_n - tp
        self.fn += truth_n - tp
        self.tn += truth.size - predicted_n - truth_n + tp

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN); 1 where neither has a person."""
        union = self.tp + self.fp + self.fn
        return self.tp / union if union else 1.0

    @property
    def accuracy(self) -> float:
        """Share of the pixels that are right."""
        return (self.tp + self.tn) / max(1, self.tp + self.fp + self.fn + self.tn)


def boundary_band(mask: Mask, width: int) -> Mask:
    """Pixels of a bool (H, W) mask within `width` pixels of its contour; the picture's border counts as contour
    (Cheng et al. 2021, Boundary IoU, §4: mask minus its erosion).
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    band: Mask = mask & (np.asarray(eroded) == 0)
    return band


def boundary_width(shape: tuple[int, ...]) -> int:
    """Band width in pixels for a picture of (H, W): 2 % of the diagonal, at least 1."""
    return max(1, round(BOUNDARY * math.hypot(shape[0], shape[1])))


@dataclass
class Score:
    """Person IoU, pixel accuracy and boundary IoU of a set at threshold 0.5."""

    area: Confusion
    boundary: Confusion
    pictures: int = 0

    @classmethod
    def empty(cls) -> "Score":
        """Nothing counted yet."""
        return cls(Confusion(), Confusion())

    def add(self, predicted: Mask, truth: Mask) -> None:
        """Count one picture; bool (H, W) each."""
        width = boundary_width(truth.shape)
        self.area.add(predicted, truth)
        self.boundary.add(boundary_band(predicted, width), boundary_band(truth, width))
        self.pictures += 1

    def report(self) -> dict[str, float]:
        """Named figures, rounded to four places."""
        figures = {
            "iou": self.area.iou,
            "boundary_iou": self.boundary.iou,
            "accuracy": self.area.accuracy,
        }
        return {name: round(value, 4) for name, value in figures.items()} | {"pictures": self.pictures}
