"""Videos stand upright, however the file says that they lie: turned, mirrored, or both."""

import struct
from itertools import product

import numpy as np
import pytest

from tests.helpers.films import drawn, film
from vcam.media.films import VideoFile
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
