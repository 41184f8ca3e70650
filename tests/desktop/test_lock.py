"""Whether the screen is locked, by a stand-in for logind on a bus of its own."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from dbus_fast import PropertyAccess
from dbus_fast.annotations import DBusBool, DBusObjectPath, DBusSignature, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from tests.helpers.session_bus import connection, until
from vcam.desktop import lock
from vcam.desktop.lock import LOGIND, MANAGER, follow_lock

ROOT = MANAGER.path
Display = Annotated[list, DBusSignature("(so)")]


class Manager(ServiceInterface):
    def __init__(self):
        super().__init__(MANAGER.interface)

    @dbus_method("GetUser")
    def get_user(self, number: DBusUInt32) -> DBusObjectPath:
        assert number == os.getuid()
        return f"{ROOT}/user/_{number}"


class User(ServiceInterface):
    def __init__(self):
        super().__init__(f"{LOGIND}.User")
        self.seen = "1"

    @dbus_property(PropertyAccess.READ, "Display")
    def display(self) -> Display:
        return [self.seen, f"{ROOT}/session/_{self.seen}"]

    def see(self, session):
        self.seen = session
        self.emit_properties_changed({"Display": self.display})


class Session(ServiceInterface):
    def __init__(self):
        super().__init__(f"{LOGIND}.Session")
        self.locked = False

    @dbus_property(PropertyAccess.READ, "LockedHint")
    def locked_hint(self) -> DBusBool:
        return self.locked

    def lock(self, locked):
        self.locked = locked
        self.emit_properties_changed({"LockedHint": locked})


@asynccontextmanager
async def logind():
    """A user with two sessions, of which the first is seen."""
    async with connection() as bus:
        user, first, second = User(), Session(), Session()
        parts = {"": Manager(), f"/user/_{os.getuid()}": user, "/session/_1": first, "/session/_2": second}
        for path, interface in parts.items():
            bus.export(ROOT + path, interface)
        await bus.request_name(LOGIND)
        yield user, first, second


@asynccontextmanager
async def following():
    """What was told."""
    told = []
    task = asyncio.ensure_future(follow_lock(told.append))
    try:
        yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def system_bus(bus, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    monkeypatch.setattr(lock, "RETRY", 0.01)
    return bus


def test_the_lock_of_the_session_that_is_seen_is_told_and_that_of_others_is_not(system_bus):
    async def scene():
        async with logind() as (user, first, second), following() as told:
            await until(lambda: told == [False])
            first.lock(True)
            await until(lambda: told[-1])
            first.lock(False)
            await until(lambda: not told[-1])
            count = len(told)
            second.lock(True)
            await until(lambda: len(told) > count)
            assert not told[-1]
            user.see("2")
            await until(lambda: told[-1])

    asyncio.run(scene())


def test_a_logind_that_comes_late_or_is_gone_is_seen(system_bus):
    async def scene():
        async with following() as told:
            await until(lambda: told)
            assert not any(told)
            async with logind() as (_, first, _):
                first.lock(True)
                await until(lambda: told[-1])
            await until(lambda: not told[-1])

    asyncio.run(scene())


def test_a_bus_that_dies_unlocks_and_one_that_comes_again_is_asked(system_bus):
    async def scene():
        async with following() as told:
            async with logind() as (_, first, _):
                first.lock(True)
                await until(lambda: told and told[-1])
                system_bus.stop(signal.SIGKILL)
                await until(lambda: not told[-1])
            system_bus.start()
            async with logind() as (_, first, _):
                first.lock(True)
                await until(lambda: told[-1])

    asyncio.run(scene())
