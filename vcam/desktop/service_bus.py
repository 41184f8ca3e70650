"""The service on the session's D-Bus, for shells, hardware keys and the icon in the panel: docs/desktop.md. Part of
the keeper's process, which never waits for it: connecting, calls and signals are tasks of their own.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from math import inf
from time import monotonic
from typing import Any

from dbus_fast import ErrorType, Message, MessageFlag, MessageType, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusDict, DBusDouble, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from vcam.control.protocol import BadRequestError, check
from vcam.desktop import fence
from vcam.desktop.bus import BUS_ERRORS, PROPERTIES, connect, own
from vcam.desktop.launch import open_panel, open_panel_outside
from vcam.desktop.seen import Seen, changes, sendable
from vcam.errors import SegBlurError
from vcam.names import BUS

log = logging.getLogger("segblur.desktop")

PATH = "/" + BUS.replace(".", "/")
ERROR = "io.github.segblur.Error."
RETRY = 60.0  # seconds until a bus that is not there is looked for again
GATHER = 0.25  # seconds; what changes within them is told in one signal
CALL, LOADING = 20.0, 180.0  # seconds that a call may take, and one that loads a network
MOST_CALLS = 8  # that are being answered at a time
BETWEEN_PANELS = 1.0  # seconds

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def serve_bus(answer: Answer, seen: Callable[[], Seen], news: asyncio.Event) -> None:
    """Offer the service on the bus, for ever. `answer` takes requests as the control socket's does, `seen` is what
    there is to tell, `news` is set when that may have changed.
    """
    taken = False
    while True:
        try:
            bus = await connect()
            try:
                if await offer(bus, answer, seen, news):
                    taken = False
                elif not taken:
                    taken = True
                    log.warning("another program has the name %s on D-Bus; going on without", BUS)
            finally:
                bus.disconnect()
        except BUS_ERRORS as error:
            log.debug("no D-Bus (%s)", error)
        await asyncio.sleep(RETRY)


async def offer(bus: MessageBus, answer: Answer, seen: Callable[[], Seen], news: asyncio.Event) -> bool:
    """The same on one connection, until it ends; False where another program has the name. Raises one of
    BUS_ERRORS.
    """

    async def panel(token: str) -> None:
        if "INVOCATION_ID" in os.environ:  # we are a unit of systemd's, with its sandbox
            await open_panel_outside(bus, token)
        else:
            await open_panel(token)

    allowance = fence.Allowance()
    bus.add_message_handler(lambda message: limit(message, allowance))
    bus.export(PATH, ServiceBus(answer, seen, panel))
    if not await own(bus, BUS):
        return False
    publisher = asyncio.ensure_future(publish(bus, seen, news))
    try:
        await asyncio.gather(bus.wait_for_disconnect(), publisher)  # type: ignore[no-untyped-call]
    finally:
        publisher.cancel()
    return True


def limit(message: Message, allowance: fence.Allowance) -> Message | bool:
    """The refusal of a call that is one too many; True, which is no answer, where the caller wants none."""
    if message.message_type is not MessageType.METHOD_CALL or allowance.allows(message.sender or "", monotonic()):
        return False
    if message.flags & MessageFlag.NO_REPLY_EXPECTED:
        return True
    return Message.new_error(
        message, ErrorType.LIMITS_EXCEEDED, f"at most {fence.MOST_A_SECOND} calls a second are answered"
    )


async def publish(bus: MessageBus, seen: Callable[[], Seen], news: asyncio.Event) -> None:
    """Tell every change of `seen`, at most four times a second; one signal is on its way at a time."""
    told, looked = seen(), -inf
    while True:
        await news.wait()
        await asyncio.sleep(looked + GATHER - monotonic())
        news.clear()
        now, looked = seen(), monotonic()
        if changed := changes(told, now):
            body = [BUS, changed, []]
            await bus.send(Message.new_signal(PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", body))
            told = now


class ServiceBus(ServiceInterface):
    """The interface: each call becomes a request as those of the control socket, once it is through the fence."""

    def __init__(self, answer: Answer, seen: Callable[[], Seen], open_window: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(BUS)
        self._answer, self._seen, self._open_window = answer, seen, open_window
        self._running: set[asyncio.Future[dict[str, Any]]] = set()
        self._opened = -inf

    async def _ask(self, do: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What the service answers. A request that takes longer is carried on. Raises DBusError."""
        if len(self._running) >= MOST_CALLS:
            raise DBusError(ErrorType.LIMITS_EXCEEDED, f"{MOST_CALLS} calls are being answered; try again")
        try:
            task = asyncio.ensure_future(self._answer(do, check(do, arguments)))
        except BadRequestError as error:
            raise DBusError(f"{ERROR}Argument", sendable(error)) from None
        patience = LOADING if arguments.get("key", "").startswith("network.") else CALL
        self._running.add(task)
        task.add_done_callback(self._done)
        await asyncio.wait({task}, timeout=patience)
        if not task.done():
            raise DBusError(ErrorType.TIMEOUT, f"this takes longer than {patience:.0f} seconds, and goes on")
        try:
            return task.result()
        except SegBlurError as error:
            raise refused(error) from None
        except Exception:
            log.exception("the request %s failed", do)
            raise DBusError(f"{ERROR}Internal", "internal error, see the journal") from None

    def _done(self, task: "asyncio.Future[dict[str, Any]]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, even if nobody waits for it any more

    @dbus_property(PropertyAccess.READ, "Version")
    def version(self) -> DBusStr:
        """SegBlur's."""
        return self._seen().version

    @dbus_property(PropertyAccess.READ, "State")
    def state(self) -> DBusStr:
        """As in the status."""
        return self._seen().state

    @dbus_property(PropertyAccess.READ, "Sentence")
    def sentence(self) -> DBusStr:
        """As in the status."""
        return self._seen().sentence

    @dbus_property(PropertyAccess.READ, "Watched")
    def watched(self) -> DBusBool:
        """Whether a program shows SegBlur Camera, or may."""
        return self._seen().watched

    @dbus_property(PropertyAccess.READ, "Previews")
    def previews(self) -> DBusUInt32:
        """Windows that show the preview."""
        return self._seen().previews

    @dbus_property(PropertyAccess.READWRITE, "Paused")
    def paused(self) -> DBusBool:
        """Whether a placeholder is shown, with the webcam closed."""
        return self._seen().paused

    @paused.setter
    async def set_paused(self, value: DBusBool) -> None:
        """Pause or resume."""
        await self._ask("pause" if value else "resume", {})

    @dbus_property(PropertyAccess.READ, "Effect")
    def effect(self) -> DBusStr:
        """Its name, or room where that is shown."""
        return self._seen().effect

    @dbus_property(PropertyAccess.READ, "Strength")
    def strength(self) -> DBusDouble:
        """Of the effect."""
        return self._seen().strength

    @dbus_property(PropertyAccess.READ, "RoomShown")
    def room_shown(self) -> DBusBool:
        """Whether the room is shown as it is."""
        return self._seen().room_shown

    @dbus_property(PropertyAccess.READ, "Webcam")
    def webcam(self) -> DBusStr:
        """Name of the one that is open, else empty."""
        return self._seen().webcam

    @dbus_method("Pause")
    async def pause(self) -> None:
        """A placeholder instead of the picture."""
        await self._ask("pause", {})

    @dbus_method("Resume")
    async def resume(self) -> None:
        """The picture again."""
        await self._ask("resume", {})

    @dbus_method("Toggle")
    async def toggle(self) -> DBusBool:
        """Pause or resume; whether it is paused now."""
        return bool((await self._ask("toggle", {}))["paused"])

    @dbus_method("SetEffect")
    async def set_effect(self, effect: DBusStr, options: DBusDict) -> None:
        """What stands where the room was, until the service ends."""
        try:
            arguments = fence.effect_arguments(effect, options)
        except SegBlurError as error:
            raise refused(error) from None
        await self._ask("effect", arguments)

    @dbus_method("Set")
    async def set_value(self, key: DBusStr, value: DBusVariant) -> DBusStr:
        """A setting, at once and in the settings file; what there is to know beside."""
        try:
            arguments = fence.set_arguments(key, value.value)
        except SegBlurError as error:
            raise refused(error) from None
        answer = await self._ask("set", arguments)
        return sendable(answer.get("note", ""))

    @dbus_method("UseProfile")
    async def use_profile(self, name: DBusStr) -> None:
        """The look, framing and corrections of a profile."""
        await self._ask("profile", {"use": name})

    @dbus_method("OpenPanel")
    async def open_panel(self, activation_token: DBusStr) -> None:
        """SegBlur's window, which may come to the front by the desktop's token."""
        now = monotonic()
        if now - self._opened < BETWEEN_PANELS:
            return  # it is about to come
        self._opened = now
        try:
            await self._open_window(activation_token)
        except BUS_ERRORS as error:
            raise refused(f"the window can't be started ({error}); start it with: segblur panel") from None

    @dbus_method("Status")
    async def status(self) -> DBusStr:
        """The status as JSON, without figures, settings and paths."""
        return json.dumps(fence.told(await self._ask("status", {})))


def refused(why: object) -> DBusError:
    """The answer to a call that is understood and not carried out."""
    return DBusError(f"{ERROR}Refused", sendable(why))
