"""Frames made in one go, step by step on the CPU."""

import cv2
import numpy as np
import pytest
import torch

from segnet.inference import load_segmenter
from segnet.mask_model import MaskModel
from segnet.weights import DEFAULT, load_weights
from tests.effects.test_compositor import soft_disc
from vcam.frame import empty
from vcam.masks.mask import HIGH, LOW
from vcam.media.yuv import from_yuyv, to_bgr
from vcam.pipeline import gpu_pixels
from vcam.pipeline.cuda_graph import Frames

SIZES = [(640, 480), (1280, 720), (854, 482), (480, 640), (160, 120)]


SEEN = (256, 144)


def disc(seen=SEEN, radius=0.5):
    """What a network may answer: a soft disc, here and there in doubt."""
    return 0.05 + 0.9 * soft_disc(seen[::-1], radius)


class Answers:
    """A network that gives what it is told to, and notes what it was given."""

    def __init__(self, answer):
        self.answer, self.seen, self.told = answer, [], []

    def __call__(self, picture, previous):
        self.seen.append(picture[0].numpy().copy())
        self.told.append(previous[0, 0].numpy().copy())
        return torch.from_numpy(self.answer)[None, None]


def frames_by(answer, size=(640, 480), seen=SEEN):
    return Frames(Answers(answer), True, seen, size, "cpu")


def at(frame, size):
    """The frame at another size: as YUYV, and as the I420 that the camera makes of it."""
    yuyv = cv2.cvtColor(cv2.resize(to_bgr(frame.pixels), size), cv2.COLOR_BGR2YUV_YUYV)
    pixels = empty(*size)
    from_yuyv(yuyv, pixels)
    return yuyv, pixels


def filled(soft):
    given = torch.from_numpy(soft)
    return gpu_pixels.filled(given, given <= LOW, given < HIGH).numpy()


def furthest(one, other):
    return np.abs(one.astype(int) - other).max()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several of torch's wait for each other longer than they work, where other programs run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model():
    weights, info = load_weights(DEFAULT)
    return MaskModel(weights, info).eval()


@pytest.fixture(scope="module")
def torch_segmenter():
    return load_segmenter(DEFAULT, engine="torch", device="cpu", threads=1)
