"""The command `segblur setup`: look at the machine, show the commands, ask, run them."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from vcam.errors import SegBlurError, SettingsError
from vcam.host.carry_out import carry_out, in_terminal, reported
from vcam.host.facts import Machine, snapshot
from vcam.host.setup.json_lines import offer, say_json
from vcam.host.setup.plan import FILES, plan, removal
from vcam.host.steps import Plan, Write, overview, script
from vcam.settings import load_settings

READY = "All is set up: choose SegBlur Camera in your video program. If something is wrong, see segblur doctor."
REMOVED = "All that setup made is removed. The module's package, your settings and your weights are kept."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `segblur setup`."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-y", "--yes", action="store_true", help="don't ask")
    how.add_argument("--print", action="store_true", help="only print the commands, as a shell script")
    how.add_argument("--steps-json", action="store_true", help="only print the steps, as JSON")
    parser.add_argument("--remove", action="store_true", help="undo what setup made")
    text = "only what needs no root: the service, and the camera by PipeWire, without the kernel's module"
    parser.add_argument("--no-root", action="store_true", help=text)
    text = "also hide webcams from programs of PipeWire, so that they offer SegBlur Camera only"
    parser.add_argument("--hide-webcam", action="store_true", help=text)
    text = "what asks for root's password: sudo in the terminal, or pkexec once in a window (default: sudo)"
    parser.add_argument("--by", choices=("sudo", "pkexec"), default="sudo", help=text)
    text = "print a line of JSON for each step that begins or ends, and for each line of a command"
    parser.add_argument("--progress-json", action="store_true", help=text)


def run(arguments: argparse.Namespace, _settings: object = None, root: Path = Path("/")) -> int:
    """The exit code: 0 where all is done, 1 where the person said no. Raises SegBlurError."""
    as_json = arguments.steps_json or arguments.progress_json
    try:
        return set_up(arguments, root)
    except SegBlurError as error:
        if as_json:
            say_json({"segblur": 1, "error": str(error)})
        if arguments.steps_json:
            return error.exit_code
        raise


def set_up(arguments: argparse.Namespace, root: Path) -> int:
    """As `run`."""
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        raise SegBlurError("call segblur setup as yourself, without sudo: it calls sudo where it needs it")
    if arguments.progress_json and not arguments.yes:
        raise SegBlurError("--progress-json asks nothing: call it with --yes, once --steps-json has shown the steps")
    machine = snapshot(root, FILES, wants_pipewire())
    todo = wanted(arguments, machine)
    if arguments.steps_json:
        say_json(offer(todo, not wanted(arguments, as_if_running(machine)).steps, machine.is_root, root))
    elif arguments.print:
        print(script(todo, machine.is_root, root))
    elif arguments.progress_json:
        carry_out(todo, arguments.by, say_json, reported, machine.is_root, root)
    else:
        return in_conversation(arguments, todo, machine.is_root, root)
    return 0


def wanted(arguments: argparse.Namespace, machine: Machine) -> Plan:
    """What the call wants to be done on this machine. Raises SegBlurError."""
    if arguments.remove:
        return removal(machine, arguments.no_root)
    return plan(machine, arguments.no_root, arguments.hide_webcam)


def as_if_running(machine: Machine) -> Machine:
    """The machine, with its service running."""
    return replace(machine, service=machine.service and replace(machine.service, active="active"))


def in_conversation(arguments: argparse.Namespace, todo: Plan, is_root: bool, root: Path) -> int:
    """Show the plan, ask, carry it out; the exit code. Raises SegBlurError."""
    if todo.steps:
        print("To remove SegBlur Camera:" if arguments.remove else "To set up SegBlur Camera on this computer:")
        print(overview(todo, is_root, root))
        if any(isinstance(action, Write) for step in todo.steps for action in step.actions):
            print("(segblur setup --print shows the text of these files.)")
    for remark in todo.remarks:
        print(f"Note: {remark}")
    if todo.steps:
        if not (arguments.yes or agreed()):
            print("Nothing was changed.")
            return 1
        run_call = reported if arguments.by == "pkexec" else in_terminal
        carry_out(todo, arguments.by, say_text, run_call, is_root, root)
    print(REMOVED if arguments.remove else READY)
    return 0


def say_text(event: dict[str, Any]) -> None:
    """Report progress to a person."""
    if event.get("state") == "running":
        print(f"==> {event['why']}", flush=True)
    elif "text" in event:
        print(event["text"], flush=True)


def wants_pipewire() -> bool:
    """Whether the settings, where they can be read, want a camera by PipeWire."""
    try:
        return load_settings().output.pipewire != "off"
    except SettingsError:
        return True


def agreed() -> bool:
    """Whether the person answers yes."""
    try:
        return input("Do this? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
