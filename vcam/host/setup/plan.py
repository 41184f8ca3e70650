"""The list of setup's steps, and the plan that they make together."""

from typing import Protocol

from vcam.host.facts import Machine
from vcam.host.setup import cameras, module, packages, udev, unit
from vcam.host.steps import Plan


class SetupStep(Protocol):
    """A file of this folder: what is to be done on a machine, and how that is undone; data in, data out."""

    @property
    def FILES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the file
        """Paths of the files that it writes; their texts are in `Machine.files`."""

    def plan(self, machine: Machine) -> Plan:
        """What the machine lacks. Raises SegBlurError with what only a person can do."""

    def removal(self, machine: Machine) -> Plan:
        """What this step made, undone; what was changed by hand is left unchanged."""


STEPS: tuple[SetupStep, ...] = (packages, module, udev, cameras, unit)  # in this order; undone in the reverse one
FILES = tuple(path for step in STEPS for path in step.FILES)


def plan(machine: Machine) -> Plan:
    """All that the machine lacks. Raises SegBlurError."""
    return sum((step.plan(machine) for step in STEPS), Plan())


def removal(machine: Machine) -> Plan:
    """All that setup made, undone."""
    return sum((step.removal(machine) for step in reversed(STEPS)), Plan())
