"""Step: the launcher with its icons, and the file by which a call over D-Bus starts the service."""

import re
from collections.abc import Iterable, Sequence

from vcam.desktop import autostart
from vcam.desktop.entries import command_line
from vcam.host.facts import Machine
from vcam.host.setup.files import removing, shipped, writing
from vcam.host.steps import Plan, Run, Step
from vcam.names import APP, BUS

SHARE = "~/.local/share"
LAUNCHER = f"applications/{APP}.desktop"
STATES = ("", "-idle", "-live", "-paused", "-stopped", "-trouble")
ICONS = (
    f"icons/hicolor/scalable/apps/{APP}.svg",
    *(f"icons/hicolor/symbolic/apps/{APP}{state}-symbolic.svg" for state in STATES),
)
BUS_SERVICE = f"dbus-1/services/{BUS}.service"
PACKAGED = f"/usr/share/{LAUNCHER}"  # by a package of the distribution, which has the others, too
WRITTEN = tuple(f"{SHARE}/{name}" for name in (LAUNCHER, *ICONS, BUS_SERVICE))
FILES: tuple[str, ...] = (*WRITTEN, autostart.FILE, PACKAGED)
MENU_CACHE = Run(("update-desktop-database", "-q", f"{SHARE}/applications"), may_fail=True)
ICON_CACHE = Run(("gtk-update-icon-cache", "-q", "-f", "-t", f"{SHARE}/icons/hicolor"), may_fail=True)
DBUS = "org.freedesktop.DBus"
BUS_RELOAD = Run(("busctl", "--user", "call", DBUS, "/org/freedesktop/DBus", DBUS, "ReloadConfig"), may_fail=True)


def plan(machine: Machine) -> Plan:
    """Write the files, where no package has them; of the tray's only what a person has asked for before."""
    if PACKAGED in machine.files and not machine.files.keys() & {*WRITTEN}:
        return Plan()
    why = "show SegBlur among the programs of the desktop"
    names = (LAUNCHER, *ICONS, *((BUS_SERVICE,) if machine.systemd is not None else ()))
    texts = {f"{SHARE}/{name}": text_of(name, machine.program) for name in names}
    if autostart.FILE in machine.files:
        texts[autostart.FILE] = autostart.text(machine.program)
    return in_one_step(machine, why, (writing(machine, path, text, why) for path, text in texts.items()))


def removal(machine: Machine) -> Plan:
    """The files removed."""
    why = "remove SegBlur from the programs of the desktop"
    return in_one_step(machine, why, [removing(machine, (*WRITTEN, autostart.FILE), why)])


def text_of(name: str, program: Sequence[str]) -> str:
    """What is written under this name: the shipped file, with the program that it starts."""

    def line(match: re.Match[str]) -> str:
        return f"Exec={command_line(program, *match[1].split())}"

    return re.sub(r"^Exec=segblur (.*)$", line, shipped(name), flags=re.MULTILINE)


def in_one_step(machine: Machine, why: str, plans: Iterable[Plan]) -> Plan:
    """All that the plans do, and then what lets the desktop see it."""
    every = sum(plans, Plan())
    actions = [action for step in every.steps for action in step.actions]
    if not actions:
        return every
    news = [BUS_RELOAD] * (machine.systemd is not None)
    news += [MENU_CACHE] * machine.menu_cache + [ICON_CACHE] * machine.icon_cache
    return Plan((Step(why, (*actions, *news)),), every.remarks)
