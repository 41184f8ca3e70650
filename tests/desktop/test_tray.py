"""The icon in the panel: `segblur tray` as a process, before a panel and a service of the test's."""

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from dbus_fast import Variant

from tests.helpers.desk import IDLE, LIVE, Model, offered, owned, signals
from tests.helpers.session_bus import PATIENCE, Program, Systemd, Watcher, connection, stand_in, until
from vcam.control import wording
from vcam.desktop import icon_bus, launch, menu_bus, texts, tray
from vcam.desktop.bus import PROPERTIES, Target, call
from vcam.errors import SettingsError
from vcam.names import APP, BUS, TRAY


class Item:
    """The icon as a panel reads it."""

    def __init__(self, bus, name):
        self.bus, self.icon = bus, Target(name, icon_bus.PATH, icon_bus.INTERFACE)
        self.menu = Target(name, menu_bus.PATH, "com.canonical.dbusmenu")

    async def look(self):
        """Its properties."""
        (values,) = await call(self.bus, self.icon._replace(interface=PROPERTIES), "GetAll", "s", [self.icon.interface])
        return {name: value.value for name, value in values.items()}

    async def entries(self):
        """Label → (number, properties) of all entries at any depth."""
        _, (_, _, below) = await call(self.bus, self.menu, "GetLayout", "iias", [0, -1, []])
        return dict(self._flat(below))

    def _flat(self, below):
        for one in below:
            number, properties, deeper = one.value
            yield (
                properties["label"].value if "label" in properties else f"line {number}",
                (number, {name: value.value for name, value in properties.items()}),
            )
            yield from self._flat(deeper)

    async def click(self, label):
        number, _ = (await self.entries())[label]
        await call(self.bus, self.menu, "Event", "isvu", [number, "clicked", Variant("i", 0), 0])

    async def until(self, **wanted):
        """Until it looks so."""
        async with asyncio.timeout(PATIENCE):
            while not wanted.items() <= (await self.look()).items():
                await asyncio.sleep(0.01)

    async def until_on(self, label):
        """Until an entry is marked."""
        async with asyncio.timeout(PATIENCE):
            while (await self.entries()).get(label, (0, {}))[1].get("toggle-state") != 1:
                await asyncio.sleep(0.01)

    async def until_listed(self, label, there=True):
        """Until the menu has such an entry, or none."""
        async with asyncio.timeout(PATIENCE):
            while (label in await self.entries()) != there:
                await asyncio.sleep(0.01)


def icon(state):
    return {"IconName": f"{APP}-{state}-symbolic"}


@asynccontextmanager
async def shown():
    """A tray and its icon in a panel."""
    async with stand_in(Watcher()) as watcher, connection() as bus, Program("tray") as program:
        await until(lambda: watcher.items)
        item = Item(bus, watcher.items[0])
        item.watcher, item.program = watcher, program
        yield item


def test_the_icon_is_registered_and_says_what_there_is(bus):
    async def scene():
        model = Model(LIVE)
        async with offered(model), shown() as item:
            assert item.watcher.items == [f"org.kde.StatusNotifierItem-{item.program.process.pid}-1"]
            await item.until(**icon("live"))
            found = await item.look()
            assert (found["Id"], found["Title"], found["Category"]) == ("segblur", "SegBlur", "Hardware")
            assert (found["Status"], found["Menu"], found["ItemIsMenu"]) == ("Active", "/MenuBar", False)
            assert found["ToolTip"] == ("", [], "SegBlur", wording.LIVE)
            folder = Path(found["IconThemePath"]) / "hicolor" / "symbolic" / "apps"
            for state in ("idle", "live", "paused", "trouble", "stopped"):
                assert (folder / f"{APP}-{state}-symbolic.svg").is_file()
            model.change(effect="room", room_shown=True)
            await item.until(Status="NeedsAttention", ToolTip=("", [], "SegBlur", wording.ROOM), **icon("trouble"))

    asyncio.run(scene())


def test_the_panel_is_told_of_every_change(bus):
    async def scene():
        model = Model(IDLE)
        async with offered(model), shown() as item:
            await item.until(**icon("idle"))
            heard = {name: await signals(item.bus, icon_bus.INTERFACE, name) for name in ("NewIcon", "NewToolTip")}
            layouts = await signals(item.bus, item.menu.interface, "LayoutUpdated")
            model.change(paused=True, state="paused")
            await until(lambda: heard["NewIcon"] and heard["NewToolTip"] and layouts)
            revision, _ = await call(item.bus, item.menu, "GetLayout", "iias", [0, 0, []])
            assert layouts[-1] == [revision, 0]
            assert (await item.entries())["Pause"][1]["toggle-state"] == 1

    asyncio.run(scene())


def test_clicks_in_the_menu_go_to_the_service(bus):
    async def scene():
        model = Model(IDLE)
        async with offered(model), shown() as item:
            await item.until(**icon("idle"))
            await item.click("Pause")
            await item.click("Dim")
            await call(item.bus, item.icon, "SecondaryActivate", "ii", [0, 0])
            wanted = [("pause", {}), ("effect", {"effect": "dim", "on": "background"}), ("toggle", {})]
            await until(lambda: sorted(model.asked, key=str) == sorted(wanted, key=str))
            model.change(paused=True, effect="room", room_shown=True)
            await item.until_listed(texts.HIDE)
            model.asked.clear()
            await item.click("Pause")
            await item.click(texts.HIDE)
            wanted = [("resume", {}), ("effect", {"effect": "blur", "on": "background"})]
            await until(lambda: sorted(model.asked, key=str) == sorted(wanted, key=str))

    asyncio.run(scene())


def test_a_click_on_an_entry_that_has_just_gone_does_nothing(bus):
    async def scene():
        model = Model(IDLE._replace(effect="room", room_shown=True))
        async with offered(model), shown() as item:
            await item.until_listed(texts.HIDE)
            number, _ = (await item.entries())[texts.HIDE]
            model.change(effect="blur", room_shown=False)
            await item.until_listed(texts.HIDE, there=False)
            event = [number, "clicked", Variant("i", 0), 0]
            await call(item.bus, item.menu, "Event", "isvu", event)
            assert (await call(item.bus, item.menu, "EventGroup", "a(isvu)", [[event]])) == [[number]]
            await item.click("Pause")
            await until(lambda: model.asked)
            assert model.asked == [("pause", {})]

    asyncio.run(scene())


def test_what_the_service_refuses_is_said_by_the_icon_until_the_next_click(bus):
    class Refuses(Model):
        async def answer(self, do, arguments):
            if do == "effect":
                raise SettingsError("beach.jpg is gone")
            return await super().answer(do, arguments)

    async def scene():
        async with offered(Refuses()), shown() as item:
            await item.until(**icon("idle"))
            await item.click("Dim")
            await item.until(ToolTip=("", [], "SegBlur", "beach.jpg is gone"))
            assert "beach.jpg is gone" in await item.entries()
            await item.click("Pause")
            await item.until(ToolTip=("", [], "SegBlur", wording.IDLE))

    asyncio.run(scene())


def test_without_a_service_it_can_be_started_and_looking_starts_nothing(bus):
    async def scene():
        async with stand_in(Systemd()) as systemd, shown() as item:
            await item.until(**icon("stopped"))
            assert systemd.started == []
            assert set(await item.entries()) >= {wording.STOPPED, texts.START, texts.QUIT}
            await item.click(texts.START)
            await until(lambda: systemd.started)
            assert systemd.started == [("segblur.service", "replace")]
            async with offered(Model(IDLE)):
                await item.until(**icon("idle"))
            await item.until(**icon("stopped"))

    asyncio.run(scene())


def test_neither_looking_nor_a_click_has_the_bus_start_the_service(bus, tmp_path):
    started = tmp_path / "started"
    bus.stop()
    (bus.folder / "services" / f"{BUS}.service").write_text(f"[D-BUS Service]\nName={BUS}\nExec=/bin/touch {started}\n")
    bus.start()

    async def scene():
        async with shown() as item:
            await item.until(**icon("stopped"))
            await call(item.bus, item.icon, "SecondaryActivate", "ii", [0, 0])
            await item.until_listed(wording.STOPPED, there=False)  # what went wrong has taken its place

    asyncio.run(scene())
    assert not started.exists()


def test_where_nothing_can_start_it_the_remedy_is_said(bus):
    async def scene():
        async with shown() as item:
            await item.click(texts.START)
            await item.until(ToolTip=("", [], "SegBlur", texts.NOT_STARTED))

    asyncio.run(scene())


def test_a_panel_that_comes_late_or_again_gets_the_icon(bus):
    async def scene():
        async with Program("tray") as program, connection() as client:
            await owned(client, TRAY)
            for _ in range(2):
                async with stand_in(Watcher()) as watcher:
                    await until(lambda: watcher.items)
                    assert watcher.items == [f"org.kde.StatusNotifierItem-{program.process.pid}-1"]

    asyncio.run(scene())


def test_where_no_panel_shows_icons_one_line_says_so(bus):
    async def scene():
        async with Program("tray") as program:
            line = await program.says("shows no such icons")
            assert line == f"segblur: {texts.NO_WATCHER}\n"
            assert program.process.returncode is None

    asyncio.run(scene())


def test_a_second_icon_ends_at_once_and_the_first_stays(bus):
    async def scene():
        async with shown() as item, Program("tray") as second:
            assert await second.ended() == (0, f"segblur: {texts.SECOND}\n")
            assert (await item.look())["Id"] == "segblur"

    asyncio.run(scene())


def test_without_a_session_one_sentence_says_so(tmp_path):
    async def scene():
        environment = {"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(tmp_path)}
        async with Program("tray", **environment) as program:
            assert await program.ended() == (1, f"segblur: {texts.NO_BUS}\n")

    asyncio.run(scene())


@pytest.mark.parametrize("how", ["the person", "the session", "a signal"])
def test_it_ends_without_a_complaint(bus, how):
    async def scene():
        async with shown() as item:
            if how == "the person":
                await item.click(texts.QUIT)
            elif how == "a signal":
                item.program.process.terminate()
            else:
                bus.stop()
            code, said = await item.program.ended()
            assert code == 0
            assert [line for line in said.splitlines() if texts.NO_SHORTCUTS not in line] == []  # there is no portal

    asyncio.run(scene())


def test_a_click_opens_the_window_which_may_come_to_the_front(bus, token):
    async def scene():
        async with stand_in(Watcher()) as watcher, connection() as client:
            task = asyncio.ensure_future(tray.show_icon())
            await until(lambda: watcher.items)
            item = Item(client, watcher.items[0])
            await call(client, item.icon, "ProvideXdgActivationToken", "s", ["token-1"])
            await call(client, item.icon, "Activate", "ii", [0, 0])
            await until(token.exists)
            await until(lambda: not launch._windows)
            await item.click(texts.QUIT)
            await task
            await asyncio.sleep(0.01)

    asyncio.run(scene())
    assert token.read_text() == "token-1\n"


def test_the_icon_loads_neither_settings_nor_pictures():
    heavy = {"pydantic", "numpy", "PIL", "cv2", "torch", "PySide6", "vcam.settings", "vcam.frame"}
    code = f"import sys, vcam.desktop.tray; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert out.stdout.strip() == "set()"
