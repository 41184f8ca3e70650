"""What a screen reader sees of a program, and what it can do there: AT-SPI by dbus-fast."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.helpers.pipewire_session import until

ROOT = "/org/a11y/atspi/accessible/root"
ATSPI = "org.a11y.atspi"
STATES = {"checked": 4, "enabled": 8, "focused": 12, "selected": 23, "showing": 25, "visible": 30}  # atspi-constants.h


class Bus:
    """A connection to the accessibility bus of a session."""

    def __init__(self, session_bus: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._bus: MessageBus | None = None
        self._bus = self._connect(session_bus)
        until(self._address, "there is a bus for screen readers")
        address = self._address()
        self.close_bus()
        self._bus = self._connect(address)

    def _address(self) -> str:
        """Where the bus of screen readers is; "" while it is not there yet."""
        try:
            return str(self.call("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")[0])
        except RuntimeError:
            return ""

    def _connect(self, address: str) -> MessageBus:
        async def connect() -> MessageBus:
            return await MessageBus(bus_address=address).connect()

        return self._loop.run_until_complete(connect())

    def call(self, service: str, path: str, interface: str, member: str, signature: str = "", *body: Any) -> list[Any]:
        """The answer to a call. Raises RuntimeError for an error."""
        assert self._bus is not None
        message = Message(
            destination=service, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        answer = self._loop.run_until_complete(self._bus.call(message))
        assert answer is not None
        if answer.message_type == MessageType.ERROR:
            raise RuntimeError(f"{member}: {answer.error_name} {answer.body}")
        return answer.body

    def program(self, pid: int) -> "Node":
        """The program of that process, once it is there."""
        return self._find(lambda node: self.pid(node) == pid, f"process {pid}")

    def named(self, name: str) -> "Node":
        """The program that calls itself so, once it is there."""
        return self._find(lambda node: node.name == name, f"a program {name}")

    def _find(self, is_wanted: "Callable[[Node], bool]", what: str) -> "Node":
        found: list[Node] = []

        def look() -> list[Node]:
            with suppress(RuntimeError):  # one leaves meanwhile
                found[:] = filter(is_wanted, Node(self, f"{ATSPI}.Registry", ROOT).children())
            return found

        until(look, f"{what} is on the accessibility bus")
        return found[0]

    def pid(self, node: "Node") -> int:
        """The process that a widget belongs to; 0 where it has ended."""
        try:
            words = (
                "org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "GetConnectionUnixProcessID",
            )
            return int(self.call(*words, "s", node.service)[0])
        except RuntimeError:
            return 0

    def close_bus(self) -> None:
        assert self._bus is not None
        self._bus.disconnect()
        self._loop.run_until_complete(self._bus.wait_for_disconnect())

    def close(self) -> None:
        self.close_bus()
        self._loop.close()


class Node:
    """A widget."""

    def __init__(self, bus: Bus, service: str, path: str) -> None:
        self.bus, self.service, self.path = bus, service, path

    def _call(self, interface: str, member: str, signature: str = "", *body: Any) -> list[Any]:
        return self.bus.call(self.service, self.path, f"{ATSPI}.{interface}", member, signature, *body)

    def _get(self, interface: str, name: str) -> Any:
        words = (self.service, self.path, "org.freedesktop.DBus.Properties")
        return self.bus.call(*words, "Get", "ss", f"{ATSPI}.{interface}", name)[0].value

    @property
    def name(self) -> str:
        return str(self._get("Accessible", "Name"))

    @property
    def description(self) -> str:
        return str(self._get("Accessible", "Description"))

    @property
    def role(self) -> str:
        return str(self._call("Accessible", "GetRoleName")[0])

    def has(self, state: str) -> bool:
        low, high = self._call("Accessible", "GetState")[0]
        return bool((low | high << 32) >> STATES[state] & 1)

    def children(self) -> "list[Node]":
        return [Node(self.bus, service, path) for service, path in self._call("Accessible", "GetChildren")[0]]

    def labels(self) -> list[str]:
        """The names of its labels."""
        relations = self._call("Accessible", "GetRelationSet")[0]
        return [Node(self.bus, *other).name for kind, others in relations if kind == 2 for other in others]

    def do(self, action: int = 0) -> None:
        self._call("Action", "DoAction", "i", action)

    def actions(self) -> list[str]:
        return [entry[0] for entry in self._call("Action", "GetActions")[0]]

    @property
    def value(self) -> float:
        return float(self._get("Value", "CurrentValue"))

    @value.setter
    def value(self, value: float) -> None:
        words = (self.service, self.path, "org.freedesktop.DBus.Properties")
        self.bus.call(*words, "Set", "ssv", f"{ATSPI}.Value", "CurrentValue", Variant("d", value))

    def extents(self) -> tuple[int, int, int, int]:
        """x, y, width and height on the screen."""
        x, y, width, height = self._call("Component", "GetExtents", "u", 0)[0]
        return x, y, width, height

    def all(self) -> "Iterator[Node]":
        """It and all below."""
        yield self
        for child in self.children():
            yield from child.all()

    def find(self, role: str, name: str | None = None, that: "Callable[[Node], bool]" = lambda _: True) -> "Node":
        """The first of that role and name, once it is there."""
        found: list[Node] = []

        def look() -> list[Node]:
            try:
                found[:] = [
                    node for node in self.all() if node.role == role and name in (None, node.name) and that(node)
                ]
            except RuntimeError:  # the tree changes while it is walked
                return []
            return found

        until(look, f"there is a {role} {name or ''}")
        return found[0]
