"""Whether this user's screen is locked, as desktops tell logind (GNOME and KDE do; swaylock and i3lock do not)."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

from vcam.desktop.bus import BUS_ERRORS, PROPERTIES, Names, Target, call

log = logging.getLogger("segblur.lock")

LOGIND = "org.freedesktop.login1"
MANAGER = Target(LOGIND, "/org/freedesktop/login1", f"{LOGIND}.Manager")
RETRY = 60.0  # seconds until a bus that is not there is looked for again


async def follow_lock(changed: Callable[[bool], None]) -> None:
    """Tell `changed` whether the screen is locked, now and whenever that may have changed, for ever. Without logind
    there is nothing to tell.
    """
    while True:
        try:
            await follow(changed)
        except BUS_ERRORS as error:
            log.debug("logind can't be asked whether the screen is locked (%s)", error)
        changed(False)
        await asyncio.sleep(RETRY)


async def follow(changed: Callable[[bool], None]) -> None:
    """The same for as long as the bus is there. Raises one of BUS_ERRORS."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    gone = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
    gone.add_done_callback(lambda _: news.set())
    names, news = Names(bus), asyncio.Event()
    try:
        # Of all sessions, since another may become the one that is seen.
        await names.hear(MANAGER._replace(interface=PROPERTIES), "PropertiesChanged", "sa{sv}as", lambda _: news.set())
        await names.follow(LOGIND, lambda _: news.set())
        while True:
            await news.wait()
            news.clear()
            if gone.done():
                raise EOFError("the bus is gone")
            changed(await is_locked(bus))
    finally:
        bus.disconnect()


async def is_locked(bus: MessageBus) -> bool:
    """Whether the session that this user sees is. False where there is none, or no logind."""
    try:
        (user,) = await call(bus, MANAGER, "GetUser", "u", [os.getuid()], start=False)
        _, session = await get(bus, user, "User", "Display")
        return bool(await get(bus, session, "Session", "LockedHint"))
    except BUS_ERRORS as error:
        log.debug("logind does not know whether the screen is locked (%s)", error)
        return False


async def get(bus: MessageBus, path: str, interface: str, name: str) -> Any:
    """A property of one of logind's objects. Raises one of BUS_ERRORS."""
    properties = Target(LOGIND, path, PROPERTIES)
    (value,) = await call(bus, properties, "Get", "ss", [f"{LOGIND}.{interface}", name], start=False)
    return value.value
