"""`segblur`: finds the file of the command that is called, prepares the process, and turns errors into sentences.

A command's file is loaded only when it is called, and loads what is heavy only when it runs.
"""

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from vcam.cli.options import Parser
from vcam.errors import SegBlurError
from vcam.system.log import keep_no_core

# Each command, and the file of this folder that offers it by `add(commands)`.
COMMANDS = {
    "run": "run",
    "demo": "offline",
    "image": "offline",
    "video": "offline",
    "devices": "devices",
    "bench": "bench",
    "status": "service",
    "set": "service",
    "pause": "service",
    "resume": "service",
    "toggle": "service",
    "effect": "service",
    "camera": "service",
    "gallery": "gallery",
    "profile": "profile",
    "weights": "weights",
    "panel": "panel",
    "tray": "tray",
    "setup": "host",
    "doctor": "host",
    "train": "training",
    "evaluate": "training",
    "export": "training",
    "card": "training",
    "split": "training",
    "label": "training",
    "download": "training",
}
DESCRIPTION = """\
SegBlur Camera: you sharp, your room blurred, in every video program.

Reads the webcam, finds the person in each picture, blurs everything else, and writes the result to a virtual
camera that Zoom, Meet and other programs list as "SegBlur Camera". New here? Start with: segblur demo"""
EPILOG = """\
Settings come from the command line, the environment (SEGBLUR_LOOK__BLUR=0.8) and ~/.config/segblur/config.toml,
in this order; `segblur run --help` lists them."""


def main() -> int:
    """The exit code: 0, 1 for what is wrong with the world, 2 for the call, 78 for the settings."""
    prepare()
    try:
        code = call(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except (SegBlurError, ImportError, OSError, RuntimeError) as error:
        return report(error)
    return code


def call(words: Sequence[str]) -> int:
    """Carry out a call; the exit code. Raises SystemExit for help and wrong calls, and what the command raises."""
    if not words or words[0] in ("-h", "--help"):
        parsers(COMMANDS)[0].print_help()
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"segblur {version('segblur')}")
        return 0
    if words[0] not in COMMANDS:
        near = get_close_matches(words[0], COMMANDS, 1)
        remedy = f"did you mean segblur {near[0]}?" if near else "segblur --help lists them"
        Parser(prog="segblur").exit(2, f"segblur: there is no command {' '.join(words[0].split())}; {remedy}\n")
    arguments = parsers(words[:1])[1][words[0]].parse_args(words[1:])
    code: int = arguments.what(arguments)
    return code


def parsers(names: Iterable[str]) -> tuple[Parser, dict[str, Parser]]:
    """The parser of the whole command line, and one for each command of the files that hold these names."""
    top = Parser(
        prog="segblur",
        usage="segblur [-h] [--version] COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="store_true", help="print the version")
    commands = top.add_subparsers(title="commands", metavar="", prog="segblur")
    for file in dict.fromkeys(COMMANDS[name] for name in names):
        import_module(f"vcam.cli.{file}").add(commands)
    return top, commands.choices


def prepare() -> None:
    """Set up the process before anything heavy is loaded."""
    # Read when OpenCV loads: a webcam that delivers nothing is noticed after one second instead of ten.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
    # Read when it loads, here and in the worker: OpenCV's own OpenBLAS keeps a thread for each core, which spins after
    # each small product and takes up to as much CPU time as all else that is done with a frame.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # what it warns of, we say in a sentence of our own
    keep_no_core()
    open_standard_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):  # nothing is left half-written; `run` has its own way
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores the second
            signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names are not always text


def open_standard_streams() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed: else the next file that is opened would take its number,
    and what a library prints would end up in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def report(error: Exception) -> int:
    """One sentence on stderr for what is expected to go wrong, and its exit code; the rest is raised again."""
    code, sentence = 1, str(error)
    if isinstance(error, SegBlurError):
        code = error.exit_code
    elif isinstance(error, BrokenPipeError):  # `segblur devices | head`
        code, sentence = 141, ""
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        sentence = "there is no space left to write to; make some and call again"
    elif isinstance(error, OSError) and error.errno in (errno.EBADF, errno.EIO) and error.filename is None:
        sentence = f"reading or writing failed ({error.strerror}); see where the output goes"
    elif isinstance(error, FileNotFoundError) and not has_folder():
        sentence = "the current folder no longer exists; change to another one with cd"
    elif isinstance(error, RuntimeError) and "home directory" in sentence:  # of pathlib
        code, sentence = 78, "there is no home folder; set HOME to one"
    elif isinstance(error, ImportError) and ".so" in sentence:
        sentence = f"a system library is missing ({error}); on Debian: apt install libgl1 libglib2.0-0"
    else:
        raise error
    if isinstance(error, OSError):  # what could not be written is given up, also when Python ends
        give_up(sys.stdout.fileno())
    try:
        print(f"segblur: {sentence}" if sentence else "", end="\n" if sentence else "", file=sys.stderr, flush=True)
    except OSError:  # stderr is closed too
        give_up(sys.stderr.fileno())
    return code


def has_folder() -> bool:
    """Whether the current folder still exists."""
    try:
        return bool(Path.cwd())
    except FileNotFoundError:
        return False


def give_up(number: int) -> None:
    """Let whatever is still to be written to this descriptor go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
