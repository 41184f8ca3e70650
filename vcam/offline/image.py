"""`segblur image`: for each picture its mask, the picture with the effect, and a sheet of both beside the original."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.backdrop import check_look
from vcam.effects.look import Look, left_alone
from vcam.errors import OutputError, PictureError
from vcam.frame import empty, planes
from vcam.masks.decontaminate import relit
from vcam.masks.mask import FrameMask, Segment, mask_or_none
from vcam.masks.upsample import cut_out
from vcam.media.pictures import off_white, read_picture, read_with_alpha
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, to_bgr
from vcam.offline.results import make_folder
from vcam.pipeline.framing import AS_FILMED, View, cut_frame, framed, least_blur
from vcam.settings import FramingSettings, LookSettings
from vcam.system.atomic_write import check_place, whole

LONGEST_JPEG = 65_000  # pixels of a side
Pixels = NDArray[Any]  # uint8 (H, W, 3) BGR, or (H, W)


def blur_pictures(
    paths: list[Path], folder: Path, segment: Segment, look: LookSettings, framing: FramingSettings = AS_FILMED
) -> list[Path]:
    """Write NAME.mask.png (8-bit grey, 255 = kept), NAME.blurred.jpg (NAME.cutout.png with transparency, where
    that is the effect) and NAME.sheet.jpg for each NAME.*; the files written. Raises PictureError before anything is
    written, or OutputError.
    """
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise PictureError(f"two pictures are named {twice}; give them in two calls with different folders")
    for path in paths:
        # Read here already, so that a bad one among many is reported before the first result is written.
        if max(read_picture(path).shape) > LONGEST_JPEG:
            raise PictureError(f"{path} has a side of more than {LONGEST_JPEG} pixels; scale it down")
    results = {target.resolve() for path in paths for target in result_paths(path, folder, look)}
    own = next((path for path in paths if path.resolve() in results), None)
    if own is not None:
        raise PictureError(f"{own} would be overwritten by a result; choose another folder")
    check_look(look)
    for path in paths:
        for target in result_paths(path, folder, look):
            check_place(target)
    make_folder(folder)
    written: list[Path] = []
    for path in paths:
        written += write_results(path, folder, segment, look, framing)
    return written


def result_paths(path: Path, folder: Path, look: LookSettings) -> tuple[Path, Path, Path]:
    """Where mask, picture with the effect and sheet go."""
    return (
        folder / f"{path.stem}.mask.png",
        folder / f"{path.stem}.{'cutout.png' if look.effect == 'transparent' else 'blurred.jpg'}",
        folder / f"{path.stem}.sheet.jpg",
    )


def write_results(
    path: Path, folder: Path, segment: Segment, look: LookSettings, framing: FramingSettings
) -> list[Path]:
    """The three files of one picture. Raises PictureError, OutputError."""
    bgr, alpha = read_with_alpha(path)
    mask, result = blur_picture(bgr, segment, look, partial(complain, path), framing, alpha)
    shown = result if result.shape[2] == 3 else on_squares(result)
    sheet = np.hstack([bgr, np.asarray(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR)), shown])
    if sheet.shape[1] > LONGEST_JPEG:
        height = max(1, sheet.shape[0] * LONGEST_JPEG // sheet.shape[1])
        sheet = np.asarray(cv2.resize(sheet, (LONGEST_JPEG, height), interpolation=cv2.INTER_AREA))
    targets = result_paths(path, folder, look)
    for target, image in zip(targets, (mask, result, sheet), strict=True):
        write_picture(target, image)
    return list(targets)


def complain(path: Path, reason: str) -> None:
    """Report on stderr what is wrong with a picture, if anything is."""
    if reason:
        print(f"segblur: {path}: {reason}", file=sys.stderr)


def blur_picture(
    bgr: Pixels,
    segment: Segment,
    look: LookSettings,
    complain: Callable[[str], None],
    framing: FramingSettings = AS_FILMED,
    alpha: Pixels | None = None,
) -> tuple[Pixels, Pixels]:
    """The mask, uint8 (H, W), and the picture with the effect, uint8 (H, W, 3) BGR, or BGRA where that is transparency:
    then `alpha`, that of the picture, which lies before white, counts too. Where there is no mask to be trusted the
    first is 0 everywhere, the effect is all over the picture, and `complain` gets the reason. Raises PictureError for
    the effect's own file.
    """
    height, width = bgr.shape[:2]
    even = np.asarray(cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
    pixels = empty(even.shape[1], even.shape[0])
    from_bgr(even, pixels)
    frame = RawFrame(pixels, sequence=1, captured=0.0)
    mask = mask_or_none(frame, segment, complain)
    frame, mask, view = framed(frame, mask, None, framing, look.on)
    shown = shares(frame, mask, look)
    least = least_blur(view)
    if look.effect == "transparent":
        alpha = None if alpha is None else framed_alpha(alpha, view, framing.mirror)
        result = cutout(frame, shown, alpha)
    else:
        result = to_bgr(Look()(frame, mask, look, least).pixels)
    return shown[:height, :width], result[:height, :width]


def framed_alpha(alpha: Pixels, view: View, mirror: bool) -> Pixels:
    """The alpha of a picture, uint8 (H, W), with the framing of its pixels; made even."""
    height, width = alpha.shape
    pixels = np.zeros(((height + height % 2) * 3 // 2, width + width % 2), np.uint8)
    planes(pixels)[0][:] = np.pad(alpha, ((0, height % 2), (0, width % 2)), mode="edge")
    return planes(cut_frame(pixels, view.box, mirror))[0]


def shares(frame: RawFrame, mask: FrameMask | None, look: LookSettings) -> Pixels:
    """How much of each pixel the effect leaves, uint8 (H, W), as the compositor has it."""
    luma = planes(frame.pixels)[0]
    kept = left_alone(mask, look)
    return np.zeros_like(luma) if kept is None else np.rint(cut_out(kept.alpha, luma).whole() * 255).astype(np.uint8)


def cutout(frame: RawFrame, shown: Pixels, alpha: Pixels | None = None) -> Pixels:
    """The frame with `shown`, uint8 (H, W), as its transparency, uint8 (H, W, 4) BGRA; where the picture itself has an
    alpha and lies before white, with the product of both.
    """
    bgr = to_bgr(relit(frame.pixels, shown.astype(np.float32) / 255, frame.pixels, clean=1.0, wrap=0.0))
    if alpha is not None:
        bgr, shown = off_white(bgr, alpha), np.rint(shown * (alpha / 255.0)).astype(np.uint8)
    # No more of a pixel's colour is in the file than its transparency shows: else the room could be brought back.
    visible = np.rint(bgr * (shown[..., None] / 255.0))
    colours = np.rint(visible * 255 / np.maximum(shown, 1)[..., None]).clip(0, 255).astype(np.uint8)
    return np.dstack([colours, shown])


def on_squares(cutout: Pixels) -> Pixels:
    """BGRA before light and dark squares, as BGR."""
    height, width = cutout.shape[:2]
    squares = np.where(np.add.outer(np.arange(height) // 16, np.arange(width) // 16) % 2, 255.0, 204.0)[..., None]
    alpha = cutout[..., 3:] / 255.0
    return np.rint(cutout[..., :3] * alpha + squares * (1.0 - alpha)).astype(np.uint8)


def write_picture(path: Path, image: Pixels) -> None:
    """JPEG or PNG, by the name. Raises OutputError."""
    good, data = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else [])
    if not good:
        raise OutputError(f"{path} can't be encoded: {image.shape[1]}×{image.shape[0]} is too large for its format")
    with whole(path) as beside:
        beside.write_bytes(data.tobytes())
