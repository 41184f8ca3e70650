"""The command `segblur setup`: look at the machine, show the commands, ask, run them."""

import argparse
import os
from pathlib import Path

from vcam.errors import SegBlurError, SettingsError
from vcam.host.facts import snapshot
from vcam.host.setup.plan import FILES, plan, removal
from vcam.host.steps import Write, carry_out, overview, script
from vcam.settings import load_settings

READY = "All is set up: choose SegBlur Camera in your video program. If something is wrong, see segblur doctor."
REMOVED = "All that setup made is removed. The module's package, your settings and your weights are kept."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `segblur setup`."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-y", "--yes", action="store_true", help="don't ask")
    how.add_argument("--print", action="store_true", help="only print the commands, as a shell script")
    parser.add_argument("--remove", action="store_true", help="undo what setup made")
    text = "only what needs no root: the service, and the camera by PipeWire, without the kernel's module"
    parser.add_argument("--no-root", action="store_true", help=text)
    text = "also hide webcams from programs of PipeWire, so that they offer SegBlur Camera only"
    parser.add_argument("--hide-webcam", action="store_true", help=text)


def run(arguments: argparse.Namespace, _settings: object = None, root: Path = Path("/")) -> int:
    """The exit code: 0 where all is done, 1 where the person said no. Raises SegBlurError."""
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        raise SegBlurError("call segblur setup as yourself, without sudo: it calls sudo where it needs it")
    machine = snapshot(root, FILES, wants_pipewire())
    if arguments.remove:
        todo = removal(machine, arguments.no_root)
    else:
        todo = plan(machine, arguments.no_root, arguments.hide_webcam)
    if arguments.print:
        print(script(todo, machine.is_root, root))
        return 0
    if todo.steps:
        print("To remove SegBlur Camera:" if arguments.remove else "To set up SegBlur Camera on this computer:")
        print(overview(todo, machine.is_root, root))
        if any(isinstance(action, Write) for step in todo.steps for action in step.actions):
            print("(segblur setup --print shows the text of these files.)")
    for remark in todo.remarks:
        print(f"Note: {remark}")
    if todo.steps:
        if not (arguments.yes or agreed()):
            print("Nothing was changed.")
            return 1
        carry_out(todo, machine.is_root, root)
    print(REMOVED if arguments.remove else READY)
    return 0


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
