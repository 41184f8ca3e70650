"""The recipe of most Python programs for a blurred background, to measure ours against: BGR, a Gaussian over the whole
picture, a blend in floats. It blurs the person's colours into the room, too. Only `segblur bench` ever uses it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420
from vcam.masks.mask import Segment

Pixels = NDArray[Any]
Find = Callable[[Pixels], NDArray[Any]]  # uint8 (H, W, 3) RGB → float32 (h, w), 0 to 1, 1 = person
KERNEL = (35, 35)  # pixels, as the tutorials have it


def ordinary(data: Pixels, fourcc: str, find: Find, size: tuple[int, int]) -> I420:
    """A webcam's buffer, MJPG's bytes or YUYV's uint8 (H, W, 2), to I420 with the background blurred."""
    if fourcc == "MJPG":
        bgr = np.asarray(cv2.imdecode(data.reshape(-1), cv2.IMREAD_COLOR))
    else:
        bgr = np.asarray(cv2.cvtColor(data, cv2.COLOR_YUV2BGR_YUYV))
    mask = find(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)))
    alpha = np.asarray(cv2.resize(mask, size))[..., None]
    blurred = cv2.GaussianBlur(bgr, KERNEL, 0)
    blended = (alpha * bgr + (1 - alpha) * blurred).astype(np.uint8)
    return np.asarray(cv2.cvtColor(blended, cv2.COLOR_BGR2YUV_I420))


def by_network(segment: Segment) -> Find:
    """The same network as ours, with its memory."""
    before: NDArray[Any] | None = None

    def find(rgb: Pixels) -> NDArray[Any]:
        nonlocal before
        before = segment(np.asarray(cv2.resize(rgb, segment.size_for(rgb.shape[1], rgb.shape[0]))), before)
        return before

    return find


def by_mediapipe() -> Find | None:
    """MediaPipe's landscape network, by its own package; None where that is not installed."""
    try:
        package: Any = import_module("mediapipe.python.solutions.selfie_segmentation")
    except ImportError:
        return None
    selfie = package.SelfieSegmentation(model_selection=1)
    return lambda rgb: np.asarray(selfie.process(rgb).segmentation_mask, np.float32)
