"""Notifications on a real bus, before a server of the test's."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from dbus_fast import Message
from dbus_fast.errors import DBusError

from tests.helpers.desk import IDLE, LIVE
from tests.helpers.session_bus import Server, connection, stand_in, until
from vcam.desktop import bus as session_bus
from vcam.desktop import notices
from vcam.desktop.bus import Names, Target, call
from vcam.desktop.notifications import Notifications
from vcam.names import APP

TROUBLE = LIVE._replace(state="trouble", sentence="there is no webcam named <b>R&D</b>")
ROOM = IDLE._replace(effect="room", room_shown=True)
PAUSED = IDLE._replace(state="paused", paused=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    for kind in notices.HELD:
        monkeypatch.setitem(notices.HELD, kind, 0.0)
    monkeypatch.setattr(notices, "APART", 0.0)


@asynccontextmanager
async def notifier(setting="all"):
    async def asked():
        return setting

    async with connection() as bus:
        pressed = []
        one = Notifications(bus, Names(bus), asked, lambda *words: pressed.append(words))
        await one.start()
        yield one, pressed


def idle(notifications):
    """Whether all has been said that is to be said."""
    return all(task.done() for task in notifications._tasks.values())


ROWS = [
    ([LIVE], "Your webcam is on", "A program is showing SegBlur Camera.", 0, ["pause", "Pause", "default"]),
    ([TROUBLE], "SegBlur can't show you", "there is no webcam named &lt;b&gt;R&amp;D&lt;/b&gt;", 1, ["default"]),
    ([ROOM], "Your room is shown", "Everybody who watches can see it.", 2, ["hide", "Hide it", "default"]),
    ([PAUSED, PAUSED._replace(watched=True)], "SegBlur is paused", "Others see a notice.", 1, ["resume", "Resume"]),
]


@pytest.mark.parametrize(("seen", "summary", "body", "urgency", "actions"), ROWS, ids=[row[1] for row in ROWS])
def test_each_is_shown_with_its_buttons_and_taken_back(bus, seen, summary, body, urgency, actions):
    async def scene():
        async with stand_in(Server()) as server, notifier() as (notifications, _):
            for one in seen:
                notifications.look(one)
            await until(lambda: summary in server.summaries())
            (shown,) = [one for one in server.shown if one["summary"] == summary]
            assert (shown["app"], shown["icon"], shown["body"]) == ("SegBlur", APP, body)
            assert shown["actions"][: len(actions)] == actions
            expected = {"urgency": urgency, "category": "device", "desktop-entry": APP}
            assert shown["hints"] == expected | ({"transient": True} if seen == [LIVE] else {})
            notifications.look(None)
            await until(lambda: shown["number"] in server.closed)

    asyncio.run(scene())


def test_a_server_without_buttons_gets_none_and_says_what_to_type(bus):
    async def scene():
        async with stand_in(Server(able=["body"])) as server, notifier() as (notifications, _):
            notifications.look(TROUBLE)
            await until(lambda: len(server.shown) == 2)
            assert [one["actions"] for one in server.shown] == [[], []]
            bodies = {one["summary"]: one["body"] for one in server.shown}
            assert bodies["Your webcam is on"].endswith("segblur toggle pauses it.")
            assert "<b>R&D</b>" in bodies["SegBlur can't show you"]  # who knows no markup gets none

    asyncio.run(scene())


def test_a_button_is_told_with_the_desktops_token(bus):
    async def scene():
        async with stand_in(Server()) as server, notifier() as (notifications, pressed):
            notifications.look(ROOM)
            await until(lambda: notifications._numbers)
            server.press(1, "hide")
            server.give_token(1, "token-1")
            server.press(1, "default")
            await until(lambda: len(pressed) == 2)
            assert pressed == [("hide", ""), ("panel", "token-1")]

    asyncio.run(scene())


def test_buttons_of_other_notifications_and_of_other_programs_are_not_ours(bus):
    async def scene():
        async with stand_in(Server()) as server, notifier() as (notifications, pressed), connection() as stranger:
            notifications.look(ROOM)
            await until(lambda: notifications._numbers)
            forged = Message.new_signal(Server.PATH, Server.NAME, "ActionInvoked", "us", [1, "hide"])
            forged.destination = notifications._bus.unique_name  # so that no rule keeps it out
            await stranger.send(forged)
            with pytest.raises(DBusError):  # by the answer to this, it has been delivered
                await call(stranger, Target(forged.destination, "/", "no.such.Thing"), "Nothing")
            server.press(7, "hide")
            server.press(1, "default")
            await until(lambda: pressed)
            assert pressed == [("panel", "")]

    asyncio.run(scene())


def test_what_is_said_again_takes_the_place_of_the_one_before(bus, monkeypatch):
    monkeypatch.setitem(notices.AGAIN, "room", 0.02)

    async def scene():
        async with stand_in(Server()) as server, notifier() as (notifications, _):
            notifications.look(ROOM)
            await until(lambda: len(server.shown) >= 3)
            assert [one["replaces"] for one in server.shown[:3]] == [0, 1, 1]
            notifications.look(None)

    asyncio.run(scene())


def test_the_setting_can_silence_them(bus):
    async def scene():
        async with stand_in(Server()) as server:
            async with notifier("none") as (notifications, _):
                notifications.look(LIVE._replace(effect="room", room_shown=True))
                await until(lambda: idle(notifications))
            assert server.shown == []
            async with notifier("important") as (notifications, _):
                notifications.look(LIVE._replace(effect="room", room_shown=True))
                await until(lambda: idle(notifications))
            assert server.summaries() == ["Your room is shown"]

    asyncio.run(scene())


def test_one_that_is_over_before_it_was_shown_is_taken_back(bus):
    async def scene():
        async with stand_in(Server()) as server, notifier() as (notifications, _):
            server.awake.clear()
            notifications.look(ROOM)
            await until(lambda: server.asked)
            notifications.look(IDLE)
            server.awake.set()
            await until(lambda: server.closed == [1])

    asyncio.run(scene())


def test_a_server_that_never_answers_is_given_up(bus, monkeypatch, caplog):
    async def scene():
        async with stand_in(Server()) as server, notifier() as (notifications, _):
            server.awake.clear()
            monkeypatch.setattr(session_bus, "PATIENCE", 0.05)
            notifications.look(ROOM)
            await until(lambda: caplog.records and idle(notifications))
            server.awake.set()
            notifications.look(IDLE)
            notifications.look(ROOM)
            await until(lambda: notifications._numbers)

    asyncio.run(scene())
    assert "no notification can be shown" in caplog.text


def test_without_a_server_it_is_a_line_in_the_log(bus, caplog):
    async def scene():
        async with notifier() as (notifications, _):
            notifications.look(ROOM)
            await until(lambda: caplog.records and idle(notifications))

    asyncio.run(scene())
    assert "no notification can be shown" in caplog.text
