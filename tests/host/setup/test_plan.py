"""What setup would do on many machines, and how it undoes that."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.machines import BARE, BOOKWORM, DONE, FILES, NODES, OBS, OF_DESKTOP
from tests.helpers.plans import lines, planned, written
from vcam.host.facts import Node
from vcam.host.setup.desktop import BUS_RELOAD
from vcam.host.setup.module import LOAD
from vcam.host.setup.options import MODPROBE
from vcam.host.setup.plan import plan, removal
from vcam.host.setup.udev import UDEV
from vcam.host.setup.unit import UNIT
from vcam.host.steps import Plan
from vcam.system.marks import marked


def test_a_bare_machine_gets_everything_in_an_order_that_works():
    assert planned(BARE) == [
        "sudo apt-get install -y v4l2loopback-dkms linux-headers-6.12.48+deb13-amd64 linux-headers-amd64",
        f"sudo Write {MODPROBE}",
        f"sudo Write {LOAD}",
        f"sudo Write {UDEV}",
        "sudo udevadm control --reload",
        "sudo modprobe v4l2loopback",
        "sudo udevadm settle",
        *(f"Write {path}" for path in OF_DESKTOP),
        shlex.join(BUS_RELOAD.words),
        f"Write {UNIT}",
        "systemctl --user daemon-reload",
        "systemctl --user enable segblur.service",
        "systemctl --user restart segblur.service",
    ]


@pytest.mark.parametrize("machine", [DONE, BOOKWORM, replace(BOOKWORM, nodes=NODES[:1])])
def test_where_nothing_is_missing_the_plan_is_empty(machine):
    assert plan(machine) == Plan()


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_was_changed_by_hand_is_left_unchanged_by_setup_and_by_removal(path):
    machine = replace(DONE, files=FILES | {path: FILES[path] + "# mine\n"})
    for what in (plan(machine), removal(machine)):
        assert not any(path in line for line in lines(what))
        assert f"{path} was changed by hand: it is left unchanged." in what.remarks


@pytest.mark.parametrize("path", FILES)
def test_an_older_file_of_ours_is_brought_up_to_date(path):
    machine = replace(DONE, files=FILES | {path: marked("# of an older version\n")})
    assert written(plan(machine), path) == FILES[path]


class TestRemoval:
    """Setup, undone."""

    def test_it_removes_what_setup_made(self):
        assert lines(removal(DONE)) == [
            "systemctl --user disable --now segblur.service",
            f"Remove {UNIT}",
            "systemctl --user daemon-reload",
            *(f"Remove {path}" for path in OF_DESKTOP),
            shlex.join(BUS_RELOAD.words),
            "sudo modprobe -r v4l2loopback",
            f"sudo Remove {UDEV}",
            "sudo udevadm control --reload",
            *(f"sudo Remove {path}" for path in (MODPROBE, LOAD)),
        ]

    def test_on_a_bare_machine_there_is_nothing_to_remove(self):
        assert removal(BARE) == Plan()
        assert not removal(replace(DONE, files={})).steps

    def test_the_cameras_of_others_stay(self):
        other = Node(Path("/dev/video0"), "OBS Virtual Camera")
        assert [line for line in lines(removal(replace(DONE, nodes=(other, *NODES)))) if "loopback-ctl" in line] == [
            "sudo /usr/bin/v4l2loopback-ctl delete /dev/video10",
            "sudo /usr/bin/v4l2loopback-ctl delete /dev/video11",
        ]
        what = removal(replace(BOOKWORM, nodes=(other, *NODES)))
        assert not any("modprobe" in line and "Remove" not in line for line in lines(what))
        assert "next start" in what.remarks[0]

    def test_cameras_from_the_options_of_another_program_stay(self):
        files = {path: text for path, text in FILES.items() if path != MODPROBE}
        assert not any("modprobe -r" in line for line in lines(removal(replace(DONE, files=files))))


@pytest.mark.parametrize("distribution", ["debian", "fedora", "arch"])
def test_nothing_that_a_user_can_name_is_in_what_root_does(distribution):
    for machine in (BARE, BOOKWORM, replace(DONE, nodes=()), replace(DONE, options=(OBS,), nodes=(), files={})):
        mine = replace(machine, distribution=(distribution,), release="41", program=("/home/$(evil)/segblur",))
        steps = plan(mine).steps + removal(replace(mine, files=FILES)).steps
        assert any("evil" in str(step) for step in steps if not step.root)
        assert not any("evil" in str(step) for step in steps if step.root)
