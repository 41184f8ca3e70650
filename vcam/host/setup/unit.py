"""Step: the user's systemd unit, which runs the service from login on."""

import re
from collections.abc import Sequence

from vcam.host.facts import UNIT_NAME, Machine
from vcam.host.setup.files import removing, shipped, writing
from vcam.host.steps import Plan, Run, Step
from vcam.system.marks import is_untouched

UNIT = f"~/.config/systemd/user/{UNIT_NAME}"
FILES: tuple[str, ...] = (UNIT,)
READ_UNITS = Run(("systemctl", "--user", "daemon-reload"))


def plan(machine: Machine, stopped: bool = False) -> Plan:
    """Write, enable and start the unit, as far as that is missing; `stopped`: a step before has stopped it."""
    service = machine.service
    if machine.systemd is None:
        return Plan(remarks=("There is no systemd here: have your session start `segblur run`.",))
    if service is None:
        return Plan(
            remarks=(
                "systemd does not answer for your user, as after su or sudo: log in as yourself and call segblur setup "
                "again, so that the service starts at login.",
            )
        )
    if service.enabled.startswith("masked"):
        remark = f"The service is masked and never starts; to allow it: systemctl --user unmask {UNIT_NAME}"
        return Plan(remarks=(remark,))
    unit = Plan()
    if UNIT in machine.files or not service.exists:  # one that a package installed is left to it
        unit = writing(machine, UNIT, unit_text(machine.program), "install the service", READ_UNITS)
    calls = []
    if service.active == "failed":
        calls.append(Run(("systemctl", "--user", "reset-failed", UNIT_NAME), may_fail=True))
    if service.enabled != "enabled":
        calls.append(Run(("systemctl", "--user", "enable", UNIT_NAME)))
    if unit.steps or stopped or not service.is_running:
        calls.append(Run(("systemctl", "--user", "restart", UNIT_NAME)))
    return unit + Plan((Step("start the service now and at every login", tuple(calls)),) * bool(calls))


def removal(machine: Machine) -> Plan:
    """The service stopped and its unit removed."""
    if machine.service is None and is_untouched(machine.files.get(UNIT, "")):
        return Plan(
            remarks=("systemd does not answer for your user: log in as yourself to remove the service.",),
        )
    stop = Run(("systemctl", "--user", "disable", "--now", UNIT_NAME))
    return removing(machine, FILES, "stop and remove the service", [stop], READ_UNITS)


def unit_text(program: Sequence[str]) -> str:
    """The unit, with the program to start."""
    line = f"ExecStart={' '.join(unit_word(word) for word in program)} run"
    return re.sub(r"^ExecStart=.*$", lambda _: line, shipped(UNIT_NAME), flags=re.MULTILINE)


def unit_word(word: str) -> str:
    """One word of ExecStart, quoted as systemd.service(5) says."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word}"' if re.search(r"[\s\"';\\]", word) else word
