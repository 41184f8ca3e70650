"""A service of which a test says what is seen, on the session's D-Bus by the real interface."""

import asyncio
from contextlib import asynccontextmanager

from tests.helpers.session_bus import PATIENCE, connection
from tests.service.test_metrics import status
from vcam.desktop.bus import DAEMON, DAEMON_PATH, Target, call
from vcam.desktop.seen import Seen
from vcam.desktop.service_bus import serve_bus
from vcam.names import BUS

IDLE = Seen("0.2.0", "idle", "", False, 0, False, "blur", 0.5, False, "")
LIVE = IDLE._replace(state="live", watched=True, webcam="HD Pro Webcam C920")


class Model:
    """What is seen, and what was asked for."""

    def __init__(self, seen=IDLE):
        self.seen, self.news, self.asked = seen, asyncio.Event(), []

    async def answer(self, do, arguments):
        self.asked.append((do, arguments))
        return {"toggle": {"paused": True}, "status": status()}.get(do, {})

    def change(self, **fields):
        self.seen = self.seen._replace(**fields)
        self.news.set()


@asynccontextmanager
async def offered(model):
    """The model on the bus; gives a connection of another program."""
    task = asyncio.ensure_future(serve_bus(model.answer, lambda: model.seen, model.news))
    try:
        async with connection() as bus:
            await owned(bus, BUS)
            yield bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.01)  # its connection is closed in the loop's next turns


async def owner(bus, name):
    """The program that has a name on the bus; "" where there is none."""
    (has,) = await call(bus, Target(DAEMON, DAEMON_PATH, DAEMON), "NameHasOwner", "s", [name])
    return (await call(bus, Target(DAEMON, DAEMON_PATH, DAEMON), "GetNameOwner", "s", [name]))[0] if has else ""


async def owned(bus, name, there=True):
    """Until a name has an owner, or none."""
    async with asyncio.timeout(PATIENCE):
        while bool(await owner(bus, name)) != there:
            await asyncio.sleep(0.005)


async def signals(bus, interface, member):
    """A list that every such signal is added to."""
    found = []

    def take(message):
        if (message.interface, message.member) == (interface, member):
            found.append(message.body)

    bus.add_message_handler(take)
    await call(
        bus, Target(DAEMON, DAEMON_PATH, DAEMON), "AddMatch", "s", [f"interface='{interface}',member='{member}'"]
    )
    return found
