"""The commands that ask the running service over its control socket. Nothing heavy is imported."""

import argparse
import json
import math
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from vcam.control import client
from vcam.errors import SettingsError

EFFECTS = "blur, bokeh, pixelate, grey, dim, colour, picture or video; off shows the room"
WITH_MORE = ("colour", "picture", "video")  # effects that a word may follow
FILES = ("look.picture", "look.video")
LOADING = 180.0  # seconds that the service may take to answer where a network has to be loaded


class Add(Protocol):
    """Adds a command and gives its parser."""

    def __call__(self, name: str, what: Callable[..., int], text: str) -> argparse.ArgumentParser:
        """`what` runs it."""
        ...


def add_commands(command: Add) -> None:
    """All of them, with their arguments."""
    parser = command("status", status, "what the service is at, with figures")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON, see docs/control.md")
    form.add_argument("--waybar", action="store_true", help="as one line for a panel such as waybar")
    form.add_argument("--metrics", action="store_true", help="the figures, in Prometheus' text format")
    parser.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument("--every", type=number, default=1.0, metavar="S", help="seconds between two (default: 1)")
    parser = command("set", set_value, "change a setting of the service at once, and in the settings file")
    parser.add_argument("key", help="such as look.blur; segblur run --help lists all")
    parser.add_argument("value")
    command("pause", pause, "show a placeholder instead of the picture, with the webcam off")
    command("resume", resume, "show the picture again")
    parser = command("effect", effect, "change the look until the service ends")
    parser.add_argument("effect", nargs="?", help=EFFECTS)
    parser.add_argument("more", metavar="what", nargs="?", help="the colour, or the file of the picture or video")
    parser.add_argument("--blur", type=number, help="strength, 0.2 to 1")
    parser.add_argument("--on", help="background, or person: that is then hidden, and the room shown")
    parser = command("camera", camera, "take another webcam")
    parser.add_argument("device", help="a path, part of a name, auto, or sample (segblur devices lists them)")
    parser = command("weights", weights, "other weights for the network, without a gap in the picture")
    actions = parser.add_subparsers(metavar="", required=True)
    use = actions.add_parser("use", help="take a file, checked before and on its first frame", allow_abbrev=False)
    use.add_argument("file", help="a .safetensors file, or shipped for those that come with SegBlur")
    actions.add_parser("list", help="those that were good, the newest first")
    actions.add_parser("rollback", help="go back to the ones before")
    for name, one in actions.choices.items():
        one.set_defaults(action=name)


def status(arguments: argparse.Namespace, _settings: object) -> int:
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


def set_value(arguments: argparse.Namespace, _settings: object) -> int:
    """One setting; without a service it is in the file for the next start."""
    key, value = arguments.key, placed(arguments.key, arguments.value)
    try:
        return done(client.ask("set", key=key, value=value, timeout=LOADING))
    except client.StoppedError:
        from vcam.control.config_file import set_setting
        from vcam.settings import config_path

        if key in FILES and value:
            from vcam.effects.backdrop import check_file

            check_file(key.removeprefix("look."), Path(value))
        set_setting(config_path(), key, value)
        return done({"note": f"written to {config_path()}; the service is not running"})


def pause(_arguments: argparse.Namespace, _settings: object) -> int:
    """No picture."""
    return done(client.ask("pause"))


def resume(_arguments: argparse.Namespace, _settings: object) -> int:
    """The picture again."""
    return done(client.ask("resume"))


def effect(arguments: argparse.Namespace, _settings: object) -> int:
    """For now. Raises SettingsError for a word too many or too few."""
    more = {}
    if arguments.more is not None:
        if arguments.effect not in WITH_MORE:
            raise SettingsError(f"effect {arguments.effect} takes no {arguments.more}; see segblur effect --help")
        more = {arguments.effect: placed(f"look.{arguments.effect}", arguments.more)}
    if (arguments.effect, arguments.blur, arguments.on) == (None, None, None):
        raise SettingsError("which effect? segblur effect --help names them all")
    said = {"effect": arguments.effect, "blur": arguments.blur, "on": arguments.on} | more
    return done(
        client.ask("effect", timeout=LOADING, **{key: value for key, value in said.items() if value is not None})
    )


def number(text: str) -> float:
    """Of the command line; raises ValueError for what JSON does not know."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def placed(key: str, value: str) -> str:
    """The value of a setting; where that is a file, one that does not depend on this command's current folder."""
    return str(Path(value).expanduser().absolute()) if key in FILES and value else value


def camera(arguments: argparse.Namespace, _settings: object) -> int:
    """Another webcam."""
    return done(client.ask("camera", device=arguments.device))


def weights(arguments: argparse.Namespace, _settings: object) -> int:
    """Use, list or rollback."""
    if arguments.action == "use":
        use = arguments.file if arguments.file == "shipped" else str(Path(arguments.file).absolute())
        return done(client.ask("weights", use=use, timeout=LOADING))
    answer = client.ask("weights", use=arguments.action, timeout=LOADING)
    for one in answer.get("weights", []):
        when = datetime.fromtimestamp(one["time"]).astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{when}  {one['sha256'][:12] or 'shipped':<12}  {one['source']}")
    return done(answer)
