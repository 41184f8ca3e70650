"""Step: rules of WirePlumber, by which programs of PipeWire are offered our camera once, and, if asked, no webcam."""

from collections.abc import Mapping

from vcam.errors import SegBlurError
from vcam.host.facts import LABELS, Machine
from vcam.host.setup.files import removing, shipped, writing
from vcam.host.steps import Plan, Run, Step

# Path → the shipped file. WirePlumber reads the first since 0.5, the second before: each knows nothing of the other.
CONF, LUA = "~/.config/wireplumber/wireplumber.conf.d", "~/.config/wireplumber/main.lua.d"
LIST_ONCE = {f"{CONF}/51-segblur.conf": "list-once.conf", f"{LUA}/51-segblur.lua": "list-once.lua"}
HIDE_WEBCAM = {f"{CONF}/52-segblur.conf": "hide-webcam.conf", f"{LUA}/52-segblur.lua": "hide-webcam.lua"}
FILES: tuple[str, ...] = (*LIST_ONCE, *HIDE_WEBCAM)
RESTART = Run(("systemctl", "--user", "try-restart", "wireplumber.service"), may_fail=True)
INTERRUPTS = "(restarts WirePlumber: calls lose sound and picture for a second)"


def plan(machine: Machine, hide_webcam: bool = False, makes_cameras: bool = True) -> Plan:
    """Write the rules that are missing; one that would leave programs of PipeWire without our camera is removed.
    `makes_cameras`: whether the steps before make those of the kernel's module. Raises SegBlurError.
    """
    if not machine.wireplumber:
        if hide_webcam:
            raise SegBlurError("WirePlumber is not installed here, so there is no list from which to hide the webcam")
        return Plan()
    rules = Plan()
    if not machine.pipewire:
        rules += removing(machine, list(LIST_ONCE), "have PipeWire list the camera again")
    elif makes_cameras or machine.node(LABELS[0]):
        rules += written(machine, LIST_ONCE, "have PipeWire list the camera once")
    if hide_webcam or machine.files.keys() & HIDE_WEBCAM.keys():
        rules += written(machine, HIDE_WEBCAM, "hide webcams from programs of PipeWire")
    return in_one_step(machine, rules)


def removal(machine: Machine) -> Plan:
    """The rules removed."""
    return in_one_step(machine, removing(machine, FILES, "remove the rules of WirePlumber"))


def written(machine: Machine, rules: Mapping[str, str], why: str) -> Plan:
    """Each file as it is shipped."""
    return sum((writing(machine, path, shipped(name), why) for path, name in rules.items()), Plan())


def in_one_step(machine: Machine, rules: Plan) -> Plan:
    """All that the plan does, and one restart, by which it counts; from the next login on where systemd can't do it."""
    if not rules.steps:
        return rules
    why = " and ".join(dict.fromkeys(step.why for step in rules.steps))
    actions = [action for step in rules.steps for action in step.actions]
    if machine.service is None:
        return Plan(
            (Step(why, tuple(actions)),), (*rules.remarks, "The rules of WirePlumber count from the next login on.")
        )
    return Plan((Step(f"{why} {INTERRUPTS}", (*actions, RESTART)),), rules.remarks)
