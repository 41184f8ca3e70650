"""The batches that training draws from pictures with labels of VOC's 21 classes: which part is cut out, and how."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.data.pictures import VOID, Pixels
from training.data.voc_data import VocPicture, VocSet

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom lie outside
Stage = Literal["whole", "objects", "proposals"]

ROOM = 1.2  # how much larger than its object a crop is (Noh et al. 2015, §4.2)
SPECK = 0.002  # of the picture: smaller pieces of a class are no objects, but remains of ones that something hides
OVERLAP = 0.5  # IoU with an object from which on a random box counts as a proposal of it (Noh et al. 2015, §4.2)
TRIES = 20
SMALLEST = 32  # pixels: no crop has a shorter side, where the picture allows


class VocBatches(Dataset[tuple[Tensor, Tensor]]):
    """Batch number `step` is a pure function of (sets, seed, step), and each of its pictures one of (seed, step, its
    place): process `rank` of `world` makes every world-th picture of the batch, and all together make the whole one.
    `sets` come with how often each is drawn.

    What is cut out of the pictures, and brought to `size` (their aspect is given up: a network of a fixed square input
    sees squeezed pictures when it is used, too):
    - "whole": training in one part. From a crop around all objects at the start to the whole picture after the share
      `anneal` of the steps: the easy examples of a first stage and the true ones of a second, in one run.
    - "objects", the first stage of Noh et al. 2015, §4.2: around one object, all others being background. Where
      SegmentationObject does not tell the objects of a class apart, each connected piece of a class is one.
    - "proposals", the second stage: boxes that overlap an object, with everything in them labelled. The paper takes
      EdgeBoxes' proposals; those need a trained model of their own, so here they are random boxes of the same overlap.
    """

    def __init__(
        self,
        sets: Sequence[tuple[VocSet, float]],
        stage: Stage,
        size: tuple[int, int],
        batch: int,
        steps: int,
        seed: int,
        anneal: float = 0.4,
        rank: int = 0,
        world: int = 1,
        views: int = 0,
        repeat: float = 0.0,
    ) -> None:
        """With `views`, each picture has so many parts from which all that is drawn of it is taken; `repeat` as for
        repeats.
        """
        self.stage, self.size, self.anneal, self.views = stage, size, anneal, views
        self.batch, self.steps, self.seed = batch, steps, seed
        self.places = range(rank, batch, world)
        self.pictures = [picture for one, _ in sets for picture in one.pictures]
        chances = np.concatenate([np.full(len(one.pictures), weight / len(one.pictures)) for one, weight in sets])
        chances *= repeats(np.concatenate([one.counts for one, _ in sets]), repeat)
        self.chances = chances / chances.sum()

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures uint8 (N, 3, H, W) RGB and labels uint8 (N, 1, H, W), 255 = void."""
        made = [self.example(step, place) for place in self.places]
        images = np.stack([image for image, _ in made]).transpose(0, 3, 1, 2)
        labels = np.stack([labels for _, labels in made])[:, None]
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels)

    def example(self, step: int, place: int) -> tuple[Pixels, Pixels]:
        """Picture uint8 (H, W, 3) and labels uint8 (H, W) for one place in one batch."""
        rng = np.random.default_rng((self.seed, step, place))
        picture = self.pictures[rng.choice(len(self.pictures), p=self.chances)]
        far = min(1.0, step / (self.anneal * self.steps)) if self.anneal else 1.0
        return self.part(picture, far, rng)

    def drawn(self, step: int, place: int) -> tuple[int, int]:
        """Which picture is at one place in one batch, and which of its views."""
        rng = np.random.default_rng((self.seed, step, place))
        return int(rng.choice(len(self.pictures), p=self.chances)), int(rng.integers(self.views))

    def view(self, number: int, view: int) -> tuple[Pixels, Pixels]:
        """Picture and labels, as of `part`, of one of a picture's views, of which the last is as the stage's crops at
        the end of a run, the first, of several, as at their start.
        """
        far = view / (self.views - 1) if self.views > 1 else 1.0
        return self.part(self.pictures[number], far, np.random.default_rng((self.seed, number, view)))

    def part(self, picture: VocPicture, far: float, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        """A part of the picture, uint8 (H, W, 3), and its labels, uint8 (H, W); `far` as for choose_crop."""
        labels = picture.labels()
        box, labels = choose_crop(self.stage, labels, picture.instances(), far, rng)
        image, labels = cut_out(picture.image(), labels, box, self.size)
        if rng.random() < 0.5:
            image, labels = image[:, ::-1], labels[:, ::-1]
        return jittered(image, rng), np.ascontiguousarray(labels)


def repeats(counts: NDArray[Any], share: float) -> NDArray[Any]:
    """How many times as often each picture is drawn, float (N,), for the pixels of each class in it, (N, classes): by
    the rarest of its classes, the root of `share` over the share of the pictures that show it (Gupta, Dollár and
    Girshick 2019, LVIS, repeat factor sampling); once where all are more frequent.
    """
    shows = counts[:, 1:] > 0
    factors = np.sqrt(np.maximum(1.0, share / np.maximum(shows.mean(axis=0), 1e-9)))
    return np.asarray(np.where(shows, factors, 1.0).max(axis=1))


def choose_crop(
    stage: Stage, labels: Pixels, instances: Pixels | None, far: float, rng: np.random.Generator
) -> tuple[Box, Pixels]:
    """What to cut out of a picture, and its labels as that stage sees them; `far` from 0 to 1: the way from its objects
    to the whole picture.
    """
    height, width = labels.shape
    numbers, boxes = find_objects(labels, instances)
    if not boxes or stage == "whole":
        near = grown(around(boxes), ROOM, width, height) if boxes else (0, 0, width, height)
        left, top, right, bottom = (round(a + far * (b - a)) for a, b in zip(near, (0, 0, width, height), strict=True))
        return random_part((left, top, right, bottom), 0.5, width, height, rng), labels
    one = int(rng.integers(len(boxes)))
    if stage == "objects":
        alone = np.where((numbers == one + 1) | (labels == VOID), labels, 0).astype(np.uint8)
        return random_part(grown(boxes[one], ROOM, width, height), 0.8, width, height, rng), alone
    return grown(proposal(boxes[one], width, height, rng), ROOM, width, height), labels


def find_objects(labels: Pixels, instances: Pixels | None) -> tuple[NDArray[Any], list[Box]]:
    """Numbers int32 (H, W), 0 where there is none, and the boxes of the objects 1, 2, … in a picture."""
    numbers, boxes = np.zeros(labels.shape, np.int32), []
    for part in pieces(labels) if instances is None else whole_objects(labels, instances):
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        boxes.append((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
        numbers[part] = len(boxes)
    return numbers, boxes


def whole_objects(labels: Pixels, instances: Pixels) -> list[NDArray[Any]]:
    """Bool (H, W) for each object that SegmentationObject knows."""
    known = (labels != 0) & (labels != VOID)
    return [
        part
        for number in np.flatnonzero(np.bincount(instances.ravel(), minlength=256))
        if number not in (0, VOID) and (part := (instances == number) & known).any()
    ]


def pieces(labels: Pixels) -> list[NDArray[Any]]:
    """Bool (H, W) for each connected piece of a class that is more than a speck; the largest in any case."""
    found = []
    for label in np.flatnonzero(np.bincount(labels.ravel(), minlength=256)):
        if label not in (0, VOID):
            count, parts, stats, _ = cv2.connectedComponentsWithStats((labels == label).astype(np.uint8))
            found += [(int(stats[n, cv2.CC_STAT_AREA]), parts == n) for n in range(1, count)]
    largest = max((area for area, _ in found), default=0)
    return [part for area, part in found if area >= min(largest, SPECK * labels.size)]


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def grown(box: Box, factor: float, width: int, height: int) -> Box:
    """A box larger about its centre, at least SMALLEST a side, and inside the picture."""
    left, right = grown_side(box[0], box[2], factor, width)
    top, bottom = grown_side(box[1], box[3], factor, height)
    return left, top, right, bottom


def grown_side(start: int, end: int, factor: float, limit: int) -> tuple[int, int]:
    """One direction of `grown`."""
    half, middle = max(SMALLEST, (end - start) * factor) / 2, (start + end) / 2
    return max(0, math.floor(middle - half)), min(limit, math.ceil(middle + half))


def random_part(box: Box, least: float, width: int, height: int, rng: np.random.Generator) -> Box:
    """A random part of `box` with at least the share `least` of its area, its aspect changed by up to 4:3."""
    area = rng.uniform(least, 1.0)
    stretch = math.exp(rng.uniform(-1, 1) * math.log(4 / 3) / 2)
    result = []
    for start, end, factor, limit in ((box[0], box[2], stretch, width), (box[1], box[3], 1 / stretch, height)):
        side = min(end - start, max(min(SMALLEST, limit), round((end - start) * math.sqrt(area) * factor)))
        first = start + int(rng.integers(end - start - side + 1))
        result.append((first, first + side))
    (left, right), (top, bottom) = result
    return left, top, right, bottom


def proposal(box: Box, width: int, height: int, rng: np.random.Generator) -> Box:
    """A random box whose IoU with this one is OVERLAP or more; inside the picture."""
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    for _ in range(TRIES):
        centre = middle + rng.uniform(-0.25, 0.25, 2) * sides
        half = sides * np.exp(rng.uniform(-0.5, 0.5, 2)) / 2
        low, high = np.maximum(0, np.floor(centre - half)), np.minimum((width, height), np.ceil(centre + half))
        other = int(low[0]), int(low[1]), int(high[0]), int(high[1])
        if overlap(box, other) >= OVERLAP:
            return other
    return box


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    across = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - across
    return float(across / both)


def cut_out(image: Pixels, labels: Pixels, box: Box, size: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """The part in `box`, brought to `size` (width, height). Labels take the nearest pixel's: between class 8 and class
    12 there is no class 10.
    """
    left, top, right, bottom = box
    image, labels = image[top:bottom, left:right], labels[top:bottom, left:right]
    smooth = cv2.INTER_AREA if image.shape[1] > size[0] and image.shape[0] > size[1] else cv2.INTER_LINEAR
    return cv2.resize(image, size, interpolation=smooth), cv2.resize(
        labels, size, interpolation=cv2.INTER_NEAREST_EXACT
    )


def jittered(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Brightness, contrast and saturation changed by up to a quarter each."""
    bright, contrast, colour = rng.uniform(0.75, 1.25, 3).astype(np.float32)
    pixels = image.astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True)
    pixels = grey + colour * (pixels - grey)
    middle = pixels.mean()
    changed: Pixels = np.clip(bright * (middle + contrast * (pixels - middle)) + 0.5, 0, 255).astype(np.uint8)
    return changed
