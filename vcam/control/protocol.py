"""What the control socket speaks: one JSON object a line, there and back. docs/control.md shows it with examples.

Pure, and without heavy imports: the command line pays for this module at every call.
"""

import json
import math
import os
import re
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vcam.errors import SegBlurError

VERSION = 1
LONGEST = 65536  # bytes of a request without its line break
LONGEST_ID = 200  # characters
LONGEST_PATH = 107  # bytes that the kernel takes for the path of a socket


# Why there is no answer, in a word for programs.
Code = Literal["refused", "nonsense", "version", "command", "argument", "full", "stranger", "internal"]


class BadRequestError(SegBlurError):
    """A request that can't be carried out, known without asking the service."""

    def __init__(self, sentence: str, code: Code, number: str | int | float | None = None) -> None:
        super().__init__(sentence)
        self.code: Code = code
        self.number = number


class Request(NamedTuple):
    """A request whose command and arguments are known to be of the right names and types."""

    do: str
    arguments: dict[str, Any]
    number: str | int | float | None  # what the client calls it: its "id"


class Argument(NamedTuple):
    """What may stand for an argument: one of KINDS, within `least` and `most` where it is a number."""

    kind: str
    help: str
    default: Any = None  # None: the argument is needed, unless it is optional
    least: float = -math.inf
    most: float = math.inf
    optional: bool = False


class Command(NamedTuple):
    """What it does, and its arguments."""

    help: str
    arguments: dict[str, Argument] = {}  # noqa: RUF012 - a default that is never changed
    only_one: bool = False  # of the arguments


# All that the service understands. The table in docs/control.md is this one; a test keeps it so.
COMMANDS = {
    "status": Command("tells everything about the service"),
    "watch": Command(
        "sends the status now and then again and again, until the client sends something else or leaves",
        {"every": Argument("number", "seconds between two lines", 1.0, 0.2, 60.0)},
    ),
    "preview": Command(
        "hands over memory in which the picture that programs get is shown, until the client sends something else or "
        "leaves"
    ),
    "metrics": Command('gives the figures as "text" in Prometheus\' text format'),
    "set": Command(
        "changes a setting at once and in the settings file",
        {
            "key": Argument("text", "section and name, such as look.blur"),
            "value": Argument("value", "what it shall be; text is converted to whatever the setting is"),
        },
    ),
    "pause": Command("shows a placeholder instead of the picture, and closes the webcam"),
    "resume": Command("shows the picture again"),
    "toggle": Command('pauses, or resumes where it is paused, and tells by "paused" which; two within 0.3 s are one'),
    "weights": Command(
        "changes the network's weights between two frames, or lists those that were good",
        {
            "use": Argument(
                "weights",
                "list tells which were good, rollback takes the ones before, shipped those that come with SegBlur",
            )
        },
    ),
    "camera": Command(
        "changes the webcam",
        {"device": Argument("text", "as the setting camera.device: a path, part of a name, auto, or sample")},
    ),
    "effect": Command(
        "changes the look until the service ends, or by keep for good; what is not said stays",
        {
            "effect": Argument("text", "as the setting look.effect; or off, which shows the room", optional=True),
            "blur": Argument("number", "strength, as look.blur", None, 0.2, 1.0, optional=True),
            "on": Argument("text", "as look.on", optional=True),
            "colour": Argument("text", "as look.colour", optional=True),
            "picture": Argument("file", "as look.picture, which effect picture shows", optional=True),
            "video": Argument("file", "as look.video, which effect video shows", optional=True),
            "keep": Argument("true", "write what is said into the settings file, too", optional=True),
        },
    ),
    "profile": Command(
        "uses, saves or removes a profile, or lists them; takes exactly one argument",
        {
            "use": Argument("profile", "take its look and framing, all or nothing", optional=True),
            "save": Argument("profile", "give what holds now this name", optional=True),
            "remove": Argument("profile", "delete it; the look stays", optional=True),
            "list": Argument("true", "change nothing", optional=True),
        },
        only_one=True,
    ),
}


def is_text(value: object) -> bool:
    """Whether it is a non-empty line that can be a file's name. Line breaks would end up in logs and files."""
    if not isinstance(value, str) or not value or any(letter < " " or letter == "\x7f" for letter in value):
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def is_number(value: object) -> bool:
    """Whether it is one; true and false are none, whatever Python says."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_value(value: object) -> bool:
    """Whether a setting could be that."""
    return is_text(value) or isinstance(value, int | float) or (isinstance(value, list) and all(map(is_text, value)))


def is_weights(value: object) -> bool:
    """Whether it is a file or one of the words."""
    return is_file(value) or value in ("list", "rollback", "shipped")


def is_file(value: object) -> bool:
    """Whether it is a path that does not depend on anybody's current folder."""
    return is_text(value) and str(value).startswith("/")


def is_profile(value: object) -> bool:
    """Whether a profile may be called so: the name becomes that of a file."""
    return isinstance(value, str) and re.fullmatch(r"[\w-][\w -]{0,39}", value) is not None


KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "text": (is_text, "text in one line"),
    "number": (is_number, "a number"),
    "value": (is_value, "text in one line, a number, true, false or a list of texts"),
    "file": (is_file, "the absolute path of a file"),
    "weights": (is_weights, "the absolute path of a file, or one of list, rollback, shipped"),
    "profile": (is_profile, "1 to 40 letters, digits, spaces, - or _, the first no space"),
    "true": (lambda value: value is True, "true"),
}


def parse(line: bytes) -> Request:
    """The request in one line. Raises BadRequestError, whatever the bytes are."""
    try:
        message = json.loads(line.decode(), parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError):
        raise BadRequestError("the line is not JSON", "nonsense") from None
    if not isinstance(message, dict):
        raise BadRequestError("the line is not a JSON object", "nonsense")
    number = message.pop("id", None)
    if number is not None and not is_number(number) and not (isinstance(number, str) and len(number) <= LONGEST_ID):
        raise BadRequestError(f"id must be a number or text of up to {LONGEST_ID} characters", "argument")
    version = message.pop("segblur", None)
    if type(version) is not int or version != VERSION:
        raise BadRequestError(f'this service speaks version {VERSION}; say "segblur": {VERSION}', "version", number)
    do = message.pop("do", None)
    if not isinstance(do, str) or do not in COMMANDS:
        raise BadRequestError(f"do must be one of {', '.join(COMMANDS)}", "command", number)
    try:
        return Request(do, check(do, message), number)
    except BadRequestError as error:
        raise BadRequestError(str(error), error.code, number) from None


def finite(text: str) -> float:
    """A number that JSON can also be written with. Raises ValueError for NaN and all that is infinite."""
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def check(do: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a command, defaults included. Raises BadRequestError."""
    known = COMMANDS[do].arguments
    for name in arguments:
        if name not in known:
            takes = f"only {' and '.join(known)}" if known else "no argument"
            raise BadRequestError(f"{do} takes {takes}", "argument")
    checked = {}
    for name, argument in known.items():
        if argument.optional and name not in arguments:
            continue
        value = arguments.get(name, argument.default)
        fits, words = KINDS[argument.kind]
        if argument.most < math.inf:
            words = f"{words} from {argument.least:g} to {argument.most:g}"
        if not fits(value) or (argument.kind == "number" and not argument.least <= value <= argument.most):
            raise BadRequestError(f"{do} needs {name}: {words}", "argument")
        checked[name] = value
    if (known and not checked) or (COMMANDS[do].only_one and len(checked) > 1):
        raise BadRequestError(f"{do} needs {' or '.join(known)}", "argument")
    return checked


def encode(message: dict[str, Any]) -> bytes:
    """One line. Raises ValueError or TypeError for what JSON can't hold."""
    return json.dumps(message, allow_nan=False).encode() + b"\n"


def success(result: dict[str, Any], number: str | int | float | None) -> bytes:
    """The line that answers a request. Raises as `encode`."""
    frame = {"segblur": VERSION} | ({} if number is None else {"id": number}) | {"ok": True}
    return encode(frame | result | frame)


def refusal(sentence: str, code: Code, number: str | int | float | None = None) -> bytes:
    """The line that says why there is no answer."""
    frame = {"segblur": VERSION} | ({} if number is None else {"id": number})
    return encode(frame | {"ok": False, "error": sentence, "code": code})


def socket_path() -> Path:
    """Where the service listens. Raises SegBlurError where this user has no folder for such things."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(given or f"/run/user/{os.geteuid()}")
    if not base.is_dir() or not base.is_absolute():
        where = f"XDG_RUNTIME_DIR is {given}, which is" if given else f"XDG_RUNTIME_DIR is not set and {base} is"
        raise SegBlurError(f"{where} not a folder; log in anew, or set it to a folder that only you can enter")
    path = base / "segblur" / "control.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise SegBlurError(f"{path} is too long for a socket; set XDG_RUNTIME_DIR to a shorter folder")
    return path


def peer_uid(link: socket.socket) -> int:
    """The user at the other end, by the kernel's word."""
    data = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    return int(struct.unpack("iII", data)[1])
