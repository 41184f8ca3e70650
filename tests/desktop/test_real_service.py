"""The real service with the sample for a camera, as programs on D-Bus see it and what they can do to it."""

import asyncio
import os
import re
import signal

import pytest
from dbus_fast import Variant
from dbus_fast.errors import DBusError
from PIL import Image

from tests.desktop.test_tray import icon, shown
from tests.helpers.desk import owned
from tests.helpers.keepers import PATIENCE
from tests.helpers.running import Running, at_home, file  # noqa: F401 - a fixture
from tests.helpers.session_bus import SERVICE, Program, connection, flood, told, window
from vcam.control import client, wording
from vcam.desktop.bus import PROPERTIES, call
from vcam.desktop.menu import NEWEST
from vcam.names import BUS
from vcam.service import keeper

A_FILE = re.compile(r"/(dev|proc|home|tmp|sys|run|memfd)\b")


async def seen(bus, **wanted):
    """Until the service is seen so."""
    async with asyncio.timeout(PATIENCE):
        while not wanted.items() <= (found := await told(bus)).items():
            await asyncio.sleep(0.06)  # a caller has twenty calls a second
    return found


def in_session(scene):
    """Run a scene with a connection on which the service is there."""

    async def whole():
        async with connection() as bus:
            await owned(bus, BUS)
            await scene(bus)

    asyncio.run(whole())


def test_who_reads_what_and_how_it_looks_is_told(bus):
    async def scene(client_bus):
        found = await seen(client_bus, State="live", Watched=True, Webcam="bundled sample")
        assert (found["Effect"], found["RoomShown"], found["Paused"]) == ("blur", False, False)
        running.device.readers.leave()
        await seen(client_bus, State="idle", Watched=False)
        async with window():
            await seen(client_bus, State="live", Watched=False, Previews=1)
        await seen(client_bus, State="idle", Previews=0)

    with Running(bus=True) as running:
        running.live()
        in_session(scene)


def test_it_can_be_paused_and_changed_and_goes_on(bus):
    async def scene(client_bus):
        await call(client_bus, SERVICE, "Pause")
        assert running.device.kinds[-1] == "placeholder"
        assert (await told(client_bus))["Sentence"] == keeper.PAUSED
        await call(
            client_bus, SERVICE._replace(interface=PROPERTIES), "Set", "ssv", [BUS, "Paused", Variant("b", False)]
        )
        running.live()
        await call(client_bus, SERVICE, "SetEffect", "sa{sv}", ["blur", {"blur": Variant("d", 0.9)}])
        assert (await told(client_bus))["Strength"] == 0.9
        assert file() == {}
        (note,) = await call(client_bus, SERVICE, "Set", "sv", ["look.blur", Variant("d", 0.7)])
        assert (note, file()) == ("", {"look": {"blur": 0.7}})
        (note,) = await call(client_bus, SERVICE, "Set", "sv", ["desktop.bus", Variant("b", False)])
        assert note == "desktop.bus changes with the next start"
        with pytest.raises(DBusError, match=r"look.blur can't be 7.0"):
            await call(client_bus, SERVICE, "Set", "sv", ["look.blur", Variant("d", 7.0)])
        running.live()
        running.still_live()

    with Running(bus=True) as running:
        running.live()
        in_session(scene)


def test_a_room_that_a_terminal_shows_is_hidden_by_d_bus_and_never_shown(bus):
    async def scene(client_bus):
        client.ask("effect", on="person")
        await seen(client_bus, RoomShown=True, Effect="room")
        running.device.secrets.clear()  # what was seen until now was wanted
        await call(client_bus, SERVICE, "SetEffect", "sa{sv}", ["blur", {}])
        running.device.secrets.clear()
        assert not (await told(client_bus))["RoomShown"]
        for member, signature, body in (
            ("SetEffect", "sa{sv}", ["off", {}]),
            ("Set", "sv", ["look.effect", Variant("s", "off")]),
            ("Set", "sv", ["look.on", Variant("s", "person")]),
        ):
            with pytest.raises(DBusError, match="over D-Bus"):
                await call(client_bus, SERVICE, member, signature, body)
        assert not (await told(client_bus))["RoomShown"]
        running.live()
        running.still_live()  # and no frame showed it, as is seen when the service ends

    with Running(bus=True) as running:
        running.live()
        in_session(scene)


def test_a_profile_is_used_unless_it_shows_the_room(bus):
    async def scene(client_bus):
        client.ask("effect", effect="bokeh")
        client.ask("profile", save="dark")
        client.ask("effect", effect="blur", on="person")
        client.ask("profile", save="room")
        running.device.secrets.clear()  # what was seen until now was wanted
        await call(client_bus, SERVICE, "UseProfile", "s", ["dark"])
        running.device.secrets.clear()
        assert (await told(client_bus))["Effect"] == "bokeh"
        for name in ("room", "none"):
            with pytest.raises(DBusError, match=r"over D-Bus|there is no profile none"):
                await call(client_bus, SERVICE, "UseProfile", "s", [name])
        assert (await told(client_bus))["Effect"] == "bokeh"
        assert file()["look"]["on"] == "background"
        running.live()
        running.still_live()

    with Running(bus=True) as running:
        running.live()
        in_session(scene)


def test_a_profile_that_an_option_would_make_show_the_room_is_refused(bus, monkeypatch):
    async def scene(client_bus):
        client.ask("profile", save="dark")
        monkeypatch.setenv("SEGBLUR_LOOK__ON", "person")
        with pytest.raises(DBusError, match="over D-Bus"):
            await call(client_bus, SERVICE, "UseProfile", "s", ["dark"])
        assert not (await told(client_bus))["RoomShown"]
        running.live()
        running.still_live()

    with Running(bus=True) as running:
        running.live()
        in_session(scene)


def test_nothing_that_it_says_is_a_file(bus):
    async def scene(client_bus):
        async with window():
            await seen(client_bus, State="live", Previews=1)
            (status,) = await call(client_bus, SERVICE, "Status")
            assert not A_FILE.search(f"{await told(client_bus)} {status}")

    with Running(bus=True) as running:
        running.live()
        assert A_FILE.search(str(client.ask("status")))
        in_session(scene)


def test_frames_flow_while_the_bus_hangs_dies_or_is_flooded(bus):
    async def scene(client_bus):
        await flood(client_bus, 1000)
        running.live()
        running.still_live()

    with Running(bus=True) as running:
        running.live()
        in_session(scene)
        bus.process.send_signal(signal.SIGSTOP)
        client.ask("effect", blur=0.9)  # there is something to tell
        running.live()
        running.still_live()
        bus.stop(signal.SIGKILL)
        running.live()
        running.still_live()


def test_a_bus_that_hangs_from_the_start_holds_nothing_up(bus):
    bus.process.send_signal(signal.SIGSTOP)
    with Running(bus=True) as running:
        running.live()
        running.still_live()


def test_the_icon_shows_the_real_service_until_that_is_killed(bus, tmp_path, monkeypatch):
    gallery = tmp_path / "data" / "segblur" / "gallery"
    gallery.mkdir(parents=True)
    for number in range(200):
        Image.new("RGB", (32, 18), (0, number, 90)).save(gallery / f"beach {number}.png")
        os.utime(gallery / f"beach {number}.png", (number, number))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    environment = {"SEGBLUR_OUTPUT__PIPEWIRE": "off", "HOME": str(tmp_path)}

    async def scene():
        async with Program("run", "--camera.device", "sample", **environment) as service, shown() as item:
            await owned(item.bus, BUS)
            await item.until(**icon("trouble"))  # there is no virtual camera
            await item.until_listed("beach 199")
            listed = [label for label in await item.entries() if label.startswith("beach")]
            assert listed == [f"beach {number}" for number in range(199, 199 - NEWEST, -1)]
            await item.click("beach 195")
            await seen(item.bus, Effect="picture")
            await item.until_on("beach 195")
            await asyncio.to_thread(client.ask, "profile", save="home")
            await call(item.bus, item.menu, "AboutToShow", "i", [0])
            await item.until_on("home")
            async with window():
                await seen(item.bus, Previews=1)
                await item.click("Pause")
                await seen(item.bus, Paused=True)
                await item.until_on("Pause")
            service.process.send_signal(signal.SIGKILL)
            await item.until(ToolTip=("", [], "SegBlur", wording.STOPPED), **icon("stopped"))
            await asyncio.wait_for(service.process.wait(), PATIENCE)

    asyncio.run(scene())
