"""Notifications, by whatever program of the desktop shows them: org.freedesktop.Notifications."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import isfinite
from typing import Any

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from vcam.desktop import texts
from vcam.desktop.bus import BUS_ERRORS, Names, Target, call
from vcam.desktop.notices import NOTICES, Kind, Notice, Schedule, Wanted, wanted
from vcam.desktop.seen import Seen
from vcam.names import APP

log = logging.getLogger("segblur.tray")

NAME = "org.freedesktop.Notifications"
SERVER = Target(NAME, "/org/freedesktop/Notifications", NAME)


class Notifications:
    """Says what is due, takes it back when it is over, and tells which button was pressed."""

    def __init__(
        self,
        bus: MessageBus,
        names: Names,
        setting: Callable[[], Awaitable[Wanted]],
        pressed: Callable[[str, str], None],
    ) -> None:
        """`pressed` is given the action, and the token by which a window may come to the front."""
        self._bus, self._names, self._setting, self._pressed = bus, names, setting, pressed
        self._schedule = Schedule()
        self._timer: asyncio.TimerHandle | None = None
        self._seen: Seen | None = None
        self._open: set[Kind] = set()  # that are to be seen
        self._numbers: dict[Kind, int] = {}  # as the server counts them
        self._tasks: dict[Kind, asyncio.Task[None]] = {}
        self._token = ""

    async def start(self) -> None:
        """Hear of buttons. Raises one of BUS_ERRORS."""
        await self._names.follow(NAME, self._owned)
        await self._names.hear(SERVER, "ActivationToken", "us", self._take_token)
        await self._names.hear(SERVER, "ActionInvoked", "us", self._take_action)
        await self._names.hear(SERVER, "NotificationClosed", "uu", self._forget)

    def look(self, seen: Seen | None) -> None:
        """Take in what is known of the service."""
        self._seen = seen
        loop = asyncio.get_running_loop()
        due = self._schedule.look(seen, loop.time())
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_at(due.next, lambda: self.look(self._seen)) if isfinite(due.next) else None
        self._open = (self._open - {*due.close}) | {*due.show}
        for kind in (*due.close, *due.show):
            if kind not in self._tasks or self._tasks[kind].done():  # else the server is slow, and misses something
                self._tasks[kind] = asyncio.ensure_future(self._settle(kind))

    async def _settle(self, kind: Kind) -> None:
        """Show one that is to be seen, or take back one that is not."""
        try:
            if kind in self._open and wanted(kind, await self._setting()):
                await self._show(kind)
            if kind not in self._open and kind in self._numbers:
                await call(self._bus, SERVER, "CloseNotification", "u", [self._numbers.pop(kind)], start=False)
        except (*BUS_ERRORS, ValueError) as error:  # the last: an answer of another form
            log.warning("no notification can be shown (%s)", error)

    async def _show(self, kind: Kind) -> None:
        (able,) = await call(self._bus, SERVER, "GetCapabilities")
        body, notice = self._body(kind, able), NOTICES[kind]
        actions = [word for action in notice.actions for word in action] if "actions" in able else []
        shown = [texts.NAME, self._numbers.get(kind, 0), APP, notice.summary, body, actions, hints(notice), -1]
        (number,) = await call(self._bus, SERVER, "Notify", "susssasa{sv}i", shown)
        self._numbers[kind] = number

    def _body(self, kind: Kind, able: list[str]) -> str:
        """What it says below its headline."""
        notice = NOTICES[kind]
        body = notice.body or (self._seen.sentence if self._seen else "")
        body = body if "actions" in able else f"{body} {notice.by_hand}"
        return escaped(body) if "body-markup" in able else body

    def _owned(self, _there: bool) -> None:
        self._numbers.clear()  # another server counts anew

    def _ours(self, signal: Message) -> bool:
        return signal.body[0] in self._numbers.values()

    def _take_token(self, signal: Message) -> None:
        if self._ours(signal):
            self._token = signal.body[1]

    def _take_action(self, signal: Message) -> None:
        if self._ours(signal):
            token, self._token = self._token, ""
            self._pressed({"default": "panel"}.get(signal.body[1], signal.body[1]), token)

    def _forget(self, signal: Message) -> None:
        self._numbers = {kind: number for kind, number in self._numbers.items() if number != signal.body[0]}


def escaped(text: str) -> str:
    """As text in the server's markup, whatever it holds: the name of a webcam may be anything."""
    for letter, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(letter, name)
    return text


def hints(notice: Notice) -> dict[str, Any]:
    """How a notification is to be treated."""
    found = {
        "urgency": Variant("y", notice.urgency),
        "category": Variant("s", "device"),
        "desktop-entry": Variant("s", APP),
    }
    return found | ({"transient": Variant("b", True)} if notice.passes else {})
