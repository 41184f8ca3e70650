"""What the service on D-Bus costs, and does while the bus is flooded, dies, or is not to be used."""

import asyncio
import socket
from time import monotonic

import pytest
from dbus_fast import Message, MessageFlag, Variant
from dbus_fast.errors import DBusError

from tests.desktop.test_service_bus import LIMITS, error_of
from tests.helpers.desk import IDLE, Model, offered, owned, signals
from tests.helpers.session_bus import SERVICE, connection, flood, told, until
from vcam.desktop import service_bus
from vcam.desktop.bus import PROPERTIES, address, call
from vcam.desktop.fence import MOST_A_SECOND
from vcam.names import BUS


def test_many_changes_are_few_signals_and_the_last_one_is_told(bus):
    async def scene():
        model = Model()
        async with offered(model) as client:
            heard = await signals(client, PROPERTIES, "PropertiesChanged")
            began = monotonic()
            for number in range(1000):
                model.change(previews=number)
                await asyncio.sleep(0.001)
            await until(lambda: heard and heard[-1][1]["Previews"].value == 999)
            assert len(heard) <= (monotonic() - began) / service_bus.GATHER + 1
            assert heard[-1] == [BUS, {"Previews": Variant("u", 999)}, []]

    asyncio.run(scene())


def test_nothing_is_said_while_nothing_changes(bus):
    async def scene():
        model = Model()
        async with offered(model) as client:
            heard = await signals(client, PROPERTIES, "PropertiesChanged")
            for _ in range(3):
                model.news.set()
                await until(lambda: not model.news.is_set())
            model.change(state="live")
            await until(lambda: heard)
            assert heard == [[BUS, {"State": Variant("s", "live")}, []]]

    asyncio.run(scene())


def test_a_caller_that_floods_is_refused_and_another_is_not(bus):
    async def scene():
        async with offered(Model()) as client, connection() as other:
            began = monotonic()
            answers = await flood(client, 1000)
            assert (await told(other))["State"] == "idle"
            seconds = monotonic() - began
        answered = [one for one in answers if isinstance(one, dict)]
        assert {getattr(one, "type", str(one)) for one in answers if one not in answered} == {LIMITS}
        assert 0 < len(answered) <= MOST_A_SECOND * (seconds + 2)

    asyncio.run(scene())


def test_who_wants_no_answer_gets_no_refusal(bus):
    async def scene():
        async with offered(Model()) as client:
            silent = Message(
                destination=BUS,
                path=SERVICE.path,
                interface=BUS,
                member="Pause",
                flags=MessageFlag.NO_REPLY_EXPECTED,
            )
            errors = []
            client.add_message_handler(lambda message: errors.append(message) if message.error_name else None)
            for _ in range(200):
                silent.serial = client.next_serial()
                await client.send(silent)
            results = await asyncio.gather(*(told(client) for _ in range(50)), return_exceptions=True)
            assert LIMITS in {one.type for one in results if isinstance(one, DBusError)}
            assert len(errors) <= 50

    asyncio.run(scene())


def test_only_so_many_requests_are_carried_out_at_a_time(bus):
    class Held(Model):
        async def answer(self, do, arguments):
            await super().answer(do, arguments)
            await going.wait()
            return {}

    async def scene():
        nonlocal going
        going = asyncio.Event()
        model = Held()
        async with offered(model) as client:
            tasks = [asyncio.ensure_future(call(client, SERVICE, "Pause")) for _ in range(service_bus.MOST_CALLS)]
            await until(lambda: len(model.asked) == service_bus.MOST_CALLS)
            assert (await error_of(call(client, SERVICE, "Pause")))[0] == LIMITS
            going.set()
            await asyncio.gather(*tasks)

    going = None
    asyncio.run(scene())


def test_a_bus_that_dies_is_found_again(bus, monkeypatch):
    monkeypatch.setattr(service_bus, "RETRY", 0.01)

    async def scene():
        model = Model()
        async with offered(model):
            bus.stop()
            bus.start()
            async with connection() as again:
                await owned(again, BUS)
                model.change(state="live")
                assert (await told(again))["State"] == "live"

    asyncio.run(scene())


def test_a_name_that_is_taken_is_a_line_in_the_log_and_no_more(bus, monkeypatch, caplog):
    monkeypatch.setattr(service_bus, "RETRY", 0.01)
    attempts, own = 0, service_bus.own

    async def counted(*words):
        nonlocal attempts
        attempts += 1
        return await own(*words)

    monkeypatch.setattr(service_bus, "own", counted)

    async def scene():
        async with connection() as other:
            await other.request_name(BUS)
            task = asyncio.ensure_future(service_bus.serve_bus(None, lambda: IDLE, asyncio.Event()))
            await until(lambda: caplog.records)
            while attempts < 5:
                await asyncio.sleep(0.005)
            await other.release_name(BUS)
            await owned(other, BUS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)

    asyncio.run(scene())
    assert [record.getMessage() for record in caplog.records] == [
        f"another program has the name {BUS} on D-Bus; going on without"
    ]


@pytest.mark.parametrize(
    "kind", ["tcp:host=127.0.0.1,port={port}", "unix:path=/nowhere;tcp:host=127.0.0.1,port={port}"]
)
def test_a_bus_that_is_no_local_socket_is_never_called(bus, monkeypatch, kind, caplog):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", kind.format(port=listener.getsockname()[1]))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(bus.folder))  # where one is that may be

        async def scene():
            task = asyncio.ensure_future(service_bus.serve_bus(None, lambda: IDLE, asyncio.Event()))
            async with connection(bus.address) as client:
                await owned(client, BUS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)

        asyncio.run(scene())
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert address() == f"unix:path={bus.folder}/bus"
    assert caplog.text.count("no local socket") == 1  # however often it is looked at
