"""The cameras, where the module is loaded already."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.machines import BOOKWORM, DONE, NODES, RUNS
from tests.helpers.plans import lines, planned
from vcam.devices.v4l2 import CAPTURE, OUTPUT
from vcam.errors import SegBlurError
from vcam.host.facts import Node, Service
from vcam.host.setup.plan import plan


class TestLoadedWithoutOurCameras:
    """The module is in the kernel, but our cameras are not."""

    def test_since_0_13_they_are_added_without_touching_the_others(self):
        other = Node(Path("/dev/video10"), "OBS Virtual Camera")
        what = plan(replace(DONE, nodes=(other,), numbers=(0, 10)))
        assert lines(what) == [
            "sudo /usr/bin/v4l2loopback-ctl add -n 'SegBlur Camera' -x 1 -b 4 /dev/video11",
            "sudo /usr/bin/v4l2loopback-ctl add -n 'SegBlur Camera 2' -x 1 -b 4 /dev/video12",
            "sudo udevadm settle",
        ]

    def test_the_tool_for_that_is_installed_first(self):
        assert planned(replace(DONE, nodes=(), ctl=""))[0] == "sudo apt-get install -y v4l2loopback-utils"

    def test_a_camera_without_exclusive_caps_is_made_again_while_the_service_is_stopped(self):
        wrong = replace(NODES[0], capabilities=CAPTURE | OUTPUT)
        what = plan(replace(DONE, nodes=(wrong, NODES[1])))
        assert lines(what) == [
            "systemctl --user stop segblur.service",
            "sudo /usr/bin/v4l2loopback-ctl delete /dev/video10",
            "sudo /usr/bin/v4l2loopback-ctl add -n 'SegBlur Camera' -x 1 -b 4 /dev/video10",
            "sudo udevadm settle",
            "systemctl --user restart segblur.service",
        ]

    def test_before_0_13_the_module_is_reloaded_if_no_program_uses_it(self):
        what = plan(replace(BOOKWORM, nodes=(), service=replace(RUNS, active="failed")))
        assert lines(what) == [
            "sudo modprobe -r v4l2loopback",
            "sudo modprobe v4l2loopback",
            "sudo udevadm settle",
            "systemctl --user reset-failed segblur.service",
            "systemctl --user restart segblur.service",
        ]

    def test_before_0_13_a_camera_that_a_program_uses_is_not_removed(self):
        other = Node(Path("/dev/video0"), "Fake Webcam")
        with pytest.raises(SegBlurError, match=r"'Fake Webcam' .* close that program, or restart"):
            plan(replace(BOOKWORM, nodes=(other,), use_count=1, service=Service()))
