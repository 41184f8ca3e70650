"""Pictures and masks as arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segnet.classes import PERSON, VOC_CLASSES
from training.errors import DataError

Pixels = NDArray[Any]  # uint8 (H, W, 3) RGB, or (H, W) for masks and labels
Mask = NDArray[Any]  # bool (H, W), True = person; or float32 (H, W), 0 to 1

VOID = 255  # in VOC's label pictures: the border without a label, not counted (Everingham et al. 2010, §2)
MASK_VOID = 128  # the same in masks of people, where 255 is person


@dataclass(frozen=True)
class Picture:
    """image uint8 (H, W, 3) RGB; mask uint8 (H, W), 255 = person."""

    image: Pixels
    mask: Pixels


def read_rgb(path: Path) -> Pixels:
    """The picture as uint8 (H, W, 3) RGB. Raises DataError."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise DataError(f"{path} is not a readable picture")
    return image


def read_voc_person(path: Path) -> Pixels:
    """255 = person of a VOC label picture; MASK_VOID = its void. Raises DataError."""
    try:
        with Image.open(path) as picture:
            if picture.mode != "P":
                raise DataError(f"{path} has lost its palette (mode {picture.mode}): its numbers are not VOC's classes")
            labels = np.array(picture)
    except OSError:
        raise DataError(f"{path} is missing or not a readable picture") from None
    person = np.where(labels == VOC_CLASSES.index(PERSON), 255, 0)
    return np.where(labels == VOID, MASK_VOID, person).astype(np.uint8)
