"""What the service says of itself: its status, as docs/control.md has it, and the line for systemd."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from vcam.desktop.seen import ROOM, Seen, sendable
from vcam.devices.outputs import Output, trouble_of
from vcam.service.keeper import STARTING, State
from vcam.service.screen import CHANGING, READY


def summary(state: State, outputs: Sequence[Output]) -> str:
    """One word: trouble, paused, asleep, idle, live or starting."""
    if trouble_of(outputs):
        return "trouble"
    if state.paused or state.asleep:
        return "paused" if state.paused else "asleep"
    if not state.has_readers:
        return "idle"
    if state.live:
        return "live"
    return "starting" if state.sentence in (READY, STARTING, CHANGING) else "trouble"


def line(state: State, outputs: Sequence[Output]) -> str:
    """The line that `systemctl --user status segblur` shows."""
    word = summary(state, outputs)
    return f"{word}: {trouble_of(outputs) or state.sentence}" if word in ("trouble", "starting") else word


def sentence(state: State, outputs: Sequence[Output]) -> str:
    """What the placeholder says; "" where there is none."""
    has_sentence = state.has_readers or state.paused or state.asleep
    return trouble_of(outputs) or (state.sentence if has_sentence else "")


@cache
def own_version() -> str:
    """SegBlur's; looked up once, since it is read from a file."""
    return version("segblur")


def seen(state: State, outputs: Sequence[Output], previews: Output, facts: Mapping[str, Any]) -> Seen:
    """What the desktop is told. It is asked for often, so no output is asked who reads it: the keeper knows."""
    look = state.settings.look
    return Seen(
        version=own_version(),
        state=summary(state, outputs),
        sentence=sendable(sentence(state, outputs)),
        watched=any(read for output, read in zip(outputs, state.read, strict=False) if output is not previews),
        previews=facts["previews"],
        paused=state.paused,
        effect=ROOM if look.shows_room else look.effect,
        strength=look.blur,
        room_shown=look.shows_room,
        webcam=sendable((facts["camera"] or {}).get("name", "")),
    )


def status(state: State, outputs: Sequence[Output], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about the service; `facts` are what it knows of worker, network and figures."""
    return {
        "version": own_version(),
        "state": summary(state, outputs),
        "sentence": sentence(state, outputs),
        "watched_by": next((how for output in outputs if (how := output.readers.how) != "lost"), "lost"),
        "outputs": [about for output in outputs if (about := output.about())],
        **facts,
        "settings": state.settings.model_dump(mode="json"),
        "pid": os.getpid(),
    }
