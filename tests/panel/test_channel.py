"""The preview's pixels as Qt gets them, against a plain conversion in float64."""

import numpy as np
import pytest

from vcam.panel.channel import convert, step_for


def plain(pixels, width, height, step):
    """BT.601, limited range, of means over squares: float64 BGR."""
    y, u, v = np.split(pixels, [width * height, width * height * 5 // 4])
    y = y.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    u, v = (plane.reshape(height // 2, width // 2).astype(float) for plane in (u, v))
    u, v = (plane[:: step // 2, :: step // 2] for plane in (u, v))
    y, u, v = 1.164 * (y - 16), u - 128, v - 128
    return np.clip(np.stack([y + 2.017 * u, y - 0.392 * u - 0.813 * v, y + 1.596 * v], -1), 0, 255)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 480), (160, 120)])
def test_a_picture_reduced_to_a_half_is_within_two_levels_of_float64(width, height):
    rng = np.random.default_rng(0)
    pixels = rng.integers(16, 236, width * height * 3 // 2).astype(np.uint8)
    data, size = convert(memoryview(pixels), (width, height), 2)
    assert size == (width // 2, height // 2)
    shown, filler = np.split(np.frombuffer(data, np.uint8).reshape(size[1], size[0], 4), [3], axis=2)
    assert (filler == 255).all()
    assert np.abs(shown - plain(pixels, width, height, 2)).max() <= 2


@pytest.mark.parametrize("step", [1, 3])
def test_grey_stays_grey_at_other_steps(step):
    pixels = np.full(960 * 540 * 3 // 2, 128, np.uint8)
    pixels[: 960 * 540] = 126
    data, size = convert(memoryview(pixels), (960, 540), step)
    shown = np.frombuffer(data, np.uint8).reshape(-1, 4)[:, :3]
    assert size == (960 // step, 540 // step)
    assert np.abs(shown.astype(int) - round(1.164 * 110)).max() <= 1


def test_a_picture_is_never_converted_larger_than_it_is_shown_nor_than_640():
    assert step_for(1280, 496) == 2
    assert step_for(1280, 720) == 2
    assert step_for(1280, 300) == 4
    assert step_for(640, 496) == 1
    assert step_for(960, 1920) == 2
