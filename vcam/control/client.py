"""The command line's side of the control socket: asks the running service, and puts its status into words.

Nothing heavy is imported, so that a panel may call it every second.
"""

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from vcam.control.protocol import VERSION, encode, peer_uid, socket_path
from vcam.errors import SegBlurError

PATIENCE = 10.0  # seconds
LONGEST_ANSWER = 1 << 20  # bytes
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class StoppedError(SegBlurError):
    """No service is running."""

    def __init__(self) -> None:
        super().__init__("the service is not running; start it with: systemctl --user start segblur")


class ForeignError(SegBlurError):
    """The service is of another version, most likely because it was started before an update."""

    def __init__(self) -> None:
        super().__init__("the service is of another version; restart it with: systemctl --user restart segblur")


class FullError(SegBlurError):
    """The service serves others first; what was asked is not done."""


def ask(do: str, *, timeout: float = PATIENCE, **arguments: Any) -> dict[str, Any]:
    """What the service answers to a command of `protocol.COMMANDS`. Raises StoppedError where there is none, and
    SegBlurError with its reason where it refuses, or does not answer within `timeout` seconds.
    """
    with connect(timeout) as link:
        post(link, do, arguments)
        return next(answers(link, timeout))


def take_down(path: Path) -> None:
    """Have the room blurred again where this picture or video is what is shown, now and after the next start. Raises
    as `ask`.
    """
    look = ask("status")["settings"]["look"]
    if look.get(look["effect"]) == str(path):
        ask("set", key="look.effect", value="blur")


def watch(every: float) -> Iterator[dict[str, Any]]:
    """The status, now and again every so many seconds (0.2 to 60). Raises as `ask`, StoppedError when it stops."""
    with connect(PATIENCE) as link:
        post(link, "watch", {"every": every})
        yield from answers(link, every + PATIENCE)


def follow(every: float) -> Iterator[dict[str, Any] | None]:
    """As `watch`, but without an end: None, every so many seconds, for as long as there is no service. Raises
    SegBlurError for anything else.
    """
    while True:
        try:
            yield from watch(every)
        except StoppedError:
            yield None
            sleep(every)


def connect(timeout: float) -> socket.socket:
    """A connection to the service. Raises as `ask`."""
    path = socket_path()
    link = socket.socket(socket.AF_UNIX)
    try:
        # The kernel's own time limit, because Python's would not wait at all where many are waiting already.
        seconds = struct.pack("ll", int(timeout), int(timeout % 1 * 1e6))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
        link.connect(str(path))
        link.settimeout(timeout)
        # The folder is ours alone unless XDG_RUNTIME_DIR is set to one that is not.
        if peer_uid(link) != path.parent.stat().st_uid:
            raise SegBlurError(f"another user's program listens at {path}; remove it")
    except (FileNotFoundError, ConnectionRefusedError):
        link.close()
        raise StoppedError from None
    except BlockingIOError:
        link.close()
        raise silent() from None
    except OSError as error:
        link.close()
        raise SegBlurError(f"{path} can't be reached: {error.strerror}") from None
    except SegBlurError:
        link.close()
        raise
    return link


def post(link: socket.socket, do: str, arguments: dict[str, Any]) -> None:
    """Send a request. That the service has hung up is seen by what it said, not here."""
    try:
        link.sendall(encode({"segblur": VERSION, "do": do} | arguments))
    except TimeoutError:
        raise silent() from None
    except OSError:
        pass


def answers(link: socket.socket, timeout: float) -> Iterator[dict[str, Any]]:
    """Each good answer; it has to be whole within `timeout` seconds. Raises as `ask`."""
    rest = b""
    while True:
        until = monotonic() + timeout
        while b"\n" not in rest:
            try:
                link.settimeout(max(until - monotonic(), 0.001))
                data = link.recv(65536)
            except TimeoutError:
                raise silent() from None
            except OSError:
                data = b""
            if not data:
                raise StoppedError
            rest += data
            if len(rest) > LONGEST_ANSWER:
                raise ForeignError
        line, rest = rest.split(b"\n", 1)
        yield understood(line)


def understood(line: bytes) -> dict[str, Any]:
    """An answer. Raises SegBlurError for a refusal, and for what is none of our protocol."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or answer.get("segblur") != VERSION:
        raise ForeignError
    if answer.get("code") == "version":
        raise ForeignError
    if answer.get("ok") is not True:
        raise (FullError if answer.get("code") == "full" else SegBlurError)(str(answer.get("error")))
    return answer


def silent() -> SegBlurError:
    """It may be busy, stopped or hung."""
    return SegBlurError("the service does not answer; see: journalctl --user -u segblur")


def status_text(status: dict[str, Any]) -> str:
    """A status as a few lines for people."""
    rows = [("state", status["state"] + (f": {status['sentence']}" if status["sentence"] else ""))]
    look = status["settings"].get("look", {})
    if look.get("effect") == "off" or look.get("on") == "person":
        effect = "blur --on background" if look["effect"] == "off" else "--on background"
        rows.append(("look", f"the room is shown; hide it with: segblur effect {effect}"))
    if status["fallback"]:
        rows.append(("fallback", status["fallback"]))
    for output in status["outputs"]:
        seen = {0: "no readers", None: "readers can't be known"}.get(output["viewers"], "being read")
        seen = "waiting for PipeWire" if output.get("state") in ("connecting", "lost") else seen
        rows.append(("output", f"{output['label']} ({output['path']}), {size(output['size'])}, {seen}"))
    if status["previews"]:
        rows.append(("preview", f"shown in {status['previews']} window{'s' * (status['previews'] > 1)}"))
    if camera := status["camera"]:
        what = f"{camera['format']} {size(camera['size'])} at {camera['fps']:g} fps"
        rows.append(("webcam", f"{camera['name']} ({camera['path']}), {what}"))
    else:
        rows.append(("webcam", "closed"))
    if network := status["network"]:
        what = f"{network['architecture']} {size(network['size'])} by {network['engine']} on {network['device']}"
        rows.append(("network", f"{network['weights']} ({network['sha256'][:12]}), {what}"))
        if "missing" in network:
            rows.append(("missing", network["missing"]))
    else:
        rows.append(("network", "not loaded"))
    rows += figures_rows(status["figures"])
    rows.append(("service", f"SegBlur {status['version']}, process {status['pid']}, up {duration(status['uptime_s'])}"))
    return "\n".join(f"{name:<10}{printable(text)}" for name, text in rows)


def figures_rows(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and texts of what has been measured."""
    age = figures["mask_age_ms"]
    late = f", {age['p50']:.1f} ms after the webcam's (99 of 100 within {age['p99']:.1f})" if age["count"] else ""
    yield "frames", f"{figures['fps_in']:.1f} fps in, {figures['fps_out']:.1f} fps out{late}"
    stages = [f"{name} {stage['p50']:.1f}" for name, stage in figures["stages"].items()]
    if stages:
        yield "stages", f"{', '.join(stages)} ms"
    names = ("drops", "reconnects", "swaps", "worker_starts")
    yield "so far", ", ".join(f"{name.replace('_', ' ')} {figures[name]}" for name in names)
    memory = [f"{name} {count / 1e6:.0f} MB" for name, count in figures["memory_bytes"].items() if count]
    yield "memory", ", ".join(memory)


def waybar(status: dict[str, Any] | None) -> str:
    """A status, None where there is no service, as one line for a waybar module with `"return-type": "json"`."""
    if status is None:
        stopped = {"text": "stopped", "alt": "stopped", "class": "stopped", "tooltip": str(StoppedError())}
        return json.dumps(stopped)
    state = status["state"]
    tooltip = status_text(status)
    for letter, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # it is read as Pango's markup
        tooltip = tooltip.replace(letter, name)
    return json.dumps({"text": state, "alt": state, "class": state, "tooltip": tooltip})


def size(pair: list[int]) -> str:
    """1280×720."""
    return f"{pair[0]}×{pair[1]}"


def duration(seconds: float) -> str:
    """The two largest units: `3 d 4 h`."""
    parts, rest = [], int(seconds)
    for unit, length in UNITS:
        if rest >= length:
            parts.append(f"{rest // length} {unit}")
        rest %= length
    return " ".join(parts[:2]) or "0 s"


def printable(text: str) -> str:
    """Without what a webcam's name could do to a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
