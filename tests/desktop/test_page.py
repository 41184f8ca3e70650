"""The page docs/desktop.md: its tables are the interface."""

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

from tests.helpers.desk import Model, offered
from tests.helpers.session_bus import SERVICE
from vcam.desktop import fence, service_bus, texts
from vcam.desktop.bus import call
from vcam.desktop.notices import NOTICES
from vcam.names import BUS

PAGE = (Path(__file__).parents[2] / "docs" / "desktop.md").read_text()


def introspected():
    """The interface as the bus describes it."""

    async def scene():
        async with offered(Model()) as client:
            on = SERVICE._replace(interface="org.freedesktop.DBus.Introspectable")
            (text,) = await call(client, on, "Introspect")
        return text

    tree = ElementTree.fromstring(asyncio.run(scene()))
    return next(one for one in tree.iter("interface") if one.get("name") == BUS)


def described(method):
    """A method as the page writes it."""
    arguments = [one for one in method.iter("arg") if one.get("direction") == "in"]
    answers = [one.get("type") for one in method.iter("arg") if one.get("direction") == "out"]
    taken = ", ".join(f"{one.get('type')} {one.get('name')}" for one in arguments)
    return f"{method.get('name')}({taken})" + (f" → {answers[0]}" if answers else "")


def test_the_tables_are_the_interface(bus):
    interface = introspected()
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [
        (one.get("name"), one.get("type"), one.get("access"))
        for name, _, _ in rows
        for one in interface.iter("property")
        if one.get("name") == name
    ]
    assert {name for name, _, _ in rows} == {one.get("name") for one in interface.iter("property")}
    methods = re.findall(r"^\| `(\w+\(.*?)` \|", PAGE, re.MULTILINE)
    assert sorted(methods) == sorted(described(one) for one in interface.iter("method"))
    assert not [*interface.iter("signal")]


def test_the_limits_on_the_page_are_those_of_the_code():
    for words in (
        f"{fence.MOST_A_SECOND} calls of one program in a second, or {service_bus.MOST_CALLS} at a time",
        f"{service_bus.CALL:.0f} seconds ({service_bus.LOADING:.0f} for settings of the network)",
        *(notice.summary for notice in NOTICES.values()),
        *texts.SHORTCUTS.values(),
    ):
        assert words in PAGE
    assert service_bus.GATHER == 0.25
