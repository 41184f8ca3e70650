"""Checks of the virtual camera, a device of v4l2loopback."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from vcam.devices.v4l2 import CAPTURE
from vcam.host.checks.check import (
    DENIED,
    JOIN_VIDEO,
    RELOAD,
    RESTART,
    SETUP,
    Host,
    Verdict,
    open_in,
    serves_by_pipewire,
)
from vcam.host.facts import CTL_ADDS, LABELS, Machine, Node, version

LAST_OF_FIREFOX = 63


class Facts(NamedTuple):
    """What these checks judge."""

    machine: Machine
    label: str = LABELS[0]  # output.label of the settings
    users: tuple[str, ...] = ()  # programs of this user that have the camera open

    @property
    def node(self) -> Node | None:
        """The camera."""
        return self.machine.node(self.label)


def look(host: Host) -> Facts:
    """Who has the camera open."""
    label = host.settings.output.label
    node = host.machine.node(label)
    return Facts(host.machine, label, open_in(node.path) if node else ())


def camera(facts: Facts) -> Verdict:
    """Whether there is a device with our label that this user may open, where Firefox looks."""
    node = facts.node
    if node is None:
        if facts.machine.loaded is None:
            return Verdict("unknown", f"'{facts.label}' can't exist before the module is loaded")
        if facts.label != LABELS[0]:
            return Verdict("problem", f"no camera is named '{facts.label}', which is output.label in the settings")
        return Verdict("problem", f"no camera is named '{facts.label}'", SETUP)
    if node.trouble == DENIED:
        sentence = f"you have no permission to use {node.path}; after this command, log in again"
        return Verdict("problem", sentence, JOIN_VIDEO)
    if node.trouble:
        return Verdict("problem", f"{node.path} can't be opened: {node.trouble}", RELOAD)
    if node.number > LAST_OF_FIREFOX:
        sentence = f"Firefox looks no further than /dev/video{LAST_OF_FIREFOX}, and the camera is {node.path}"
        return Verdict("warning", sentence, SETUP)
    return Verdict("ok", f"'{facts.label}' is {node.path}")


def exclusive(facts: Facts) -> Verdict:
    """Whether browsers list the device as a webcam."""
    node, machine = facts.node, facts.machine
    if node is None or node.capabilities is None:
        return Verdict("unknown", "whether browsers list the camera can't be seen before it can be opened")
    good = Verdict("ok", "it has exclusive_caps=1, which Chrome and Zoom need")
    wrong = Verdict("problem", f"{node.path} lacks exclusive_caps=1: Chrome and Zoom don't list it", SETUP)
    if version(machine.loaded or "") >= CTL_ADDS:
        return wrong if node.lacks_exclusive_caps else good
    # Before 0.13 a camera that has them can look like one without while a program reads; but the parameter counts for
    # every camera, because none can be added later.
    given = machine.exclusive_caps.split(",")[: len(machine.nodes)]
    if set(given) == {"Y"}:
        return good
    if given and "Y" not in given:
        return wrong
    return Verdict("unknown", "the module doesn't say which of its cameras has exclusive_caps=1")


def second(facts: Facts) -> Verdict:
    """Whether two programs can use the camera at once."""
    machine, name = facts.machine, f"{facts.label} 2"
    if machine.loaded is None:
        return Verdict("unknown", "how many programs can use the camera can't be seen before it is there")
    if version(machine.loaded) < CTL_ADDS:
        return Verdict("ok", "several programs can use the camera at once")
    if node := machine.node(name):
        return Verdict("ok", f"a second program can use '{name}' ({node.path})")
    remedy = SETUP if facts.label == LABELS[0] else ""
    return Verdict("warning", f"without '{name}' only one program at a time can use the camera", remedy)


def picture(facts: Facts) -> Verdict:
    """Whether the service writes to the device."""
    node = facts.node
    if node is None or node.trouble:
        return Verdict("unknown", "whether the camera delivers pictures can't be seen before it can be opened")
    users = f"; open in {', '.join(facts.users)}" if facts.users else ""
    written = node.state == "capture" or (not node.state and bool((node.capabilities or 0) & CAPTURE))
    if not written:
        service = facts.machine.service
        remedy = SETUP if service is not None and not service.exists else RESTART
        return Verdict("problem", f"no program writes to the camera, so others don't list it{users}", remedy)
    return Verdict("ok", f"it delivers pictures{f' ({node.format})' if node.format else ''}{users}")


def where_set_up(check: Callable[[Facts], Verdict]) -> Callable[[Facts], Verdict]:
    """The same check, which is content where the camera is PipeWire's alone."""
    alone = Verdict("ok", "no camera of the kernel's module was set up: programs get the camera by PipeWire")
    return lambda facts: alone if serves_by_pipewire(facts.machine) else check(facts)


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {
    "camera": where_set_up(camera),
    "exclusive": where_set_up(exclusive),
    "second camera": where_set_up(second),
    "picture": where_set_up(picture),
}
