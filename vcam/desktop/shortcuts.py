"""Keys that work in every program, by the desktop's portal: org.freedesktop.portal.GlobalShortcuts.

The portal gives them to one connection, which is the icon's. Others ask the icon for them.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusStr
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method

from vcam.desktop import texts
from vcam.desktop.bus import BUS_ERRORS, DAEMON, DAEMON_PATH, PROPERTIES, Names, Target, call, connect
from vcam.names import APP, TRAY

log = logging.getLogger("segblur.tray")

PORTAL, PORTAL_PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"
SHORTCUTS = Target(PORTAL, PORTAL_PATH, "org.freedesktop.portal.GlobalShortcuts")
REGISTRY = Target(PORTAL, PORTAL_PATH, "org.freedesktop.host.portal.Registry")
REQUEST = Target(PORTAL, PORTAL_PATH, "org.freedesktop.portal.Request")
TRIGGERS = {"toggle": "CTRL+ALT+b"}  # which the person may change
CONFIGURABLE = 2  # the portal's version that can show where keys are changed
ICON = Target(TRAY, "/" + TRAY.replace(".", "/"), TRAY)


class Shortcuts:
    """Asks the portal for the keys, anew whenever it starts, and tells which was pressed."""

    def __init__(self, bus: MessageBus, names: Names, pressed: Callable[[str, str], None]) -> None:
        """`pressed` is given a key of texts.SHORTCUTS, and the token by which a window may come to the front."""
        self._bus, self._names, self._pressed = bus, names, pressed
        self._session = ""
        self._waiting: dict[str, asyncio.Future[tuple[int, dict[str, Variant]]]] = {}
        self._binding: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find the portal. Raises one of BUS_ERRORS."""
        await self._names.hear(REQUEST, "Response", "ua{sv}", self._answered)
        await self._names.hear(SHORTCUTS, "Activated", "osta{sv}", self._activated)
        await self._names.follow(PORTAL, self._owned)
        if self._binding is None:
            try:
                await call(self._bus, Target(DAEMON, DAEMON_PATH, DAEMON), "StartServiceByName", "su", [PORTAL, 0])
            except DBusError:
                log.warning(texts.NO_SHORTCUTS)

    def _owned(self, there: bool) -> None:
        if self._binding:
            self._binding.cancel()
        self._session = ""
        self._binding = asyncio.ensure_future(self._bind()) if there else None

    async def _bind(self) -> None:
        """The whole conversation; where the desktop asks the person, it lasts until they have answered."""
        try:
            await call(self._bus, REGISTRY, "Register", "sa{sv}", [APP, {}])
        except BUS_ERRORS as error:
            log.debug("the portal takes no names (%s)", error)  # before 1.21, which needs none
        try:
            made = await self._request("CreateSession", "", [], {"session_handle_token": Variant("s", token())})
            session = made["session_handle"].value
            keys = [[key, described(key)] for key in texts.SHORTCUTS]
            await self._request("BindShortcuts", "oa(sa{sv})s", [session, keys, ""], {})
            self._session = session
        except (*BUS_ERRORS, KeyError) as error:
            log.warning("%s (%s)", texts.NO_SHORTCUTS, error)

    async def configure(self) -> str:
        """Have the desktop show where the keys are changed, ""; where it can't, a sentence with what they are. Raises
        one of BUS_ERRORS.
        """
        if not self._session:
            is_asking = self._binding is not None and not self._binding.done()
            return texts.SHORTCUTS_ASKED if is_asking else texts.NO_SHORTCUTS
        properties = SHORTCUTS._replace(interface=PROPERTIES)
        (version,) = await call(self._bus, properties, "Get", "ss", [SHORTCUTS.interface, "version"])
        if version.value >= CONFIGURABLE:
            await call(self._bus, SHORTCUTS, "ConfigureShortcuts", "osa{sv}", [self._session, "", {}])
            return ""
        found = (await self._request("ListShortcuts", "o", [self._session], {}))["shortcuts"].value
        return texts.keys({key: about["trigger_description"].value for key, about in found})

    async def _request(
        self, member: str, signature: str, body: list[Any], options: dict[str, Variant]
    ) -> dict[str, Variant]:
        """What the portal answers in the end, by a signal. Raises one of BUS_ERRORS, also where it refuses."""
        name = token()
        sender = (self._bus.unique_name or "").removeprefix(":").replace(".", "_")
        path = f"{PORTAL_PATH}/request/{sender}/{name}"
        answer = self._waiting[path] = asyncio.get_running_loop().create_future()
        try:
            options = options | {"handle_token": Variant("s", name)}
            await call(self._bus, SHORTCUTS, member, f"{signature}a{{sv}}", [*body, options])
            code, results = await answer
        finally:
            del self._waiting[path]
        if code:
            raise DBusError("org.freedesktop.DBus.Error.AccessDenied", "the desktop or its user has refused")
        found: dict[str, Variant] = results
        return found

    def _answered(self, signal: Message) -> None:
        answer = self._waiting.get(signal.path or "")
        if answer is not None and not answer.done():
            answer.set_result((signal.body[0], signal.body[1]))

    def _activated(self, signal: Message) -> None:
        session, key, _, options = signal.body
        if session == self._session and key in texts.SHORTCUTS:
            given = options.get("activation_token")
            self._pressed(key, given.value if given is not None and given.signature == "s" else "")


class IconInterface(ServiceInterface):
    """What the icon's process does for other programs."""

    def __init__(self, shortcuts: Shortcuts) -> None:
        super().__init__(ICON.interface)
        self._shortcuts = shortcuts

    @dbus_method("Shortcuts")
    async def shortcuts(self) -> DBusStr:
        """See Shortcuts.configure."""
        try:
            return await self._shortcuts.configure()
        except (*BUS_ERRORS, KeyError) as error:
            log.warning("%s (%s)", texts.NO_SHORTCUTS, error)
            return texts.NO_SHORTCUTS


async def ask_icon() -> str:
    """The same, asked of the icon's process; a sentence where there is none."""
    try:
        bus = await connect()
    except BUS_ERRORS:
        return texts.NO_SHORTCUTS
    try:
        (sentence,) = await call(bus, ICON, "Shortcuts", start=False)
        return str(sentence)
    except BUS_ERRORS:
        return texts.SHORTCUTS_NEED_ICON
    finally:
        bus.disconnect()


def token() -> str:
    """A name that nobody else has."""
    return f"segblur_{os.urandom(8).hex()}"


def described(key: str) -> dict[str, Variant]:
    """What the portal is told of a key."""
    found = {"description": Variant("s", texts.SHORTCUTS[key])}
    return found | ({"preferred_trigger": Variant("s", TRIGGERS[key])} if key in TRIGGERS else {})
