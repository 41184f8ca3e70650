"""The icon in the panel, with its menu, notifications and shortcuts: a process of its own, which knows the service by
D-Bus and the control socket alone. It ends, the camera goes on.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from dbus_fast.aio import MessageBus

from vcam.control import wording
from vcam.desktop import icon_bus, menu_bus, texts
from vcam.desktop.bus import BUS_ERRORS, Names, Target, call, connect, own
from vcam.desktop.launch import SYSTEMD, open_panel
from vcam.desktop.library import read_library, read_setting
from vcam.desktop.menu import EMPTY, following, menu
from vcam.desktop.notifications import Notifications
from vcam.desktop.remote import Remote, request
from vcam.desktop.shortcuts import ICON, IconInterface, Shortcuts
from vcam.errors import SegBlurError
from vcam.names import TRAY

log = logging.getLogger("segblur.tray")

WATCHER_NAME = "org.kde.StatusNotifierWatcher"
WATCHER = Target(WATCHER_NAME, "/StatusNotifierWatcher", WATCHER_NAME)
COMING = 5.0  # seconds after which it is said that there is no panel for icons
UNIT = "segblur.service"


async def show_icon() -> None:
    """Until the person quits it or the session ends. Raises SegBlurError where there is no session."""
    try:
        bus = await connect()
    except BUS_ERRORS:
        raise SegBlurError(texts.NO_BUS) from None
    try:
        if await own(bus, TRAY):
            await Tray(bus).stay()
        else:
            say(texts.SECOND)
    except BUS_ERRORS as error:
        log.debug("the session has ended (%s)", error)
    finally:
        bus.disconnect()


def note_lost(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What is still to be sent when the session ends is lost, and no reason for a complaint."""
    if not isinstance(context.get("exception"), BUS_ERRORS):
        loop.default_exception_handler(context)


def say(sentence: str) -> None:
    """To whoever started it by hand."""
    print(f"segblur: {sentence}", file=sys.stderr, flush=True)


class Tray:
    """All parts of the icon, and what a click does."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus, names = bus, Names(bus)
        self._names = names
        self._remote = Remote(bus, names, self._changed)
        self._icon = icon_bus.IconBus(lambda token: self._act("panel", token), lambda: self._act("toggle"))
        self._menu = menu_bus.MenuBus(self._act, self._refresh)
        self._notifications = Notifications(bus, names, read_setting, self._act)
        self._shortcuts = Shortcuts(bus, names, self._act)
        self._item = f"org.kde.StatusNotifierItem-{os.getpid()}-1"
        self._library, self._effect = EMPTY, ""
        self._remark = ""  # what went wrong with the last click
        self._watched = False  # there is a panel that shows icons
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = False
        self._over = asyncio.Event()

    async def stay(self) -> None:
        """Show it until it is over. Raises one of BUS_ERRORS where the session ends."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(note_lost)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        self._bus.export(icon_bus.PATH, self._icon)
        self._bus.export(menu_bus.PATH, self._menu)
        self._bus.export(ICON.path, IconInterface(self._shortcuts))
        self._update()
        await own(self._bus, self._item)
        await self._names.follow(WATCHER_NAME, self._watcher)
        await self._remote.start()
        await self._notifications.start()
        self._spawn(self._shortcuts.start())
        complain = loop.call_later(COMING, self._complain)
        ends = [asyncio.ensure_future(self._bus.wait_for_disconnect()), asyncio.ensure_future(self._over.wait())]  # type: ignore[no-untyped-call]
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            complain.cancel()
            for task in (*ends, *self._tasks):
                task.cancel()

    # What is shown

    def _changed(self) -> None:
        """Something is new of the service."""
        self._update()
        effect = self._remote.seen.effect if self._remote.seen else ""
        if effect != self._effect:
            self._effect = effect
            self._refresh()

    def _update(self) -> None:
        """Show what is known."""
        seen = self._remote.seen
        self._icon.show(texts.face(seen), self._remark or texts.sentence(seen))
        self._menu.show(menu(seen, self._library, self._remark))
        self._notifications.look(seen)

    def _refresh(self) -> None:
        """Look for what there is to choose from; the menu follows when that is known."""
        if not self._reading and self._remote.seen is not None:
            self._reading = True
            self._spawn(self._read())

    async def _read(self) -> None:
        try:
            self._library = await read_library()
        finally:
            self._reading = False
        self._update()

    def _watcher(self, there: bool) -> None:
        """The panel has come, or gone."""
        self._watched = there
        if there:
            self._spawn(self._register())

    async def _register(self) -> None:
        await call(self._bus, WATCHER, "RegisterStatusNotifierItem", "s", [self._item], start=False)

    def _complain(self) -> None:
        if not self._watched:
            say(texts.NO_WATCHER)

    # What is done

    def _act(self, key: str, token: str = "") -> None:
        """Do what an entry, a button or a shortcut stands for."""
        self._spawn(self._carry_out(key, token))

    async def _carry_out(self, key: str, token: str) -> None:
        remark = self._remark
        try:
            await self._do(key, token)
            self._remark = ""
        except BUS_ERRORS as error:
            self._remark = texts.NOT_STARTED if key == "start" else texts.printable(str(error) or wording.SILENT)
            say(self._remark)
        if remark != self._remark:
            self._update()

    async def _do(self, key: str, token: str) -> None:
        """Raises one of BUS_ERRORS."""
        if key == "next":
            self._library = await read_library()
            key = following(menu(self._remote.seen, self._library))
        if key == "quit":
            self._over.set()
        elif key == "panel":
            await open_panel(token)
        elif key == "start":
            await call(self._bus, SYSTEMD, "StartUnit", "ss", [UNIT, "replace"], start=False)
        elif asked := request(key, bool(self._remote.seen and self._remote.seen.paused)):
            await self._remote.call(*asked)
            self._refresh()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except BUS_ERRORS as error:
            log.log(logging.WARNING if self._bus.connected else logging.DEBUG, "%s", error)
