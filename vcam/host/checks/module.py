"""Checks of the kernel module v4l2loopback."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from vcam.host.checks.check import RELOAD, SETUP, Host, Verdict, serves_by_pipewire
from vcam.host.facts import CTL_ADDS, LABELS, Machine, version
from vcam.host.setup.module import LOAD

OLDEST = (0, 12, 5)  # before, a device lost both its capabilities after the first use
FOR_NEW_KERNELS = ((6, 18), (0, 15, 3))  # kernels from the first on oops with a module before the second


class Facts(NamedTuple):
    """What these checks judge."""

    machine: Machine
    label: str = LABELS[0]  # output.label of the settings


def look(host: Host) -> Facts:
    """Nothing beyond the snapshot and the settings."""
    return Facts(host.machine, host.settings.output.label)


def installed(facts: Facts) -> Verdict:
    """Whether the module is there for this kernel."""
    machine = facts.machine
    if serves_by_pipewire(machine) and machine.loaded is None:
        return Verdict("ok", "the kernel module v4l2loopback was not set up: programs get the camera by PipeWire")
    if machine.on_disk is not None or machine.loaded is not None:
        which = machine.on_disk or machine.loaded or "of an unknown version"
        return Verdict("ok", f"v4l2loopback {which} is installed for {machine.kernel}")
    if machine.dkms:
        if not machine.headers and {"debian", "ubuntu"} & set(machine.distribution):
            return Verdict(
                "problem",
                f"v4l2loopback is not built for {machine.kernel}, because the headers of this kernel are missing",
                f"sudo apt-get install linux-headers-{machine.kernel} && sudo dkms autoinstall",
            )
        return Verdict("problem", f"v4l2loopback is not built for {machine.kernel}", "sudo dkms autoinstall")
    return Verdict("problem", f"the kernel module v4l2loopback is not installed for {machine.kernel}", SETUP)


def loaded(facts: Facts) -> Verdict:
    """Whether the module is in the kernel, and of a version that works."""
    machine = facts.machine
    if machine.loaded is None:
        if serves_by_pipewire(machine):
            return Verdict("ok", "PipeWire needs no module")
        if machine.on_disk is None:
            return Verdict("unknown", "the module can't be loaded before it is installed")
        remedy = "sudo modprobe v4l2loopback" if LOAD in machine.files else SETUP
        return Verdict("problem", "the module is installed, but not loaded", remedy)
    have = version(machine.loaded)
    kernel, needs = FOR_NEW_KERNELS
    if len(have) > 2 and have < OLDEST:
        return Verdict("problem", f"v4l2loopback {machine.loaded} is too old: 0.12.5 or newer is needed", SETUP)
    if have and version(machine.kernel) >= kernel and have < needs:
        return Verdict(
            "problem",
            f"v4l2loopback {machine.loaded} can crash kernels from 6.18 on, and this one is {machine.kernel}: update "
            "its package to 0.15.3 or newer",
        )
    if machine.on_disk and version(machine.on_disk) > have:
        return Verdict("warning", f"{machine.on_disk} is installed, but {machine.loaded} is loaded", RELOAD)
    if have and have < CTL_ADDS and machine.distribution[0] != "ubuntu":
        backport = "sudo apt-get install -t bookworm-backports v4l2loopback-dkms"
        return Verdict(
            "warning",
            f"v4l2loopback {machine.loaded} does not report its readers: SegBlur has to guess them from open files",
            backport if (machine.distribution[0], machine.release) == ("debian", "12") else "",
        )
    return Verdict("ok", f"v4l2loopback {machine.loaded or 'of an unknown version'} is loaded")


def options(facts: Facts) -> Verdict:
    """Whether several files have options of the module: of two lists of cameras only one counts."""
    lines = facts.machine.options
    files = sorted({line.path for line in lines})
    if len(files) > 1:
        sentence = (
            f"several files have options of v4l2loopback, of which only one list of cameras counts: {', '.join(files)}"
        )
        return Verdict("warning", sentence, SETUP)
    if not files:
        return Verdict("ok", "no file has options of the module")
    if not any(facts.label in line.text for line in lines):
        return Verdict("ok", f"{files[0]} has options for the camera of another program")
    return Verdict("ok", f"its options are in {files[0]}")


def secure_boot(facts: Facts) -> Verdict:
    """Whether the kernel loads modules that were built on this machine."""
    machine = facts.machine
    if machine.secure_boot is None:
        return Verdict("unknown", "the firmware doesn't say whether Secure Boot is on")
    if not machine.secure_boot:
        return Verdict("ok", "Secure Boot is off")
    if machine.loaded is None and serves_by_pipewire(machine):
        return Verdict("ok", "Secure Boot is on, and PipeWire needs no module")
    if machine.loaded is not None:
        return Verdict("ok", "Secure Boot is on, and the module is loaded nevertheless")
    key = "/etc/pki/akmods/certs/public_key.der" if "fedora" in machine.distribution else "/var/lib/dkms/mok.pub"
    return Verdict(
        "warning",
        "Secure Boot is on: if the kernel refuses the module ('Key was rejected'), enrol the key that signed it, "
        "restart the computer, and choose 'Enroll MOK'",
        f"sudo mokutil --import {key}",
    )


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {
    "module": installed,
    "loaded": loaded,
    "options": options,
    "secure boot": secure_boot,
}
