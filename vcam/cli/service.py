"""`segblur status`, `set`, `pause`, `resume`, `toggle`, `effect` and `camera`: ask the running service over its control
socket.

Nothing heavy is imported: a panel may call these every second.
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from vcam.cli.options import Commands, add_command
from vcam.control import client
from vcam.errors import SettingsError

EFFECTS = "blur, bokeh, pixelate, grey, dim, colour, picture or video; off shows the room"
WITH_MORE = ("colour", "picture", "video")  # effects that take an argument
FILES = ("look.picture", "look.video", "network.weights")  # settings that name one
LOADING = 180.0  # seconds that the service may take to answer where a network has to be loaded


def add(commands: Commands) -> None:
    """The commands, with their arguments."""
    command = add_command(commands, "status", status, "what the service is at, with figures")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, see docs/control.md")
    form.add_argument("--waybar", action="store_true", help="as one line for a panel such as waybar")
    form.add_argument("--metrics", action="store_true", help="the figures, in Prometheus' text format")
    command.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    command.add_argument("--every", type=number, default=1.0, metavar="S", help="seconds between two (default: 1)")
    text = "change a setting of the service at once, and in the settings file"
    command = add_command(commands, "set", set_value, text)
    command.add_argument("key", help="such as look.blur; segblur run --help lists all")
    command.add_argument("value")
    add_command(commands, "pause", pause, "show a placeholder instead of the picture, with the webcam off")
    add_command(commands, "resume", resume, "show the picture again")
    add_command(commands, "toggle", toggle, "pause, or resume where it is paused: for a key of your keyboard")
    command = add_command(commands, "effect", effect, "change the look until the service ends")
    command.add_argument("effect", nargs="?", help=EFFECTS)
    command.add_argument(
        "more", metavar="what", nargs="?", help="the colour, or the picture or video: a file, or a name of the gallery"
    )
    command.add_argument("--blur", type=number, help="strength, 0.2 to 1")
    command.add_argument("--on", help="background, or person: that is then hidden, and the room shown")
    command = add_command(commands, "camera", camera, "take another webcam")
    command.add_argument("device", help="a path, part of a name, auto, or sample (segblur devices lists them)")


def status(arguments: argparse.Namespace) -> int:
    """Once, or again and again."""
    if not arguments.watch:
        print(text_of(arguments))
        return 0
    if arguments.json or arguments.waybar:
        for now in client.follow(arguments.every):
            if arguments.waybar or now is not None:
                print(client.waybar(now) if arguments.waybar else json.dumps(now), flush=True)
        return 0
    for now in client.watch(arguments.every):
        screen = "\033[H\033[J" if sys.stdout.isatty() else ""
        print(f"{screen}{client.status_text(now)}", flush=True)
    return 0


def text_of(arguments: argparse.Namespace) -> str:
    """The status in the form that was asked for. Raises SegBlurError."""
    if arguments.metrics:
        return str(client.ask("metrics")["text"]).rstrip()
    if arguments.waybar:
        try:
            return client.waybar(client.ask("status"))
        except client.StoppedError:
            return client.waybar(None)
    now = client.ask("status")
    return json.dumps(now, indent=2) if arguments.json else client.status_text(now)


def done(answer: dict[str, Any]) -> int:
    """Say what there is to know beside that it was done."""
    if note := answer.get("note"):
        print(f"segblur: {note}", file=sys.stderr)
    return 0


def set_value(arguments: argparse.Namespace) -> int:
    """One setting; without a service it is in the file for the next start."""
    key, value = arguments.key, placed(arguments.key, arguments.value)
    try:
        return done(client.ask("set", key=key, value=value, timeout=LOADING))
    except client.StoppedError:
        from vcam.control.config_file import set_setting
        from vcam.settings import config_path

        if key in FILES and value:
            check_named(key, Path(value))
        set_setting(config_path(), key, value)
        return done({"note": f"written to {config_path()}; the service is not running"})


def check_named(key: str, path: Path) -> None:
    """Raise SegBlurError for a file that this setting can't name."""
    section, _, name = key.partition(".")
    if section == "look":
        from vcam.effects.backdrop import check_file

        check_file(name, path)
    elif not path.is_file():
        raise SettingsError(f"there is no weights file {path}")


def pause(_arguments: argparse.Namespace) -> int:
    """No picture."""
    return done(client.ask("pause"))


def resume(_arguments: argparse.Namespace) -> int:
    """The picture again."""
    return done(client.ask("resume"))


def toggle(_arguments: argparse.Namespace) -> int:
    """Whichever of the two it isn't."""
    print("paused" if client.ask("toggle")["paused"] else "live again")
    return 0


def effect(arguments: argparse.Namespace) -> int:
    """For now. Raises SettingsError for an argument too many or too few."""
    more = {}
    if arguments.more is not None:
        if arguments.effect not in WITH_MORE:
            raise SettingsError(f"effect {arguments.effect} takes no {arguments.more}; see segblur effect --help")
        more = {arguments.effect: placed(f"look.{arguments.effect}", arguments.more)}
    if (arguments.effect, arguments.blur, arguments.on) == (None, None, None):
        raise SettingsError("which effect? segblur effect --help names them all")
    values = {"effect": arguments.effect, "blur": arguments.blur, "on": arguments.on} | more
    return done(
        client.ask("effect", timeout=LOADING, **{key: value for key, value in values.items() if value is not None})
    )


def number(text: str) -> float:
    """Of the command line; raises ValueError for what JSON does not know."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def placed(key: str, value: str) -> str:
    """The value of a setting; where that is a file, one that does not depend on this command's current folder. Of a
    picture or a video, a word that is no file here may be a name of the gallery.
    """
    if key not in FILES or not value:
        return value
    if key != "network.weights" and "/" not in value and not Path(value).is_file():
        from vcam.media.gallery import find

        entry = find(value, "video" if key == "look.video" else "picture")
        if entry is not None:
            return str(entry.path)
    return os.path.abspath(os.path.expanduser(value))  # noqa: PTH100, PTH111 - as it is where there is no home


def camera(arguments: argparse.Namespace) -> int:
    """Another webcam."""
    return done(client.ask("camera", device=arguments.device))
