"""Pictures are read as they are meant."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.files import picture
from vcam.media.pictures import before_white, off_white, read_picture, read_with_alpha


def test_a_picture_is_turned_as_its_exif_data_says(tmp_path):
    upright = Image.fromarray(np.zeros((40, 20, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (20, 40, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "I;16"])
def test_pictures_of_every_kind_of_colour_are_read(tmp_path, mode):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.new(mode, (32, 24)).save(path)
    assert read_picture(path).shape == (24, 32, 3)


def test_grey_of_sixteen_bits_keeps_its_range(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)
    cv2.imwrite(str(tmp_path / "deep.png"), ramp)
    assert np.abs(read_picture(tmp_path / "deep.png")[..., 0] - ramp / 257.0).max() < 1


HIDDEN, SEEN = (255, 0, 255), (0, 160, 0)
MODES = ["RGBA", "LA", "P", "PA", "RGB", "L", "1", "I;16"]


def half_hidden(path, mode):
    """A picture whose left half has alpha 0, by an alpha channel or by a colour that stands for it."""
    alpha = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 16, axis=1).repeat(24, axis=0))
    grey = Image.fromarray(np.repeat(np.uint8([[255, 0]]), 16, axis=1).repeat(24, axis=0))
    rgb = Image.composite(Image.new("RGB", (32, 24), SEEN), Image.new("RGB", (32, 24), HIDDEN), alpha)
    if mode in ("RGBA", "LA", "PA"):
        image = (grey if mode == "LA" else rgb).convert({"PA": "RGBA"}.get(mode, mode))
        image.putalpha(alpha)
        image.save(path)
    elif mode == "RGB":
        rgb.save(path, transparency=HIDDEN)
    elif mode == "P":
        palette = rgb.quantize(4)
        palette.save(path, transparency=palette.getpixel((0, 0)))
    elif mode == "I;16":
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 200).save(path, transparency=255 * 200)
    else:
        grey.convert(mode).save(path, transparency=255 if mode == "L" else 1)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [*((".png", mode) for mode in MODES), (".webp", "RGBA"), (".gif", "P"), (".tif", "RGBA"), (".tif", "LA")],
)
def test_what_has_alpha_0_is_not_read(tmp_path, mode, suffix):
    half_hidden(tmp_path / f"x{suffix}", mode)
    bgr, alpha = read_with_alpha(tmp_path / f"x{suffix}")
    assert alpha is not None
    assert (alpha[:, :15] == 0).all()
    assert (alpha[:, 17:] == 255).all()
    assert (bgr[:, :15] == 255).all()
    assert bgr[:, 17:].max() <= 165
    assert np.array_equal(read_picture(tmp_path / f"x{suffix}"), bgr)


def test_a_colour_of_sixteen_bits_that_stands_for_transparency_is_not_read(tmp_path):
    deep = np.full((24, 32, 3), 300, np.uint16)
    deep[:, :16] = (65000, 500, 65000)
    data = cv2.imencode(".png", deep)[1].tobytes()
    body = b"tRNS" + struct.pack(">3H", 65000, 500, 65000)
    chunk = struct.pack(">I", 6) + body + struct.pack(">I", zlib.crc32(body))
    at = data.index(b"IDAT") - 4
    (tmp_path / "deep.png").write_bytes(data[:at] + chunk + data[at:])
    assert (read_picture(tmp_path / "deep.png")[:, :16] == 255).all()
    assert read_picture(tmp_path / "deep.png")[:, 16:].max() < 4


@pytest.mark.parametrize("alpha", [0, 1, 100, 255])
def test_what_is_half_transparent_is_half_seen_and_comes_off_the_white_again(alpha):
    colours = np.full((16, 16, 3), (10, 90, 250), np.uint8)
    shares = np.full((16, 16), alpha, np.uint8)
    seen = before_white(colours, shares)
    assert np.abs(seen - (colours * (alpha / 255) + 255 - alpha)).max() <= 0.51
    if alpha >= 100:
        assert np.abs(off_white(seen, shares).astype(int) - colours).max() <= 2


def test_a_picture_without_transparency_has_no_alpha(tmp_path):
    assert read_with_alpha(picture(tmp_path / "x.png"))[1] is None
