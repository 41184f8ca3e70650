"""Contact sheets of 21-class networks: the pictures on which they are worst and best."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from segnet.classes import VOC_CLASSES
from segnet.weights import WeightsInfo
from training.data.pictures import VOID, Pixels
from training.data.voc_data import VocPicture, VocSet
from training.measure.classes import predict_classes
from training.measure.sheets import COUNT, pale, printable, scaled, sheet

TILES = ("picture", "truth", "prediction", "errors")
WRONG = (213, 94, 0)


def write_class_sheets(network: nn.Module, info: WeightsInfo, one: VocSet, folder: Path, name: str) -> list[Path]:
    """Write `folder`/NAME-worst.jpg and NAME-best.jpg, by pixel accuracy without the background; the paths."""
    ranked = sorted((score(network, info, picture), i) for i, picture in enumerate(one.pictures))
    paths = []
    for title, part in (("worst", ranked[:COUNT]), ("best", ranked[::-1][:COUNT])):
        strips = []
        for accuracy, i in part:
            picture = one.pictures[i]
            labels = picture.labels()
            shown = [VOC_CLASSES[n] for n in np.unique(labels) if 0 < n < VOID]
            caption = f"{printable(picture.name)}   {accuracy:.0%} of {', '.join(shown)}"
            strips.append((tiles_of(picture.image(), labels, predict_classes(network, info, picture)), caption))
        path = folder / f"{name.replace('/', '-')}-{title}.jpg"
        sheet(
            strips, f"{name}: the {len(part)} {title} of {len(ranked)} pictures", TILES, [(WRONG, "another class")]
        ).save(path, quality=92)
        paths.append(path)
    return paths


def score(network: nn.Module, info: WeightsInfo, picture: VocPicture) -> float:
    """Pixel accuracy within objects; 1 where there are none."""
    labels = picture.labels()
    objects = (labels > 0) & (labels != VOID)
    return float((predict_classes(network, info, picture)[objects] == labels[objects]).mean()) if objects.any() else 1.0


def tiles_of(image: Pixels, labels: Pixels, predicted: Pixels) -> list[Pixels]:
    """The four tiles of one picture, uint8 (h, w, 3) RGB each."""
    colours = palette()
    wrong = (labels != predicted) & (labels != VOID)
    errors = pale(image)
    errors[wrong] = WRONG
    return scaled([image, colours[labels], colours[predicted], errors])


def palette() -> NDArray[np.uint8]:
    """VOC's colours, uint8 (256, 3) RGB: the bits of a class, spread over the high bits of the three channels."""
    colours = np.zeros((256, 3), np.uint8)
    for number in range(256):
        for bit in range(8):
            colours[number, bit % 3] |= ((number >> bit) & 1) << (7 - bit // 3)
    return colours
