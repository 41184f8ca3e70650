"""What D-Bus may not do: show the room, decide what counts as a person, or keep the service busy. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from dbus_fast import Variant

from vcam.errors import SettingsError
from vcam.settings import LookSettings, changed_look

MOST_A_SECOND = 20  # calls of one caller
ELSEWHERE = "say it in a terminal, or in SegBlur's window"
SHOWS_ROOM = f"what shows the room can't be done over D-Bus; {ELSEWHERE}"
OPTIONS = ("blur", "colour", "picture", "video")
DECIDES = ("look.on", "network.weights", "network.keep")  # settings that say what the room is, or what is kept of it

# What Status tells of the status in docs/control.md: what names no file, and does not change with every frame.
TOLD = ("version", "state", "sentence", "watched_by", "previews", "fallback", "pid", "uptime_s")
TOLD_OF = {
    "outputs": ("label", "viewers", "size", "state"),
    "camera": ("name", "format", "size", "fps"),
    "network": ("architecture", "engine", "device", "size", "missing"),
}


def effect_arguments(effect: str, options: Mapping[str, Variant]) -> dict[str, Any]:
    """The arguments of the request `effect`, which hides the room whatever was shown before. Raises SettingsError for
    what shows it.
    """
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise SettingsError(f"there is no option {unknown[0]}; there are {', '.join(OPTIONS)}")
    if shows_room("effect", effect):
        raise SettingsError(SHOWS_ROOM)
    return {name: one.value for name, one in options.items()} | {"effect": effect, "on": "background"}


def set_arguments(key: str, value: Any) -> dict[str, Any]:
    """The arguments of the request `set`. Raises SettingsError for what shows the room, or may."""
    section, _, name = key.partition(".")
    if section == "look" and shows_room(name, value):
        raise SettingsError(SHOWS_ROOM)
    if key in DECIDES:
        raise SettingsError(f"{key} decides what is seen, and can't be set over D-Bus; {ELSEWHERE}")
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{key} can't be {value}: that is not finite")
    return {"key": key, "value": value}


def shows_room(name: str, value: Any) -> bool:
    """Whether this value of a setting of the look shows the room."""
    try:
        return changed_look(LookSettings(), {name: value}).shows_room
    except SettingsError:  # not a value that stands alone, as an effect without its file; the service looks at it
        return False


def told(status: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a status that D-Bus gives away."""
    parts: dict[str, Any] = {name: status[name] for name in TOLD}
    for name, fields in TOLD_OF.items():
        part = status[name]
        parts[name] = [only(one, fields) for one in part] if isinstance(part, list) else part and only(part, fields)
    return parts


def only(part: Mapping[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    """These fields of it, as far as it has them."""
    return {name: part[name] for name in fields if name in part}


class Allowance:
    """Counts the calls of each caller in the present second."""

    def __init__(self) -> None:
        self._second = -1
        self._calls: dict[str, int] = {}

    def allows(self, caller: str, now: float) -> bool:
        """Whether this caller may make one more call; `now` is in seconds."""
        if int(now) != self._second:
            self._second, self._calls = int(now), {}
        self._calls[caller] = self._calls.get(caller, 0) + 1
        return self._calls[caller] <= MOST_A_SECOND
