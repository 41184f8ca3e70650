"""A plan of setup as data: steps that can be shown, printed as a shell script, or carried out."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vcam.host.facts import resolve


@dataclass(frozen=True)
class Run:
    """A command. A word that begins with ~/ is a path in the home folder."""

    words: tuple[str, ...]
    may_fail: bool = False


@dataclass(frozen=True)
class Write:
    """A file to write."""

    path: str
    text: str


@dataclass(frozen=True)
class Remove:
    """A file to remove."""

    path: str


@dataclass(frozen=True)
class Step:
    """Something to do, and why."""

    why: str
    actions: tuple[Run | Write | Remove, ...]
    root: bool = False
    asks: bool = False  # a command of it asks the person something, which only a terminal can show


@dataclass(frozen=True)
class Plan:
    """What to do, in this order, and what the person should know."""

    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()

    def __add__(self, other: "Plan") -> "Plan":
        return Plan(self.steps + other.steps, self.remarks + other.remarks)


@dataclass(frozen=True)
class Call:
    """A command as it is run: its words, and the text of its standard input."""

    words: tuple[str, ...]
    text: str | None = None
    may_fail: bool = False

    def __str__(self) -> str:
        """As a line of a shell script."""
        line = shlex.join(self.words)
        if self.text is not None:
            line = f"{line} >/dev/null <<'EOF'\n{self.text}EOF"
        return f"{line} || true" if self.may_fail else line


def calls(step: Step, as_root: bool = False, root: Path = Path("/")) -> Iterator[Call]:
    """The commands of a step, with sudo where it needs root and this process is not root."""
    sudo = ("sudo",) if step.root and not as_root else ()
    for action in step.actions:
        if isinstance(action, Run):
            yield Call((*sudo, *at_home(action.words)), may_fail=action.may_fail)
            continue
        path = resolve(action.path, root)
        if isinstance(action, Write):
            if not path.parent.is_dir():
                yield Call((*sudo, "mkdir", "-p", str(path.parent)))
            yield Call((*sudo, "tee", str(path)), action.text)
        else:
            yield Call((*sudo, "rm", "-f", str(path)))


def at_home(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, with the home folder in place of ~."""
    return tuple(str(Path(word).expanduser()) if word.startswith("~/") else word for word in words)


def script(plan: Plan, as_root: bool = False, root: Path = Path("/")) -> str:
    """The plan as a shell script."""
    lines = ["#!/bin/sh", "# What segblur setup would do here. Run it as yourself.", "set -e"]
    lines += [f"# {line}" for remark in plan.remarks for line in remark.splitlines()]
    for step in plan.steps:
        lines += ["", f"# {step.why}", *map(str, calls(step, as_root, root))]
    return "\n".join([*lines, *([] if plan.steps else ["", "# Nothing to do."])])


def overview(plan: Plan, as_root: bool = False, root: Path = Path("/")) -> str:
    """The plan for a person to agree to: each step with its commands; of files only the names."""
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines.append(f"{number}. {step.why[0].upper()}{step.why[1:]}")
        lines += [f"     {shlex.join(call.words)}" for call in calls(step, as_root, root)]
    return "\n".join(lines)
