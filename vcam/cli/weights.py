"""`segblur weights`: which weights the service uses."""

import argparse
from datetime import datetime
from pathlib import Path

from vcam.cli.options import Commands, add_command
from vcam.cli.service import LOADING, done
from vcam.control import client


def add(commands: Commands) -> None:
    """The command and its actions."""
    command = add_command(commands, "weights", weights, "other weights for the network, without a gap in the picture")
    actions = command.add_subparsers(metavar="ACTION", required=True)
    use = actions.add_parser("use", help="take a file, checked before and on its first frame")
    use.add_argument("file", help="a .safetensors file, or shipped for those that come with SegBlur")
    actions.add_parser("list", help="those that were good, the newest first")
    actions.add_parser("rollback", help="go back to the ones before")
    for name, one in actions.choices.items():
        one.set_defaults(action=name)


def weights(arguments: argparse.Namespace) -> int:
    """Use, list or rollback."""
    if arguments.action == "use":
        use = arguments.file if arguments.file == "shipped" else str(Path(arguments.file).absolute())
        return done(client.ask("weights", use=use, timeout=LOADING))
    answer = client.ask("weights", use=arguments.action, timeout=LOADING)
    for one in answer.get("weights", []):
        when = datetime.fromtimestamp(one["time"]).astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{when}  {one['sha256'][:12] or 'shipped':<12}  {one['source']}")
    return done(answer)
