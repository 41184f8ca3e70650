"""`segblur image`: for each picture its mask, the picture with the effect, and a sheet of both beside the original."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vcam.effects.backdrop import check_look
from vcam.effects.look import Look, left_alone
from vcam.effects.tones import Tables, Tone, tables_of, toned
from vcam.errors import OutputError, PictureError, SegBlurError
from vcam.frame import empty, planes
from vcam.masks.decontaminate import relit
from vcam.masks.mask import FrameMask, Segment, mask_or_none
from vcam.masks.upsample import cut_out
from vcam.media.pictures import NAMED, by_strips, off_white, read_with_alpha
from vcam.media.raw_frame import RawFrame
from vcam.media.turn import rotated
from vcam.media.yuv import from_bgr, to_bgr
from vcam.offline.results import make_folder
from vcam.offline.video import on_stderr
from vcam.pipeline.framing import AS_FILMED, UNCORRECTED, View, cut_frame, framed, least_blur
from vcam.settings import FramingSettings, LookSettings, PictureSettings
from vcam.system.atomic_write import check_place, whole

LONGEST_JPEG = 65_000  # pixels of a side
RESULTS = (".mask.png", ".blurred.jpg", ".cutout.png", ".sheet.jpg")  # what follows a picture's name
Pixels = NDArray[Any]  # uint8 (H, W, 3) BGR, or (H, W)


@dataclass(frozen=True)
class Job:
    """A picture and the files of its results: planned, later written. `trouble` is a sentence that says why there are
    none, "" where all is well.
    """

    source: Path
    targets: tuple[Path, ...] = ()
    trouble: str = ""


def blur_pictures(
    sources: Sequence[Path],
    folder: Path,
    segment: Segment,
    look: LookSettings,
    framing: FramingSettings = AS_FILMED,
    picture: PictureSettings = UNCORRECTED,
) -> Iterator[Job]:
    """Each picture as it is done: NAME.mask.png (8-bit grey, 255 = kept), NAME.blurred.jpg (NAME.cutout.png with
    transparency, where that is the effect) and NAME.sheet.jpg in `folder`, or the reason why not; first the pictures
    for which that is known beforehand. Of a folder all pictures in it. A bar on stderr shows how far they are. Raises
    PictureError for the effect's own file, OutputError for `folder`.
    """
    check_look(look)
    make_folder(folder)
    planned = list(plan(sources, folder, look))
    jobs = [job for job in planned if not job.trouble]
    yield from (job for job in planned if job.trouble)
    for job in tqdm(jobs, unit="picture", disable=None):
        try:
            write_results(job, segment, look, framing, picture)
            yield job
        except SegBlurError as error:
            yield replace(job, trouble=str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one file, the others go on
            yield replace(job, trouble=f"{job.source} can't be blurred ({type(error).__name__}: {error})")


def plan(sources: Sequence[Path], folder: Path, look: LookSettings) -> Iterator[Job]:
    """A job for each picture, no two of which have a result in common, and none that one of the pictures itself is."""
    found = dict.fromkeys(entry for source in sources for entry in entries(source, folder))
    taken = {os.path.realpath(path) for path, trouble in found if not trouble}
    stems = {path.stem for path, trouble in found if not trouble}
    for path, trouble in found:
        if trouble:
            yield Job(path, trouble=trouble)
            continue
        # The second of a name is NAME-2, unless that is another picture's name.
        names = (path.stem if number == 1 else f"{path.stem}-{number}" for number in count(1))
        free = (name for name in names if name == path.stem or name not in stems)
        targets = next(
            targets
            for targets in (result_paths(name, folder, look) for name in free)
            if taken.isdisjoint(map(os.path.realpath, targets))
        )
        taken.update(map(os.path.realpath, targets))
        try:
            for target in targets:
                check_place(target)
            yield Job(path, targets)
        except OutputError as error:
            yield Job(path, trouble=str(error))


def entries(source: Path, results: Path) -> Iterator[tuple[Path, str]]:
    """The picture itself, or those in a folder, without what earlier runs wrote there as results; each with a sentence
    that says why it can't be used, or "".
    """
    if not source.is_dir():
        yield source, ""
        return
    try:
        names = sorted(path for path in source.iterdir() if NAMED.search(path.name) and path.name[0] != ".")
        own = results.is_dir() and results.samefile(source)
    except OSError as error:
        yield source, f"{source} can't be read: {error.strerror}; choose another folder"
        return
    pictures = [path for path in names if not (own and path.name.endswith(RESULTS))]
    if not pictures:
        yield source, f"{source} holds no pictures; name a folder that does, or a picture"
    yield from ((path, "") for path in pictures if not path.is_dir())


def result_paths(name: str, folder: Path, look: LookSettings) -> tuple[Path, Path, Path]:
    """Where mask, picture with the effect and sheet go."""
    mask, blurred, cutout, sheet = (folder / f"{name}{ending}" for ending in RESULTS)
    return mask, cutout if look.effect == "transparent" else blurred, sheet


def write_results(
    job: Job, segment: Segment, look: LookSettings, framing: FramingSettings, picture: PictureSettings
) -> None:
    """The three files of one picture, all of which is turned. Raises PictureError, OutputError."""
    bgr, alpha = read_with_alpha(job.source)
    bgr, alpha = rotated(bgr, picture.rotate), None if alpha is None else rotated(alpha, picture.rotate)
    if max(bgr.shape) > LONGEST_JPEG:
        raise PictureError(f"{job.source} has a side of more than {LONGEST_JPEG} pixels; scale it down")
    mask, result = blur_picture(bgr, segment, look, partial(complain, job.source), framing, alpha, picture)
    for target, image in zip(job.targets, (mask, result, None), strict=True):
        write_picture(target, sheet_of(bgr, mask, result) if image is None else image)


def sheet_of(bgr: Pixels, mask: Pixels, result: Pixels) -> Pixels:
    """The original, its mask and the result side by side, as large as a JPEG may be."""
    shown = result if result.shape[2] == 3 else on_squares(result)
    sheet = np.hstack([bgr, np.asarray(cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR)), shown])
    if sheet.shape[1] <= LONGEST_JPEG:
        return sheet
    height = max(1, sheet.shape[0] * LONGEST_JPEG // sheet.shape[1])
    return np.asarray(cv2.resize(sheet, (LONGEST_JPEG, height), interpolation=cv2.INTER_AREA))


def complain(path: Path, reason: str) -> None:
    """Report on stderr, above the bar, what is wrong with a picture."""
    on_stderr(f"segblur: {path}: {reason}")


def blur_picture(
    bgr: Pixels,
    segment: Segment,
    look: LookSettings,
    complain: Callable[[str], None],
    framing: FramingSettings = AS_FILMED,
    alpha: Pixels | None = None,
    picture: PictureSettings = UNCORRECTED,
) -> tuple[Pixels, Pixels]:
    """The mask, uint8 (H, W), and the picture with the effect, uint8 (H, W, 3) BGR, or BGRA where that is transparency:
    then `alpha`, that of the picture, which lies before white, counts too. Light and warmth are those of `picture`; it
    is not turned. Where there is no mask to be trusted the first is 0 everywhere, the effect is all over the picture,
    and `complain` gets the reason. Raises PictureError for the effect's own file.
    """
    height, width = bgr.shape[:2]
    even = np.asarray(cv2.copyMakeBorder(bgr, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
    pixels = empty(even.shape[1], even.shape[0])
    from_bgr(even, pixels)
    frame = RawFrame(pixels, sequence=1, captured=0.0)
    mask = mask_or_none(frame, segment, complain)
    frame, mask, view = framed(frame, mask, None, framing, look.on)
    shown = shares(frame, mask, look)
    tables = tables_of(Tone(picture.light, picture.warmth))
    if look.effect == "transparent":
        alpha = None if alpha is None else framed_alpha(alpha, view, framing.mirror)
        result = cutout(frame, shown, alpha)
        result = result if tables is None else by_strips(partial(toned_cutout, tables), result)
    else:
        result = to_bgr(Look()(frame, mask, look, least_blur(view), tables=tables).pixels)
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
    return by_strips(seen_of, bgr, shown) if alpha is None else by_strips(seen_of, bgr, shown, alpha)


def seen_of(bgr: Pixels, shown: Pixels, alpha: Pixels | None = None) -> Pixels:
    """See cutout."""
    if alpha is not None:
        bgr, shown = off_white(bgr, alpha), np.rint(shown * (alpha / 255.0)).astype(np.uint8)
    # No more of a pixel's colour is in the file than its transparency shows: else the room could be brought back.
    visible = np.rint(bgr * (shown[..., None] / 255.0))
    colours = np.rint(visible * 255 / np.maximum(shown, 1)[..., None]).clip(0, 255).astype(np.uint8)
    return np.dstack([colours, shown])


def toned_cutout(tables: Tables, cutout: Pixels) -> Pixels:
    """BGRA with the visible colours corrected; not before, because the white behind a picture must not be."""
    large = cutout[..., :3].repeat(2, axis=0).repeat(2, axis=1)  # I420 has one colour for 2×2 pixels
    pixels = empty(large.shape[1], large.shape[0])
    from_bgr(large, pixels)
    colours = to_bgr(toned(pixels, tables))[::2, ::2]
    return np.dstack([np.where(cutout[..., 3:] > 0, colours, np.uint8(0)), cutout[..., 3]])


def on_squares(cutout: Pixels) -> Pixels:
    """BGRA before light and dark squares, as BGR."""
    height, width = cutout.shape[:2]
    rows, columns = ((np.arange(side) // 16 % 2).astype(np.uint8) for side in (height, width))
    squares = 204 + 51 * (rows[:, None] ^ columns)
    return by_strips(before, cutout, squares)


def before(cutout: Pixels, squares: Pixels) -> Pixels:
    """See on_squares."""
    alpha = cutout[..., 3:] / 255.0
    return np.rint(cutout[..., :3] * alpha + squares[..., None] * (1.0 - alpha)).astype(np.uint8)


def write_picture(path: Path, image: Pixels) -> None:
    """JPEG or PNG, by the name. Raises OutputError."""
    good, data = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else [])
    if not good:
        raise OutputError(f"{path} can't be encoded: {image.shape[1]}×{image.shape[0]} is too large for its format")
    with whole(path) as beside:
        beside.write_bytes(data.tobytes())
