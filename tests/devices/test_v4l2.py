"""What the kernel's structures say, and which node is a webcam."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.cli.devices import describe
from vcam.devices.loopback import find_loopback
from vcam.devices.v4l2 import (
    CAPTURE,
    DEVICE_CAPS,
    LOOPBACK,
    META_CAPTURE,
    OUTPUT,
    STREAMING,
    Device,
    Format,
    devices,
    name_of,
    nodes,
    parse_capability,
    stable_path,
)
from vcam.errors import OutputError

WEBCAM = Device(
    Path("/dev/video2"), "HD Pro Webcam C920", "uvcvideo", CAPTURE | STREAMING, (Format("MJPG", ((1280, 720),)),)
)
METADATA = Device(Path("/dev/video3"), "HD Pro Webcam C920", "uvcvideo", META_CAPTURE | STREAMING)
INFRARED = Device(Path("/dev/video0"), "Integrated IR Camera", "uvcvideo", CAPTURE | STREAMING, (Format("GREY"),))
OURS = Device(Path("/dev/video10"), "SegBlur Camera", LOOPBACK, CAPTURE | STREAMING, (Format("YUYV"),))
OTHER = Device(Path("/dev/video5"), "Laptop Webcam", "uvcvideo", CAPTURE | STREAMING, (Format("YUYV"),))


@given(st.binary(max_size=15), st.binary(max_size=31), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_capabilities_are_those_of_the_node_where_the_driver_tells_them(driver, card, all_caps, own):
    data = struct.pack("=16s32s32sIII12x", driver, card, b"", 1, all_caps, own)
    name, label, bus, capabilities = parse_capability(data)
    assert capabilities == (own if all_caps & DEVICE_CAPS else all_caps)
    assert "\0" not in name + label + bus


def test_a_format_has_four_letters():
    assert name_of(b"YUYV") == "YUYV"
    assert name_of(b"Y10 ") == "Y10"
    assert name_of(b"Y16\xa0") == "Y16-BE"


def sysfs(folder, **names):
    for node, name in names.items():
        (folder / node).mkdir()
        (folder / node / "name").write_text(f"{name}\n")
    return folder


def test_the_virtual_camera_is_found_by_its_label_and_is_not_just_the_first(tmp_path):
    root = sysfs(tmp_path, video0="OBS Virtual Camera", video2="SegBlur Camera 2", video10="SegBlur Camera")
    assert find_loopback("SegBlur Camera", root) == Path("/dev/video10")
    assert [str(path) for path, _ in nodes(root)] == ["/dev/video0", "/dev/video2", "/dev/video10"]


def test_without_one_the_sentence_says_how_to_make_one(tmp_path):
    for root in (tmp_path / "nothing", sysfs(tmp_path, video0="USB Webcam")):
        with pytest.raises(OutputError, match="make one with: segblur setup"):
            find_loopback("SegBlur Camera", root)
        with pytest.raises(OutputError, match=r"sudo modprobe v4l2loopback .*card_label='Mine'"):
            find_loopback("Mine", root)


def test_udevs_name_for_a_webcam_is_the_one_that_stays(tmp_path):
    node = tmp_path / "video3"
    node.touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-C920-video-index0").symlink_to(node)
    assert stable_path(node, (tmp_path / "none", by_id)) == str(by_id / "usb-C920-video-index0")
    assert stable_path(tmp_path / "video4", (by_id,)) == ""


def test_the_list_says_what_there_is_and_what_is_missing():
    text = describe(
        [WEBCAM, INFRARED, METADATA, OURS, Device(Path("/dev/video9"), "Broken", trouble="Permission denied")]
    )
    assert "MJPG  1280×720" in text
    assert "Integrated IR Camera  (no format that SegBlur reads)" in text
    assert "/dev/video3" not in text
    assert "Can't be opened: /dev/video9  Broken  (Permission denied)" in text
    assert "SegBlur Camera" in text
    assert OUTPUT
    nothing = describe([])
    assert "none; plug one in" in nothing
    assert "none; make one with: segblur setup" in nothing


def usb(folder, node, port, serial="", index=0):
    """A node of sysfs for a function of a USB device."""
    unit = folder / "devices" / port.partition(":")[0]
    (unit / port).mkdir(parents=True, exist_ok=True)
    if serial:
        (unit / "serial").write_text(f"{serial}\n")
    at = folder / "class" / node
    at.mkdir(parents=True)
    (at / "name").write_text("USB Camera\n")
    (at / "index").write_text(f"{index}\n")
    (at / "device").symlink_to(unit / port)


def test_webcams_are_told_apart_by_port_and_by_serial_numbers_that_are_their_own(tmp_path):
    usb(tmp_path, "video0", "1-1:1.0", "8F2A")
    usb(tmp_path, "video1", "1-1:1.0", "8F2A", index=1)
    usb(tmp_path, "video2", "1-2:1.0", "0001")
    usb(tmp_path, "video4", "1-3:1.0", "0001")
    usb(tmp_path, "video6", "1-4:1.0")
    found = {device.path.name: device for device in devices(tmp_path / "class")}
    assert len({device.port for device in found.values()}) == 5
    assert found["video0"].port.endswith("/1-1/1-1:1.0 0")
    assert {name for name, device in found.items() if device.serial} == {"video0", "video1"}
    assert found["video0"].serial == "8F2A 1.0 0"


def test_udevs_name_by_serial_number_is_not_used_for_webcams_that_have_none(tmp_path):
    usb(tmp_path, "video0", "1-1:1.0", "8F2A")
    usb(tmp_path, "video2", "1-2:1.0")
    links = tmp_path / "by-id", tmp_path / "by-path"
    for name in ("video0", "video2"):
        (tmp_path / name).touch()
        for link in links:
            link.mkdir(exist_ok=True)
            (link / f"{link.name}-of-{name}").symlink_to(tmp_path / name)
    sysfs = tmp_path / "class"
    assert stable_path(tmp_path / "video0", links, sysfs) == str(links[0] / "by-id-of-video0")
    assert stable_path(tmp_path / "video2", links, sysfs) == str(links[1] / "by-path-of-video2")
