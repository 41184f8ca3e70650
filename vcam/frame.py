"""Pictures as planes, and the safe frame: the only kind that may be shown. Raw ones are in media/raw_frame.py."""

from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# uint8 (H * 3 / 2, W), C-contiguous: plane Y of (H, W), then U and V of (H / 2, W / 2) each;
# BT.601, limited range. H and W are even.
I420 = NDArray[Any]
YUYV = NDArray[Any]  # uint8 (H, W, 2), as V4L2 has it, limited range


_SEAL = object()


@dataclass(frozen=True)
class SafeFrame:
    """A picture that may leave: a composite by the mask of that very frame, a wholly blurred frame, or a
    placeholder. Only `seal` makes one; only the compositors (effects/compositor.py, on a GPU pipeline/cuda_graph.py),
    the placeholder painter and the keeper's end of the slots call that (tests/test_imports.py).
    """

    pixels: I420 = field(repr=False)
    made_by: InitVar[object]

    def __post_init__(self, made_by: object) -> None:
        if made_by is not _SEAL:
            raise TypeError("a SafeFrame comes from the compositor or the placeholder painter, from nothing else")


def seal(pixels: I420) -> SafeFrame:
    """Vouch for the pixels. Raises ValueError where they are not an I420 picture."""
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[0] % 3 or pixels.shape[1] % 2:
        raise ValueError(f"not an I420 picture: {pixels.dtype} {pixels.shape}")
    return SafeFrame(pixels, _SEAL)


def size_of(pixels: I420) -> tuple[int, int]:
    """Width and height of the picture in an I420 array."""
    return pixels.shape[1], pixels.shape[0] * 2 // 3


def empty(width: int, height: int) -> I420:
    """A new I420 array, its content undefined."""
    return np.empty((height * 3 // 2, width), np.uint8)


def planes(pixels: I420) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Views of Y (H, W), U and V (H / 2, W / 2)."""
    width, height = size_of(pixels)
    flat = pixels.reshape(-1)
    luma, chroma = width * height, width * height // 4
    y, u, v = flat[:luma], flat[luma : luma + chroma], flat[luma + chroma :]
    return (
        y.reshape(height, width),
        u.reshape(height // 2, -1),
        v.reshape(height // 2, -1),
    )
