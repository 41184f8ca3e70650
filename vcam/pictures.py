"""`segblur image`: for each picture its mask, the blurred picture, and a sheet of both beside the original."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.compositor import compose
from vcam.effects import Blur
from vcam.errors import OutputError, PictureError
from vcam.files import make_folder, read_picture, whole
from vcam.frame import RawFrame, empty
from vcam.mask import Segment, mask_or_none
from vcam.yuv import from_bgr, to_bgr

LONGEST_JPEG = 65_000  # pixels of a side
Pixels = NDArray[Any]  # uint8 (H, W, 3) BGR, or (H, W)


def blur_pictures(paths: list[Path], folder: Path, segment: Segment, strength: float) -> list[Path]:
    """Write NAME.mask.png (8-bit grey, 255 = kept), NAME.blurred.jpg and NAME.sheet.jpg for each NAME.*; the files
    written. Raises PictureError before anything is written, or OutputError.
    """
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise PictureError(f"two pictures are named {twice}; give them in two calls with different folders")
    for path in paths:
        # Read here already, so that a bad one among many is told before the first result is written.
        if max(read_picture(path).shape) > LONGEST_JPEG:
            raise PictureError(f"{path} has a side of more than {LONGEST_JPEG} pixels; scale it down")
    results = {target.resolve() for path in paths for target in result_paths(path, folder)}
    own = next((path for path in paths if path.resolve() in results), None)
    if own is not None:
        raise PictureError(f"{own} would be overwritten by a result; choose another folder")
    make_folder(folder)
    written: list[Path] = []
    for path in paths:
        written += write_results(path, folder, segment, strength)
    return written


def result_paths(path: Path, folder: Path) -> tuple[Path, Path, Path]:
    """Where mask, blurred picture and sheet go."""
    return (
        folder / f"{path.stem}.mask.png",
        folder / f"{path.stem}.blurred.jpg",
        folder / f"{path.stem}.sheet.jpg",
    )


def write_results(path: Path, folder: Path, segment: Segment, strength: float) -> list[Path]:
    """The three files of one picture. Raises PictureError, OutputError."""
    bgr = read_picture(path)
    mask, blurred = blur_picture(bgr, segment, strength, partial(complain, path))
    sheet = np.hstack([bgr, np.asarray(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR)), blurred])
    if sheet.shape[1] > LONGEST_JPEG:
        height = max(1, sheet.shape[0] * LONGEST_JPEG // sheet.shape[1])
        sheet = np.asarray(cv2.resize(sheet, (LONGEST_JPEG, height), interpolation=cv2.INTER_AREA))
    targets = result_paths(path, folder)
    for target, image in zip(targets, (mask, blurred, sheet), strict=True):
        write_picture(target, image)
    return list(targets)


def complain(path: Path, reason: str) -> None:
    """Say on stderr what is wrong with a picture, if anything is."""
    if reason:
        print(f"segblur: {path}: {reason}", file=sys.stderr)


def blur_picture(
    bgr: Pixels, segment: Segment, strength: float, complain: Callable[[str], None]
) -> tuple[Pixels, Pixels]:
    """The mask, uint8 (H, W), and the blurred picture, uint8 (H, W, 3) BGR. Where there is no mask to be trusted it
    is 0 everywhere, all is blurred, and `complain` is told why.
    """
    height, width = bgr.shape[:2]
    even = np.asarray(cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
    pixels = empty(even.shape[1], even.shape[0])
    from_bgr(even, pixels)
    frame = RawFrame(pixels, sequence=1, captured=0.0)
    mask = mask_or_none(frame, segment, complain)
    blurred = to_bgr(compose(frame, mask, Blur(strength)).pixels)
    alpha = np.zeros((1, 1), np.float32) if mask is None else mask.alpha
    full = np.asarray(cv2.resize(alpha, even.shape[1::-1], interpolation=cv2.INTER_LINEAR))
    return np.rint(full[:height, :width] * 255).astype(np.uint8), blurred[:height, :width]


def write_picture(path: Path, image: Pixels) -> None:
    """JPEG or PNG, by the name. Raises OutputError."""
    good, data = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else [])
    if not good:
        raise OutputError(f"{path} can't be encoded: {image.shape[1]}×{image.shape[0]} is too large for its format")
    with whole(path) as beside:
        beside.write_bytes(data.tobytes())
