"""Step: the packages of the kernel module and of its tool v4l2loopback-ctl."""

import re
from collections.abc import Sequence

from vcam.errors import SegBlurError
from vcam.host.facts import Machine, version
from vcam.host.setup import cameras, module
from vcam.host.steps import Plan, Run, Step

FILES: tuple[str, ...] = ()
RPMFUSION = "https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-{}.noarch.rpm"


def plan(machine: Machine) -> Plan:
    """Install what is missing. Raises SegBlurError where only a person can."""
    missing = machine.on_disk is None and machine.loaded is None
    tools = not machine.ctl and (module.is_left_to_udev(machine) or cameras.uses_ctl(machine))
    if not missing and not tools:
        return Plan()
    names = packages(machine, missing, tools)
    if machine.image_based:
        raise SegBlurError(
            f"this system installs packages for its next start only: run rpm-ostree install {' '.join(names)}, restart "
            "the computer, and call segblur setup again"
        )
    enrols = missing and machine.secure_boot is True and not is_signed(machine)
    install = installing(machine, names)
    steps = [Step("install the kernel module that makes virtual cameras", (install,), root=True, asks=enrols)]
    if "fedora" in machine.distribution:
        if not machine.rpmfusion:
            add = Run(("dnf", "install", "-y", RPMFUSION.format(machine.release)))
            steps.insert(0, Step("add RPM Fusion, the repository that has the module for Fedora", (add,), root=True))
        if missing:
            build = Run(("akmods", "--kernels", machine.kernel))
            steps.append(Step("build the module for this kernel", (build,), root=True))
    remarks: tuple[str, ...] = ()
    if enrols:
        remarks = (
            "Secure Boot is on: you may be asked for a new password while the module is built; after the next start "
            "of the computer choose 'Enroll MOK', enter that password, and call segblur setup again.",
        )
    return Plan(tuple(steps), remarks)


def removal(_machine: Machine) -> Plan:
    """Nothing: other programs may need the packages."""
    return Plan()


def packages(machine: Machine, module: bool, tools: bool) -> list[str]:
    """The names of this distribution's packages for the module and for its tool. Raises SegBlurError."""
    kernel = machine.kernel
    if {"debian", "ubuntu"} & set(machine.distribution):
        names = ["v4l2loopback-dkms"]
        if is_signed(machine):
            names = ["linux-modules-v4l2loopback-generic"]
        elif re.search(r"-(amd64|arm64|generic|lowlatency|oem)$", kernel):  # a kernel of the distribution
            names.append(f"linux-headers-{kernel}")
            if machine.distribution[0] == "debian":  # also the headers of later kernels
                names.append("linux-headers-" + re.sub(r"^[\d.]+(-\d+|[+]\w+)?-", "", kernel))
        return names * module + ["v4l2loopback-utils"] * tools
    if "fedora" in machine.distribution and "rhel" not in machine.distribution:
        return ["akmod-v4l2loopback", f"kernel-devel-{kernel}"] * module + ["v4l2loopback"] * tools
    if "arch" in machine.distribution:
        flavour = re.search(r"-(zen|lts|hardened)", kernel)
        headers = f"linux-{flavour[1]}-headers" if flavour else "linux-headers"
        return ["v4l2loopback-dkms", headers] * module + ["v4l2loopback-utils"] * tools
    raise SegBlurError(
        f"setup doesn't know the packages of {machine.title}: install v4l2loopback with its package manager, then call "
        "segblur setup again"
    )


def is_signed(machine: Machine) -> bool:
    """Whether the distribution has the module built and signed for this kernel: Ubuntu since 26.04."""
    return (
        machine.distribution[0] == "ubuntu"
        and version(machine.release) >= (26, 4)
        and machine.kernel.endswith("-generic")
    )


def installing(machine: Machine, names: Sequence[str]) -> Run:
    """The command that installs packages on this distribution."""
    if "fedora" in machine.distribution:
        return Run(("dnf", "install", "-y", *names))
    if "arch" in machine.distribution:
        return Run(("pacman", "-S", "--needed", "--noconfirm", *names))
    return Run(("apt-get", "install", "-y", *names))
