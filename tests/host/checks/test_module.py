"""What doctor says of the kernel module."""

from dataclasses import replace

from tests.helpers import machines
from tests.helpers.machines import BARE, BOOKWORM, DESKTOP, DONE, OBS, ROOTLESS
from tests.helpers.verdicts import assert_said, each_case
from vcam.host.checks.module import CHECKS, Facts

WELL = Facts(machines.WELL)


def on(**changes):
    return Facts(replace(machines.WELL, **changes))


CASES = {
    "module": [
        (Facts(BARE), "problem", "not installed for 6.12.48", "segblur setup"),
        (on(on_disk=None, loaded=None, dkms=True, headers=False), "problem", "the headers of this kernel are missing",
         "sudo apt-get install linux-headers-6.12.48+deb13-amd64 && sudo dkms autoinstall"),
        (on(on_disk=None, loaded=None, dkms=True), "problem", "not built for", "sudo dkms autoinstall"),
        (on(on_disk=None, loaded="0.15.0"), "ok", "0.15.0", ""),
        (Facts(DESKTOP), "problem", "not installed", "segblur setup"),
        (Facts(ROOTLESS), "ok", "by PipeWire", ""),
        (Facts(replace(ROOTLESS, files=DONE.files)), "problem", "not installed", "segblur setup"),
    ],
    "loaded": [
        (Facts(BARE), "unknown", "before it is installed", ""),
        (on(loaded=None), "problem", "not loaded", "sudo modprobe v4l2loopback"),
        (on(loaded=None, files={}), "problem", "not loaded", "segblur setup"),
        (Facts(replace(ROOTLESS, on_disk="0.15.0")), "ok", "needs no module", ""),
        (on(loaded="0.12.4", on_disk="0.12.4"), "problem", "too old", "segblur setup"),
        (on(loaded="0.12.5", on_disk="0.12.5"), "warning", "does not report its readers", ""),
        (on(kernel="6.18.2-amd64", loaded="0.15.2"), "problem", "0.15.3 or newer", ""),
        (on(kernel="6.18.2-amd64", loaded="0.15.3", on_disk="0.15.3"), "ok", "0.15.3", ""),
        (on(kernel="6.17.9-amd64", loaded="0.15.2", on_disk="0.15.2"), "ok", "0.15.2", ""),
        (on(loaded="0.12.7", on_disk="0.15.0"), "warning", "0.15.0 is installed, but 0.12.7", "modprobe -r"),
        (Facts(BOOKWORM), "warning", "does not report its readers", "bookworm-backports"),
        (on(distribution=("ubuntu", "debian"), loaded="0.12.7", on_disk="0.12.7"), "ok", "0.12.7", ""),
        (on(loaded="0.12", on_disk="0.12"), "warning", "does not report its readers", ""),
    ],
    "options": [
        (on(options=(*DONE.options, OBS)), "warning", "/etc/modprobe.d/obs.conf, /etc/", "setup"),
        (on(options=(OBS,)), "ok", "the camera of another program", ""),
        (on(options=()), "ok", "no file", ""),
    ],
    "secure boot": [
        (on(secure_boot=True), "ok", "loaded nevertheless", ""),
        (on(secure_boot=True, loaded=None), "warning", "Enroll MOK", "sudo mokutil --import /var/lib/dkms/mok.pub"),
        (on(secure_boot=True, loaded=None, distribution=("fedora",)), "warning", "Enroll", "/etc/pki/akmods/certs"),
        (Facts(replace(ROOTLESS, secure_boot=True)), "ok", "needs no module", ""),
        (on(secure_boot=None), "unknown", "doesn't say", ""),
    ],
}  # fmt: skip


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)
