"""The virtual cameras that show one picture, and the picture."""

import logging
from collections.abc import Callable, Sequence
from math import inf

from vcam.devices.outputs import Output
from vcam.frame import SafeFrame
from vcam.service.frame_slots import Update

log = logging.getLogger("segblur.keeper")

TICK = 0.2  # seconds; a reader gets a frame at least this often, because browsers give up after one second
CHECK = 2.0  # seconds between two looks at what the kernel made of the devices, while there is something to do
VERIFY = 20.0  # seconds after which it is asked anew whether there are readers, in case a sign was lost
LATE = 2.0  # after so long without a fresh frame a placeholder takes the place of the last one
GRACE = 0.5  # seconds in which a frame by new settings may come before a placeholder takes the place of an old one

LATE_TEXT = "The picture is late"
READY = "One moment, the webcam is being switched on"
CHANGING = "One moment, the picture is being changed"


class Screen:
    """All outputs, which show one picture. Nothing is written to one without readers."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs
        self._read = [False] * len(outputs)
        self._shown: SafeFrame | None = None
        self._at = self._checked = self._verified = 0.0

    def files(self) -> list[int]:
        """What becomes readable when a reader comes or goes."""
        return [file for output in self._outputs if (file := output.readers.fileno()) >= 0]

    def unsure(self) -> bool:
        """Whether to look again soon."""
        return any(output.readers.unsure() for output in self._outputs)

    def incomplete(self) -> bool:
        """Whether one of them can't be written to, but may come back."""
        return any(output.trouble for output in self._outputs)

    def prime(self, frame: SafeFrame, silence: SafeFrame) -> None:
        """Make cameras of them that other programs list, and overwrite all that an earlier process left there."""
        for output in self._outputs:
            output.prime(frame, silence)

    def readers(self, idle: SafeFrame, now: float) -> bool:
        """Whether any of them has readers. `idle` takes the place of all frames of one whose last reader has gone."""
        if now - self._checked > CHECK:
            self._checked = now
            for output in self._outputs:
                output.check(idle)
        if now - self._verified > VERIFY:
            self._verified = now
            for output in self._outputs:
                output.readers.verify()
        for number, output in enumerate(self._outputs):
            read = output.readers.reading()
            if self._read[number] and not read:
                output.scrub(idle)
            elif read and not self._read[number]:
                self._shown = None  # a new reader gets a frame at once
            self._read[number] = read
        return any(self._read)

    def read(self) -> list[bool]:
        """Whether each output had readers at the last look."""
        return list(self._read)

    def lingers(self) -> bool:
        """Whether any of those that have readers keeps the webcam on for a while after them."""
        return any(read and output.lingers for output, read in zip(self._outputs, self._read, strict=True))

    def show(self, frame: SafeFrame, now: float) -> None:
        """Write a frame that is new, and an old one before a reader gives up."""
        if frame is self._shown and now - self._at < TICK / 2:
            return
        self._shown, self._at = frame, now
        for output, read in zip(self._outputs, self._read, strict=True):
            if read:
                output.send(frame)

    def scrub(self, frame: SafeFrame) -> None:
        """Overwrite all frames of all outputs, with readers or without."""
        for output in self._outputs:
            output.scrub(frame)


class Picture:
    """What is to be shown: a live frame, or a placeholder that says why there is none."""

    def __init__(self, paint: Callable[[str], SafeFrame]) -> None:
        self._paint = paint
        self.stop(READY)

    def stop(self, sentence: str) -> None:
        """Show a placeholder at once; the next live frame takes its place."""
        self.sentence, self._fresh = sentence, 0.0
        self._frame: SafeFrame | None = None
        self._paused = False
        self.deadline: float | None = None  # by when a frame of the newest settings has to come

    def pause(self, sentence: str) -> None:
        """The same while the webcam is not wanted."""
        self.stop(sentence)
        self._paused = True

    def outdate(self, deadline: float) -> None:
        """The frame that is shown was made by settings which showed more than may be seen now: from `deadline` on a
        placeholder takes its place.
        """
        if not self.sentence:
            self.deadline = deadline if self.deadline is None else min(deadline, self.deadline)

    def cut(self) -> None:
        """A placeholder takes the place of a live frame at once."""
        if not self.sentence:
            self.stop(CHANGING)

    def take(self, update: Update, now: float) -> None:
        """What came from the worker."""
        if self._paused:
            self.stop(READY)
        if update.frame is not None:
            if self.sentence not in ("", LATE_TEXT):
                log.info("live frames flow")
            self.sentence, self._frame, self._fresh, self.deadline = "", update.frame, now, None
        elif update.trouble:
            self.stop(update.trouble)
        elif self.deadline is not None and now >= self.deadline:
            self.stop(CHANGING)
        elif not self.sentence and now - self._fresh > LATE:
            self.stop(LATE_TEXT)

    def patience(self, now: float) -> float:
        """Seconds until it has to be looked at again."""
        return inf if self.deadline is None else max(0.0, self.deadline - now)

    def frame(self) -> SafeFrame:
        """The one to show now."""
        return self._paint(self.sentence) if self.sentence or self._frame is None else self._frame
