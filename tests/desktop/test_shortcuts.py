"""Keys by the portal, of which there is a stand-in."""

import asyncio
from contextlib import asynccontextmanager

from tests.helpers.session_bus import Portal, Registry, connection, stand_in, until
from vcam.desktop import texts
from vcam.desktop.bus import Names
from vcam.desktop.shortcuts import Shortcuts
from vcam.names import APP


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
