"""An output of our own: what programs get, shown in windows of SegBlur through sealed shared memory.

Each window has memory of its own, which it can only read (F_SEAL_FUTURE_WRITE, Linux 5.1) and which holds nothing but
a placeholder once it has gone. A window that does not look for a second does not count as a reader, as one that is
stopped; so a hidden one never keeps the webcam on. Nor does one behind a locked screen.
"""

import fcntl
import mmap
import os
import select
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import numpy as np

from vcam.control.preview import ENDED, HEADER, LAYOUT, MAGIC, NEWEST, NUMBERS, SLOTS
from vcam.errors import SegBlurError
from vcam.frame import SafeFrame, planes
from vcam.settings import OutputSettings

MOST = 2  # windows
LARGEST = (1280, 720)  # pixels; of a larger picture every second or third is taken
FROZEN = 1.0  # seconds without a look after which a window counts as no reader
GONE = 5.0  # seconds after which it is hung up on
SEAL_FUTURE_WRITE = 0x10  # linux/fcntl.h; only the mapping made before may write

Handover = tuple[dict[str, Any], list[int]]  # what the client is told, and the descriptors that it gets


def demand_safe(frame: SafeFrame) -> SafeFrame:
    """The frame. Raises TypeError for anything but a SafeFrame, whatever its type was said to be."""
    if not isinstance(frame, SafeFrame):
        raise TypeError(f"a preview shows SafeFrames, not {type(frame).__name__}")
    return frame


class Preview:
    """One window's memory."""

    def __init__(self, size: tuple[int, int], step: int, hang_up: Callable[[], None]) -> None:
        """For pictures of (width, height), every `step`-th row and column of a frame. Raises OSError where the kernel
        can't seal it.
        """
        self.size, self.hang_up = size, hang_up
        self._step, self._bytes, self._number = step, size[0] * size[1] * 3 // 2, 0
        file = os.memfd_create("segblur-preview", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(file, HEADER + SLOTS * self._bytes)
            self._memory = mmap.mmap(file, HEADER + SLOTS * self._bytes)
            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | SEAL_FUTURE_WRITE
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
            self.memory = os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(file)
        self.news = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._memory[: len(MAGIC)] = MAGIC
        self._told = monotonic()

    def write(self, frame: SafeFrame) -> None:
        """Show a frame. Raises TypeError."""
        demand_safe(frame)
        self._number += 1
        slot = self._number % SLOTS
        self._put(NUMBERS + 8 * slot, 2 * self._number - 1)
        pixels = np.frombuffer(self._memory, np.uint8, self._bytes, HEADER + slot * self._bytes)
        target = pixels.reshape(self.size[1] * 3 // 2, self.size[0])
        if self._step == 1:
            target[:] = frame.pixels
        else:
            for part, whole in zip(planes(target), planes(frame.pixels), strict=True):
                height, width = part.shape
                part[:] = whole[:: self._step, :: self._step][:height, :width]
        self._put(NUMBERS + 8 * slot, 2 * self._number)
        self._put(NEWEST, slot)
        if self._has_looked():
            self._told = monotonic()
            with suppress(BlockingIOError):  # a client may have filled the counter itself
                os.eventfd_write(self.news, 1)

    def fill(self, frame: SafeFrame) -> None:
        """Overwrite every picture that it holds."""
        for _ in range(SLOTS):
            self.write(frame)

    def unread(self, now: float) -> float:
        """Seconds since the client was told of a picture that it has not looked at; 0 where it has."""
        return 0.0 if self._has_looked() else now - self._told

    def _has_looked(self) -> bool:
        return not select.select([self.news], [], [], 0)[0]

    def _put(self, at: int, value: int) -> None:
        struct.pack_into("<Q", self._memory, at, value)

    def close(self, frame: SafeFrame) -> None:
        """Leave nothing but this frame to whoever still has the memory."""
        self.fill(frame)
        self._put(ENDED, 1)
        os.eventfd_write(self.news, 1)
        self._memory.close()
        os.close(self.memory)
        os.close(self.news)


class Previews:
    """An output (see outputs.py), and its own `readers`: all windows that show a preview."""

    trouble = ""
    lingers = False  # who closes the window is not back in a moment
    missing = True  # it is no camera that a program could use, and so none that takes the place of one,
    how = "lost"  # nor does it say how readers of one are known

    def __init__(self, settings: OutputSettings) -> None:
        """For frames of the settings' size."""
        width, height = settings.width, settings.height
        self._step = max(-(-width // LARGEST[0]), -(-height // LARGEST[1]), 1)
        self._size = (width // self._step // 2 * 2, height // self._step // 2 * 2)
        self._previews: list[Preview] = []
        self._idle: SafeFrame | None = None
        self.present, self._locked = False, False
        self._changed = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    @contextmanager
    def open(self, hang_up: Callable[[], None]) -> Iterator[Handover]:
        """A preview for one client, which `hang_up` disconnects. Raises SegBlurError."""
        if self._idle is None:
            raise SegBlurError("the service is starting; try again in a moment")
        if len(self._previews) >= MOST:
            raise SegBlurError("two windows show the preview already; close one")
        try:
            preview = Preview(self._size, self._step, hang_up)
        except OSError as error:
            raise SegBlurError(
                f"this kernel can't share a picture safely ({error.strerror}); Linux 5.1 or newer can"
            ) from None
        preview.write(self._idle)
        self._previews.append(preview)
        os.eventfd_write(self._changed, 1)
        try:
            facts = {"layout": LAYOUT, "size": list(self._size), "slots": SLOTS, "header": HEADER}
            yield facts, [preview.memory, preview.news]
        finally:
            self._previews.remove(preview)
            preview.close(self._idle)
            os.eventfd_write(self._changed, 1)

    def lock(self, locked: bool) -> None:
        """Whether the screen is locked: nobody can see a window then."""
        if locked != self._locked:
            self._locked = locked
            os.eventfd_write(self._changed, 1)

    def count(self) -> int:
        """How many there are."""
        return len(self._previews)

    # Output

    @property
    def readers(self) -> "Previews":
        """See Output."""
        return self

    def prime(self, frame: SafeFrame, silence: SafeFrame) -> None:
        """See Output; what is shown in silence is the panel's own affair."""
        self._idle = demand_safe(frame)

    def send(self, frame: SafeFrame) -> None:
        """See Output. Raises TypeError, as all that take a frame here, for anything but a SafeFrame."""
        demand_safe(frame)
        for preview in self._previews:
            preview.write(frame)

    def scrub(self, frame: SafeFrame) -> None:
        """See Output."""
        self._idle = demand_safe(frame)
        for preview in self._previews:
            preview.fill(frame)

    def check(self, frame: SafeFrame) -> None:
        """See Output."""
        self._idle = demand_safe(frame)

    def about(self) -> None:
        """Nothing: the status counts previews by themselves."""

    # Readers

    def fileno(self) -> int:
        """See Readers."""
        return self._changed

    def reading(self) -> bool:
        """See Readers. Hangs up on who has not looked for long."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._changed)
        now = monotonic()
        unread = [(preview.unread(now), preview) for preview in self._previews]
        for seconds, preview in unread:
            if seconds > GONE:
                preview.hang_up()
        self.present = not self._locked and any(seconds <= FROZEN for seconds, _ in unread)
        return self.present

    def unsure(self) -> bool:
        """See Readers: one that is frozen may look again."""
        return bool(self._previews)

    def verify(self) -> None:
        """See Readers: nothing can be lost."""

    def close(self) -> None:
        """See Output and Readers; the clients' connections end by themselves."""
        os.close(self._changed)
