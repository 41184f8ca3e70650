"""`segblur profile`: names for what the picture looks like."""

import argparse

from vcam.cli.options import Commands, add_command
from vcam.cli.service import LOADING, done
from vcam.control import client


def add(commands: Commands) -> None:
    """The command and its actions."""
    command = add_command(commands, "profile", profile, "look and framing of the moment under a name, to come back to")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="all there are; the one that holds now has a star")
    for name, text in (
        ("save", "give what holds now a name"),
        ("use", "take a profile, now and after the next start"),
        ("remove", "delete a profile"),
    ):
        actions.add_parser(name, help=text).add_argument("name", help="1 to 40 letters, digits, spaces, - or _")
    for name, one in actions.choices.items():
        one.set_defaults(action=name)


def profile(arguments: argparse.Namespace) -> int:
    """List, save, use or remove."""
    what = True if arguments.action == "list" else arguments.name
    answer = client.ask("profile", timeout=LOADING, **{arguments.action: what})
    if arguments.action == "list":
        for name in answer["profiles"]:
            print(f"{'*' if name == answer['current'] else ' '} {name}")
    return done(answer)
