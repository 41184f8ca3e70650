"""What doctor says of the virtual camera."""

from dataclasses import replace
from pathlib import Path

from tests.helpers import machines
from tests.helpers.machines import BARE, BOOKWORM, NODES, ROOTLESS, WRITTEN
from tests.helpers.verdicts import assert_said, each_case
from vcam.devices.v4l2 import CAPTURE, OUTPUT
from vcam.host.checks import loopback
from vcam.host.checks.check import Host
from vcam.host.checks.loopback import CHECKS, Facts
from vcam.host.facts import Service
from vcam.settings import load_settings

WELL = Facts(machines.WELL)


def on(machine=machines.WELL, **changes):
    return Facts(replace(machine, **changes))


def first(**changes):
    """A machine with one camera, which differs in this."""
    return on(nodes=(replace(NODES[0], **changes),))


CASES = {
    "camera": [
        (Facts(BARE), "unknown", "before the module is loaded", ""),
        (on(nodes=()), "problem", "no camera is named 'SegBlur Camera'", "segblur setup"),
        (Facts(replace(ROOTLESS, loaded="0.15.0")), "ok", "by PipeWire", ""),
        (on(nodes=())._replace(label="Mine"), "problem", "output.label", ""),
        (first(trouble="Permission denied"), "problem", "no permission to use /dev/video10; after this command, log in",
         "usermod -aG video"),
        (first(trouble="Device or resource busy"), "problem", "can't be opened", "modprobe"),
        (first(path=Path("/dev/video64")), "warning", "/dev/video63", "setup"),
        (first(path=Path("/dev/video63")), "ok", "is /dev/video63", ""),
    ],
    "exclusive": [
        (first(capabilities=CAPTURE | OUTPUT), "problem", "exclusive_caps=1", "segblur setup"),
        (first(capabilities=None), "unknown", "can't be seen", ""),
        (on(BOOKWORM, exclusive_caps="Y,Y,N,N"), "ok", "which Chrome and Zoom need", ""),
        (on(BOOKWORM, exclusive_caps="N,N,N,N"), "problem", "don't list it", "segblur setup"),
        (on(BOOKWORM, exclusive_caps="N,Y,N,N"), "unknown", "which of its cameras", ""),
    ],
    "second camera": [
        (Facts(BARE), "unknown", "before it is there", ""),
        (on(nodes=WRITTEN[:1]), "warning", "only one program", "segblur setup"),
        (on(nodes=WRITTEN[:1], loaded="0.12.7"), "ok", "several programs", ""),
    ],
    "picture": [
        (Facts(BARE), "unknown", "can't be seen", ""),
        (on(nodes=NODES), "problem", "no program writes", "systemctl --user restart segblur"),
        (on(nodes=NODES, service=Service()), "problem", "no program writes", "segblur setup"),
        (WELL._replace(users=("segblur", "zoom")), "ok", "(YU12:1280x720@30); open in segblur, zoom", ""),
        (first(state="", capabilities=CAPTURE), "ok", "delivers", ""),  # before 0.13
        (first(state=""), "problem", "no program writes", ""),
    ],
}  # fmt: skip


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


def test_it_looks_who_has_the_camera_of_the_settings_open(monkeypatch):
    monkeypatch.setattr(loopback, "open_in", lambda path: (f"a reader of {path}",))
    second = load_settings({"output": {"label": "SegBlur Camera 2"}})
    assert loopback.look(Host(machines.WELL)).users == ("a reader of /dev/video10",)
    assert loopback.look(Host(machines.WELL, second)).users == ("a reader of /dev/video11",)
    assert loopback.look(Host(BARE)).users == ()
