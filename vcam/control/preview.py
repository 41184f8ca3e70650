"""The picture that programs get, in a window of our own: shared memory that the service writes and a client reads.

The memory is a page of 64-bit little-endian numbers, then SLOTS whole pictures, each as `frame.I420` of the size that
the answer to `preview` names:

|     at | |
|---|---|
|      0 | MAGIC |
|      8 | the slot that was written last |
| 16 + 8n | number of slot n: odd while it is written, else even; it grows with every picture, 0 before the first |
|     40 | 1 once nothing is written any more |

A reader takes the slot that was written last, and takes it again where its number has changed meanwhile (a sequence
lock, as in the kernel's seqlock.h). Imports nothing heavy: a panel is made of it.
"""

import mmap
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from vcam.control.client import PATIENCE, ForeignError, StoppedError, connect, post, silent, understood

MAGIC, LAYOUT = b"SBPREV01", 1
SLOTS, HEADER = 3, 4096
NEWEST, NUMBERS, ENDED = 8, 16, 40  # where the header's fields are
Made = TypeVar("Made")
ATTEMPTS = 4  # at a picture that is overwritten while it is read


class PreviewReader:
    """A client's end. Readable at `fileno()` when there is a new picture."""

    def __init__(self, memory: int, news: int, facts: dict[str, Any]) -> None:
        """Of two descriptors, which stay the caller's, and the answer's "preview". Raises ForeignError."""
        if facts.get("layout") != LAYOUT:
            raise ForeignError
        width, height = facts["size"]
        self.size: tuple[int, int] = (width, height)
        self._bytes, self._news, self._seen = width * height * 3 // 2, news, 0
        self._memory = mmap.mmap(memory, HEADER + SLOTS * self._bytes, prot=mmap.PROT_READ)

    def fileno(self) -> int:
        """Becomes readable with every new picture."""
        return self._news

    @property
    def ended(self) -> bool:
        """Whether no more pictures come."""
        return self._field(ENDED) == 1

    def take(self, make: Callable[[memoryview], Made]) -> Made | None:
        """What `make` makes of the newest picture, which it is given where it lies, as `frame.I420` of `size`; None
        where there is none since the last call. What is overwritten meanwhile is made again, and `make` may keep
        nothing of what it was given.
        """
        with suppress(BlockingIOError):
            os.eventfd_read(self._news)
        for _ in range(ATTEMPTS):
            slot = self._field(NEWEST)
            number = self._field(NUMBERS + 8 * slot)
            if number == self._seen:
                return None
            at = HEADER + slot * self._bytes
            with memoryview(self._memory) as memory, memory[at : at + self._bytes] as pixels:
                made = make(pixels)
            if number % 2 == 0 and self._field(NUMBERS + 8 * slot) == number:
                self._seen = number
                return made
        return None

    def _field(self, at: int) -> int:
        (value,) = struct.unpack_from("<Q", self._memory, at)
        return int(value)

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


@contextmanager
def open_preview() -> Iterator[PreviewReader]:
    """What programs get, for as long as the block lasts; it counts as a reader, so that the webcam is on. Raises as
    `client.ask`.
    """
    with connect(PATIENCE) as link:
        post(link, "preview", {})
        with received(link) as reader:
            yield reader


@contextmanager
def received(link: socket.socket) -> Iterator[PreviewReader]:
    """What the service hands over at the other end of `link`, where a preview was asked for. Raises as `client.ask`."""
    try:
        line, files, _, _ = socket.recv_fds(link, 65536, 2)
    except TimeoutError:
        raise silent() from None
    except OSError:
        raise StoppedError from None
    try:
        if not line:
            raise StoppedError
        facts = understood(line)["preview"]
        memory, news = files
        reader = PreviewReader(memory, news, facts)
        try:
            yield reader
        finally:
            reader.close()
    finally:
        for file in files:
            os.close(file)
