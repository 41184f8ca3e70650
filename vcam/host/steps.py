"""A plan of setup as data: steps that can be shown, printed as a shell script, or carried out."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vcam.errors import SegBlurError
from vcam.host.facts import find_program, resolve, search_path


@dataclass(frozen=True)
class Run:
    """A command."""

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
            yield Call((*sudo, *action.words), may_fail=action.may_fail)
            continue
        path = resolve(action.path, root)
        if isinstance(action, Write):
            if not path.parent.is_dir():
                yield Call((*sudo, "mkdir", "-p", str(path.parent)))
            yield Call((*sudo, "tee", str(path)), action.text)
        else:
            yield Call((*sudo, "rm", "-f", str(path)))


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


def carry_out(plan: Plan, as_root: bool = False, root: Path = Path("/")) -> None:
    """Run every command of the plan; stop at the first that fails. Raises SegBlurError."""
    if any(step.root for step in plan.steps) and not as_root and not find_program("sudo"):
        raise SegBlurError("there is no sudo here: run the commands of segblur setup --print as root")
    for step in plan.steps:
        print(f"==> {step.why}", flush=True)
        for call in calls(step, as_root, root):
            stdout = None if call.text is None else subprocess.DEVNULL  # tee prints what it writes
            code = run_call(call, stdout)
            if code and not call.may_fail:
                raise SegBlurError(
                    f"`{shlex.join(call.words)}` failed with exit code {code}: see its messages above and segblur "
                    "doctor; once that is solved, segblur setup continues from here"
                )


def run_call(call: Call, stdout: int | None) -> int:
    """The exit code of a command; 127 where there is no such program, as in a shell."""
    environment = {**os.environ, "PATH": search_path()}
    try:
        return subprocess.run(
            [find_program(call.words[0]) or call.words[0], *call.words[1:]],
            input=call.text,
            text=True,
            stdout=stdout,
            env=environment,
            check=False,
        ).returncode
    except FileNotFoundError:
        return 127
