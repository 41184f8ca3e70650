"""A connection to this user's session bus, and calls over it. Nothing here waits for longer than PATIENCE."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

from dbus_fast import Message, MessageFlag, MessageType, NameFlag, RequestNameReply
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError, DBusFastError

log = logging.getLogger("segblur.desktop")

PATIENCE = 10.0  # seconds
DAEMON, DAEMON_PATH, PROPERTIES = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Properties"
BUS_ERRORS = (DBusFastError, OSError, EOFError)  # what a bus that is missing, refuses, hangs or dies ends in


def address() -> str:
    """Where the bus listens. An address that is no local socket could be anybody's: it is not used."""
    given = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    parts = [part for part in given.split(";") if part]
    if parts and all(part.startswith("unix:") for part in parts):
        return given
    if parts:
        complain(given)
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    return f"unix:path={quote(folder)}/bus"


@cache
def complain(given: str) -> None:
    """Once for each address, however often it is tried again."""
    log.warning("DBUS_SESSION_BUS_ADDRESS is no local socket, and not used: %s", given)


async def connect() -> MessageBus:
    """A new connection. Raises one of BUS_ERRORS."""
    async with asyncio.timeout(PATIENCE):
        return await MessageBus(bus_address=address()).connect()


async def own(bus: MessageBus, name: str) -> bool:
    """Take a name that nobody has; whether it is ours now. Raises one of BUS_ERRORS."""
    async with asyncio.timeout(PATIENCE):
        reply = await bus.request_name(name, NameFlag.DO_NOT_QUEUE)
    return reply in (RequestNameReply.PRIMARY_OWNER, RequestNameReply.ALREADY_OWNER)


class Target(NamedTuple):
    """An interface of an object that another program has on the bus."""

    name: str
    path: str
    interface: str


async def call(
    bus: MessageBus,
    target: Target,
    member: str,
    signature: str = "",
    body: Iterable[Any] = (),
    *,
    start: bool = True,
    timeout: float | None = None,
) -> list[Any]:
    """What a method answers within `timeout` seconds (default: PATIENCE); with `start` its program may be started for
    it. Raises one of BUS_ERRORS.
    """
    message = Message(
        destination=target.name,
        path=target.path,
        interface=target.interface,
        member=member,
        signature=signature,
        body=list(body),
        flags=MessageFlag.NONE if start else MessageFlag.NO_AUTOSTART,
    )
    async with asyncio.timeout(PATIENCE if timeout is None else timeout):
        reply = await bus.call(message)
    if reply is None:
        raise EOFError("the bus is gone")
    if reply.message_type is MessageType.ERROR:
        text = reply.body[0] if reply.body and isinstance(reply.body[0], str) else "it gave no reason"
        raise DBusError(reply.error_name or "org.freedesktop.DBus.Error.Failed", text)
    return list(reply.body)


class Names:
    """Who owns names on the bus, and the signals of those owners alone: anybody may send what looks like one."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._owners: dict[str, str] = {}
        self._watched: dict[str, Callable[[bool], None]] = {}
        self._heard: dict[tuple[str, str, str], tuple[str, Callable[[Message], None]]] = {}
        bus.add_message_handler(self._take)

    async def follow(self, name: str, changed: Callable[[bool], None]) -> None:
        """Tell `changed` whether the name has an owner, now and whenever that changes. Raises one of BUS_ERRORS."""
        self._watched[name] = changed
        await self._match(f"sender='{DAEMON}',interface='{DAEMON}',member='NameOwnerChanged',arg0='{name}'")
        try:
            (owner,) = await call(self._bus, Target(DAEMON, DAEMON_PATH, DAEMON), "GetNameOwner", "s", [name])
        except DBusError:
            owner = ""
        self._owned(name, owner)

    async def hear(self, target: Target, member: str, signature: str, then: Callable[[Message], None]) -> None:
        """Give each such signal to `then`; the target's name has to be followed. Raises one of BUS_ERRORS."""
        self._heard[target.interface, member, signature] = target.name, then
        await self._match(f"type='signal',sender='{target.name}',interface='{target.interface}',member='{member}'")

    async def _match(self, rule: str) -> None:
        await call(self._bus, Target(DAEMON, DAEMON_PATH, DAEMON), "AddMatch", "s", [rule])

    def _owned(self, name: str, owner: str) -> None:
        before = self._owners.get(name)
        self._owners[name] = owner
        if before and owner and before != owner:
            self._watched[name](False)
        if before != owner:
            self._watched[name](bool(owner))

    def _take(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        if message.sender == DAEMON:
            if message.member == "NameOwnerChanged" and message.body[0] in self._watched:
                self._owned(message.body[0], message.body[2])
            return
        key = (message.interface or "", message.member or "", message.signature)
        name, then = self._heard.get(key, ("", None))
        if then is not None and message.sender and self._owners.get(name) == message.sender:
            then(message)
