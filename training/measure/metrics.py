"""How good masks are. Means are taken over the pixels of a whole set: one confusion matrix, no average of averages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import Tensor

from training.data.pictures import VOID, Mask

BOUNDARY = 0.02  # of the picture's diagonal: 10 to 12 pixels where the short side has 320
STRAY = 0.005  # share of a picture that is kept far from everybody, from which on it counts as one with stray parts
MISSING = 0.01  # share of a picture that is lost deep inside people, from which on it counts as one with missing parts
SPOILS, SHOWS = 0.2, 0.5  # what such pictures, and empty rooms of which something is kept, weigh in the choice
COLLAPSED = 0.98  # share of the pixels predicted as one class from which on a network has learnt nothing


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

    def merge(self, other: "Confusion") -> None:
        """Count what `other` counted, too."""
        self.tp, self.fp = self.tp + other.tp, self.fp + other.fp
        self.fn, self.tn = self.fn + other.fn, self.tn + other.tn

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


def core(mask: Mask, width: int) -> Mask:
    """Pixels of a bool (H, W) mask that are farther than `width` pixels from its contour. Here the picture's border is
    no contour: who is cut off by it goes on behind it.
    """
    kept: Mask = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=width) > 0
    return kept


@dataclass
class Score:
    """Figures of a set at threshold 0.5. `holes` counts the pixels deep inside people, `leaks` those deep inside the
    background: farther from the true contour than the band of boundary IoU, which judges the rest. `stray` and
    `missing` are the same, picture by picture, as shares of the picture.
    """

    area: Confusion
    boundary: Confusion
    holes: Confusion
    leaks: Confusion
    pictures: int = 0
    people: int = 0  # pictures that show somebody
    iou_sum: float = 0.0  # of the IoU of each of these
    stray: list[float] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)

    @classmethod
    def empty(cls) -> "Score":
        """Nothing counted yet."""
        return cls(Confusion(), Confusion(), Confusion(), Confusion())

    def add(self, predicted: Mask, truth: Mask, counted: Mask | None = None) -> None:
        """Count one picture; bool (H, W) each. `counted`: pixels whose label is known; default: all."""
        width = boundary_width(truth.shape)
        known = np.ones_like(truth) if counted is None else counted
        truth = truth & known
        one = Confusion()
        one.add(predicted[known], truth[known])
        self.area.merge(one)
        self.boundary.add(boundary_band(predicted, width)[known], boundary_band(truth, width)[known])
        inside, outside = core(truth, width), core(~truth & known, width)
        self.holes.add(predicted[inside], truth[inside])
        self.leaks.add(predicted[outside], truth[outside])
        self.stray.append(float(np.mean(predicted & outside)))
        self.missing.append(float(np.mean(inside & ~predicted)))
        self.pictures += 1
        if truth.any():
            self.people += 1
            self.iou_sum += one.iou

    def merge(self, other: "Score") -> None:
        """Count what `other` counted, too."""
        self.area.merge(other.area)
        self.boundary.merge(other.boundary)
        self.holes.merge(other.holes)
        self.leaks.merge(other.leaks)
        self.pictures += other.pictures
        self.people += other.people
        self.iou_sum += other.iou_sum
        self.stray += other.stray
        self.missing += other.missing

    def report(self) -> dict[str, float]:
        """Named figures, rounded to four places, rates to five. Where no picture shows anybody, as of empty rooms, they
        tell only what is kept.
        """
        if not self.people:
            return of_pictures("kept", self.stray, STRAY) | {"pictures": self.pictures}
        figures = {
            "iou": self.area.iou,
            "boundary_iou": self.boundary.iou,
            "accuracy": self.area.accuracy,
            "picture_iou": self.iou_sum / self.people if self.people else 1.0,
        }
        rates = {
            "hole_rate": self.holes.fn / max(1, self.holes.tp + self.holes.fn),
            "leak_rate": self.leaks.fp / max(1, self.leaks.fp + self.leaks.tn),
        }
        return (
            {name: round(value, 4) for name, value in figures.items()}
            | {name: round(value, 5) for name, value in rates.items()}
            | of_pictures("stray", self.stray, STRAY)
            | of_pictures("missing", self.missing, MISSING)
            | {"pictures": self.pictures}
        )


def of_pictures(name: str, shares: Sequence[float], least: float) -> dict[str, float]:
    """The mean and the 95th percentile of a share of each picture, and how many pictures have more than `least`."""
    mean, high = (float(np.mean(shares)), float(np.quantile(shares, 0.95))) if shares else (0.0, 0.0)
    return {
        f"{name}_rate": round(mean, 5),
        f"{name}_rate_95": round(high, 5),
        f"{name}_pictures": sum(share > least for share in shares),
    }


def choice(report: Mapping[str, Mapping[str, float]]) -> float:
    """One number by which the weights of a run are chosen, from the reports of its validation sets; more is better:

        mean of (IoU + boundary IoU) / 2
        − 0.2 · share of pictures with stray parts − 0.2 · share of pictures with missing parts
        − 0.5 · share of empty rooms of which something is kept

    Means and shares are those of each set with people, averaged over these, the first counting twice; the last is
    that of each set of empty rooms, averaged over those. Without sets of a kind its part is 0.
    """
    people = [part for part in report.values() if "boundary_iou" in part]
    rooms = [part for part in report.values() if "kept_pictures" in part]
    good = [
        (part["iou"] + part["boundary_iou"]) / 2
        - SPOILS * (part["stray_pictures"] + part["missing_pictures"]) / max(1, part["pictures"])
        for part in people
    ]
    shown = [part["kept_pictures"] / max(1, part["pictures"]) for part in rooms]
    return float(sum(good[:1] + good) / max(1, len(good) + 1) - SHOWS * sum(shown) / max(1, len(shown)))


class ClassConfusion:
    """Streaming counts of a set of many classes, int64 (truth, predicted), on the device of what is counted; constant
    memory however long the set.
    """

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.counts = torch.zeros((len(classes), len(classes)), dtype=torch.int64)

    def add(self, predicted: Tensor, truth: Tensor) -> None:
        """Count pixels: integers of one shape, 0 to C − 1, or VOID in the truth: not counted. Raises ValueError."""
        n = len(self.classes)
        known = truth != VOID
        truth, predicted = truth[known].long(), predicted[known].long()
        if truth.numel() and not (0 <= int(truth.min()) <= int(truth.max()) < n):
            raise ValueError(f"labels from {int(truth.min())} to {int(truth.max())}, but there are {n} classes")
        counts = torch.bincount(n * truth + predicted, minlength=n * n)
        self.counts = self.counts.to(counts.device) + counts.view(n, n)

    def iou(self) -> dict[str, float]:
        """Class → TP / (TP + FP + FN), of the classes that occur in the truth."""
        right, truth, predicted = self.counts.diag(), self.counts.sum(1), self.counts.sum(0)
        union = truth + predicted - right
        return {name: int(right[i]) / int(union[i]) for i, name in enumerate(self.classes) if truth[i]}

    def shares(self) -> dict[str, float]:
        """Class → share of the pixels that are predicted to be of it."""
        predicted = self.counts.sum(0).tolist()
        total = max(1, sum(predicted))
        return {name: count / total for name, count in zip(self.classes, predicted, strict=True)}

    def report(self) -> dict[str, float]:
        """Named figures, rounded to four places. "miou" is the mean over the classes that occur in the truth, "classes"
        how many those are; a class that never occurs has no IoU, but still harms those for which it is taken.
        """
        iou = self.iou()
        total = int(self.counts.sum())
        figures = {
            "miou": sum(iou.values()) / len(iou) if iou else 0.0,
            "accuracy": int(self.counts.diag().sum()) / max(1, total),
        }
        figures |= {f"iou_{name}": value for name, value in iou.items()}
        figures |= {f"predicted_{name}": value for name, value in self.shares().items()}
        return {name: round(value, 4) for name, value in figures.items()} | {"classes": len(iou)}


def collapsed(figures: dict[str, float]) -> str:
    """A sentence where the report of a ClassConfusion gives almost all pixels to one class that in truth is not almost
    everywhere; else "".
    """
    name, share = max(
        ((name, value) for name, value in figures.items() if name.startswith("predicted_")),
        key=lambda item: item[1],
        default=("", 0.0),
    )
    if share <= COLLAPSED or figures["accuracy"] > COLLAPSED:
        return ""
    return (
        f"the network takes {share:.1%} of the pixels for {name.removeprefix('predicted_')} and has learnt nothing "
        "else so far; if that does not change, check the labels and the learning rate"
    )
