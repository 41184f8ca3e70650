"""What the desktop is told of the service: words and switches; no frame, no path, no figures."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dbus_fast import Variant


class Seen(NamedTuple):
    """The properties of the D-Bus interface, in the order of PROPERTIES."""

    version: str
    state: str  # as in docs/control.md
    sentence: str
    watched: bool  # a program shows SegBlur Camera, or may
    previews: int  # windows of SegBlur's that show the preview
    paused: bool
    effect: str  # ROOM where that is shown
    strength: float
    room_shown: bool
    webcam: str  # name of the one that is open


ROOM = "room"
# Names and types on D-Bus, one for each field above.
PROPERTIES = {
    "Version": "s",
    "State": "s",
    "Sentence": "s",
    "Watched": "b",
    "Previews": "u",
    "Paused": "b",
    "Effect": "s",
    "Strength": "d",
    "RoomShown": "b",
    "Webcam": "s",
}


def properties(seen: Seen) -> dict[str, Variant]:
    """As they go over the bus."""
    return {name: Variant(kind, value) for (name, kind), value in zip(PROPERTIES.items(), seen, strict=True)}


def changes(before: Seen, now: Seen) -> dict[str, Variant]:
    """The properties that differ."""
    told = properties(before)
    return {name: value for name, value in properties(now).items() if value.value != told[name].value}


def received(values: Mapping[str, Variant], before: Seen | None = None) -> Seen | None:
    """What came over the bus, changes of `before` or all; None where something is missing, as from another version."""
    fields: dict[str, Any] = dict(zip(PROPERTIES, before, strict=True)) if before else {}
    fields |= {name: one.value for name, one in values.items() if PROPERTIES.get(name) == one.signature}
    return Seen(*(fields[name] for name in PROPERTIES)) if fields.keys() == PROPERTIES.keys() else None


def sendable(text: Any) -> str:
    """Text that D-Bus takes: without what is not Unicode, and without NUL."""
    return str(text).encode(errors="replace").decode().replace("\0", "")
