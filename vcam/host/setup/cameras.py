"""Step: the two cameras, in the kernel now."""

from vcam.errors import SegBlurError
from vcam.host.facts import CTL_ADDS, LABELS, UNIT_NAME, Machine, Node, version
from vcam.host.setup.options import MODPROBE, arguments_of
from vcam.host.steps import Plan, Run, Step
from vcam.system.marks import is_untouched

FILES: tuple[str, ...] = ()
FIRST, LAST = 10, 63  # numbers of our nodes; Firefox looks no further
LOAD, UNLOAD = Run(("modprobe", "v4l2loopback")), Run(("modprobe", "-r", "v4l2loopback"))
SETTLE = Run(("udevadm", "settle"))


def plan(machine: Machine) -> Plan:
    """Make the cameras that are missing. Raises SegBlurError where a program uses the module that must be reloaded."""
    if machine.loaded is None:
        return Plan((Step("make the cameras", (LOAD, SETTLE), root=True),))
    if uses_ctl(machine):
        wrong = unusable(machine)
        calls = [Run((ctl(machine), "delete", str(node.path))) for node in wrong]
        calls += [Run(adding(machine, label)) for label in [*(node.name for node in wrong), *missing(machine)]]
        why = "make the cameras that are missing, beside those that are there"
        return stopping(machine) + Plan((Step(why, (*calls, SETTLE), root=True),))
    if not must_reload(machine):
        return Plan()
    if machine.use_count and not is_running(machine):
        names = " and ".join(f"'{node.name}' ({node.path})" for node in machine.nodes) or "a camera"
        raise SegBlurError(
            f"v4l2loopback is loaded without {LABELS[0]}, and a program uses its camera {names}: close that program, "
            "or restart the computer, and call segblur setup again"
        )
    why = "reload the module, with our cameras"
    return stopping(machine) + Plan((Step(why, (UNLOAD, LOAD, SETTLE), root=True),))


def removal(machine: Machine) -> Plan:
    """Remove the cameras that setup made: by unloading the module where it has no others, else one by one."""
    files = [text for text in machine.files.values() if is_untouched(text)]
    ours = [node for node in machine.nodes if node.name in LABELS]
    if not ours or not any("options v4l2loopback" in text or "v4l2loopback-ctl add" in text for text in files):
        return Plan()
    calls = [Run(UNLOAD.words, may_fail=True)]
    if len(ours) < len(machine.nodes):
        if version(machine.loaded or "") < CTL_ADDS or not machine.ctl:
            return Plan(remarks=("The cameras go at the computer's next start.",))
        calls = [Run((machine.ctl, "delete", str(node.path)), may_fail=True) for node in ours]
    return Plan((Step("remove the cameras (one that a program uses: at the next start)", tuple(calls), root=True),))


def missing(machine: Machine) -> list[str]:
    """The labels of our cameras that are not there."""
    return [label for label in LABELS if machine.node(label) is None]


def unusable(machine: Machine) -> list[Node]:
    """Our cameras that browsers don't list, to be made again."""
    return [node for node in machine.nodes if node.name in LABELS and node.lacks_exclusive_caps]


def uses_ctl(machine: Machine) -> bool:
    """Whether v4l2loopback-ctl makes the cameras: since 0.13 it adds them to the loaded module."""
    can_add = machine.loaded is not None and version(machine.loaded) >= CTL_ADDS
    return can_add and bool(unusable(machine) or missing(machine))


def must_reload(machine: Machine) -> bool:
    """Whether a module before 0.13 is loaded without our camera. It needs no second one: several programs share it."""
    return machine.loaded is not None and version(machine.loaded) < CTL_ADDS and machine.node(LABELS[0]) is None


def is_running(machine: Machine) -> bool:
    """Whether the service runs, which holds the camera."""
    return machine.service is not None and machine.service.is_running


def stops_service(machine: Machine) -> bool:
    """Whether the running service has to be stopped, because its camera is removed and made again."""
    return is_running(machine) and (must_reload(machine) or (uses_ctl(machine) and bool(unusable(machine))))


def stopping(machine: Machine) -> Plan:
    """Stop the service where that is necessary; the unit's step starts it again."""
    stop = Run(("systemctl", "--user", "stop", UNIT_NAME))
    return Plan((Step("stop the service, which holds the camera", (stop,)),) * stops_service(machine))


def number_of(machine: Machine, label: str) -> int:
    """The number of one of our cameras: the one that it has, else one that is free and in no options."""
    others = [line for line in machine.options if line.path != MODPROBE]
    wanted = arguments_of(others).get("video_nr", "").split(",")
    used = {int(number) for number in wanted if number.isdigit()} | set(machine.numbers)
    free = (number for number in range(FIRST, LAST + 1) if number not in used)
    return {name: node.number if (node := machine.node(name)) else next(free, FIRST) for name in LABELS}[label]


def adding(machine: Machine, label: str) -> tuple[str, ...]:
    """The command that adds a camera to the loaded module."""
    return (ctl(machine), "add", "-n", label, "-x", "1", "-b", "4", f"/dev/video{number_of(machine, label)}")


def ctl(machine: Machine) -> str:
    """The path of v4l2loopback-ctl, also where its package is still to be installed."""
    return machine.ctl or "/usr/bin/v4l2loopback-ctl"
