"""Labels of VOC's classes for pictures that have none, by one network that tells them apart; void where unsure."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from segnet.classes import VOC_CLASSES
from segnet.weights import WeightsInfo, read_info
from training.data.pairs import SEGMENTATION
from training.data.pictures import VOID, Pixels, read_rgb
from training.errors import DataError
from training.label.label import find_pictures
from training.measure.class_sheets import palette
from training.measure.classes import scores_of
from training.measure.evaluate import Network, ready

SPLIT = "train"  # the list that is written
QUALITY = 92


def knows_classes(teacher: Path) -> bool:
    """Whether that file is of a network for VOC's classes. Raises WeightsError."""
    return teacher.suffix == ".safetensors" and read_info(teacher).classes == VOC_CLASSES


def run_label_classes(pictures: Path, out: Path, teacher: Path, sure: float) -> str:
    """Write a set in VOC's layout, OUT/train, of the pictures in a folder; says how many there are, and of what. Raises
    DataError, in the end also for pictures that could not be read, which are named on stderr; WeightsError,
    EngineError; OSError where nothing can be written.
    """
    paths = find_pictures(pictures)
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} holds other results; choose another folder, or remove it first")
    info = read_info(teacher)
    network, _ = ready(teacher, info, info.input_sizes[0], None)
    folders = [out / name for name in ("JPEGImages", "SegmentationClass", str(SEGMENTATION))]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    counts, names, colours = np.zeros(256, np.int64), [], palette().tobytes()
    for path in tqdm(paths, desc=str(pictures), unit="picture", disable=None):
        try:
            image = read_rgb(path)
        except DataError as error:
            tqdm.write(f"segblur: {error}", file=sys.stderr)
            continue
        labels = label_classes(network, info, image, sure)
        Image.fromarray(image).save(folders[0] / f"{path.stem}.jpg", quality=QUALITY)
        drawn = Image.fromarray(labels)
        drawn.putpalette(colours)
        drawn.save(folders[1] / f"{path.stem}.png")
        counts += np.bincount(labels.ravel(), minlength=256)
        names.append(path.stem)
    (folders[2] / f"{SPLIT}.txt").write_text("".join(f"{name}\n" for name in names))
    shares = counts / max(1, counts.sum())
    seen = ", ".join(f"{name} {share:.1%}" for name, share in zip(VOC_CLASSES, shares, strict=False) if share >= 0.001)
    summary = f"{out / SPLIT}: {len(names)} pictures; of their pixels {seen}, void {shares[VOID]:.1%}"
    if bad := len(paths) - len(names):
        raise DataError(f"{summary}; {bad} of {len(paths)} could not be used, see above")
    return summary


def label_classes(network: Network, info: WeightsInfo, image: Pixels, sure: float) -> Pixels:
    """Each pixel's likeliest class of a picture, uint8 (H, W, 3) RGB, or void where that is less likely than `sure`;
    uint8 (H, W).
    """
    likely, classes = scores_of(network, info, image).softmax(dim=1)[0].max(dim=0)
    labels: Pixels = classes.where(likely >= sure, VOID).cpu().numpy().astype(np.uint8)
    return labels
