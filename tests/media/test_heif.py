"""HEIC pictures are read as telephones mean them, and damaged ones give a sentence."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.helpers.heic import box, heic, nclx, profile, quadrants
from vcam.errors import PictureError
from vcam.media.pictures import read_picture, read_with_alpha

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def apart(path, truth):
    """How far a picture is from what it should be, RGB, at most; not counting pixels beside an edge."""
    read = read_picture(path)[..., ::-1].astype(int)
    assert read.shape == truth.shape
    height, width = (side // 8 for side in truth.shape[:2])
    return max(
        np.abs(read[row * height, column * width] - truth[row * height, column * width]).max()
        for row in (1, 3, 5, 7)
        for column in (1, 3, 5, 7)
    )


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_picture_is_read(tmp_path, version):
    assert apart(heic(tmp_path / "x.heic", [[quadrants()]], version=version), quadrants()) <= 3


@pytest.mark.parametrize("version", [0, 1])
def test_a_picture_of_tiles_is_put_together_and_cropped(tmp_path, version):
    large = quadrants(192, 256)
    tiles = [[large[:96, :128], large[:96, 128:]], [large[96:, :128], large[96:, 128:]]]
    heic(tmp_path / "x.heic", tiles, size=(240, 180), version=version)
    assert apart(tmp_path / "x.heic", large[:180, :240]) <= 3


TURNS = [
    ([("irot", 1)], lambda pixels: np.rot90(pixels, 1)),
    ([("irot", 2)], lambda pixels: np.rot90(pixels, 2)),
    ([("irot", 3)], lambda pixels: np.rot90(pixels, 3)),
    ([("imir", 0)], lambda pixels: pixels[::-1]),
    ([("imir", 1)], lambda pixels: pixels[:, ::-1]),
    ([("irot", 1), ("imir", 1)], lambda pixels: np.rot90(pixels, 1)[:, ::-1]),
]


@pytest.mark.parametrize(("told", "turned"), TURNS)
def test_a_picture_is_turned_as_its_properties_say(tmp_path, told, turned):
    heic(tmp_path / "x.heic", [[quadrants()]], said=[box(kind, bytes([value])) for kind, value in told])
    assert apart(tmp_path / "x.heic", turned(quadrants())) <= 3


def test_a_picture_is_cut_to_its_clean_aperture(tmp_path):
    clap = box("clap", struct.pack(">IIIIiIiI", 112, 1, 64, 1, -6, 1, 12, 1))
    heic(tmp_path / "x.heic", [[quadrants()]], said=[clap])
    assert apart(tmp_path / "x.heic", quadrants()[28:92, 2:114]) <= 3


def test_what_has_alpha_0_is_not_read(tmp_path):
    hidden = quadrants()
    hidden[:, :64] = (255, 0, 255)
    alpha = np.full((96, 128), 255, np.uint8)
    alpha[:, :64] = 0
    heic(tmp_path / "x.heic", [[hidden]], alpha=alpha, said=[box("imir", b"\1")])
    bgr, seen = (pixels[:, ::-1] for pixels in read_with_alpha(tmp_path / "x.heic"))
    assert (seen[:, :60] <= 1).all()
    assert (seen[:, 68:] >= 254).all()
    assert bgr[:, :60].min() >= 254
    assert np.abs(bgr[10, 100, ::-1].astype(int) - (60, 200, 60)).max() <= 4


@pytest.mark.parametrize("full_range", [True, False])
def test_tags_beside_the_picture_count(tmp_path, full_range):
    heic(tmp_path / "x.heic", [[quadrants()]], said=[nclx(1, 13, 6, full_range)], full_range=full_range)
    assert apart(tmp_path / "x.heic", quadrants()) <= 3


def test_a_wide_gamut_becomes_srgb_by_tags_or_by_a_profile(tmp_path):
    p3 = [nclx(12, 13, 6, True)]
    tiles = [[quadrants(), quadrants()]]
    for name, options in {"said": {"said": p3}, "tile": {"tile_said": p3}}.items():
        heic(tmp_path / f"{name}.heic", tiles, **options)
        red = read_picture(tmp_path / f"{name}.heic")[20, 20, ::-1].astype(int)
        assert np.abs(red - (219, 47, 55)).max() <= 4  # 200, 60, 60 of Display P3
    swapped = SRGB.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")
    heic(tmp_path / "icc.heic", tiles, said=[profile(swapped)])
    assert np.abs(read_picture(tmp_path / "icc.heic")[20, 20, ::-1].astype(int) - (60, 200, 60)).max() <= 4


def test_pictures_of_other_kinds_are_named_with_a_remedy(tmp_path):
    heic(tmp_path / "x.heif", [[quadrants()]], kind="jpeg")
    with pytest.raises(PictureError, match=r"x\.heif is a HEIF picture of the kind jpeg.*heif-convert"):
        read_picture(tmp_path / "x.heif")


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path):
    data = heic(tmp_path / "x.heic", [[quadrants()]]).read_bytes()
    (tmp_path / "x.heic").write_bytes(data.replace(struct.pack(">II", 128, 96), struct.pack(">II", 30000, 30000)))
    with pytest.raises(PictureError, match="is 30000×30000; scale it down"):
        read_picture(tmp_path / "x.heic")


def test_damaged_pictures_give_a_sentence_and_nothing_else(tmp_path, capfd):
    large = quadrants(128, 128)
    tiles = [[large[:64, :64], large[:64, 64:]], [large[64:, :64], large[64:, 64:]]]
    data = heic(tmp_path / "x.heic", tiles, alpha=np.full((128, 128), 255, np.uint8)).read_bytes()
    draws = np.random.default_rng(0)
    broken = [data[:length] for length in np.linspace(1, len(data) - 20, 40).astype(int)]
    for _ in range(60):
        changed = np.frombuffer(data, np.uint8).copy()
        changed[draws.integers(0, data.index(b"mdat"), 3)] = draws.integers(0, 256, 3)
        broken.append(changed.tobytes())
    refused = 0
    for number, damaged in enumerate(broken):
        (tmp_path / "bad.heic").write_bytes(damaged)
        try:
            read_picture(tmp_path / "bad.heic")
        except PictureError as error:
            refused += 1
            assert "bad.heic" in str(error)
            assert "\n" not in str(error)
        else:
            assert number >= 40  # no part of the file is enough
    assert refused >= 40
    assert capfd.readouterr() == ("", "")


def test_pillow_and_not_we_read_what_it_knows(tmp_path):
    Image.new("RGB", (32, 24), (200, 60, 60)).save(tmp_path / "x.avif")
    assert read_picture(tmp_path / "x.avif").shape == (24, 32, 3)
