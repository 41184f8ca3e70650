"""logind's word on sleep, with the bus replaced; the real logind is in tests/vm."""

import asyncio
import os

import pytest
from dbus_fast.errors import DBusError

from vcam.system import suspend


class Bus:
    """The system bus with a logind that does what the test says."""

    refuses = False

    def __init__(self, **_):
        Bus.last = self
        self.locks, self.listeners = [], []
        self.gone = asyncio.get_running_loop().create_future()  # one for all who wait, as the real one

    async def connect(self):
        return self

    async def introspect(self, *_):
        return None

    def get_proxy_object(self, *_):
        return self

    def get_interface(self, _):
        return self

    def on_prepare_for_sleep(self, listener):
        self.listeners.append(listener)

    async def call_inhibit(self, what, who, why, mode):
        if self.refuses:
            raise DBusError("org.freedesktop.DBus.Error.AccessDenied", "no")
        assert (what, mode) == ("sleep", "delay")
        ours, theirs = os.pipe()
        self.locks.append(theirs)
        return ours

    async def wait_for_disconnect(self):
        await self.gone

    def disconnect(self):
        for lock in self.locks:
            os.close(lock)

    def say(self, asleep):
        for listener in self.listeners:
            listener(asleep)

    def held(self):
        """Whether the newest lock is held: its other end is open."""
        try:
            os.write(self.locks[-1], b"?")
        except BrokenPipeError:
            return False
        return True


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def bus(monkeypatch):
    monkeypatch.setattr(suspend, "MessageBus", Bus)


def test_the_computer_waits_until_the_webcam_is_closed_and_every_sleep_is_told():
    async def scene():
        told, closed = [], False
        task = asyncio.ensure_future(suspend.follow(told.append, lambda: closed))
        await asyncio.sleep(0)
        await until(lambda: Bus.last.locks)
        for _ in range(2):
            closed = False
            Bus.last.say(True)
            await until(lambda: told[-1:] == [True])
            assert Bus.last.held()
            closed = True
            await until(lambda: not Bus.last.held())
            Bus.last.say(False)
            await until(lambda: told[-1:] == [False] and Bus.last.held())
        assert told == [True, False, True, False]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())


def test_a_webcam_that_does_not_close_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(suspend, "LET_GO", 0.05)

    async def scene():
        task = asyncio.ensure_future(suspend.follow(lambda asleep: None, lambda: False))
        await asyncio.sleep(0)
        await until(lambda: Bus.last.locks)
        Bus.last.say(True)
        await until(lambda: not Bus.last.held())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())


def test_a_bus_that_ends_is_looked_for_again(monkeypatch):
    monkeypatch.setattr(suspend, "RETRY", 0.001)

    async def scene():
        task = asyncio.ensure_future(suspend.follow_sleep(lambda asleep: None, lambda: True))
        await asyncio.sleep(0)
        first = Bus.last
        await until(lambda: first.locks)
        first.gone.set_result(None)
        await until(lambda: Bus.last is not first and Bus.last.locks)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scene())


def test_sleep_is_told_where_it_can_not_be_delayed_too(monkeypatch):
    monkeypatch.setattr(Bus, "refuses", True)

    async def scene():
        told = []
        task = asyncio.ensure_future(suspend.follow(told.append, lambda: True))
        await asyncio.sleep(0)
        await until(lambda: Bus.last.listeners)
        for asleep in (True, False, True, False):
            Bus.last.say(asleep)
        await until(lambda: told == [True, False, True, False])
        task.cancel()

    asyncio.run(scene())


def test_who_is_told_of_sleep_is_told_of_its_end_even_if_the_bus_is_gone():
    async def scene():
        told = []
        task = asyncio.ensure_future(suspend.follow(told.append, lambda: True))
        await asyncio.sleep(0)
        await until(lambda: Bus.last.listeners)
        Bus.last.say(True)
        await until(lambda: told == [True])
        Bus.last.gone.set_result(None)
        with pytest.raises(EOFError):
            await task
        assert told == [True, False]

    asyncio.run(scene())
