"""VOC's label pictures, whose numbers are classes: as indices of a palette (VOC) or as grey values (copies)."""

import io

import numpy as np
from PIL import Image

from segnet.classes import VOC_CLASSES
from training.data.pictures import VOID, Pixels, because
from training.errors import DataError

CLASSES = {*range(len(VOC_CLASSES))}


def read_classes(file: bytes, what: str) -> Pixels:
    """The class of each pixel, uint8 (H, W), 0 to 20 and 255 = void; `what` is for the error. Raises DataError."""
    labels = read_numbers(file, what)
    strange = set(np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist()) - CLASSES - {VOID}
    if strange:
        raise DataError(
            f"{what}: {min(strange)} is neither one of VOC's classes nor void; were its colours turned into grey?"
        )
    return labels


def read_numbers(file: bytes, what: str) -> Pixels:
    """The numbers of a palette picture or a grey one, uint8 (H, W). Raises DataError, also for colours: a network that
    is trained on what they give as grey learns nothing.
    """
    try:
        with Image.open(io.BytesIO(file)) as picture:
            if picture.mode not in ("P", "L"):
                raise DataError(
                    f"{what}: without a palette (mode {picture.mode}) its numbers are no classes; take the original"
                )
            return np.array(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{what} can't be read{because(error)}") from None
