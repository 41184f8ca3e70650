"""Checks of the programs that are to show the camera: browsers that ask PipeWire for it, and sandboxes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vcam.host.checks.check import Host, Verdict, serves_by_pipewire
from vcam.host.facts import Machine, find_program, output, read, version

ASKS_PIPEWIRE = (41,)  # release of Fedora since which its Firefox asks PipeWire for cameras
FIREFOX = (".mozilla/firefox", ".config/mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
           ".var/app/org.mozilla.firefox/.mozilla/firefox")  # fmt: skip
CHROMIUMS = {
    "Chrome": ".config/google-chrome",
    "Chromium": ".config/chromium",
    "Brave": ".config/BraveSoftware/Brave-Browser",
    "Edge": ".config/microsoft-edge",
    "Vivaldi": ".config/vivaldi",
}
FLATPAKS = re.compile(
    "firefox|chrom|brave|edge|vivaldi|zoom|discord|slack|teams|obsproject|webex|signal|jitsi|skype|telegram|snapshot"
)


class Sandbox(NamedTuple):
    """A program of snap or flatpak: whether it may use cameras, and the command by which it may."""

    program: str
    camera: bool
    remedy: str


@dataclass(frozen=True)
class Facts:
    """What these checks judge."""

    machine: Machine
    firefox: tuple[str, ...] = ()  # allow-pipewire of each of its profiles: true, false or default
    chromiums: Mapping[str, bool] = field(default_factory=dict)  # browsers like Chrome: flag for cameras of PipeWire
    sandboxes: tuple[Sandbox, ...] = ()


def look(host: Host) -> Facts:
    """The preferences of browsers, and the permissions of snaps and flatpaks."""
    return Facts(host.machine, firefox_profiles(host.home), pipewire_browsers(host.home), (*flatpaks(), *snaps()))


def firefox_profiles(home: Path) -> tuple[str, ...]:
    """The value of media.webrtc.camera.allow-pipewire in each profile of Firefox."""
    found = []
    for path in sorted(path for folder in FIREFOX for path in (home / folder).glob("*/prefs.js")):
        match = re.search(r'"media\.webrtc\.camera\.allow-pipewire",\s*(true|false)', read(path))
        found.append(match[1] if match else "default")
    return tuple(found)


def pipewire_browsers(home: Path) -> dict[str, bool]:
    """The browsers like Chrome that were started once, and whether the flag for cameras of PipeWire is Enabled."""
    flag = '"enable-webrtc-pipewire-camera@1"'
    states = {name: read(home / folder / "Local State") for name, folder in CHROMIUMS.items()}
    return {name: flag in state for name, state in states.items() if state}


def flatpaks() -> tuple[Sandbox, ...]:
    """The video programs of flatpak."""
    if not find_program("flatpak"):
        return ()
    programs = (output("flatpak", "list", "--app", "--columns=application") or "").split()
    found = []
    for program in programs:
        if FLATPAKS.search(program.lower()):
            granted = re.search(r"^devices=(.*)$", output("flatpak", "info", "-M", program) or "", re.MULTILINE)
            camera = granted is not None and "all" in granted[1].split(";")
            found.append(Sandbox(program, camera, f"flatpak override --user --device=all {program}"))
    return tuple(found)


def snaps() -> tuple[Sandbox, ...]:
    """The snaps that have a plug for cameras."""
    if not find_program("snap"):
        return ()
    found = []
    for line in (output("snap", "connections", "--all") or "").splitlines():
        interface, plug, slot, *_ = [*line.split(), "", "", ""]
        if interface == "camera" and plug.endswith(":camera"):
            found.append(Sandbox(plug.removesuffix(":camera"), slot != "-", f"sudo snap connect {plug}"))
    return tuple(found)


def firefox(facts: Facts) -> Verdict:
    """Whether Firefox looks for cameras where ours is."""
    if not facts.firefox:
        return Verdict("ok", "no profile of Firefox is here")
    machine = facts.machine
    by_default = machine.distribution[0] == "fedora" and version(machine.release) >= ASKS_PIPEWIRE
    asks = "true" in facts.firefox or (by_default and "default" in facts.firefox)
    if asks and machine.pipewire:
        return Verdict("ok", "Firefox asks PipeWire for cameras, and sees SegBlur Camera there")
    if serves_by_pipewire(machine):
        sentence = "Firefox sees SegBlur Camera when media.webrtc.camera.allow-pipewire is true in about:config"
        return Verdict("warning", sentence)
    if asks:
        return Verdict(
            "warning",
            "Firefox asks PipeWire for cameras: if SegBlur Camera is missing there, run this command, or set "
            "media.webrtc.camera.allow-pipewire to false in about:config",
            "systemctl --user restart pipewire wireplumber",
        )
    return Verdict("ok", "Firefox looks for cameras without PipeWire")


def chrome(facts: Facts) -> Verdict:
    """Whether browsers like Chrome look for cameras where ours is."""
    asking = [name for name, asks in facts.chromiums.items() if asks]
    others = [name for name, asks in facts.chromiums.items() if not asks]
    if others and serves_by_pipewire(facts.machine):
        return Verdict(
            "warning",
            f"{' and '.join(others)}: to see SegBlur Camera, set chrome://flags/#enable-webrtc-pipewire-camera to "
            "Enabled",
        )
    if asking and facts.machine.pipewire:
        return Verdict("ok", f"{' and '.join(asking)}: asks PipeWire for cameras, and sees SegBlur Camera there")
    if asking:
        return Verdict(
            "warning",
            f"{' and '.join(asking)}: if SegBlur Camera is missing there, set "
            "chrome://flags/#enable-webrtc-pipewire-camera to Default",
        )
    return Verdict("ok", "no browser like Chrome was set to ask PipeWire for cameras")


def sandboxes(facts: Facts) -> Verdict:
    """Whether programs of snap and flatpak may use cameras."""
    denied = [sandbox for sandbox in facts.sandboxes if not sandbox.camera]
    if denied:
        names = ", ".join(sandbox.program for sandbox in denied)
        return Verdict("warning", f"may not use cameras: {names}", " && ".join(sandbox.remedy for sandbox in denied))
    names = ", ".join(sandbox.program for sandbox in facts.sandboxes)
    return Verdict("ok", f"may use cameras: {names}" if names else "no video program of snap or flatpak is here")


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {"firefox": firefox, "chrome": chrome, "snap, flatpak": sandboxes}
