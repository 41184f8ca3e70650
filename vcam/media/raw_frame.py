"""A frame as the webcam saw it, which may not be shown."""

from dataclasses import dataclass, field
from functools import cached_property

from vcam.frame import I420, YUYV, empty, size_of
from vcam.media.yuv import from_yuyv


@dataclass(frozen=True)
class RawFrame:
    """A picture as the webcam saw it. It stays inside the worker."""

    delivered: I420 | YUYV = field(repr=False)
    sequence: int
    captured: float  # time.monotonic() when the driver handed it over, in seconds

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return size_of(self.delivered) if self.delivered.ndim == 2 else self.delivered.shape[1::-1]

    @cached_property
    def pixels(self) -> I420:
        """The picture; of YUYV it is made when it is first asked for, as a GPU takes that as it is."""
        if self.delivered.ndim == 2:
            return self.delivered
        pixels = empty(*self.size)
        from_yuyv(self.delivered, pixels)
        return pixels
