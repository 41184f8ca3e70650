"""The best score of a network trained on wrongly read labels: `python -m training.measure.label_errors VOC/SPLIT`.

No network is trained. A perfect network reproduces its training labels, so its best score is that of the wrong labels
themselves, at DeconvNet's 224×224 and brought back to the picture's size.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from segnet.classes import VOC_CLASSES
from segnet.markdown import aligned
from training.data.pictures import Pixels
from training.data.voc_data import VocPicture, load_voc
from training.errors import DataError
from training.measure.metrics import ClassConfusion

SIDE = (224, 224)
LAST = len(VOC_CLASSES) - 1

Read = Callable[
    [Pixels, Pixels], Pixels
]  # class numbers (H, W) and their colours (H, W, 3) → what was taught, (224, 224)


def nearest(labels: Pixels) -> Pixels:
    """Labels at the network's size, each one of those that were there."""
    return np.asarray(cv2.resize(labels, SIDE, interpolation=cv2.INTER_NEAREST_EXACT))


def smooth(labels: Pixels) -> Pixels:
    """Labels at the network's size as if they were a picture: between 15 and 0 lie 7 and 8."""
    return np.asarray(cv2.resize(labels, SIDE, interpolation=cv2.INTER_LINEAR))


def clamped(labels: Pixels) -> Pixels:
    """Whatever is no class becomes the last one."""
    return np.minimum(labels, LAST)


def emptied(labels: Pixels) -> Pixels:
    """Whatever is no class becomes background."""
    return np.where(labels > LAST, 0, labels).astype(np.uint8)


def grey(colours: Pixels) -> Pixels:
    """The palette's colours as grey values, which is what an image decoder makes of them."""
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY))


WAYS: dict[str, Read] = {
    "right": lambda ids, _: nearest(emptied(ids)),
    "none: all is background": lambda ids, _: nearest(np.zeros_like(ids)),
    "grey values of the palette's colours, above 20 taken for 20": lambda _, rgb: clamped(nearest(grey(rgb))),
    "grey values of the palette's colours, above 20 for background": lambda _, rgb: emptied(nearest(grey(rgb))),
    "red channel of the palette's colours, above 20 for background": lambda _, rgb: emptied(nearest(rgb[..., 0])),
    "resized as a picture, void taken for class 20": lambda ids, _: clamped(smooth(ids)),
    "resized as a picture, void taken for background": lambda ids, _: emptied(smooth(ids)),
    "void taken for class 20": lambda ids, _: clamped(nearest(ids)),
}


def score_label_errors(pictures: list[VocPicture]) -> dict[str, dict[str, float]]:
    """Way of reading → the figures of a network that reproduces exactly that. Raises DataError."""
    counts = {name: ClassConfusion(VOC_CLASSES) for name in WAYS}
    for picture in pictures:
        ids = picture.labels()
        with Image.open(io.BytesIO(picture.label_file)) as file:
            colours = np.array(file.convert("RGB"))
        for name, read in WAYS.items():
            taught = cv2.resize(read(ids, colours), ids.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
            counts[name].add(torch.from_numpy(np.asarray(taught)), torch.from_numpy(ids))
    return {name: confusion.report() for name, confusion in counts.items()}


def main(arguments: list[str]) -> int:
    """Print the table; the exit code."""
    if len(arguments) != 1:
        print("segblur: python -m training.measure.label_errors takes one folder, VOC/SPLIT", file=sys.stderr)
        return 2
    try:
        report = score_label_errors(load_voc(Path(arguments[0])).pictures)
    except DataError as error:
        print(f"segblur: {error}", file=sys.stderr)
        return 1
    classes = next(iter(report.values()))["classes"]
    rows = [["labels as they were read", "mIoU at most", "of 21 classes", "pixel accuracy"]]
    for name, figures in report.items():
        shares = (figures["miou"], figures["miou"] * classes / len(VOC_CLASSES), figures["accuracy"])
        rows.append([name, *(f"{share:.1%}" for share in shares)])
    print("\n".join(aligned(rows, words=1)))
    print(f"mIoU: the mean over the {classes} classes that the split shows; then with 0 for the others, as often done.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
