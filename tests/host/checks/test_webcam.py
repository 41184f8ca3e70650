"""What doctor says of the webcam."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.devices.test_v4l2 import INFRARED, METADATA, OTHER, OURS, WEBCAM
from tests.helpers.verdicts import assert_said, each_case
from vcam.devices.v4l2 import Device
from vcam.host.checks import webcam
from vcam.host.checks.check import Host
from vcam.host.checks.webcam import CHECKS, Facts
from vcam.settings import load_settings

WELL = Facts((WEBCAM, METADATA))
DENIED = Device(Path("/dev/video0"), "Cam", trouble="Permission denied")
CASES = {
    "webcam": [
        (Facts(), "warning", "plug one in", ""),
        (Facts((METADATA,)), "warning", "no webcam", ""),
        (Facts((INFRARED,)), "problem", "delivers none of MJPG, YUYV, NV12, YU12", ""),
        (Facts((OTHER,)), "warning", "without MJPEG of 1280×720", ""),
        (Facts((DENIED,)), "problem", "you have no permission to use /dev/video0 (Cam); after this command, log in",
         'sudo usermod -aG video "$USER"'),
        (Facts((replace(DENIED, trouble="No such device"),)), "problem", "can't be opened: No such device", ""),
        (Facts((DENIED, WEBCAM)), "ok", "C920", ""),
        (replace(WELL, users={WEBCAM.path: ("zoom",)}), "ok", "1280×720); open in zoom", ""),
        (replace(WELL, users={WEBCAM.path: ("segblur",)}), "ok", "MJPG 1280×720)", ""),
    ],
}  # fmt: skip


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


@pytest.mark.parametrize("label", ["SegBlur Camera", "Mine"])
def test_no_virtual_camera_counts_as_a_webcam(monkeypatch, label):
    ours = [
        Device(Path(f"/dev/video{n}"), name, trouble="Permission denied") for n, name in ((8, label), (9, f"{label} 2"))
    ]
    monkeypatch.setattr(webcam, "devices", lambda: [OURS, *ours, WEBCAM])
    facts = webcam.look(Host(settings=load_settings({"output": {"label": label}})))
    assert facts.devices == (WEBCAM,)
