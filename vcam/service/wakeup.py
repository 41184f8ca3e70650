"""One wait for everything that can happen in the keeper."""

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress


class Wakeup:
    """Ends a wait from anywhere: a signal handler, another thread, a client; or because a file becomes readable."""

    def __init__(self) -> None:
        self._file = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def notify(self, *_: object) -> None:
        """End the wait, or the next one."""
        os.eventfd_write(self._file, 1)

    async def wait(self, seconds: float, files: Iterable[int] = ()) -> None:
        """Until it is notified, one of the files is readable, or the time is over."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        watched = {self._file, *files}
        for file in watched:
            loop.add_reader(file, news.set)
        timer = loop.call_later(seconds, news.set)
        try:
            await news.wait()
        finally:
            timer.cancel()
            for file in watched:
                loop.remove_reader(file)
            with suppress(BlockingIOError):
                os.eventfd_read(self._file)

    def close(self) -> None:
        """Free the descriptor; it must not be notified any more."""
        os.close(self._file)
