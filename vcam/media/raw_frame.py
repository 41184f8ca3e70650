"""A frame as the webcam saw it, which may not be shown."""

from dataclasses import dataclass, field
from functools import cached_property

from vcam.frame import I420, YUYV, empty, size_of
from vcam.media.turn import UPRIGHT, Turn, upright
from vcam.media.yuv import from_yuyv


@dataclass(frozen=True)
class RawFrame:
    """A picture as the webcam saw it. It stays inside the worker."""

    delivered: I420 | YUYV = field(repr=False)
    sequence: int
    captured: float  # time.monotonic() when the driver handed it over, in seconds
    turn: Turn = UPRIGHT  # by which what was delivered becomes the picture
    cut: tuple[object, ...] = ()  # what was cut out of it, or mirrored

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return size_of(self.delivered) if self.delivered.ndim == 2 else self.delivered.shape[1::-1]

    @property
    def geometry(self) -> tuple[object, ...]:
        """Where its pixels are in what the webcam saw: equal for two pictures that fit onto each other."""
        return self.turn, *self.cut

    @cached_property
    def pixels(self) -> I420:
        """The picture; it is made when it is first asked for, as a GPU takes what was delivered as it is."""
        if self.delivered.ndim == 2:
            return upright(self.delivered, self.turn)
        pixels = empty(*self.size)
        from_yuyv(self.delivered, pixels)
        return upright(pixels, self.turn)
