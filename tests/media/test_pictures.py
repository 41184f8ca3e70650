"""Pictures are read as they are meant."""

import cv2
import numpy as np
import pytest
from PIL import Image

from vcam.media.pictures import read_picture


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
