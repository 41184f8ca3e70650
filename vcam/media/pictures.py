"""Pictures from files."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vcam.errors import PictureError

SMALLEST, LARGEST = 16, 40_000_000  # pixels of a side, pixels of a picture
OTHER = "name another file, or copy it again"
Pixels = NDArray[Any]


def read_picture(path: Path) -> Pixels:
    """uint8 (H, W, 3) BGR, turned upright as its EXIF data says, before white where it is transparent. Raises
    PictureError.
    """
    return read_with_alpha(path)[0]


def read_with_alpha(path: Path) -> tuple[Pixels, Pixels | None]:
    """The same, and its alpha, uint8 (H, W), or None where it has none. Raises PictureError."""
    demand_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size has a limit of its own
            with Image.open(path) as image:
                check_size(path, *image.size)
                upright = eight_bits(path, ImageOps.exif_transpose(image))
                pixels = np.asarray(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))
    except UnidentifiedImageError:
        raise PictureError(f"{path} is not a picture in a known format, such as JPEG or PNG") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{path} is too large; scale it down to {LARGEST // 1_000_000} million pixels") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}; {OTHER}") from None
    except PictureError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders of rare formats raise whatever they like
        raise PictureError(f"{path} can't be read: {error}; {OTHER}") from None
    bgr = np.ascontiguousarray(pixels[..., 2::-1])
    if pixels.shape[2] == 3:
        return bgr, None
    alpha = np.ascontiguousarray(pixels[..., 3])
    return before_white(bgr, alpha), alpha


def before_white(colours: Pixels, alpha: Pixels) -> Pixels:
    """uint8 (H, W, 3) with alpha, uint8 (H, W), laid over white: erased parts often keep their colours under alpha 0,
    and none of a pixel may be seen beyond its alpha.
    """
    share = alpha[..., None] / np.float32(255)
    return np.rint(colours * share + 255 * (1 - share)).astype(np.uint8)


def off_white(colours: Pixels, alpha: Pixels) -> Pixels:
    """The inverse of `before_white`, as far as it goes; white where nothing is seen."""
    share = np.maximum(alpha, 1)[..., None] / np.float32(255)
    return np.rint(255 - (255 - colours) / share).clip(0, 255).astype(np.uint8)


def demand_file(path: Path) -> None:
    """Raise PictureError for what may let its reader wait for ever, such as a pipe."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise PictureError(f"{path} is no ordinary file; name one")


def eight_bits(path: Path, image: Image.Image) -> Image.Image:
    """16 bits a channel as 8 bits, with the colour that is transparent, where it names one. Raises PictureError."""
    if image.mode == "F":
        raise PictureError(f"{path} holds numbers without a scale; save it as an ordinary picture first")
    clear = image.info.get("transparency")
    if image.mode.startswith("I"):  # which Pillow would clip
        deep = np.asarray(image)
        grey = Image.fromarray(np.clip(deep / 257.0 + 0.5, 0, 255).astype(np.uint8))
        if clear is None:
            return grey
        return Image.merge("LA", (grey, Image.fromarray(np.where(deep == clear, 0, 255).astype(np.uint8))))
    if image.mode == "RGB" and isinstance(clear, tuple) and max(clear) > 255:  # read as 8 bits but for this colour
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return image


def check_size(path: Path, width: int, height: int) -> None:
    """Raise PictureError for sizes that can't be processed."""
    if min(width, height) < SMALLEST:
        raise PictureError(f"{path} is {width}×{height}; a picture needs at least {SMALLEST} pixels a side")
    if width * height > LARGEST:
        raise PictureError(
            f"{path} is {width}×{height}; scale it down to at most {LARGEST // 1_000_000} million pixels"
        )
