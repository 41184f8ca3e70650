"""Masks for pictures that nobody labelled, by teachers: kept where the first and the last of them agree."""

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from training.data.pairs import SUFFIXES, files_in
from training.data.pictures import Mask, Pixels, read_rgb
from training.errors import DataError
from training.label.teachers import Teacher, load_teacher, weighted

FAINT = 0.3  # a piece in which the last teacher sees no more than this is none
NOBODY = 0.002  # share of a picture's pixels: with fewer there is nobody in it
LARGEST = 0.008  # share of a picture's pixels that one difference of two teachers may have
COVERS = (0.02, 0.985)  # shares of a picture that a person may cover
SURE = 0.03  # masks nearer to 0 or 1 than this are left alone
RADIUS, EPSILON = 4, 2e-4  # of the guided filter, in pixels, and of grey from 0 to 1, squared
CONTRAST = 1.15  # about 0.5

PAIRS, ROOMS, DISAGREE, COVERED = "pairs", "rooms", "disagree", "covered"  # what becomes of a picture


def run_label(pictures: Path, out: Path, teachers: dict[Path, float], agree: float) -> str:
    """Write OUT/images/NAME and OUT/masks/NAME.png, or OUT/rooms/NAME, for the pictures in a folder; says how many.
    Bad ones are named on stderr, and the others go on. Raises DataError, in the end also for those; WeightsError,
    EngineError for teachers; OSError where nothing can be written.
    """
    paths = find_pictures(pictures)
    folders = {name: out / name for name in ("images", "masks", "rooms")}
    if taken := [folder for folder in folders.values() if folder.exists() and any(folder.iterdir())]:
        raise DataError(f"{taken[0]} holds other results; choose another folder, or remove it first")
    loaded = [load_teacher(path, weight) for path, weight in teachers.items()]
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    became: Counter[str] = Counter()
    for path in tqdm(paths, desc=str(pictures), unit="picture", disable=None):
        try:
            kind, mask = label(read_rgb(path), loaded, agree)
        except DataError as error:
            text = str(error) if str(path) in str(error) else f"{path}: {error}"
            tqdm.write(f"segblur: {text}", file=sys.stderr)
            continue
        became[kind] += 1
        if kind == PAIRS:
            write_mask(folders["masks"] / f"{path.stem}.png", mask)
        if kind in {PAIRS, ROOMS}:
            shutil.copyfile(path, folders["images" if kind == PAIRS else "rooms"] / path.name)
    summary = (
        f"{out}: {became[PAIRS]} pictures with masks, {became[ROOMS]} rooms without anybody; left out: "
        f"{became[DISAGREE]} where the teachers disagree, {became[COVERED]} where people cover too little or too much"
    )
    if bad := len(paths) - became.total():
        raise DataError(f"{summary}; {bad} of {len(paths)} could not be used, see above")
    return summary


def find_pictures(folder: Path) -> list[Path]:
    """The pictures that lie in a folder, by name. Raises DataError."""
    paths = [path for path in files_in(folder) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise DataError(f"{folder} holds no pictures")
    named: dict[str, Path] = {}
    for path in paths:
        if (other := named.setdefault(path.stem, path)) != path:
            raise DataError(f"{other} and {path} would have one mask; rename one of them")
    return paths


def label(image: Pixels, teachers: Sequence[Teacher], agree: float) -> tuple[str, Mask]:
    """What becomes of a picture, uint8 (H, W, 3) RGB, and its mask, float32 (H, W), 0 to 1. Raises DataError."""
    masks = [teacher(image) for teacher in teachers]
    first, last = masks[0] > 0.5, masks[-1] > 0.5
    mask = sharpened(seen_by_last(weighted(masks, teachers), masks[-1]), image)
    if max(first.mean(), last.mean()) < NOBODY:
        return ROOMS, mask
    if not same(first, last, agree):
        return DISAGREE, mask
    return (PAIRS if COVERS[0] <= (mask > 0.5).mean() <= COVERS[1] else COVERED), mask


def same(one: Mask, other: Mask, agree: float) -> bool:
    """Whether two masks, bool (H, W), are of one person: by their IoU and the largest area in which they differ."""
    differs = (one != other).astype(np.uint8)
    opened = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    stats = cv2.connectedComponentsWithStats(opened)[2]
    largest = max(stats[1:, cv2.CC_STAT_AREA], default=0)
    iou = (one & other).sum() / max(1, (one | other).sum())
    return bool(iou >= agree and largest <= LARGEST * one.size)


def seen_by_last(mask: Mask, last: Mask) -> Mask:
    """The mask, float32 (H, W), without the pieces in which the last teacher sees nothing, and without what is faint
    around them, nearer to them than to another piece.
    """
    pieces = mask > 0.5
    if not pieces.any():
        return mask
    gaps = (~pieces).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    nearest = np.asarray(labels, np.intp)
    most = np.zeros(nearest.max() + 1, np.float32)
    np.maximum.at(most, nearest[pieces], last[pieces])
    return np.where(most[nearest] > FAINT, mask, np.float32(0))


def sharpened(mask: Mask, image: Pixels) -> Mask:
    """The mask along the edges of its picture where it is unsure, by a guided filter (He, Sun, Tang 2010, §3.1)."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32) / 255
    mean_grey, mean_mask = mean(grey), mean(mask)
    slope = (mean(grey * mask) - mean_grey * mean_mask) / (mean(grey * grey) - mean_grey**2 + EPSILON)
    along = mean(slope) * grey + mean(mean_mask - slope * mean_grey)
    unsure = (mask > SURE) & (mask < 1 - SURE)
    contrasted: Mask = CONTRAST * (np.where(unsure, along, mask) - 0.5) + 0.5
    return contrasted.clip(0, 1)


def mean(plane: Mask) -> Mask:
    """Of the square around each pixel of a float32 (H, W)."""
    side = 2 * RADIUS + 1
    return np.asarray(cv2.blur(plane, (side, side)))


def write_mask(path: Path, mask: Mask) -> None:
    """8 bits, 255 = person. Raises OSError."""
    _, data = cv2.imencode(".png", np.rint(255 * mask).astype(np.uint8))
    path.write_bytes(data.tobytes())
