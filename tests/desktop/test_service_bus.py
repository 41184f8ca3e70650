"""The service on D-Bus: the real interface on a real bus, before a service that notes what it is asked."""

import asyncio
import json
import math

import pytest
from dbus_fast import Variant
from dbus_fast.errors import DBusError

from tests.helpers.desk import IDLE, LIVE, Model, offered
from tests.helpers.session_bus import SERVICE, Systemd, stand_in, told, until
from vcam.desktop import launch, service_bus
from vcam.desktop.bus import PROPERTIES, call
from vcam.errors import SettingsError
from vcam.names import APP, BUS

REFUSED, ARGUMENT, INTERNAL = (f"io.github.segblur.Error.{word}" for word in ("Refused", "Argument", "Internal"))
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
ON_PROPERTIES = SERVICE._replace(interface=PROPERTIES)


async def error_of(work):
    with pytest.raises(DBusError) as caught:
        await work
    return caught.value.type, caught.value.text


def test_the_properties_are_what_is_seen(bus):
    async def scene():
        async with offered(Model(LIVE)) as client:
            assert await told(client) == {
                "Version": "0.2.0",
                "State": "live",
                "Sentence": "",
                "Watched": True,
                "Previews": 0,
                "Paused": False,
                "Effect": "blur",
                "Strength": 0.5,
                "RoomShown": False,
                "Webcam": "HD Pro Webcam C920",
            }

    asyncio.run(scene())


CALLS = [
    ("Pause", "", [], ("pause", {})),
    ("Resume", "", [], ("resume", {})),
    ("Toggle", "", [], ("toggle", {})),
    ("SetEffect", "sa{sv}", ["dim", {}], ("effect", {"effect": "dim", "on": "background"})),
    (
        "SetEffect",
        "sa{sv}",
        ["picture", {"picture": Variant("s", "/home/anna/beach.jpg"), "blur": Variant("d", 0.7)}],
        ("effect", {"effect": "picture", "picture": "/home/anna/beach.jpg", "blur": 0.7, "on": "background"}),
    ),
    ("Set", "sv", ["look.blur", Variant("d", 0.7)], ("set", {"key": "look.blur", "value": 0.7})),
    ("Set", "sv", ["framing.mirror", Variant("b", True)], ("set", {"key": "framing.mirror", "value": True})),
    ("Set", "sv", ["look.effect", Variant("s", "dim")], ("set", {"key": "look.effect", "value": "dim"})),
    ("Set", "sv", ["network.size", Variant("s", "fine")], ("set", {"key": "network.size", "value": "fine"})),
    ("UseProfile", "s", ["home"], ("profile", {"use": "home"})),
]


@pytest.mark.parametrize(("member", "signature", "body", "asked"), CALLS, ids=[f"{c[0]} {c[2]}" for c in CALLS])
def test_a_call_is_a_request_as_those_of_the_control_socket(bus, member, signature, body, asked):
    async def scene():
        model = Model()
        async with offered(model) as client:
            await call(client, SERVICE, member, signature, body)
        assert model.asked == [asked]

    asyncio.run(scene())


def test_paused_can_be_written_and_the_others_not(bus):
    async def scene():
        model = Model()
        async with offered(model) as client:
            for paused in (True, False):
                await call(client, ON_PROPERTIES, "Set", "ssv", [BUS, "Paused", Variant("b", paused)])
            for name, value in (("RoomShown", Variant("b", True)), ("Effect", Variant("s", "off"))):
                said, _ = await error_of(call(client, ON_PROPERTIES, "Set", "ssv", [BUS, name, value]))
                assert said == "org.freedesktop.DBus.Error.PropertyReadOnly"
        assert model.asked == [("pause", {}), ("resume", {})]

    asyncio.run(scene())


SHOW_THE_ROOM = [
    ("SetEffect", "sa{sv}", ["off", {}]),
    ("SetEffect", "sa{sv}", ["blur", {"on": Variant("s", "person")}]),
    ("SetEffect", "sa{sv}", ["blur", {"effect": Variant("s", "off")}]),
    ("Set", "sv", ["look.effect", Variant("s", "off")]),
    ("Set", "sv", ["look.on", Variant("s", "person")]),
    ("Set", "sv", ["look.on", Variant("s", "background")]),  # which an option of the service may override
    ("Set", "sv", ["network.keep", Variant("as", ["person", "sofa", "chair"])]),
    ("Set", "sv", ["network.keep", Variant("s", "person,sofa")]),
    ("Set", "sv", ["network.weights", Variant("s", "/tmp/all.safetensors")]),
]


@pytest.mark.parametrize(("member", "signature", "body"), SHOW_THE_ROOM, ids=[str(one) for one in SHOW_THE_ROOM])
def test_what_shows_the_room_or_may_is_refused_before_the_service_is_asked(bus, member, signature, body):
    async def scene():
        model = Model()
        async with offered(model) as client:
            said, _ = await error_of(call(client, SERVICE, member, signature, body))
        assert (said, model.asked) == (REFUSED, [])

    asyncio.run(scene())


def test_an_effect_by_d_bus_hides_the_room_whatever_was_shown_before(bus):
    async def scene():
        model = Model(IDLE._replace(effect="room", room_shown=True))
        async with offered(model) as client:
            await call(client, SERVICE, "SetEffect", "sa{sv}", ["blur", {}])
        assert model.asked == [("effect", {"effect": "blur", "on": "background"})]

    asyncio.run(scene())


WRONG = [
    ("SetEffect", "sa{sv}", ["", {}], ARGUMENT),
    ("SetEffect", "sa{sv}", ["blur", {"blur": Variant("d", 7.0)}], ARGUMENT),
    ("SetEffect", "sa{sv}", ["blur", {"blur": Variant("d", math.nan)}], ARGUMENT),
    ("SetEffect", "sa{sv}", ["picture", {"picture": Variant("s", "beach.jpg")}], ARGUMENT),
    ("SetEffect", "sa{sv}", ["blur", {"keep": Variant("b", True)}], REFUSED),
    ("Set", "sv", ["look.blur", Variant("ay", b"0.7")], ARGUMENT),
    ("Set", "sv", ["look.blur", Variant("a{ss}", {"a": "b"})], ARGUMENT),
    ("Set", "sv", ["look.blur", Variant("v", Variant("d", 0.7))], ARGUMENT),
    ("Set", "sv", ["look.blur", Variant("d", math.nan)], REFUSED),
    ("Set", "sv", ["look.blur", Variant("d", math.inf)], REFUSED),
    ("Set", "sv", ["look.blur\n", Variant("d", 0.7)], ARGUMENT),
    ("UseProfile", "s", [""], ARGUMENT),
]


@pytest.mark.parametrize(("member", "signature", "body", "error"), WRONG, ids=[str(one) for one in WRONG])
def test_an_argument_that_makes_no_sense_does_not_reach_the_service(bus, member, signature, body, error):
    async def scene():
        model = Model()
        async with offered(model) as client:
            said, _ = await error_of(call(client, SERVICE, member, signature, body))
        assert (said, model.asked) == (error, [])

    asyncio.run(scene())


def test_a_refusal_and_a_bug_are_told_as_errors_and_the_service_goes_on(bus):
    class Trouble(Model):
        async def answer(self, do, arguments):
            if do == "pause":
                raise SettingsError("not now\0")
            raise ZeroDivisionError("secret")

    async def scene():
        async with offered(Trouble()) as client:
            assert await error_of(call(client, SERVICE, "Pause")) == (REFUSED, "not now")
            assert await error_of(call(client, SERVICE, "Resume")) == (INTERNAL, "internal error, see the journal")
            assert (await told(client))["State"] == "idle"

    asyncio.run(scene())


def test_a_request_that_takes_long_is_told_so_and_carried_on(bus, monkeypatch):
    monkeypatch.setattr(service_bus, "CALL", 0.01)

    class Slow(Model):
        async def answer(self, do, arguments):
            await going.wait()
            return await super().answer(do, arguments)

    async def scene():
        nonlocal going
        going = asyncio.Event()
        model = Slow()
        async with offered(model) as client:
            said, text = await error_of(call(client, SERVICE, "Pause"))
            assert said == "org.freedesktop.DBus.Error.Timeout"
            assert "goes on" in text
            going.set()
            await until(lambda: model.asked == [("pause", {})])

    going = None
    asyncio.run(scene())


def test_the_window_is_started_outside_of_the_sandbox_of_a_unit(bus, monkeypatch):
    monkeypatch.setenv("INVOCATION_ID", "1")

    async def scene():
        async with stand_in(Systemd()) as systemd, offered(Model()) as client:
            await call(client, SERVICE, "OpenPanel", "s", ["token-1"])
            await call(client, SERVICE, "OpenPanel", "s", ["token-2"])  # while it is about to come
            ((name, made),) = systemd.made
        assert name.startswith(f"app-{APP}@")
        assert made["ExecStart"] == [(launch.COMMAND[0], [*launch.COMMAND], False)]
        assert made["Environment"] == ["XDG_ACTIVATION_TOKEN=token-1"]

    asyncio.run(scene())


def test_without_systemd_the_window_is_refused_with_the_remedy(bus, monkeypatch):
    monkeypatch.setenv("INVOCATION_ID", "1")

    async def scene():
        async with offered(Model()) as client:
            said, text = await error_of(call(client, SERVICE, "OpenPanel", "s", [""]))
        assert said == REFUSED
        assert "start it with: segblur panel" in text

    asyncio.run(scene())


def test_a_service_in_a_terminal_starts_the_window_itself(bus, token):
    async def scene():
        async with offered(Model()) as client:
            await call(client, SERVICE, "OpenPanel", "s", ["token\n-1"])
            await until(token.exists)
            await until(lambda: not launch._windows)
        assert token.read_text() == "\n"  # what can't be a token is left out

    asyncio.run(scene())


def test_the_status_names_no_file_and_no_figure(bus):
    async def scene():
        model = Model()
        async with offered(model) as client:
            (text,) = await call(client, SERVICE, "Status")
        assert model.asked == [("status", {})]
        status = json.loads(text)
        assert status["state"] == "live"
        assert status["outputs"][0] == {"label": "SegBlur Camera", "viewers": 1, "size": [1280, 720]}
        assert status["camera"] == {"name": "HD Pro Webcam C920", "format": "mjpeg", "size": [1280, 720], "fps": 30.0}
        assert not {"figures", "settings"} & status.keys()
        assert "/" not in text

    asyncio.run(scene())
