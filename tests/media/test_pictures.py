"""Pictures are read as they are meant."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from tests.helpers.files import picture
from vcam.errors import PictureError
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


def profile_of(kind):
    """An ICC profile: of sRGB's primaries in another order, so that red means green, or of a dark grey."""
    if kind == "grey":
        return grey_profile(gamma=1.0)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")


def grey_profile(gamma):
    """As ICC.1, 8.5, has it: a curve and the white of D50."""
    white = struct.pack(">4s4xiii", b"XYZ ", 63190, 65536, 54061)
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    text = struct.pack(">4s4xI5s67x", b"desc", 5, b"grey\0")
    tags = {b"desc": text, b"wtpt": white, b"kTRC": curve}
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    header = struct.pack(">4x4sI4s4s4s", b"\0\0\0\0", 0x02400000, b"mntr", b"GRAY", b"XYZ ").ljust(36, b"\0")
    header += b"acsp".ljust(32, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    header = header.ljust(128, b"\0")
    data = header + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(data)) + data[4:]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_profile_says_what_the_colours_are(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.new("RGB", (32, 24), (200, 60, 40)).save(tmp_path / f"x{suffix}", icc_profile=profile_of("rgb"), **options)
    assert np.abs(read_picture(tmp_path / f"x{suffix}")[12, 16].astype(int) - (40, 200, 60)).max() <= 4


def test_a_profile_counts_for_what_is_half_transparent_and_for_palettes(tmp_path):
    seen = Image.new("RGBA", (32, 24), (200, 60, 40, 255))
    seen.putpixel((0, 0), (200, 60, 40, 0))
    seen.save(tmp_path / "x.png", icc_profile=profile_of("rgb"))
    bgr, alpha = read_with_alpha(tmp_path / "x.png")
    assert np.abs(bgr[12, 16].astype(int) - (40, 200, 60)).max() <= 3
    assert (alpha[0, 0], alpha[12, 16]) == (0, 255)
    seen.convert("RGB").quantize(4).save(tmp_path / "p.png", icc_profile=profile_of("rgb"))
    assert np.abs(read_picture(tmp_path / "p.png")[12, 16].astype(int) - (40, 200, 60)).max() <= 3


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "1"])
def test_a_profile_says_how_light_a_grey_is(tmp_path, mode):
    grey = Image.new("L", (32, 24), 128)
    image = Image.fromarray(np.full((24, 32), 128 * 257, np.uint16)) if mode == "I;16" else grey.convert(mode)
    image.save(tmp_path / "x.png", icc_profile=profile_of("grey"))
    right = {"1": image.getpixel((1, 1))}.get(mode, 188)  # half of the light
    assert np.abs(read_picture(tmp_path / "x.png")[1, 1].astype(int) - right).max() <= 2


@pytest.mark.parametrize("profile", [b"broken", profile_of("grey"), profile_of("rgb")[:200]])
def test_a_profile_that_is_broken_or_of_other_pictures_changes_nothing(tmp_path, profile):
    Image.new("RGB", (32, 24), (200, 60, 40)).save(tmp_path / "x.png", icc_profile=profile)
    assert (read_picture(tmp_path / "x.png")[12, 16] == (40, 60, 200)).all()


def jpeg(path, **options):
    Image.open(picture(path)).save(path, **options)
    return path.read_bytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("more", [b"", b"\xff", b"\0\0\0\0"])
def test_a_jpeg_without_its_end_marker_is_whole(tmp_path, options, more):
    whole = jpeg(tmp_path / "x.jpg", **options)
    assert whole.endswith(b"\xff\xd9")
    (tmp_path / "open.jpg").write_bytes(whole[:-2] + more)
    assert np.array_equal(read_picture(tmp_path / "open.jpg"), read_picture(tmp_path / "x.jpg"))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("lost", [6, 40, 700, 9000])
def test_a_jpeg_that_lacks_more_is_cut_off(tmp_path, options, lost, capfd):
    whole = jpeg(tmp_path / "x.jpg", **options)
    (tmp_path / "cut.jpg").write_bytes(whole[:-lost])
    with pytest.raises(PictureError, match=r"cut\.jpg can't be read"):
        read_picture(tmp_path / "cut.jpg")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["zip", "text", "itxt"])
def test_a_png_with_long_text_or_a_large_profile_is_read(tmp_path, kind):
    long = "word " * 600_000
    info = PngImagePlugin.PngInfo()
    if kind == "itxt":
        info.add_itxt("Comment", long, zip=True)
    else:
        info.add_text("Comment", long, zip=kind == "zip")
    profile = profile_of("rgb") + bytes(3_000_000)
    Image.new("RGB", (32, 24), (200, 60, 40)).save(tmp_path / "x.png", pnginfo=info, icc_profile=profile)
    assert read_picture(tmp_path / "x.png").shape == (24, 32, 3)


EXIF = [
    b"Exif\0\0garbage",
    b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
    b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x02\0\0\0\x04abcd\x87\x69\0\x04\0\0\0\x01\xff\xff\xff\xff",
    b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0\0\0\0\0",
]


@pytest.mark.parametrize("exif", EXIF)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_broken_exif_data_neither_matter_nor_make_a_library_speak(tmp_path, exif, suffix, capfd, recwarn):
    Image.new("RGB", (32, 24), (200, 60, 40)).save(tmp_path / f"x{suffix}", exif=exif)
    assert sorted(read_picture(tmp_path / f"x{suffix}").shape) == [3, 24, 32]
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_a_telephones_picture_of_48_million_pixels_is_read(tmp_path):
    Image.new("L", (8064, 6048), 100).save(tmp_path / "x.jpg")
    assert read_picture(tmp_path / "x.jpg").shape == (6048, 8064, 3)
