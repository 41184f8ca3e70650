"""Keys by the portal, of which there is a stand-in."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager

from tests.helpers.desk import owned, owner
from tests.helpers.session_bus import Portal, Program, Registry, connection, stand_in, until
from vcam.desktop import texts
from vcam.desktop.bus import Names
from vcam.desktop.shortcuts import Shortcuts
from vcam.names import APP, TRAY


@asynccontextmanager
async def keys():
    """What asks for them, and what was pressed."""
    async with connection() as bus:
        pressed = []
        yield Shortcuts(bus, Names(bus), lambda *words: pressed.append(words)), pressed, bus.unique_name


def test_the_keys_are_asked_for_by_name_and_pressed(bus):
    async def scene():
        async with keys() as (shortcuts, pressed, caller), stand_in(Portal(caller)) as portal:
            registry = Registry()
            portal.bus.export(Portal.PATH, registry)
            await shortcuts.start()
            await until(lambda: shortcuts._session)
            assert registry.registered == [APP]
            assert {key: about["description"] for key, about in portal.bound.items()} == texts.SHORTCUTS
            assert {key for key, about in portal.bound.items() if "preferred_trigger" in about} == {"toggle"}
            portal.press("toggle")
            portal.press("panel", token="token-1")
            await until(lambda: len(pressed) == 2)
            assert pressed == [("toggle", ""), ("panel", "token-1")]

    asyncio.run(scene())


def test_keys_of_other_sessions_and_keys_that_nobody_asked_for_do_nothing(bus):
    async def scene():
        async with keys() as (shortcuts, pressed, caller), stand_in(Portal(caller)) as portal:
            await shortcuts.start()
            await until(lambda: shortcuts._session)
            portal.press("toggle", session=f"{Portal.PATH}/session/1/other")
            portal.press("self-destruct")
            portal.press("next")
            await until(lambda: pressed)
            assert pressed == [("next", "")]

    asyncio.run(scene())


def test_a_portal_that_comes_late_or_again_is_asked(bus):
    async def scene():
        async with keys() as (shortcuts, _, caller):
            await shortcuts.start()
            for _ in range(2):
                async with stand_in(Portal(caller)) as portal:
                    await until(lambda: portal.bound and shortcuts._session)
                await until(lambda: not shortcuts._session)

    asyncio.run(scene())


def test_without_a_portal_there_is_the_remedy(bus, caplog):
    async def scene():
        async with keys() as (shortcuts, _, _):
            await shortcuts.start()

    asyncio.run(scene())
    assert texts.NO_SHORTCUTS in caplog.text


def test_a_refusal_is_the_same(bus, caplog):
    async def scene():
        async with keys() as (shortcuts, _, caller), stand_in(Portal(caller, code=1)):
            await shortcuts.start()
            await until(lambda: caplog.records)
            assert not shortcuts._session

    asyncio.run(scene())
    assert texts.NO_SHORTCUTS in caplog.text


def test_a_portal_without_shortcuts_is_the_same(bus, caplog):
    async def scene():
        async with keys() as (shortcuts, _, _), stand_in(Registry()):
            await shortcuts.start()
            await until(lambda: caplog.records)

    asyncio.run(scene())
    assert texts.NO_SHORTCUTS in caplog.text


def test_the_desktop_shows_where_they_are_changed_if_it_can_and_else_they_are_told(bus):
    async def asked_with(number):
        async with keys() as (shortcuts, _, caller), stand_in(Portal(caller, number=number)) as portal:
            await shortcuts.start()
            await until(lambda: shortcuts._session)
            return await shortcuts.configure(), portal.configured == [portal.session]

    assert asyncio.run(asked_with(2)) == ("", True)
    sentence, shown = asyncio.run(asked_with(1))
    assert not shown
    assert sentence.startswith("Pause or resume SegBlur: Ctrl+Alt+B; Open SegBlur: no key; Next background: no key.")


def test_before_the_person_has_answered_and_without_a_portal_it_is_said(bus):
    async def scene():
        async with keys() as (shortcuts, _, _):
            await shortcuts.start()
            assert await shortcuts.configure() == texts.NO_SHORTCUTS
            async with stand_in(Portal(":1.0")):  # whose answer goes to another
                await until(lambda: shortcuts._binding)
                assert await shortcuts.configure() == texts.SHORTCUTS_ASKED

    asyncio.run(scene())


def said(*words):
    """What a command prints."""
    done = subprocess.run([sys.executable, "-m", "vcam", *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_other_programs_ask_the_icon_for_them(bus):
    async def scene():
        assert await asyncio.to_thread(said, "tray", "--shortcuts") == texts.SHORTCUTS_NEED_ICON
        async with Program("tray"), connection() as other:
            await owned(other, TRAY)
            async with stand_in(Portal(await owner(other, TRAY), number=2)) as portal:
                while await asyncio.to_thread(said, "tray", "--shortcuts") != texts.SHORTCUTS_SHOWN:
                    assert not portal.configured
                assert portal.configured == [portal.session]

    asyncio.run(scene())
