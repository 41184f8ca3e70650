"""What setup does, as data: steps that can be shown, printed as a shell script, or carried out."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vcam.errors import SegBlurError
from vcam.host.facts import find, place, search_path


@dataclass(frozen=True)
class Run:
    """A command."""

    words: tuple[str, ...]
    may_fail: bool = False


@dataclass(frozen=True)
class Write:
    """A file, whole."""

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


@dataclass(frozen=True)
class Plan:
    """What to do, in this order, and what to tell."""

    steps: tuple[Step, ...] = ()
    remarks: tuple[str, ...] = ()

    def __add__(self, other: "Plan") -> "Plan":
        return Plan(self.steps + other.steps, self.remarks + other.remarks)


@dataclass(frozen=True)
class Call:
    """A command as it is run: its words, and what it reads."""

    words: tuple[str, ...]
    text: str | None = None
    may_fail: bool = False

    def __str__(self) -> str:
        """For a shell."""
        line = shlex.join(self.words)
        if self.text is not None:
            line = f"{line} >/dev/null <<'EOF'\n{self.text}EOF"
        return f"{line} || true" if self.may_fail else line


def calls(step: Step, as_root: bool = False, root: Path = Path("/")) -> Iterator[Call]:
    """The commands of a step, those that need root with sudo unless it is root who calls."""
    sudo = ("sudo",) if step.root and not as_root else ()
    for action in step.actions:
        if isinstance(action, Run):
            yield Call((*sudo, *action.words), may_fail=action.may_fail)
            continue
        path = place(action.path, root)
        if isinstance(action, Write):
            if not path.parent.is_dir():
                yield Call((*sudo, "mkdir", "-p", str(path.parent)))
            yield Call((*sudo, "tee", str(path)), action.text)
        else:
            yield Call((*sudo, "rm", "-f", str(path)))


def script(what: Plan, as_root: bool = False, root: Path = Path("/")) -> str:
    """The plan as a shell script."""
    lines = ["#!/bin/sh", "# What segblur setup would do here. Run it as yourself.", "set -e"]
    lines += [f"# {line}" for remark in what.remarks for line in remark.splitlines()]
    for step in what.steps:
        lines += ["", f"# {step.why}", *map(str, calls(step, as_root, root))]
    return "\n".join([*lines, *([] if what.steps else ["", "# Nothing is to be done."])])


def overview(what: Plan, as_root: bool = False, root: Path = Path("/")) -> str:
    """The plan for a person to agree to; of files only the names."""
    lines = []
    for number, step in enumerate(what.steps, 1):
        lines.append(f"{number}. {step.why[0].upper()}{step.why[1:]}")
        lines += [f"     {shlex.join(call.words)}" for call in calls(step, as_root, root)]
    return "\n".join(lines)


def carry_out(what: Plan, as_root: bool = False, root: Path = Path("/")) -> None:
    """Do it all; stop at the first command that fails. Raises SegBlurError."""
    if any(step.root for step in what.steps) and not as_root and not find("sudo"):
        raise SegBlurError("there is no sudo here: run the commands of segblur setup --print as root")
    for step in what.steps:
        print(f"==> {step.why}", flush=True)
        for call in calls(step, as_root, root):
            # tee prints what it writes; nobody wants to read that
            quiet = subprocess.DEVNULL if call.text is not None else None
            code = run_call(call, quiet)
            if code and not call.may_fail:
                raise SegBlurError(
                    f"`{shlex.join(call.words)}` failed with code {code}: see what it says above, and what segblur "
                    "doctor says; when that is mended, segblur setup goes on from here"
                )


def run_call(call: Call, stdout: int | None) -> int:
    """The exit code of a command; 127 where there is no such program, as shells have it."""
    environment = {**os.environ, "PATH": search_path()}
    try:
        return subprocess.run(
            [find(call.words[0]) or call.words[0], *call.words[1:]],
            input=call.text,
            text=True,
            stdout=stdout,
            env=environment,
            check=False,
        ).returncode
    except FileNotFoundError:
        return 127
