"""Step: udev's rules, which start the service when its camera appears."""

import shlex

from vcam.host.facts import LABELS, Machine
from vcam.host.setup.cameras import adding
from vcam.host.setup.files import removing, shipped, writing
from vcam.host.setup.module import is_left_to_udev
from vcam.host.steps import Plan, Run

UDEV = "/etc/udev/rules.d/61-segblur.rules"
PACKAGED = "/usr/lib/udev/rules.d/61-segblur.rules"  # by a package of the distribution; udev prefers the one in /etc
FILES: tuple[str, ...] = (UDEV, PACKAGED)
RELOAD = Run(("udevadm", "control", "--reload"))


def plan(machine: Machine) -> Plan:
    """Write the rules, where no package has the same."""
    rules = shipped("udev.rules") + (adding_rules(machine) if is_left_to_udev(machine) else "")
    if UDEV not in machine.files and machine.files.get(PACKAGED) == rules:
        return Plan()
    return writing(machine, UDEV, rules, "have udev start the service when its camera appears", RELOAD)


def removal(machine: Machine) -> Plan:
    """The rules removed."""
    return removing(machine, (UDEV,), "remove the rules of udev", then=RELOAD)


def adding_rules(machine: Machine) -> str:
    """Rules that add our cameras whenever the module is loaded."""
    match = 'ACTION=="add", SUBSYSTEM=="misc", KERNEL=="v4l2loopback"'
    calls = [f'RUN+="{shlex.join(adding(machine, label))}"' for label in LABELS]
    return f"# Not by options of the module, because another program has its own.\n{', '.join([match, *calls])}\n"
