"""The list of setup's steps, and the plan that they make together."""

import shlex
from typing import Protocol

from vcam.errors import SegBlurError
from vcam.host.facts import Machine
from vcam.host.setup import cameras, desktop, module, packages, udev, unit, wireplumber
from vcam.host.setup.packages import installing
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


# In this order; undone in the reverse one.
AS_ROOT: tuple[SetupStep, ...] = (packages, module, udev, cameras)
STEPS: tuple[SetupStep, ...] = (*AS_ROOT, wireplumber, desktop, unit)
FILES = tuple(path for step in STEPS for path in step.FILES)
SWITCHES = (
    "Browsers ask PipeWire for cameras only when told to: in Firefox, set media.webrtc.camera.allow-pipewire to true "
    "in about:config; in Chrome, Chromium, Brave, Edge, set chrome://flags/#enable-webrtc-pipewire-camera to Enabled."
)


def plan(machine: Machine, no_root: bool = False, hide_webcam: bool = False) -> Plan:
    """All that the machine lacks; without root, all but the kernel's module and its cameras. Raises SegBlurError."""
    if no_root and not machine.pipewire:
        raise SegBlurError(
            "without the kernel's module only PipeWire can offer the camera, and its library is missing or too old, or "
            f"output.pipewire is off in the settings: install it ({installing_pipewire(machine)}), or call segblur "
            "setup alone"
        )
    first = Plan(remarks=(SWITCHES,)) if no_root else sum((step.plan(machine) for step in AS_ROOT), Plan())
    stopped = not no_root and cameras.stops_service(machine)
    rules = wireplumber.plan(machine, hide_webcam, not no_root)
    return first + rules + desktop.plan(machine) + unit.plan(machine, stopped)


def installing_pipewire(machine: Machine, *names: str) -> str:
    """The command that installs PipeWire, or other packages that every distribution names alike."""
    return f"sudo {shlex.join(installing(machine, names or ('pipewire', 'wireplumber')).words)}"


def removal(machine: Machine, no_root: bool = False) -> Plan:
    """All that setup made, undone; without root, only what it made without."""
    steps = STEPS[len(AS_ROOT) :] if no_root else STEPS
    return sum((step.removal(machine) for step in reversed(steps)), Plan())
