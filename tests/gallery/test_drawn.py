"""The backgrounds that come with SegBlur are what the command draws, and fit to sit in front of."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.gallery.__main__ import SCENES, draw
from vcam.media.gallery import DRAWN, NAMES

SMALL = 160, 90
LUMA = np.array([0.299, 0.587, 0.114])


def shipped(name):
    with Image.open(DRAWN / f"{name}.jpg") as image:
        return np.asarray(image)


def small(pixels):
    return cv2.resize(pixels, SMALL, interpolation=cv2.INTER_AREA).astype(int)


@pytest.mark.parametrize("name", SCENES)
def test_a_background_is_what_the_command_draws(name):
    difference = np.abs(small(draw(name)) - small(shipped(name)))
    assert difference.max() <= 4
    assert difference.mean() < 0.5  # nor does what the file leaves out make bands


def test_there_are_these_six_and_they_are_light():
    assert (*SCENES,) == NAMES
    assert {path.name for path in DRAWN.iterdir()} == {f"{name}.jpg" for name in NAMES}
    assert sum(path.stat().st_size for path in DRAWN.iterdir()) <= 600_000


@pytest.mark.parametrize("name", NAMES)
def test_a_background_is_darker_below_and_quiet_where_somebody_sits(name):
    pixels = shipped(name)
    assert pixels.shape == (1080, 1920, 3)
    luma = pixels @ LUMA
    assert luma[720:].mean() < luma[240:720].mean()
    assert np.abs(np.diff(luma[:, 640:1280])).mean() <= np.abs(np.diff(luma)).mean() * 1.25
