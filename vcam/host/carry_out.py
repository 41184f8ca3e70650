"""Carry out a plan: command after command, each reported; the first that fails ends it."""

import os
import shlex
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from vcam.errors import SegBlurError
from vcam.host.facts import find_program, search_path
from vcam.host.root_shell import Runner, Tell, root_shell
from vcam.host.steps import Call, Plan, calls

NOT_FOUND = 127  # the exit code of a command that does not exist, as in a shell
# Of each step {"step": 2, "of": 5, "state": "running", "why": …}, and the same with "done" or, with "error", "failed";
# between the two what its commands print, {"step": 2, "text": …}.
Say = Callable[[dict[str, Any]], None]


def carry_out(plan: Plan, by: str, say: Say, run: Runner, is_root: bool = False, root: Path = Path("/")) -> None:
    """Run every command of the plan: by `run`, with sudo before those that need root; or, where `by` is pkexec, those
    in one shell of root, for which the password is asked before anything is done. Raises SegBlurError.
    """
    needs_root = any(step.root for step in plan.steps) and not is_root
    shell: AbstractContextManager[Runner] = nullcontext(run)
    if needs_root and by == "pkexec":
        if reason := only_in_terminal(plan):
            raise SegBlurError(f"{reason}: run segblur setup in a terminal")
        shell = root_shell()
    elif needs_root and not find_program("sudo"):
        raise SegBlurError("there is no sudo here: run the commands of segblur setup --print as root")
    with shell as run_as_root:
        for number, step in enumerate(plan.steps, 1):
            about = {"step": number, "of": len(plan.steps), "why": step.why}
            say(about | {"state": "running"})
            try:
                for call in calls(step, is_root or by == "pkexec", root):
                    run_one(call, run_as_root if step.root else run, partial(pass_on, say, number))
            except SegBlurError as error:
                say(about | {"state": "failed", "error": str(error)})
                raise
            say(about | {"state": "done"})


def run_one(call: Call, run: Runner, tell: Tell) -> None:
    """Run a command of a step. Raises SegBlurError where it fails and may not."""
    code = run(call, tell)
    if code and not call.may_fail:
        raise SegBlurError(
            f"`{shlex.join(call.words)}` failed with exit code {code}: see its messages and segblur doctor; once that "
            "is solved, segblur setup continues from here"
        )


def pass_on(say: Say, number: int, text: str) -> None:
    """Report a line of a step's command."""
    say({"step": number, "text": text})


def only_in_terminal(plan: Plan) -> str:
    """Why only a terminal can ask what the plan needs to know; "" where a window can, too."""
    if any(step.asks for step in plan.steps):
        return "Secure Boot is on, and the new password that it needs can be asked for in a terminal only"
    if any(step.root for step in plan.steps) and not find_program("pkexec"):
        return "this computer has no pkexec, which asks for the password in a window"
    return ""


def in_terminal(call: Call, _tell: Tell) -> int:
    """Run a command that reads and writes the terminal itself."""
    stdout = None if call.text is None else subprocess.DEVNULL  # tee prints what it writes
    try:
        done = subprocess.run(words(call), input=call.text, text=True, stdout=stdout, env=environment(), check=False)
    except FileNotFoundError:
        return NOT_FOUND
    return done.returncode


def reported(call: Call, tell: Tell) -> int:
    """Run a command that reads no terminal, and pass on each line that it prints, but for what tee writes."""
    writes = call.text is not None
    try:
        process = subprocess.Popen(
            words(call),
            stdin=subprocess.PIPE if writes else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if writes else subprocess.PIPE,
            stderr=subprocess.PIPE if writes else subprocess.STDOUT,
            encoding="utf-8",
            errors="surrogateescape",
            env=environment(),
        )
    except FileNotFoundError:
        return NOT_FOUND
    with process:
        lines = process.communicate(call.text)[1].splitlines() if writes else process.stdout or ()
        for line in lines:
            tell(line.rstrip("\n"))
    return process.returncode


def words(call: Call) -> list[str]:
    """The words of a command, with the path of its program."""
    return [find_program(call.words[0]) or call.words[0], *call.words[1:]]


def environment() -> dict[str, str]:
    """That of commands: they find what lies in folders that only root has in PATH."""
    return {**os.environ, "PATH": search_path()}
