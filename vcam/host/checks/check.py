"""What a file of checks is: `look` asks the host, and each function of `CHECKS` judges what that saw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from vcam.host.facts import LABELS, Machine
from vcam.host.setup import module
from vcam.settings import Settings

# Commands that several checks recommend.
SETUP = "segblur setup"
RELOAD = "sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback"
RESTART = "systemctl --user restart segblur"
JOIN_VIDEO = 'sudo usermod -aG video "$USER"'  # counts from the next login on
DENIED = "Permission denied"  # strerror of EACCES

State = Literal["ok", "warning", "problem", "unknown"]


class Verdict(NamedTuple):
    """What a check says; `remedy` is a command, or nothing."""

    state: State
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Host:
    """What every check may look at."""

    machine: Machine = field(default_factory=Machine)
    settings: Settings = field(default_factory=Settings.model_construct)
    settings_error: str = ""  # why the defaults stand in for the person's settings
    quick: bool = False  # leave out what takes seconds
    root: Path = Path("/")
    home: Path = field(default_factory=Path.home)


class Subject(Protocol):
    """A file of this folder."""

    @property
    def CHECKS(self) -> Mapping[str, Callable[[Any], Verdict]]:  # noqa: N802 - a constant of the file
        """Name → function from the facts to the verdict; data in, data out."""

    def look(self, host: Host) -> Any:
        """The facts that the checks of this file judge. Changes nothing."""


def serves_by_pipewire(machine: Machine) -> bool:
    """Whether the camera is PipeWire's alone: the service was set up, but no camera of the kernel's module."""
    is_set_up = machine.service is None or machine.service.exists
    has_module = any(path in machine.files for path in module.FILES) or any(map(machine.node, LABELS))
    return bool(machine.pipewire) and is_set_up and not has_module


def open_in(path: Path) -> tuple[str, ...]:
    """Names of this user's programs, other than this one, that have a device open."""
    from vcam.devices.loopback import holders

    return tuple(holders(path))
