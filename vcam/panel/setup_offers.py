"""What `segblur setup` would do here, asked of it in a process of its own."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, QProcess

from vcam.panel import setup_texts as texts
from vcam.panel.service import new_process


@dataclass(frozen=True)
class Step:
    """A step of setup."""

    why: str
    root: bool = False
    commands: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()  # path and text of each


@dataclass(frozen=True)
class Offer:
    """What one way to set SegBlur up would do; with `error`, why it can't be gone."""

    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()
    is_set_up: bool = False  # nothing but a start of the service is missing
    terminal: str = ""  # why only a terminal can do it
    error: str = ""
    no_root: bool = False


@dataclass(frozen=True)
class Offers:
    """The two ways: by PipeWire alone, without root; and with the kernel's devices, too."""

    desktop: Offer
    everywhere: Offer

    @property
    def choices(self) -> tuple[Offer, ...]:
        """What to choose from, at least one: the way that needs no password first."""
        desktop, everywhere = self.desktop, self.everywhere
        if everywhere.error and not desktop.error:
            reason = texts.ONLY_DESKTOP.format(reason=everywhere.error)
            return (replace(desktop, remarks=(*desktop.remarks, reason)),)
        if desktop.error or not desktop.steps or not any(step.root for step in everywhere.steps):
            return (everywhere,)
        return (desktop, everywhere)

    @property
    def is_set_up(self) -> bool:
        """Whether SegBlur has been set up in the one way or the other, though it may not be running."""
        return self.desktop.is_set_up or self.everywhere.is_set_up


def read_offers(program: Sequence[str], parent: QObject, then: Callable[[Offers], None]) -> None:
    """Ask setup, started by these words, for both ways; `then` is given them later, unless the parent is gone."""
    found: dict[str, Offer] = {}

    def ask(name: str, *options: str) -> None:
        process = new_process(parent)

        def ended(*_: object) -> None:
            found[name] = offer_of(bytes(process.readAllStandardOutput().data()))
            process.deleteLater()
            if len(found) == 2:
                then(Offers(replace(found["desktop"], no_root=True), found["everywhere"]))

        process.finished.connect(ended)
        process.errorOccurred.connect(lambda error: ended() if error == QProcess.ProcessError.FailedToStart else None)
        process.start(program[0], [*program[1:], "setup", "--steps-json", *options])

    ask("desktop", "--no-root")
    ask("everywhere")


def offer_of(text: bytes) -> Offer:
    """The answer of `segblur setup --steps-json`."""
    try:
        answer = json.loads(text)
        if "error" in answer:
            return Offer(error=str(answer["error"]))
        return Offer(
            tuple(step_of(step) for step in answer["steps"]),
            tuple(map(str, answer["remarks"])),
            bool(answer["set_up"]),
            str(answer["terminal"]),
        )
    except (ValueError, KeyError, TypeError):
        return Offer(error=texts.UNREADABLE)


def step_of(step: dict[str, Any]) -> Step:
    """One of its steps."""
    files = tuple((str(file["path"]), str(file["text"])) for file in step["files"])
    return Step(str(step["why"]), bool(step["root"]), tuple(map(str, step["commands"])), files)
