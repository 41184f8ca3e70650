"""The service as the icon in the panel sees it over D-Bus. Nothing is polled, and looking starts nothing."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from vcam.desktop.bus import BUS_ERRORS, PROPERTIES, Names, Target, call
from vcam.desktop.seen import Seen, received
from vcam.names import BUS

log = logging.getLogger("segblur.tray")

PATH = "/" + BUS.replace(".", "/")
LOADING = 30.0  # seconds that a call may take; a picture is looked at first


def request(key: str, paused: bool) -> tuple[Any, ...] | None:
    """The call of D-Bus that an entry of the menu or another key stands for: method, signature, arguments."""
    what, _, which = key.partition(" ")
    calls: dict[str, tuple[Any, ...]] = {
        "pause": ("Resume" if paused else "Pause",),
        "resume": ("Resume",),
        "toggle": ("Toggle",),
        "hide": ("SetEffect", "sa{sv}", "blur", {}),
        "effect": ("SetEffect", "sa{sv}", which, {}),
        "picture": ("SetEffect", "sa{sv}", what, {what: Variant("s", which)}),
        "video": ("SetEffect", "sa{sv}", what, {what: Variant("s", which)}),
        "profile": ("UseProfile", "s", which),
    }
    return calls.get(what)


class Remote:
    """What is known of the service."""

    def __init__(self, bus: MessageBus, names: Names, changed: Callable[[], None]) -> None:
        """`changed` is told whenever `seen` is another."""
        self._bus, self._names, self._changed = bus, names, changed
        self._asking: asyncio.Task[None] | None = None
        self.seen: Seen | None = None  # None: there is no service

    async def start(self) -> None:
        """Look, and go on looking. Raises one of BUS_ERRORS."""
        await self._names.hear(Target(BUS, PATH, PROPERTIES), "PropertiesChanged", "sa{sv}as", self._told)
        await self._names.follow(BUS, self._owned)

    async def call(self, member: str, signature: str = "", *body: Any) -> None:
        """Have something done. Raises one of BUS_ERRORS."""
        await call(self._bus, Target(BUS, PATH, BUS), member, signature, body, start=False, timeout=LOADING)

    def _owned(self, there: bool) -> None:
        if self._asking:
            self._asking.cancel()
        self._asking = asyncio.ensure_future(self._ask()) if there else None
        if not there:
            self._take(None)

    async def _ask(self) -> None:
        """All properties at once."""
        try:
            (values,) = await call(self._bus, Target(BUS, PATH, PROPERTIES), "GetAll", "s", [BUS], start=False)
        except BUS_ERRORS as error:
            log.warning("the service does not answer on D-Bus (%s)", error)
            return
        self._take(received(values))

    def _told(self, signal: Message) -> None:
        interface, changed, _ = signal.body
        if interface != BUS:
            return
        if self.seen is None:  # it was not understood, or did not answer
            self._owned(True)
            return
        values: dict[str, Variant] = changed
        self._take(received(values, self.seen))

    def _take(self, seen: Seen | None) -> None:
        if seen != self.seen:
            self.seen = seen
            self._changed()
