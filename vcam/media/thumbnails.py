"""Small pictures of what is in the gallery, kept in the cache."""

import hashlib
import io
import os
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vcam.errors import OutputError, PictureError
from vcam.media.admit import FORMATS, PATIENCE, Kind, by_another, cleaned, demand_pixels
from vcam.system.atomic_write import replaced, write
from vcam.system.folders import base_folder

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = 208, 117
MOST = 1000  # thumbnails that are kept
QUALITY = 85


def thumbnail(name: str, path: Path, kind: Kind) -> Path:
    """A JPEG of SIZE, of a file that messages call `name`: from the cache, or made now, which for a video takes a
    second or two. Raises PictureError where it is gone or can't be shown, OutputError where the cache can't be written.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise PictureError(f"{name} can't be read: {error.strerror}; remove it") from None
    if not stat.S_ISREG(facts.st_mode):
        raise PictureError(f"{name} is no ordinary file; remove it")
    folder = base_folder("XDG_CACHE_HOME", ".cache") / "segblur" / "thumbnails"
    about = os.fsencode(path) + f"\0{facts.st_mtime_ns}\0{facts.st_size}".encode()
    kept = folder / f"{hashlib.sha256(about).hexdigest()}.jpg"
    with suppress(OSError):
        os.utime(kept)  # the oldest use goes first
        return kept
    data = (of_video if kind == "video" else of_picture)(name, path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replaced(kept) as (descriptor, _):
            write(descriptor, data)
        prune(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be written: {error.strerror}; make room there") from None
    return kept


def of_picture(name: str, path: Path) -> bytes:
    """The JPEG of a picture; of a large JPEG only every second or fourth pixel is decoded. Raises PictureError."""
    from PIL import Image, ImageOps

    demand_pixels(name, path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            image.draft("RGB", (2 * SIZE[0], 2 * SIZE[0]))  # it may have to be turned
            try:
                upright = ImageOps.exif_transpose(image)
            except Exception:  # noqa: BLE001 - of broken EXIF data Pillow raises whatever it likes
                upright = image
            return small(upright)
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like
        raise PictureError(f"{name} can't be read: {cleaned(str(error))}; remove it") from None


def small(image: "Image") -> bytes:
    """A picture of any kind as a JPEG of SIZE: its middle, before white where it is transparent."""
    from PIL import Image, ImageOps

    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    fitted = ImageOps.fit(image if image.mode == mode else image.convert(mode), SIZE)
    if mode == "RGBA":
        white = Image.new("RGBA", SIZE, "white")
        white.alpha_composite(fitted)
        fitted = white.convert("RGB")
    out = io.BytesIO()
    fitted.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def of_video(name: str, path: Path) -> bytes:
    """The JPEG of a frame, by a process of its own. Raises PictureError."""
    try:
        done = by_another(PATIENCE, "vcam.media.film_still", os.fspath(path))
    except subprocess.TimeoutExpired:
        raise PictureError(f"{name} could not be read within {PATIENCE:.0f} seconds; remove it") from None
    if done.returncode or not done.stdout:
        raise PictureError(f"{name} can't be read as a video; remove it")
    return done.stdout


def prune(folder: Path) -> None:
    """Remove those beyond MOST whose last use is the longest ago."""
    found = []
    for path in folder.iterdir():
        with suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(found)[:-MOST]:
        with suppress(OSError):
            path.unlink()
