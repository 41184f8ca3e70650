"""Step: the kernel module's options, and that it is loaded at every start.

modprobe joins the options of all files into one line, in which a second list of cameras replaces the first. So where
another program has options for the module, we write none, and udev adds our cameras (udev.py).
"""

from vcam.errors import SegBlurError
from vcam.host.facts import CTL_ADDS, LABELS, Machine, Options, version
from vcam.host.setup.cameras import number_of
from vcam.host.setup.files import removing, shipped, writing
from vcam.host.setup.options import MODPROBE, joined, labels_of
from vcam.host.steps import Plan, Remove, Step
from vcam.system.marks import is_ours, is_untouched

LOAD = "/etc/modules-load.d/segblur.conf"
FILES: tuple[str, ...] = (MODPROBE, LOAD)


def plan(machine: Machine) -> Plan:
    """Write both files. Raises SegBlurError where only a person can join the options of two programs."""
    return options_plan(machine) + writing(
        machine, LOAD, shipped("modules-load.conf"), "load the module at every start of the computer"
    )


def removal(machine: Machine) -> Plan:
    """Both files removed."""
    return removing(machine, FILES, "remove the options of the module")


def options_plan(machine: Machine) -> Plan:
    """Our options, where no other program has options for the module. Raises SegBlurError."""
    others = options_of_others(machine)
    if not others:
        return writing(
            machine, MODPROBE, shipped("modprobe.conf"), "have the module make two cameras that browsers list"
        )
    where = " and ".join(sorted({line.path for line in others}))
    plan = Plan()
    if is_untouched(machine.files.get(MODPROBE, "")):
        why = f"remove our options of the module, because {where} has options too"
        plan += Plan((Step(why, (Remove(MODPROBE),), root=True),))
    if any(LABELS[0] in labels_of(line) for line in others):
        return plan + Plan(remarks=(f"The options of the cameras are in {where} already and are left unchanged.",))
    if not is_left_to_udev(machine):
        line = joined(others, number_of(machine, LABELS[0]))
        raise SegBlurError(
            f"v4l2loopback 0.12 reads its cameras from one line only, and {where} has it: replace that line by "
            f"`{line}` and call segblur setup again"
        )
    remark = (
        f"{where} has options of another program for the module: they are left unchanged, and udev adds the cameras."
    )
    return plan + Plan(remarks=(remark,))


def options_of_others(machine: Machine) -> list[Options]:
    """The lines of options that setup did not write."""
    ours = is_ours(machine.files.get(MODPROBE, ""))
    return [line for line in machine.options if line.path != MODPROBE or not ours]


def is_left_to_udev(machine: Machine) -> bool:
    """Whether udev is to add our cameras, because options of another program make others."""
    others = options_of_others(machine)
    makes_ours = any(LABELS[0] in labels_of(line) for line in others)
    return bool(others) and not makes_ours and next_version(machine) >= CTL_ADDS


def next_version(machine: Machine) -> tuple[int, ...]:
    """The version of the module when it is loaded next; where none is installed, that of the distribution's package."""
    if machine.on_disk is not None or machine.loaded is not None:
        return version(machine.on_disk or machine.loaded or "")
    first = {"debian": (13,), "ubuntu": (24, 10)}.get(machine.distribution[0], ())  # release with 0.13 or newer
    return (0, 12, 7) if version(machine.release) < first else CTL_ADDS
