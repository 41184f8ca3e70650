"""Planes from what webcams deliver."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.devices.webcam import decode
from vcam.frame import empty, planes, seal, size_of
from vcam.media.yuv import STRIP, cover, from_bgr, from_yuyv, shrink, small_rgb, to_bgr


@pytest.mark.parametrize("height", [2, 6, STRIP, STRIP + 2, 2 * STRIP, 722])
def test_yuyv_is_split_into_planes_and_colour_of_two_lines_averaged(height):
    rng = np.random.default_rng(1)
    packed = rng.integers(0, 256, (height, 8, 2)).astype(np.uint8)
    out = empty(8, height)
    from_yuyv(packed, out)
    y, u, v = planes(out)
    assert np.array_equal(y, packed[..., 0])
    for plane, offset in ((u, 0), (v, 1)):
        lines = packed[:, offset::2, 1].astype(float)
        assert np.abs(plane - (lines[::2] + lines[1::2]) / 2).max() <= 0.5


def jpeg(bgr, sampling=cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422):
    options = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode(".jpg", bgr, options)[1].reshape(1, -1)


SAMPLINGS = [getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name}") for name in ("411", "420", "422", "440", "444")]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(640, 480), (320, 180), (322, 290), (357, 289)])
def test_an_mjpeg_picture_comes_back_in_limited_range_with_its_colours(sample, sampling, size):
    bgr = cv2.resize(to_bgr(sample[0].pixels), size)
    out = empty(640, 480)
    assert decode(jpeg(bgr, sampling), "MJPG", out)
    assert np.abs(to_bgr(out).astype(int) - cover(bgr, 640, 480)).mean() < 3


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_white_and_black_are_at_the_ends_of_the_range(sampling):
    out = empty(64, 48)
    for level, luma in ((0, 16), (255, 235)):
        assert decode(jpeg(np.full((48, 64, 3), level, np.uint8), sampling), "MJPG", out)
        for plane, wanted in zip(planes(out), (luma, 128, 128), strict=True):
            assert np.abs(plane.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("data", [b"", b"\xff", b"not a jpeg", b"\xff\xd8\xff\xe0" + bytes(100)])
def test_damaged_pictures_are_told_from_good_ones(data):
    assert not decode(np.frombuffer(data, np.uint8), "MJPG", empty(64, 48))


@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_the_decoder(data):
    decode(np.frombuffer(data, np.uint8), "MJPG", empty(64, 48))


@given(st.binary(min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_no_flaw_in_a_jpeg_breaks_the_decoder(flaw, where, length):
    data, out = jpeg(np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)).tobytes(), empty(64, 48)
    at = round(where * len(data))
    data = data[:at] + flaw + data[at + len(flaw) :]
    decode(np.frombuffer(data[: round(length * len(data))], np.uint8), "MJPG", out)


def test_a_webcam_of_odd_size_is_scaled_and_cut_to_the_output(sample):
    bgr = cv2.resize(to_bgr(sample[0].pixels), (357, 289))
    out = empty(640, 360)
    data = cv2.imencode(".jpg", bgr)[1]
    assert decode(data, "MJPG", out)
    yuyv = cv2.cvtColor(cv2.resize(bgr, (356, 289)), cv2.COLOR_BGR2YUV_YUYV)
    other = empty(640, 360)
    assert decode(yuyv, "YUYV", other)
    assert np.abs(planes(out)[0].astype(int) - planes(other)[0]).mean() < 6


@given(*[st.integers(1, 400)] * 2, *[st.integers(1, 200).map(lambda n: 2 * n)] * 2)
def test_covering_always_gives_the_wanted_size_without_distortion(w, h, width, height):
    image = np.zeros((h, w, 3), np.uint8)
    assert cover(image, width, height).shape == (height, width, 3)


def test_covering_keeps_the_middle():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 100:200] = 255
    assert cover(image, 80, 80).min() == 255


def test_colours_survive_the_way_to_the_network(sample):
    small = small_rgb(sample[0].pixels, (224, 160))
    expected = cv2.resize(to_bgr(sample[0].pixels)[..., ::-1].copy(), (224, 160), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 3


@given(*[st.integers(16, 300)] * 2, *[st.integers(4, 100)] * 2)
def test_a_shrunk_plane_has_the_wanted_size_and_keeps_its_brightness(height, width, rows, columns):
    rows, columns = min(rows, height), min(columns, width)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    plane = (255 * (y + x) / 2).astype(np.uint8)
    small = shrink(plane, (columns, rows))
    assert small.shape == (rows, columns)
    assert small.dtype == np.float32
    assert abs(small.mean() - plane.mean()) < 2.5


def test_what_is_finer_than_the_shrunk_plane_can_show_is_not_in_it():
    plane = np.indices((720, 1280)).sum(0).astype(np.uint8) % 2 * 255
    assert np.ptp(shrink(plane, (256, 144))) <= 1


@given(st.integers(1, 50), st.integers(1, 50))
def test_planes_share_the_memory_of_the_picture(w, h):
    pixels = empty(2 * w, 2 * h)
    pixels[:] = 0
    y, u, v = planes(pixels)
    y[:], u[:], v[:] = 1, 2, 3
    assert size_of(pixels) == (2 * w, 2 * h)
    assert np.bincount(pixels.reshape(-1)).tolist() == [0, 4 * w * h, w * h, w * h]
    assert seal(pixels).pixels is pixels


def test_what_is_no_picture_is_not_sealed():
    for wrong in (np.zeros((10, 4), np.uint8), np.zeros((9, 3), np.uint8), np.zeros((9, 4)), np.zeros(9, np.uint8)):
        with pytest.raises(ValueError, match="not an I420 picture"):
            seal(wrong)


def test_from_bgr_keeps_the_size(sample):
    out = empty(640, 480)
    from_bgr(to_bgr(sample[0].pixels), out)
    assert np.abs(out.astype(int) - sample[0].pixels).mean() < 2
