"""Checks of the camera that PipeWire offers, and of the portal by which browsers ask for it."""

import json
import os
import shlex
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vcam.host.checks.check import RESTART, SETUP, Host, State, Verdict
from vcam.host.checks.service import ask_service
from vcam.host.facts import LABELS, Machine, output, read
from vcam.host.setup.plan import installing_pipewire
from vcam.host.setup.wireplumber import LIST_ONCE

START = "systemctl --user start pipewire wireplumber"
RESTART_PORTAL = "systemctl --user restart xdg-desktop-portal"
MANAGERS = ("wireplumber", "pipewire-media-sessi")  # as the kernel cuts the names of processes
CONNECTING = 15.0  # seconds that a daemon may take to answer: 10 together with a portal that starts
# Name, object and interface of what is asked over D-Bus.
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
CAMERA = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Camera")
STORE = (
    "org.freedesktop.impl.portal.PermissionStore",
    "/org/freedesktop/impl/portal/PermissionStore",
    "org.freedesktop.impl.portal.PermissionStore",
)
ALLOW = ("busctl", "--user", "call", *STORE, "SetPermission", "sbssas", "devices", "true", "camera")


@dataclass(frozen=True)
class Facts:
    """What these checks judge."""

    machine: Machine
    label: str = LABELS[0]  # output.label of the settings
    off: bool = False  # whether output.pipewire of the settings is off
    silence: str = ""  # why the daemon takes no connection; "" where it does
    manager: str = ""  # the session manager that runs
    status: Mapping[str, Any] | None = None  # the running service's
    has_bus: bool = True  # whether the session's D-Bus answers
    portal: bool | None = None  # the Camera portal's word on whether there is a camera; None without that portal
    permissions: Mapping[str, list[str]] = field(default_factory=dict)  # id of a program → what was said when it asked

    @property
    def is_used(self) -> bool:
        """Whether the service offers a camera by PipeWire."""
        return bool(self.machine.pipewire) and not self.off

    @property
    def is_only(self) -> bool:
        """Whether there is no camera of the kernel's module."""
        return self.machine.node(self.label) is None

    @property
    def state(self) -> str:
        """What the service says of its node: connecting, paused, streaming, lost; "" where it has none."""
        outputs = self.status.get("outputs", ()) if self.status else ()
        return next((str(one.get("state", "")) for one in outputs if one["path"] == "pipewire"), "")


def look(host: Host) -> Facts:
    """PipeWire's socket and processes, the service's status, and what the portal says."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    permissions = bus("call", *STORE, "Lookup", "ss", "devices", "camera")
    return Facts(
        host.machine,
        host.settings.output.label,
        host.settings.output.pipewire == "off",
        why_silent(Path(runtime) / "pipewire-0"),
        running(host.root),
        ask_service()[0],
        has_bus=bus("get-property", *BUS, "Features") is not None,
        portal=bus("get-property", *CAMERA, "IsCameraPresent"),
        permissions=permissions[0] if permissions else {},
    )


def why_silent(path: Path) -> str:
    """Why nobody answers at a socket; "" where somebody does."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1.0)
            link.connect(str(path))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def running(root: Path) -> str:
    """The session manager among this user's processes; "" where there is none."""
    for process in (root / "proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.stat().st_uid == os.geteuid() and (name := read(process / "comm").strip()) in MANAGERS:
                return name
    return ""


def bus(*words: str) -> Any:
    """What a question over the session's D-Bus is answered with; None where it is not."""
    answer = output("busctl", "--user", "--json=short", *words)
    try:
        return None if answer is None else json.loads(answer)["data"]
    except (ValueError, LookupError, TypeError):
        return None


def library(facts: Facts) -> Verdict:
    """Whether there is a library by which to offer a camera."""
    if facts.off:
        return Verdict("ok", "the camera by PipeWire is off, by output.pipewire in the settings")
    if facts.machine.pipewire:
        return Verdict("ok", f"PipeWire's library {facts.machine.pipewire} is here")
    sentence = "PipeWire's library is missing or older than 0.3.40"
    if not facts.is_only:
        return Verdict("ok", f"{sentence}: programs use the camera of the kernel's module")
    sentence += ": only the kernel's module can offer a camera"
    return Verdict("warning", sentence, installing_pipewire(facts.machine))


def daemon(facts: Facts) -> Verdict:
    """Whether PipeWire runs."""
    if facts.silence:
        state: State = "problem" if facts.is_only else "warning"
        return Verdict(state, f"PipeWire does not answer ({facts.silence})", START)
    return Verdict("ok", "PipeWire answers")


def session_manager(facts: Facts) -> Verdict:
    """Whether there is a program that links cameras with those who want them."""
    if facts.manager:
        return Verdict("ok", f"{facts.manager} links cameras with programs")
    state: State = "problem" if facts.is_only else "warning"
    remedy = START if facts.machine.wireplumber else installing_pipewire(facts.machine)
    return Verdict(state, "PipeWire has no session manager: nobody links its cameras with programs", remedy)


def camera(facts: Facts) -> Verdict:
    """Whether PipeWire has our camera."""
    if facts.status is None:
        return Verdict("unknown", "no service is running that could offer a camera by PipeWire")
    if not facts.state:
        return Verdict("warning", "the service was started without PipeWire", RESTART)
    if facts.state == "lost":
        return Verdict(
            "warning", f"the service lost PipeWire: {facts.status.get('sentence') or 'it tries again'}", START
        )
    if facts.state == "connecting" and facts.status.get("uptime_s", 0.0) > CONNECTING:
        return Verdict(
            "warning", "PipeWire does not answer the service", "systemctl --user restart pipewire wireplumber"
        )
    return Verdict("ok", f"'{facts.label}' is a camera of PipeWire's ({facts.state})")


def listed_once(facts: Facts) -> Verdict:
    """Whether programs of PipeWire see the device of the kernel's module as well, or neither."""
    rules = [path for path in LIST_ONCE if path in facts.machine.files]
    if rules and not facts.is_used:
        return Verdict(
            "warning", f"programs of PipeWire see no SegBlur Camera, because of {' and '.join(rules)}", SETUP
        )
    if not facts.is_used or facts.is_only or not facts.machine.wireplumber:
        return Verdict("ok", "there is nothing that programs of PipeWire could see twice")
    if facts.label != LABELS[0]:
        return Verdict(
            "ok", f"programs of PipeWire see '{facts.label}' twice: the rule of setup knows '{LABELS[0]}' only"
        )
    if len(rules) < len(LIST_ONCE):
        return Verdict(
            "warning", f"programs of PipeWire see '{facts.label}' twice; the one with (V4L2) is the same", SETUP
        )
    return Verdict("ok", "programs of PipeWire see the camera once")


def portal(facts: Facts) -> Verdict:
    """Whether browsers and sandboxed programs can ask for cameras."""
    if not facts.has_bus:
        return Verdict("unknown", "the session's D-Bus does not answer, as after su or sudo: log in as yourself")
    if facts.portal is None:
        sentence = "there is no portal for cameras, by which browsers and sandboxed programs ask PipeWire for one"
        return Verdict("warning", sentence, installing_pipewire(facts.machine, "xdg-desktop-portal-gtk"))
    return Verdict("ok", "browsers and sandboxed programs can ask the portal for cameras")


def permission(facts: Facts) -> Verdict:
    """Whether a program was refused the camera, once and for all."""
    denied = [program for program, answers in facts.permissions.items() if "no" in answers]
    if not denied:
        return Verdict("ok", "the portal refuses the camera to no program")
    names = ", ".join(program or "programs outside a sandbox" for program in denied)
    remedy = " && ".join(shlex.join((*ALLOW, program, "1", "yes")) for program in denied)
    return Verdict("warning", f"the portal refuses all cameras, because somebody once said no: {names}", remedy)


def present(facts: Facts) -> Verdict:
    """Whether the portal knows that there is a camera: before 1.18 it looks only when it starts."""
    if facts.portal is None or facts.state not in ("paused", "streaming"):
        return Verdict("unknown", "whether the portal knows the camera can't be seen before both are there")
    if not facts.portal:
        sentence = "the portal started before the camera and says that there is none: Firefox may not list it"
        return Verdict("warning", sentence, RESTART_PORTAL)
    return Verdict("ok", "the portal knows that there is a camera")


def where_used(check: Callable[[Facts], Verdict]) -> Callable[[Facts], Verdict]:
    """The same check, which is content where the service offers nothing by PipeWire."""
    return lambda facts: check(facts) if facts.is_used else Verdict("ok", "PipeWire is not used")


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {
    "pipewire": library,
    "pipewire daemon": where_used(daemon),
    "session manager": where_used(session_manager),
    "pipewire camera": where_used(camera),
    "listed once": listed_once,
    "portal": where_used(portal),
    "permission": where_used(permission),
    "portal's camera": where_used(present),
}
