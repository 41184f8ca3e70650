"""From the settings of the moment to the picture: which effect, on what, and how one follows another."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from vcam.effects.blur import WEAKEST, Blur, Effect
from vcam.effects.bokeh import Bokeh
from vcam.effects.compositor import compose
from vcam.effects.crossfade import Fade
from vcam.effects.scene import Scene, ahead
from vcam.effects.styles import Colour, Dim, Grey, Pixelate
from vcam.effects.tones import Tables
from vcam.errors import SettingsError
from vcam.frame import I420, SafeFrame
from vcam.masks.mask import FrameMask
from vcam.media.raw_frame import RawFrame
from vcam.settings import LookSettings
from vcam.system.log import Repeated

FADE = 0.3  # seconds
NOBODY = 0.005  # share of the picture; a person who covers less counts as not found
RETRY = 10.0  # seconds after which a file that could not be shown is tried again
INSTEAD = Blur(1.0)  # of a picture or a video that is not there
STYLES: dict[str, Callable[[float], Effect]] = {
    "blur": Blur,
    "bokeh": Bokeh,
    "pixelate": Pixelate,
    "grey": Grey,
    "dim": Dim,
}


class Look:
    """What the frames look like, one after the other. Effects are faded into each other; a picture or a video has been
    read, by a thread, before it takes the place of the effect before it.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        """`say` is told, in a sentence, why a picture or a video can't be shown: then the room is hidden by what was
        shown before, or by the blur. Without `say` each frame waits for them, and PictureError is raised.
        """
        self._say = Repeated(say) if say else None
        self._wanted: LookSettings | None = None
        self._essence: tuple[object, ...] = ()
        self._shown: Effect = INSTEAD
        self._next: Effect | None = None
        self._since: float | None = None  # when the fade to the next began
        self._again: float | None = None  # when to try a scene again that had to be left out

    def __call__(
        self,
        frame: RawFrame,
        mask: FrameMask | None,
        wanted: LookSettings,
        least: float = WEAKEST,
        out: I420 | None = None,
        tables: Tables | None = None,
    ) -> SafeFrame:
        """The frame as it may be shown, by its own mask; without one the effect is all over it. What a blur of strength
        `least` hides is hidden in any case. `out` and `tables` as in compose.
        """
        if wanted.effect == "off":
            return compose(frame, None, as_filmed, out, tables)  # no effect, and so nothing to fade into or from
        effect = self._effect(wanted, frame.size, frame.captured)
        return compose(frame, left_alone(mask, wanted), at_least(effect, least), out, tables)

    def blur_alone(self, frame: RawFrame, wanted: LookSettings) -> float | None:
        """The strength of the blur, where that is all that is to be done to this frame's room; else None."""
        if wanted.shows_room:
            return None
        effect = self._effect(wanted, frame.size, frame.captured)
        return effect.strength if isinstance(effect, Blur) else None

    def _effect(self, wanted: LookSettings, size: tuple[int, int], now: float) -> Effect:
        """What to lay over this frame, of the time `now` in seconds."""
        again = self._again is not None and now >= self._again
        if again or wanted is not self._wanted:
            needed = essence(wanted)  # looked up with new settings only, as it asks the disk
            if again or needed != self._essence:
                self._follow(wanted, make_effect(wanted, size, wait=self._say is None), now)
            self._wanted, self._essence = wanted, needed
        self._turn(now)
        if self._next is None:
            return self._shown
        if self._since is None:
            if isinstance(self._next, Scene) and not self._next.ready:
                return self._shown
            self._since = now
        share = (now - self._since) / FADE
        if share < 1.0:
            return Fade(self._shown, self._next, max(0.0, share))
        self._shown, self._next = self._next, None
        return self._shown

    def _follow(self, wanted: LookSettings, effect: Effect, now: float) -> None:
        """Another effect is wanted than before."""
        before, self._again = self._wanted, None
        if before is None:
            loads = isinstance(effect, Scene) and self._say is not None
            self._shown, self._next = (INSTEAD, effect) if loads else (effect, None)
        elif before.effect == wanted.effect and not isinstance(effect, Scene):
            # Only its strength or colour: who moves a slider wants to see its effect at once.
            self._shown, self._next = (effect, None) if self._next is None else (self._shown, effect)
            return
        else:
            if self._next is not None and self._since is not None and now - self._since > FADE / 2:
                self._shown = self._next  # in the middle of a fade the nearer one counts
            self._next = effect
        self._since = None

    def _turn(self, now: float) -> None:
        """Let scenes go on; one that fails is left out."""
        for effect in (self._shown, self._next):
            if not isinstance(effect, Scene):
                continue
            try:
                effect.turn(now)
            except Exception as error:  # whatever is wrong with a file: the room stays hidden, and the camera alive
                if self._say is None:
                    raise
                self._say(f"{error}; it is not shown any more")
                self._again = now + RETRY
                if effect is self._shown:
                    self._shown = INSTEAD
                else:
                    self._next = None


def left_alone(mask: FrameMask | None, look: LookSettings) -> FrameMask | None:
    """What the effect leaves as it is: the person, or all but the person; None where it has to be all over."""
    if mask is None or look.on == "background":
        return mask
    if float(mask.alpha.mean()) < NOBODY:
        return None  # a person who is there after all and was not found is hidden
    return replace(mask, alpha=1.0 - mask.alpha)


def at_least(effect: Effect, least: float) -> Effect:
    """The effect, hiding whatever a blur of strength `least` hides; the very effect if it does."""
    if isinstance(effect, Fade):
        return replace(effect, before=at_least(effect.before, least), after=at_least(effect.after, least))
    if isinstance(effect, Bokeh) and effect.least < least:
        effect = replace(effect, least=least)
    if isinstance(effect, Blur | Bokeh | Pixelate | Grey | Dim) and effect.strength < least:
        return replace(effect, strength=least)
    return effect


def as_filmed(pixels: I420, kept: NDArray[Any] | None) -> I420:
    """The room: for `segblur effect off` alone."""
    return pixels


def essence(look: LookSettings) -> tuple[object, ...]:
    """What of the settings makes a difference to the effect; of a file also which one lies under its name."""
    if look.file is None:
        return look.effect, look.colour if look.effect == "colour" else look.blur
    try:
        facts = look.file.stat()
    except OSError:
        return look.effect, look.file
    return look.effect, look.file, facts.st_ino, facts.st_size, facts.st_mtime_ns


def make_effect(look: LookSettings, size: tuple[int, int], wait: bool) -> Effect:
    """The effect of the settings, for frames of (width, height). A file is read by a thread unless one is to `wait` for
    it. Raises SettingsError for what is no effect of a frame.
    """
    if look.effect in STYLES:
        return STYLES[look.effect](look.blur)
    if look.effect == "colour":
        return Colour(*bytes.fromhex(look.colour[1:]))
    path = look.file
    if path is None:
        raise SettingsError(f"look.effect can't be {look.effect} here")

    def read() -> Any:
        from vcam.effects.backdrop import READERS  # decoders, which most never need

        return READERS[look.effect](path, size)

    return Scene(read() if wait else ahead(read))
