"""Pictures from files, their colours as sRGB."""

import io
import re
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageChops, ImageCms, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from vcam.errors import PictureError

SMALLEST = 16  # pixels of a side
LARGEST = 200_000_000  # pixels, as many as telephones take; `segblur image` needs up to 25 bytes of memory for each
OTHER = "name another file, or copy it again"
STRIP = 512  # lines, so that what is computed in floats takes little memory
END = b"\xff\xd9"  # of a JPEG
TURNS = {  # EXIF's orientation → what turns the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
NAMED = re.compile(  # as what is taken for a picture in a folder
    r"\.(jpe?g|jpe|jfif|mpo|a?png|webp|gif|bmp|dib|tiff?|avif|hei[cf]|hif|jp2|j2k|jp[xf]|p[bgnp]m|tga|psd|qoi)$", re.I
)
MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's kind of colour → Pillow's mode
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
Pixels = NDArray[Any]

Image.MAX_IMAGE_PIXELS = None  # check_size has a limit of its own
# A megabyte is Pillow's limit, less than some programs' notes, and the profiles of some printers.
PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = 64 << 20, 256 << 20


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
            warnings.simplefilter("ignore")  # a library's, of broken EXIF data: what can be seen is there
            pixels = np.asarray(read_image(path))
    except UnidentifiedImageError:
        raise PictureError(f"{path} is not a picture in a known format, such as JPEG or PNG") from None
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
    return by_strips(before_white, bgr, alpha), alpha


def read_image(path: Path) -> Image.Image:
    """Upright, RGB or RGBA, of sRGB. Raises PictureError, and whatever Pillow does."""
    with opened(path) as file:
        check_size(path, *file.size)
        image = loaded(path, file)
        profile, turn = file.info.get("icc_profile"), turn_of(file)
        image = in_srgb(eight_bits(path, image), profile)
    return image if turn is None else image.transpose(turn)


def opened(path: Path) -> Image.Image:
    """What Pillow reads, or HEIC. Raises PictureError, and whatever the decoders do."""
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        from vcam.media import heif  # for few files

        data = path.read_bytes()
        if not heif.is_heif(data):
            raise
        try:
            return heif.read_heif(data, partial(check_size, path))
        except heif.UnknownKindError as kind:
            raise PictureError(
                f"{path} is a HEIF picture of the kind {kind}, which can't be read; save it as JPEG or PNG, for "
                "example with heif-convert"
            ) from None


def loaded(path: Path, file: Image.Image) -> Image.Image:
    """With its pixels; a JPEG may lack its end marker, but nothing more. Raises OSError."""
    if isinstance(file, TiffImagePlugin.TiffImageFile):
        file.filename = ""  # or Pillow maps one that lies on its side into memory as if it stood upright
    try:
        file.load()
    except OSError:
        if file.format not in ("JPEG", "MPO"):
            raise
        # Where all pixels are there it makes no difference what stands before the end.
        data = path.read_bytes().rstrip(b"\xff")
        image, other = (Image.open(io.BytesIO(data + more + END)) for more in (b"", bytes(range(1, 255))))
        if ImageChops.difference(image.convert("RGB"), other.convert("RGB")).getbbox() is not None:
            raise
        return image
    return file


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """What turns it upright, by its EXIF data; broken ones say nothing."""
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - of broken data Pillow raises whatever it likes
        return None


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, or RGBA where it has transparency, of the colours that its ICC profile means; a profile that is broken, or
    of another kind of picture, is passed over.
    """
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    plain = image if image.mode == wanted else image.convert(wanted)
    if not profile:
        return plain
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = MODES[own.profile.xcolor_space]
        grey, cmyk = image.mode in ("1", "L", "LA"), image.mode == "CMYK"
        if (mode == "L" and not grey) or (mode == "CMYK") != cmyk:
            return plain
        source = image if image.mode == mode else plain.convert(mode)
        result = ImageCms.profileToProfile(source, own, SRGB, outputMode="RGB")
    except (KeyError, OSError, ImageCms.PyCMSError):
        return plain
    assert result is not None  # None is for those who change a picture in its place
    if plain.mode == "RGBA":
        result.putalpha(plain.getchannel("A"))
    return result


def by_strips(change: Callable[..., Pixels], *pictures: Pixels) -> Pixels:
    """What `change` makes of pictures of one height, lines by lines."""
    tops = range(0, pictures[0].shape[0], STRIP)
    return np.concatenate([change(*(picture[top : top + STRIP] for picture in pictures)) for top in tops])


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
