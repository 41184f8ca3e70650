"""`segblur setup`: what this machine lacks to be a virtual camera, as commands that a person can read before they run.

`plan` and `removal` only look at a snapshot of the machine and say what is to be done; `carry_out` does it.
"""

import argparse
import hashlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from vcam.errors import SegBlurError
from vcam.host.facts import (
    CTL_ADDS,
    LABELS,
    LOAD,
    MODPROBE,
    UDEV,
    UNIT,
    Machine,
    Options,
    look,
    version,
    words,
)
from vcam.host.steps import Plan, Remove, Run, Step, Write, carry_out, overview, script

MARK = "# made by segblur setup"
FOLDERS = (Path(__file__).parents[1] / "share", Path(__file__).parents[2] / "systemd")  # installed; in the checkout
FIRST, LAST = 10, 63  # numbers of our nodes; Firefox looks no further
UNIT_NAME = "segblur.service"
RUNNING = ("active", "activating", "reloading", "deactivating")
LISTS = {
    "video_nr": "-1",
    "card_label": "Virtual Camera",
    "exclusive_caps": "0",
}  # of options; what stands for no value


def plan(machine: Machine, program: Sequence[str]) -> Plan:
    """All that the machine lacks; `program` are the words that start segblur. Raises SegBlurError with what only a
    person can do.
    """
    module, by_udev = options_plan(machine)
    rules = shipped("udev.rules") + (adding_rules(machine) if by_udev else "")
    reads = Run(("udevadm", "control", "--reload"))
    module += kept(machine, LOAD, shipped("modules-load.conf"), "load the module at every start")
    module += kept(machine, UDEV, rules, "start the service when its camera appears", reads)
    cameras, restart = cameras_plan(machine)
    tools = by_udev or any(action.words[0] == ctl(machine) for action in runs(cameras))
    return packages_plan(machine, tools) + module + cameras + service_plan(machine, program, restart)


def runs(part: Plan) -> Iterator[Run]:
    """Its commands."""
    return (action for step in part.steps for action in step.actions if isinstance(action, Run))


def packages_plan(machine: Machine, tools: bool) -> Plan:
    """The package of the module, and with `tools` that of v4l2loopback-ctl. Raises SegBlurError."""
    missing = machine.on_disk is None and machine.loaded is None
    tools = tools and not machine.ctl
    if not missing and not tools:
        return Plan()
    which = packages(machine, missing, tools)
    if machine.image_based:
        raise SegBlurError(
            f"this system takes packages only into its next start: rpm-ostree install {' '.join(which)}, restart the "
            "computer, and call segblur setup again"
        )
    steps = [Step("the kernel module that makes virtual cameras", (Run(installer(machine, which)),), root=True)]
    if "fedora" in machine.distribution:
        if not machine.rpmfusion:
            source = "https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-{}.noarch.rpm"
            get = Run(("dnf", "install", "-y", source.format(machine.release)))
            steps.insert(0, Step("RPM Fusion, the repository that has the module for Fedora", (get,), root=True))
        if missing:
            build = Run(("akmods", "--kernels", machine.kernel))
            steps.append(Step("build the module for this kernel", (build,), root=True))
    remarks: tuple[str, ...] = ()
    if missing and machine.secure_boot and not signed(machine):
        remarks = (
            "Secure Boot is on: you may be asked for a new password while the module is built; after the next start "
            "of the computer choose 'Enroll MOK', give that password, and call segblur setup again.",
        )
    return Plan(tuple(steps), remarks)


def packages(machine: Machine, module: bool, tools: bool) -> list[str]:
    """Names of packages that this distribution has for the module and its tools. Raises SegBlurError."""
    kernel = machine.kernel
    if {"debian", "ubuntu"} & set(machine.distribution):
        found = ["v4l2loopback-dkms"]
        if signed(machine):
            found = ["linux-modules-v4l2loopback-generic"]
        elif re.search(r"-(amd64|arm64|generic|lowlatency|oem)$", kernel):  # not one that somebody built
            found.append(f"linux-headers-{kernel}")
            if machine.distribution[0] == "debian":  # also those of the kernels to come
                found.append("linux-headers-" + re.sub(r"^[\d.]+(-\d+|[+]\w+)?-", "", kernel))
        return found * module + ["v4l2loopback-utils"] * tools
    if "fedora" in machine.distribution and "rhel" not in machine.distribution:
        return ["akmod-v4l2loopback", f"kernel-devel-{kernel}"] * module + ["v4l2loopback"] * tools
    if "arch" in machine.distribution:
        flavour = re.search(r"-(zen|lts|hardened)", kernel)
        headers = f"linux-{flavour[1]}-headers" if flavour else "linux-headers"
        return ["v4l2loopback-dkms", headers] * module + ["v4l2loopback-utils"] * tools
    raise SegBlurError(
        f"it isn't known how {machine.title} calls its packages: install v4l2loopback with its package manager, then "
        "call segblur setup again"
    )


def signed(machine: Machine) -> bool:
    """Whether the distribution has the module ready and signed for this kernel: Ubuntu since 26.04."""
    return (
        machine.distribution[0] == "ubuntu"
        and version(machine.release) >= (26, 4)
        and machine.kernel.endswith("-generic")
    )


def installer(machine: Machine, which: Sequence[str]) -> tuple[str, ...]:
    """The command that installs packages here."""
    if "fedora" in machine.distribution:
        return ("dnf", "install", "-y", *which)
    if "arch" in machine.distribution:
        return ("pacman", "-S", "--needed", "--noconfirm", *which)
    return ("apt-get", "install", "-y", *which)


def options_plan(machine: Machine) -> tuple[Plan, bool]:
    """The module's options, and whether udev is to add our cameras instead: modprobe joins the lines of all files
    into one, in which a second list of cameras replaces the first. Raises SegBlurError.
    """
    theirs = [line for line in machine.options if line.path != MODPROBE or not is_ours(machine.files.get(MODPROBE, ""))]
    if not theirs:
        return kept(machine, MODPROBE, shipped("modprobe.conf"), "two cameras, as browsers want them"), False
    where = " and ".join(sorted({line.path for line in theirs}))
    plan = Plan()
    if is_untouched(machine.files.get(MODPROBE, "")):
        plan += Plan((Step(f"not beside {where}", (Remove(MODPROBE),), root=True),))
    if any(LABELS[0] in labels for labels in [labels_of(line) for line in theirs]):
        return plan + Plan(remarks=(f"The cameras' options stand in {where} already: they stay as they are.",)), False
    if next_version(machine) < CTL_ADDS:
        raise SegBlurError(
            f"v4l2loopback 0.12 takes its cameras from one line only, which stands in {where}: put "
            f"`{merged(theirs, numbers(machine)[LABELS[0]])}` in its place and call segblur setup again"
        )
    return plan + Plan(
        remarks=(
            f"{where} has options of another program for the module: they stay, and udev adds the cameras beside them.",
        )
    ), True


def next_version(machine: Machine) -> tuple[int, ...]:
    """The version that the next loading of the module brings; where it is not installed, what the package has."""
    if machine.on_disk is not None or machine.loaded is not None:
        return version(machine.on_disk or machine.loaded or "")
    old = {"debian": (13,), "ubuntu": (24, 10)}.get(machine.distribution[0], ())
    return (0, 12, 7) if old and version(machine.release) < old else CTL_ADDS


def arguments_of(lines: Sequence[Options]) -> dict[str, str]:
    """Names and values of options, as modprobe joins them: the last counts."""
    return {name: value for line in lines for name, _, value in (word.partition("=") for word in words(line.text))}


def labels_of(*lines: Options) -> list[str]:
    """The names of cameras."""
    return arguments_of(lines).get("card_label", "").split(",")


def merged(lines: Sequence[Options], number: int) -> str:
    """One line for the cameras of these lines and ours."""
    given = arguments_of(lines)
    lists = {name: [part for part in given.pop(name, "").split(",") if part] for name in LISTS}
    count = max([*(len(part) for part in lists.values()), 1])
    with_count = given.pop("devices", "")
    count = max(count, int(with_count)) if with_count.isdigit() else count
    ours = {"video_nr": str(number), "card_label": LABELS[0], "exclusive_caps": "1"}
    joined = [
        f"{name}={quoted(','.join([*part, *[filler] * (count - len(part)), ours[name]]))}"
        for (name, part), filler in zip(lists.items(), LISTS.values(), strict=True)
    ]
    rest = [f"{name}={quoted(value)}" for name, value in given.items()]
    return " ".join(["options v4l2loopback", f"devices={count + 1}", *joined, *rest])


def quoted(value: str) -> str:
    """As modprobe.d wants it: quotes around the whole value."""
    return f'"{value}"' if " " in value else value


def numbers(machine: Machine) -> dict[str, int]:
    """The number of each of our cameras: what it has, else one that nobody has or asks for."""
    asked = arguments_of([line for line in machine.options if line.path != MODPROBE]).get("video_nr", "")
    taken = {int(part) for part in asked.split(",") if part.isdigit()} | set(machine.taken)
    free = (number for number in range(FIRST, LAST + 1) if number not in taken)
    return {label: node.number if (node := machine.node(label)) else next(free, FIRST) for label in LABELS}


def adding(machine: Machine, label: str) -> tuple[str, ...]:
    """The command that adds a camera to the loaded module."""
    return (ctl(machine), "add", "-n", label, "-x", "1", "-b", "4", f"/dev/video{numbers(machine)[label]}")


def ctl(machine: Machine) -> str:
    """The module's tool, where it is or will be."""
    return machine.ctl or "/usr/bin/v4l2loopback-ctl"


def adding_rules(machine: Machine) -> str:
    """The same for udev, whenever the module is loaded."""
    match = 'ACTION=="add", SUBSYSTEM=="misc", KERNEL=="v4l2loopback"'
    calls = [f'RUN+="{shlex.join(adding(machine, label))}"' for label in LABELS]
    return f"# Not by options of the module, because another program has its own.\n{', '.join([match, *calls])}\n"


def cameras_plan(machine: Machine) -> tuple[Plan, bool]:
    """The two cameras, now, and whether the service has to stop for it. Raises SegBlurError."""
    missing = [label for label in LABELS if machine.node(label) is None]
    running = machine.service is not None and machine.service.active in RUNNING
    stop = (
        (Step("stop the service, which holds the camera", (Run(("systemctl", "--user", "stop", UNIT_NAME)),)),)
        if running
        else ()
    )
    settle = Run(("udevadm", "settle"))
    if machine.loaded is None:
        load = (Run(("modprobe", "v4l2loopback")), settle)
        return Plan((Step("make the cameras", load, root=True),)), False
    if version(machine.loaded) >= CTL_ADDS:
        plain = [node for node in machine.nodes if node.name in LABELS and node.is_both]
        again = [Run((ctl(machine), "delete", str(node.path))) for node in plain]
        again += [Run(adding(machine, label)) for label in [*(node.name for node in plain), *missing]]
        if not again:
            return Plan(), False
        why = "make the cameras that are missing, beside those that are there"
        return Plan((*stop * bool(plain), Step(why, (*again, settle), root=True))), bool(plain)
    if LABELS[0] not in missing:
        return Plan(), False  # before 0.13 several programs share one camera: there is no need for a second
    if machine.users and not running:
        names = " and ".join(f"'{node.name}' ({node.path})" for node in machine.nodes) or "a camera"
        raise SegBlurError(
            f"v4l2loopback is loaded without {LABELS[0]}, and a program uses its camera {names}: close it, or restart "
            "the computer, and call segblur setup again"
        )
    load_again = (Run(("modprobe", "-r", "v4l2loopback")), Run(("modprobe", "v4l2loopback")), settle)
    return Plan((*stop, Step("load the module again, with our cameras", load_again, root=True))), True


def service_plan(machine: Machine, program: Sequence[str], restart: bool) -> Plan:
    """The user's unit: written, enabled, running; `restart` it in any case."""
    if machine.systemd is None:
        return Plan(remarks=("There is no systemd here: let your session start `segblur run`.",))
    if machine.service is None:
        return Plan(
            remarks=(
                "No systemd of yours answers here, as after su or sudo: log in as yourself and call segblur setup "
                "again, so that the service starts at login.",
            )
        )
    if machine.service.enabled.startswith("masked"):
        return Plan(remarks=(f"The service is masked and stays off: systemctl --user unmask {UNIT_NAME} ends that.",))
    unit = Plan()
    if UNIT in machine.files or not machine.service.exists:  # not beside one that a package brought
        unit = kept(machine, UNIT, unit_text(program), "the service", Run(("systemctl", "--user", "daemon-reload")))
    actions = []
    if machine.service.active == "failed":
        actions.append(Run(("systemctl", "--user", "reset-failed", UNIT_NAME), may_fail=True))
    if machine.service.enabled != "enabled":
        actions.append(Run(("systemctl", "--user", "enable", UNIT_NAME)))
    if unit.steps or restart or machine.service.active not in RUNNING:
        actions.append(Run(("systemctl", "--user", "restart", UNIT_NAME)))
    return unit + Plan((Step("start it now and at every login", tuple(actions)),) * bool(actions))


def unit_text(program: Sequence[str]) -> str:
    """The unit, with the program that is to be started."""
    line = f"ExecStart={' '.join(unit_word(word) for word in program)} run"
    return re.sub(r"^ExecStart=.*$", lambda _: line, shipped(UNIT_NAME), flags=re.MULTILINE)


def unit_word(word: str) -> str:
    """One word of ExecStart, as systemd.service(5) wants it."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{word}"' if re.search(r"[\s\"';\\]", word) else word


def kept(machine: Machine, path: str, text: str, why: str, then: Run | None = None) -> Plan:
    """A file as it should be. One that we didn't make, or that was changed by hand, stays."""
    there = machine.files.get(path)
    if there == marked(text):
        return Plan()
    if there is not None and not is_untouched(there):
        return Plan(remarks=(stays(path, there),))
    actions = (Write(path, marked(text)), *((then,) if then else ()))
    return Plan((Step(why, actions, root=not path.startswith("~")),))


def stays(path: str, text: str) -> str:
    """The sentence about a file that is not ours to change."""
    return f"{path} was {'changed by hand' if is_ours(text) else 'not made by segblur setup'}: it stays as it is."


def marked(text: str) -> str:
    """Text of a file with a first line by which we know it, and whether somebody changed it."""
    return f"{MARK}, sha256 of what follows: {hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def is_ours(text: str) -> bool:
    """Whether setup made the file."""
    return text.startswith(MARK)


def is_untouched(text: str) -> bool:
    """Whether setup made it and nobody changed it."""
    return is_ours(text) and text == marked(text.partition("\n")[2])


def shipped(name: str) -> str:
    """A file of the folder systemd/. Raises SegBlurError."""
    for folder in FOLDERS:
        if (folder / name).is_file():
            return (folder / name).read_text()
    raise SegBlurError(f"this copy of SegBlur lacks its file {name}: install it again (uv tool install --reinstall .)")


def removal(machine: Machine) -> Plan:
    """All that setup made, undone; what was changed by hand stays."""
    ours = {path for path, text in machine.files.items() if is_untouched(text)}
    plan = Plan(remarks=tuple(stays(path, text) for path, text in machine.files.items() if path not in ours))
    made = MODPROBE in ours or (UDEV in ours and "v4l2loopback-ctl add" in machine.files[UDEV])
    if UNIT in ours and machine.service is None:
        plan += Plan(remarks=("No systemd of yours answers here: log in as yourself to remove the service.",))
    elif UNIT in ours:
        stop = Run(("systemctl", "--user", "disable", "--now", UNIT_NAME))
        reads = Run(("systemctl", "--user", "daemon-reload"))
        plan += Plan((Step("stop and remove the service", (stop, Remove(UNIT), reads)),))
    if made:
        plan += cameras_removal(machine)
    files = tuple(Remove(path) for path in (MODPROBE, LOAD, UDEV) if path in ours)
    if files:
        reads = Run(("udevadm", "control", "--reload"))
        plan += Plan((Step("remove the files", (*files, reads), root=True),))
    return plan


def cameras_removal(machine: Machine) -> Plan:
    """Our cameras away: with the module where it has no others, else one by one."""
    ours = [node for node in machine.nodes if node.name in LABELS]
    if not ours:
        return Plan()
    calls: tuple[Run, ...] = (Run(("modprobe", "-r", "v4l2loopback"), may_fail=True),)
    if len(ours) < len(machine.nodes):
        if version(machine.loaded or "") < CTL_ADDS or not machine.ctl:
            return Plan(remarks=("The cameras go at the computer's next start.",))
        calls = tuple(Run((machine.ctl, "delete", str(node.path)), may_fail=True) for node in ours)
    return Plan((Step("remove the cameras (where a program uses one: at the next start)", calls, root=True),))


def program() -> tuple[str, ...]:
    """The words that start this very segblur."""
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name("segblur")):
        if path.name == "segblur" and path.is_file():
            return (str(path.absolute()),)
    return (sys.executable, "-P", "-m", "vcam")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `segblur setup`."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("-y", "--yes", action="store_true", help="don't ask")
    how.add_argument("--print", action="store_true", help="only print the commands, as a shell script")
    parser.add_argument("--remove", action="store_true", help="undo what setup made")


def run(arguments: argparse.Namespace, _settings: object = None, root: Path = Path("/")) -> int:
    """Look, show, ask, do. 0 where all is done, 1 where the person didn't want it. Raises SegBlurError."""
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        raise SegBlurError("call segblur setup as yourself, without sudo: it asks for sudo where it needs it")
    machine = look(root)
    what = removal(machine) if arguments.remove else plan(machine, program())
    if arguments.print:
        print(script(what, machine.root, root))
        return 0
    if what.steps:
        print("To remove SegBlur's camera:" if arguments.remove else "To make this computer's SegBlur Camera:")
        print(overview(what, machine.root, root))
        if any(isinstance(action, Write) for step in what.steps for action in step.actions):
            print("(segblur setup --print shows the text of these files.)")
    for remark in what.remarks:
        print(f"Note: {remark}")
    if what.steps:
        if not (arguments.yes or agreed()):
            print("Nothing was changed.")
            return 1
        carry_out(what, machine.root, root)
    print(REMOVED if arguments.remove else READY)
    return 0


READY = "All is set up: choose SegBlur Camera in your video program. What is wrong, `segblur doctor` says."
REMOVED = "What setup made is gone. The module's package, your settings and weights stay."


def agreed() -> bool:
    """Whether the person says yes."""
    try:
        return input("Do this? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
