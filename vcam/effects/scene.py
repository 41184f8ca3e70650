"""A picture or a video in the room's place."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from vcam.frame import I420

AHEAD = 2  # pictures that wait to be shown
PAUSE = 1.0  # seconds without a frame after which a video goes on where it stopped

Shot = tuple[float, I420]  # the time from which it is to be seen, in seconds from the start, and a picture


class Scene:
    """What is read of a file, each picture at its time. `ready` is false until there is one."""

    clean, wrap = 1.0, 0.25  # see decontaminate.Replacement

    def __init__(self, shots: Iterator[Shot | None]) -> None:
        """`shots` never ends; it gives None where the next is not there yet, and may raise PictureError."""
        self._shots = shots
        self._picture: I420 | None = None
        self._next: Shot | None = None
        self._start = self._last = 0.0

    @property
    def ready(self) -> bool:
        """Whether there is something to show."""
        return self._picture is not None

    def turn(self, now: float) -> None:
        """Go on to the picture of the time `now`, in seconds of any clock. Raises whatever reading does."""
        if now - self._last > PAUSE:
            self._start += now - self._last
        self._last = now
        while True:
            self._next = self._next or next(self._shots)
            if self._next is None or (self.ready and self._next[0] > now - self._start):
                return
            if not self.ready:
                self._start = now - self._next[0]
            self._picture, self._next = self._next[1], None

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect. Raises ValueError before there is a picture."""
        if self._picture is None or self._picture.shape != pixels.shape:
            raise ValueError("there is no picture of the frame's size")
        return self._picture


def ahead(read: Callable[[], Iterator[Shot]]) -> Iterator[Shot | None]:
    """What `read` gives, but read by a thread, a few pictures ahead; None where the next is not there yet. When this is
    closed, or no longer referenced, the thread ends. Raises what reading raises.
    """
    shelf: queue.Queue[Shot | Exception] = queue.Queue(AHEAD)
    ended = threading.Event()

    def work() -> None:
        try:
            for shot in read():
                shelf.put(shot)
                if ended.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - it is raised where the pictures are taken
            shelf.put(error)

    threading.Thread(target=work, daemon=True, name="segblur-scene").start()
    try:
        while True:
            shot: Shot | Exception | None = None
            with suppress(queue.Empty):
                shot = shelf.get_nowait()
            if isinstance(shot, Exception):
                raise shot
            yield shot
    finally:
        ended.set()
        with suppress(queue.Empty):
            shelf.get_nowait()  # the thread may be waiting for a free place
