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
    """uint8 (H, W, 3) BGR, turned upright as its EXIF data says. Raises PictureError."""
    demand_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size has a limit of its own
            with Image.open(path) as image:
                check_size(path, *image.size)
                rgb = eight_bits(path, ImageOps.exif_transpose(image)).convert("RGB")
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
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def demand_file(path: Path) -> None:
    """Raise PictureError for what may let its reader wait for ever, such as a pipe."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise PictureError(f"{path} is no ordinary file; name one")


def eight_bits(path: Path, image: Image.Image) -> Image.Image:
    """Grey of 16 bits as 8 bits, which Pillow would clip instead. Raises PictureError."""
    if image.mode == "F":
        raise PictureError(f"{path} holds numbers without a scale; save it as an ordinary picture first")
    if image.mode.startswith("I"):
        return Image.fromarray(np.clip(np.asarray(image) / 257.0 + 0.5, 0, 255).astype(np.uint8))
    return image


def check_size(path: Path, width: int, height: int) -> None:
    """Raise PictureError for sizes that can't be processed."""
    if min(width, height) < SMALLEST:
        raise PictureError(f"{path} is {width}×{height}; a picture needs at least {SMALLEST} pixels a side")
    if width * height > LARGEST:
        raise PictureError(
            f"{path} is {width}×{height}; scale it down to at most {LARGEST // 1_000_000} million pixels"
        )
