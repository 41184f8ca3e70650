"""Pictures as arrays, from bytes: OpenCV's own reader of files crashes on names that are not UTF-8."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from training.errors import DataError

Pixels = NDArray[Any]  # uint8 (H, W, 3) RGB, or (H, W) for masks and labels
Mask = NDArray[Any]  # bool (H, W), True = person; or float32 (H, W), 0 to 1

VOID = 255  # in VOC's label pictures: the border without a label, not counted (Everingham et al. 2010, §2)
MASK_VOID = 128  # the same in masks of people, where 255 is person
ORIENTATION = 0x0112  # EXIF tag: how the stored pixels are to be turned, 1 to 8


@dataclass(frozen=True)
class Picture:
    """image uint8 (H, W, 3) RGB; mask uint8 (H, W), 255 = person."""

    image: Pixels
    mask: Pixels


def read_rgb(path: Path) -> Pixels:
    """The picture as uint8 (H, W, 3) RGB, upright. Raises DataError."""
    return decode_rgb(read_bytes(path), path)[0]


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises DataError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from None


def decode_rgb(data: bytes, path: Path) -> tuple[Pixels, int]:
    """The picture as uint8 (H, W, 3) RGB, turned upright, and the EXIF orientation, 1 to 8, by which it was turned;
    `path` is for the error. Raises DataError.
    """
    image = decode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise DataError(f"{path} is not a readable picture")
    orientation = orientation_of(data)
    return turned(image, orientation), orientation


def decode(data: bytes, flags: int) -> Pixels | None:
    """What OpenCV makes of the bytes of a file; None where that is nothing."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # no bytes at all, or too many pixels
        return None
    return None if image is None else np.asarray(image)


def because(error: Exception) -> str:
    """What PIL says of a file that it can't read, as the end of a sentence; "" where it says nothing that helps."""
    return "" if isinstance(error, UnidentifiedImageError) else f": {error}"


def orientation_of(data: bytes) -> int:
    """The EXIF orientation of a picture, 1 to 8; 1, upright, where none can be read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            orientation = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged EXIF raises anything
        return 1
    return orientation if orientation in range(1, 9) else 1


def turned(plane: Pixels, orientation: int) -> Pixels:
    """Stored pixels (H, W, …) as they are to be seen (EXIF 2.32, §4.6.4)."""
    if orientation >= 5:
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)
