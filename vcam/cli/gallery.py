"""`segblur gallery`: pictures and videos to stand where the room was."""

import argparse
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from vcam.cli.options import Commands, add_command
from vcam.control import client
from vcam.errors import SegBlurError


def add(commands: Commands) -> None:
    """The command and its actions."""
    text = "pictures and videos to stand where the room was: those that come with SegBlur, and your own"
    command = add_command(commands, "gallery", gallery, text)
    actions = command.add_subparsers(metavar="ACTION", required=True)
    one = actions.add_parser("list", help="all there are, the newest of your own first; --json for programs")
    one.add_argument("--json", action="store_true", help="as JSON: name, path, own, kind")
    one.set_defaults(action=show)
    one = actions.add_parser("add", help="copy files into the gallery")
    one.add_argument("files", nargs="+", metavar="FILE", help="JPEG, PNG, WebP, MP4, WebM, MKV or MOV")
    one.set_defaults(action=add_files)
    one = actions.add_parser("remove", help="delete one of your own")
    one.add_argument("name", help="as segblur gallery list shows it")
    one.set_defaults(action=remove)
    one = actions.add_parser("open", help="open the folder of your own in the file manager")
    one.set_defaults(action=open_folder)


def gallery(arguments: argparse.Namespace) -> int:
    """List, add, remove or open."""
    code: int = arguments.action(arguments)
    return code


def show(arguments: argparse.Namespace) -> int:
    """All there are."""
    from vcam.media.gallery import entries

    found = entries()
    if arguments.json:
        print(json.dumps([vars(entry) | {"path": str(entry.path)} for entry in found], indent=2))
        return 0
    width = max((len(entry.name) for entry in found), default=0)
    for entry in found:
        print(f"{entry.name:<{width}}  {entry.kind:<7}  {'own' if entry.own else 'comes with SegBlur'}")
    return 0


def add_files(arguments: argparse.Namespace) -> int:
    """Each file that can be taken; 1 where one can't, which is said."""
    from vcam.media import gallery

    code = 0
    for word in arguments.files:
        try:
            entry = gallery.add(gallery.local(word) if "://" in word else Path(word))
        except SegBlurError as error:
            print(f"segblur: {error}", file=sys.stderr)
            code = error.exit_code
        else:
            print(entry.name)
    return code


def remove(arguments: argparse.Namespace) -> int:
    """One of the user's own; where it is shown, the room is blurred first. Raises SegBlurError."""
    from vcam.media import gallery

    entry = gallery.find_own(arguments.name)
    with suppress(client.StoppedError):
        client.take_down(entry.path)
    gallery.remove(entry.path.name)
    return 0


def open_folder(_arguments: argparse.Namespace) -> int:
    """The folder of the user's own. Raises SegBlurError."""
    from vcam.media.gallery import own_folder

    folder = own_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return subprocess.run(["xdg-open", folder], stdin=subprocess.DEVNULL, check=False).returncode
    except FileNotFoundError:
        raise SegBlurError(f"there is no xdg-open here; your own pictures and videos are in {folder}") from None
    except OSError as error:
        raise SegBlurError(f"{folder} can't be opened: {error.strerror}") from None
