"""Clients that watch, flood, hang, are silent or leave: another one is still answered."""

import asyncio
import json
import socket
import threading
from contextlib import suppress

import pytest

from tests.control.callers import PATIENCE, Caller, Service, still_answers, warned
from tests.service.test_metrics import status
from vcam.control import server


def test_a_watcher_gets_the_status_until_it_asks_something_else(service):
    with Caller(service.path) as caller:
        caller.send(b'{"segblur": 1, "id": "w", "do": "watch", "every": 0.2}\n')
        for _ in range(3):
            assert caller.hear().items() >= {"id": "w", "ok": True, "state": "live"}.items()
        assert caller.ask("pause", id="p") == {"segblur": 1, "id": "p", "ok": True}
        assert caller.ask("resume", id="r") == {"segblur": 1, "id": "r", "ok": True}


def test_a_watcher_that_leaves_is_forgotten_at_once(service):
    for _ in range(3 * server.MOST_CLIENTS):
        with Caller(service.path) as caller:
            assert caller.ask("watch", every=60)["ok"]
    assert still_answers(service)


def test_a_watcher_survives_a_status_that_can_not_be_made(path):
    turns = iter(range(100))

    def watch():
        if next(turns) == 1:
            raise ValueError("not now")
        return status()

    with Service(path, watch=watch), Caller(path) as caller:
        assert caller.ask("watch", every=0.2)["ok"]
        assert caller.hear()["code"] == "internal"
        assert caller.hear()["ok"]


def test_a_request_in_the_works_holds_nobody_else_up_and_is_finished_when_its_client_is_gone(path):
    held, begun, finished = threading.Event(), threading.Event(), threading.Event()

    async def answer(do, arguments):
        if do == "weights":
            begun.set()
            await asyncio.to_thread(held.wait, PATIENCE)
            finished.set()
        return status()

    with Service(path, answer) as service:
        with Caller(path) as caller:
            caller.send(b'{"segblur": 1, "do": "weights", "use": "rollback"}\n')
            assert begun.wait(PATIENCE)
            assert still_answers(service)
        held.set()
        assert finished.wait(PATIENCE)
        assert still_answers(service)


def test_a_client_that_floods_is_served_one_request_at_a_time_and_others_between(path):
    running, most, flooded = [], [], threading.Event()

    async def answer(do, arguments):
        if do == "pause":
            running.append(1)
            most.append(len(running))
            await asyncio.sleep(0)
            running.pop()
            if len(most) > 200:
                flooded.set()
        return status()

    with Service(path, answer) as service, Caller(path) as flooder:
        flood = threading.Thread(target=flooder.send, args=(b'{"segblur": 1, "do": "pause"}\n' * 20_000,))
        flood.start()
        reader = threading.Thread(target=lambda: [flooder.hear() for _ in range(300)])
        reader.start()
        for _ in range(5):
            assert still_answers(service)
        assert flooded.wait(PATIENCE)
        assert still_answers(service)
        flooder.link.shutdown(socket.SHUT_RDWR)
        flood.join(PATIENCE)
        reader.join(PATIENCE)
    assert max(most) == 1


def test_each_answer_costs_its_client_a_pause(path, monkeypatch):
    pauses, sleep = [], asyncio.sleep

    async def noted(seconds):
        pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(server, "PAUSE", 0.2)
    monkeypatch.setattr(server.asyncio, "sleep", noted)
    with Service(path), Caller(path) as caller:
        caller.ask("pause")
        caller.ask("nonsense")
        caller.ask("watch")
        caller.ask("pause")
        caller.ask("pause")
    first, *others = pauses[:5]
    assert first <= 0
    assert all(0.1 < pause <= 0.2 for pause in others)


def test_clients_that_have_left_take_nobodys_place(path, monkeypatch):
    monkeypatch.setattr(server, "PAUSE", PATIENCE)
    with Service(path), Caller(path) as caller:
        assert caller.ask("pause")["ok"]
        for _ in range(3 * server.MOST_CLIENTS):
            with Caller(path) as other:
                assert other.ask("pause")["ok"]
        caller.link.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has told it to go
            caller.link.recv(1)


def room():
    """Bytes of one message that the kernel keeps for a socket whose other end does not read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        return ours.send(bytes(1_000_000))


@pytest.mark.parametrize("do", ["watch", "status"])
@pytest.mark.parametrize("size", [room() + 30_000, 1_000_000])
def test_a_client_that_does_not_read_is_dropped_while_others_are_answered(path, monkeypatch, do, size):
    monkeypatch.setattr(server, "PATIENCE", 0.3)
    long = status() | {"sentence": "x" * size}
    dropped = warned("does not read")
    with Service(path, watch=lambda: long) as service, Caller(path) as slow:
        slow.send(json.dumps({"segblur": 1, "do": do}).encode() + b"\n")
        assert still_answers(service)
        assert dropped.wait(PATIENCE)
        assert still_answers(service)
        rest = b""
        with suppress(ConnectionResetError):
            rest = slow.file.read()
        assert b"\n" not in rest


def test_when_all_places_are_taken_who_was_silent_for_longest_makes_room(service):
    silent = [Caller(service.path) for _ in range(server.MOST_CLIENTS)]
    for caller in [*silent[1:], silent[0]]:
        assert caller.ask("pause")["ok"]
    assert still_answers(service)
    told = silent[1].hear()
    assert (told["code"], silent[1].hear()) == ("full", None)
    for caller in (silent[2], silent[0]):
        assert caller.ask("pause")["ok"]
    for caller in silent:
        caller.__exit__()


def test_who_was_told_to_leave_has_no_request_answered_any_more():
    async def main():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            client = server.Client(ours, 0.0)
            client.reader = asyncio.StreamReader()
            client.reader.feed_data(b'{"segblur": 1, "do": "pause"}\n')  # it came at the same moment
            assert server.make_room([client])
            assert not server.make_room([client])
            assert await server.receive_line(client) == b""
            assert json.loads(theirs.recv(999))["code"] == "full"

    asyncio.run(main())


def test_half_a_request_is_no_reason_to_stay(service):
    hanging = [Caller(service.path) for _ in range(2 * server.MOST_CLIENTS)]
    for caller in hanging:
        caller.send(b'{"segblur": 1, "do": "sta')
    assert still_answers(service)
    for caller in hanging:
        caller.__exit__()


def test_when_nobody_is_silent_the_newest_is_told_so(service):
    watchers = [Caller(service.path) for _ in range(server.MOST_CLIENTS)]
    for caller in watchers:
        assert caller.ask("watch", every=60)["ok"]
    with Caller(service.path) as late:
        assert late.hear()["code"] == "full"
        assert late.hear() is None
    assert watchers[7].ask("pause")["ok"]  # now that one is silent
    assert still_answers(service)
    assert watchers[7].hear()["code"] == "full"
    for caller in watchers:
        caller.__exit__()
