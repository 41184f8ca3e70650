"""A network behind a picture: sizes, masks, and nothing kept from one call to the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet.inference import Segmenter, input_size, load_segmenter
from segnet.weights import DEFAULT


@pytest.mark.parametrize("size", [(256, 144), (224, 160), (160, 224), (16, 16), (512, 144), (128, 288)])
def test_the_network_takes_every_multiple_of_sixteen(segmenter, size):
    mask = segmenter(np.zeros((size[1], size[0], 3), np.uint8))
    assert (mask.shape, mask.dtype) == (size[::-1], np.float32)
    assert 0.0 <= mask.min() <= mask.max() <= 1.0


@given(st.integers(16, 10_000), st.integers(16, 10_000))
def test_every_picture_has_a_network_size_of_about_the_same_area_and_aspect(width, height):
    w, h = input_size(width, height)
    assert w % 16 == h % 16 == 0
    assert 0.8 < w * h / (256 * 144) < 1.25
    assert 0.8 < (w / h) / min(4.0, max(0.25, width / height)) < 1.25


def test_common_webcams_have_the_sizes_that_training_used():
    assert input_size(1280, 720) == input_size(1920, 1080) == (256, 144)
    assert input_size(640, 480) == (224, 160)


def test_a_segmenter_gives_the_same_mask_for_the_same_picture_and_keeps_nothing(segmenter):
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (144, 256, 3)).astype(np.uint8) for _ in range(2))
    first = segmenter(one)
    segmenter(other)
    assert np.array_equal(first, segmenter(one))
    assert isinstance(load_segmenter(DEFAULT), Segmenter)
