"""From a raw frame to the picture that may leave, by the mask of that very frame."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from vcam.effects.look import Look
from vcam.effects.tones import Glide, Tables, Tone, tables_of
from vcam.frame import I420, SafeFrame
from vcam.masks.mask import FrameMask, Segment, mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.media.turn import UPRIGHT, Turn, enlargement
from vcam.pipeline.framing import WHOLE, View, framed, least_blur
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.settings import Settings
from vcam.system.log import Repeated

Lap = Callable[[str], AbstractContextManager[None]]  # times what happens in the block as the stage of that name


class Pipeline:
    """Makes one picture after the other, and remembers of each what helps with the next. `good` is whether the last one
    had a mask that could be used.
    """

    def __init__(self, say: Callable[[str], None], lap: Lap, look: Look | None = None) -> None:
        """`say` is told in a sentence why a frame has no mask, or a scene can't be shown, unless `look` tells that in a
        way of its own.
        """
        self._complain = Repeated(say, one_kind=True)  # one after the other may give a different figure each
        self._look, self._lap = look or Look(say), lap
        self._network: Segment | None = None
        self._mask: FrameMask | None = None
        self._view: View | None = None
        self._whole = False  # whether the last frame was made in one go
        self._turn = UPRIGHT
        self._glide: Glide | None = None
        self.good = False

    def __call__(self, frame: RawFrame, network: Segment, settings: Settings, out: I420) -> SafeFrame:
        """The frame as it may be shown, in `out`. Raises DeviceLostError."""
        frame = self._turned(frame, settings)
        if network is not self._network:
            self._network, self._mask, self._whole = network, None, False
        tables = self._tables(frame, settings)
        strength = self._blur_alone(frame, settings)
        if strength is not None and isinstance(network, WatchedNetwork) and network.frames is not None:
            with self._lap("gpu"):
                made = network.make(frame, strength, self._whole, out, tables)
            if made.trouble:
                self._complain(made.trouble)
            self._mask, self._whole, self.good = None, True, not made.trouble
            return made.picture
        with self._lap("mask"):
            mask = mask_or_none(frame, network, self._complain, last=self._mask)
        with self._lap("compose"):
            shown, kept, self._view = framed(frame, mask, self._view, settings.framing, settings.look.on)
            picture = self._look(shown, kept, settings.look, least_blur(self._view), out, tables)
        self._mask, self._whole, self.good = mask, False, mask is not None
        return picture

    def _turned(self, frame: RawFrame, settings: Settings) -> RawFrame:
        """The frame, which comes to be seen as the settings turn it; of one that is turned in another way than the last
        one, nothing before it tells anything.
        """
        turn = turn_of(settings, frame.size)
        if turn != self._turn:
            self._turn, self._mask, self._whole, self._view = turn, None, False, None
        return frame if turn == frame.turn else replace(frame, turn=turn)

    def _tables(self, frame: RawFrame, settings: Settings) -> Tables | None:
        """How this frame's levels are corrected, where they are: after a change by and by."""
        tone, now = Tone(settings.picture.light, settings.picture.warmth), frame.captured
        self._glide = Glide(tone, tone, now) if self._glide is None else self._glide.to(tone, now)
        return tables_of(self._glide.at(now))

    def _blur_alone(self, frame: RawFrame, settings: Settings) -> float | None:
        """The strength of the blur, where nothing else is to be done to the room, and nothing still goes on."""
        framing, view = settings.framing, self._view
        if framing.mirror or framing.crop != "off" or framing.people != "all" or (view and view.box != WHOLE):
            return None
        strength = self._look.blur_alone(frame, settings.look)
        least = least_blur(View(enlarged=enlargement(frame.size, frame.turn)))
        return None if strength is None else max(strength, least)


def turn_of(settings: Settings, size: tuple[int, int]) -> Turn:
    """How the settings turn a picture of (width, height); one that lies on its side also at which height it is cut."""
    turn, framing = Turn(settings.picture.rotate), settings.framing
    return turn._replace(middle=framing.y if size[0] >= size[1] else framing.x) if turn.sideways else turn
