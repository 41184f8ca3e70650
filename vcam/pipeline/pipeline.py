"""From a raw frame to the picture that may leave, by the mask of that very frame."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from vcam.effects.look import Look
from vcam.frame import I420, SafeFrame
from vcam.masks.mask import Complaints, FrameMask, Segment, mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.pipeline.framing import WHOLE, View, framed, least_blur
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.settings import Settings

Lap = Callable[[str], AbstractContextManager[None]]  # times what happens in the block as the stage of that name


class Pipeline:
    """Makes one picture after the other, and remembers of each what helps with the next. `good` is whether the last one
    had a mask that could be used.
    """

    def __init__(self, say: Callable[[str], None], lap: Lap, look: Look | None = None) -> None:
        """`say` is told in a sentence why a frame has no mask, or a scene can't be shown, unless `look` tells that in a
        way of its own.
        """
        self._complain, self._look, self._lap = Complaints(say), look or Look(say), lap
        self._network: Segment | None = None
        self._mask: FrameMask | None = None
        self._view: View | None = None
        self._whole = False  # whether the last frame was made in one go
        self.good = False

    def __call__(self, frame: RawFrame, network: Segment, settings: Settings, out: I420) -> SafeFrame:
        """The frame as it may be shown, in `out`. Raises DeviceLostError."""
        if network is not self._network:
            self._network, self._mask, self._whole = network, None, False
        strength = self._blur_alone(frame, settings)
        if strength is not None and isinstance(network, WatchedNetwork) and network.frames is not None:
            with self._lap("gpu"):
                made = network.make(frame, strength, self._whole, out)
            self._complain(made.trouble)
            self._mask, self._whole, self.good = None, True, not made.trouble
            return made.picture
        with self._lap("mask"):
            mask = mask_or_none(frame, network, self._complain, last=self._mask)
        with self._lap("compose"):
            shown, kept, self._view = framed(frame, mask, self._view, settings.framing, settings.look.on)
            picture = self._look(shown, kept, settings.look, least_blur(self._view), out)
        self._mask, self._whole, self.good = mask, False, mask is not None
        return picture

    def _blur_alone(self, frame: RawFrame, settings: Settings) -> float | None:
        """The strength of the blur, where nothing else is to be done to the frame, and nothing still goes on."""
        framing, view = settings.framing, self._view
        if framing.mirror or framing.crop != "off" or framing.people != "all" or (view and view.box != WHOLE):
            return None
        return self._look.blur_alone(frame, settings.look)
