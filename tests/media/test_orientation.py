"""Videos and pictures stand upright, however the file says that they lie: turned, mirrored, or both."""

import io
import struct
from itertools import product

import av
import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.helpers.films import drawn, film
from vcam.media.films import VideoFile
from vcam.media.pictures import read_with_alpha
from vcam.media.yuv import to_bgr

ONE = 1 << 16
TURNS = [(a, 0, 0, d) for a, d in product((1, -1), repeat=2)] + [(0, b, c, 0) for b, c in product((1, -1), repeat=2)]


def with_matrix(path, a, b, c, d):
    """The MP4 with another display matrix, in each track's header."""
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd")
    while place > 0:
        data[place + 44 : place + 80] = struct.pack(">9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)
        place = data.find(b"tkhd", place + 4)
    path.write_bytes(data)
    return path


def seen(picture, a, b, c, d):
    """The picture, pixel by pixel: what was at (x, y) is at (ax + cy, bx + dy), moved into view."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    right, down = a * x + c * y, b * x + d * y
    right, down = right - right.min(), down - down.min()
    result = np.empty((down.max() + 1, right.max() + 1, 3), np.uint8)
    result[down, right] = picture
    return result


@pytest.mark.parametrize("matrix", TURNS)
def test_a_video_is_seen_as_its_matrix_says(tmp_path, matrix):
    path = with_matrix(film(tmp_path / "a.mp4", 3, "libx264", pixels="yuv420p"), *matrix)
    right = seen(drawn(1), *matrix)
    with VideoFile(path) as video:
        frames = [to_bgr(pixels)[..., ::-1] for pixels in video.frames()]
        assert (video.height, video.width, 3) == right.shape
    assert len(frames) == 3
    assert np.abs(frames[1].astype(int) - right).mean() < 4
    others = [other for other in (seen(drawn(1), *turn) for turn in TURNS) if other.shape == right.shape]
    assert sorted(np.abs(frames[1].astype(int) - other).mean() for other in others)[1] > 8  # no other would do


def test_pixels_that_are_wide_are_high_when_the_video_is_turned(tmp_path):
    path = film(tmp_path / "a.mp4", 3, "libx264", pixels="yuv420p", x264="sar=4/3")
    with_matrix(path, 0, 1, -1, 0)
    with VideoFile(path) as video:
        assert (video.width, video.height, video.pixel_aspect) == (120, 160, 3 / 4)


BY_EXIF = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


@pytest.mark.parametrize("exif", BY_EXIF)
def test_a_video_of_jpegs_with_exif_data_as_cameras_make_it_is_read_and_stands_upright(tmp_path, exif):
    data = Image.Exif()
    data[ExifTags.Base.Orientation], data[ExifTags.Base.Make] = exif, "Camera"

    def with_exif(packet):
        jpeg = io.BytesIO()
        Image.open(io.BytesIO(bytes(packet))).save(jpeg, "JPEG", quality=95, exif=data)
        changed = av.Packet(jpeg.getvalue())
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.stream = packet.stream
        return changed

    right = seen(drawn(1), *BY_EXIF[exif])
    with VideoFile(film(tmp_path / "a.avi", 3, change=with_exif)) as video:
        frames = [to_bgr(pixels)[..., ::-1] for pixels in video.frames()]
    assert len(frames) == 3
    assert np.abs(frames[1].astype(int) - right).mean() < 4


@pytest.mark.parametrize("packing", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("exif", BY_EXIF)
def test_a_tiff_is_seen_as_it_says_however_its_pixels_are_stored(tmp_path, exif, mode, packing):
    image = Image.fromarray(drawn(1)).convert(mode)
    options = {"compression": packing} if packing else {}
    image.save(tmp_path / "a.tif", tiffinfo={ExifTags.Base.Orientation: exif}, **options)
    bgr, _ = read_with_alpha(tmp_path / "a.tif")
    assert np.array_equal(bgr[..., ::-1], seen(np.asarray(image.convert("RGB")), *BY_EXIF[exif]))
