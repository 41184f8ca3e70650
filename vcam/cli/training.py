"""`segblur train` and the like: another program, of which the service knows nothing (training/__main__.py)."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

from vcam.cli.options import Commands

COMMANDS = {
    "train": "make weights from pictures and masks",
    "evaluate": "how good weights, or another program's masks, are on pictures with masks",
    "export": "weights in another form: for the service, for OpenVINO, from torchvision's files",
    "card": "the figures of a weights file, for its model card",
    "split": "divide pictures into those to train and those to measure on",
    "label": "masks for pictures that have none, by other networks",
    "download": "Pascal VOC 2012 and SBD",
}


def add(commands: Commands) -> None:
    """The commands. Their options are training's own: no word is taken for one here."""
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        command.add_argument("words", nargs=argparse.REMAINDER)
        command.set_defaults(what=partial(hand_over, name))


def hand_over(name: str, arguments: argparse.Namespace) -> NoReturn:
    """Become that program. Raises FileNotFoundError where the current folder is gone: torch can't be loaded there."""
    Path.cwd()
    words = [sys.executable, "-P", "-m", "training", name, *arguments.words]
    os.execv(sys.executable, words)  # noqa: S606 - no shell wanted
