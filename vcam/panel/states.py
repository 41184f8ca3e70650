"""What the strip says: from what is known of the service to a state with its sentence and its button. Pure."""

from typing import Any, Literal, NamedTuple

from vcam.control import wording
from vcam.panel import texts

Fault = Literal["", "asking", "stopped", "silent", "foreign"]
Shape = Literal["circle", "ring", "dots", "square", "bars", "triangle"]
Tint = Literal["", "green", "amber", "red"]
Action = Literal["", "start", "restart", "setup", "hide", "pause", "resume"]


class Known(NamedTuple):
    """What is known of the service: its status as docs/control.md has it, or why there is none."""

    status: dict[str, Any] | None = None
    fault: Fault = "asking"
    detail: str = ""  # a sentence on the fault
    needs_setup: bool = False


class State(NamedTuple):
    """What the strip shows."""

    name: str
    sentence: str
    shape: Shape
    tint: Tint = ""
    button: Action = ""
    is_default: bool = False  # the button is what the person most likely wants
    is_urgent: bool = False  # a screen reader interrupts for it


NO_ANSWER = State("no answer", wording.SILENT, "triangle", "red", "restart", True, True)
OTHER_VERSION = State("other version", texts.OTHER_VERSION, "triangle", "red", "restart", True, True)
NOT_SET_UP = State("not set up", texts.NOT_SET_UP, "square", "", "setup", True)
STOPPED = State("stopped", wording.STOPPED, "square", "", "start", True)
ASKING = State("asking", texts.ASKING, "dots")
ROOM = State("room", wording.ROOM, "triangle", "red", "hide", True, True)
PAUSED = State("paused", wording.PAUSED, "bars", "amber", "resume", True)
ASLEEP = State("sleeping", wording.ASLEEP, "ring")
STARTING = State("starting", wording.STARTING, "dots", "", "pause")
LIVE = State("live, a program", wording.LIVE, "circle", "green", "pause")
LIVE_UNKNOWN = State("live, unknown", texts.LIVE_UNKNOWN, "circle", "green", "pause")
LIVE_HERE = State("live, preview only", texts.LIVE_HERE, "circle", "green", "pause")
LINGERING = State("lingering", wording.LINGERING, "ring", "", "pause")
IDLE = State("idle", wording.IDLE, "ring", "", "pause")


def state_of(known: Known) -> State:
    """The state, the weightiest first."""
    if known.status is None:
        if known.fault == "stopped":
            return NOT_SET_UP if known.needs_setup else STOPPED
        return {"silent": NO_ANSWER, "foreign": OTHER_VERSION}.get(known.fault, ASKING)
    status = known.status
    if room_is_shown(status):
        return ROOM
    word = status["state"]
    if word == "trouble":
        return State("trouble", texts.sentence(status["sentence"]), "triangle", "red", "pause", is_urgent=True)
    if word in ("paused", "asleep", "starting"):
        return {"paused": PAUSED, "asleep": ASLEEP, "starting": STARTING}[word]
    if word == "live":
        viewers = [output["viewers"] for output in status["outputs"]]
        if 1 in viewers:
            return LIVE
        if None in viewers:
            return LIVE_UNKNOWN
        if status.get("previews", 0):
            return LIVE_HERE
    return LINGERING if status.get("camera") else IDLE


def room_is_shown(status: dict[str, Any]) -> bool:
    """Whether whoever watches sees the room."""
    look = status["settings"].get("look", {})
    return bool(look.get("effect") == "off" or look.get("on") == "person")


def is_watched(status: dict[str, Any] | None) -> bool:
    """Whether a program reads, as far as can be known."""
    return status is not None and any(output["viewers"] != 0 for output in status["outputs"])


def settings_of(status: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The settings by "section.name", with those in place that were asked for and are not confirmed yet."""
    flat = {
        f"{section}.{name}": value for section, values in status["settings"].items() for name, value in values.items()
    }
    return flat | wanted
