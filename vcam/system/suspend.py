"""Whether the computer goes to sleep: logind says so on the system's D-Bus, and waits until we have let go."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

log = logging.getLogger("segblur.sleep")

LOGIND, PATH, MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
RETRY = 60.0  # seconds until a bus that is not there is looked for again
LET_GO = 3.0  # seconds that `closed` may take; logind itself waits for five


async def follow_sleep(asleep: Callable[[bool], None], closed: Callable[[], bool]) -> None:
    """Tell `asleep` when the computer goes to sleep and when it is back, for ever. It does not go before `closed` is
    true, or it takes too long. Without logind there is nothing to tell.
    """
    while True:
        try:
            await follow(asleep, closed)
        except (DBusError, OSError, EOFError, asyncio.IncompleteReadError) as error:
            log.debug("logind can't be asked (%s)", error)
        await asyncio.sleep(RETRY)


async def follow(asleep: Callable[[bool], None], closed: Callable[[], bool]) -> None:
    """The same for as long as the bus is there. Raises DBusError, OSError."""
    bus = await MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True).connect()
    try:
        node = await bus.introspect(LOGIND, PATH)
        manager = bus.get_proxy_object(LOGIND, PATH, node).get_interface(MANAGER)
        news: asyncio.Queue[bool] = asyncio.Queue()
        # Once for all: who gives up waiting for it ends it for everybody.
        gone = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
        manager.on_prepare_for_sleep(news.put_nowait)  # type: ignore[attr-defined]  # made by the introspection
        while True:
            lock = await delay(manager)
            try:
                while not await next_signal(gone, news):
                    pass
                asleep(True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LET_GO):
                        while not closed():
                            await asyncio.sleep(0.05)
            finally:
                if lock is not None:
                    os.close(lock)
            try:
                while await next_signal(gone, news):
                    pass
            finally:
                asleep(False)  # also where the bus is gone: we are awake to see it
    finally:
        bus.disconnect()


async def delay(manager: Any) -> int | None:
    """A lock that keeps logind from sleeping while it is open; None where we may not have one, as without polkit: then
    the signal still comes, but sleep does not wait for us.
    """
    try:
        lock: int = await manager.call_inhibit("sleep", "SegBlur", "closes the webcam", "delay")
    except DBusError as error:
        log.debug("sleep can't be delayed (%s)", error)
        return None
    return lock


async def next_signal(gone: "asyncio.Future[None]", news: "asyncio.Queue[bool]") -> bool:
    """The next PrepareForSleep signal. Raises EOFError where the bus is gone."""
    signal_ = asyncio.ensure_future(news.get())
    both: set[asyncio.Future[Any]] = {gone, signal_}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not signal_.done():
        signal_.cancel()
        raise EOFError("the bus is gone") from gone.exception()
    return signal_.result()
