"""What the kernel's structures say, and which node is a webcam."""

import struct
from dataclasses import replace
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
    name_of,
    nodes,
    parse_capability,
    stable_path,
)
from vcam.devices.webcam import choose_camera, usable
from vcam.errors import CameraLostError, OutputError

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


def test_auto_takes_the_first_real_webcam_and_never_a_loopback_a_metadata_node_or_an_infrared_camera():
    assert choose_camera("auto", [INFRARED, OURS, METADATA, WEBCAM, OTHER]) == WEBCAM
    assert [usable(device) for device in (WEBCAM, METADATA, INFRARED, OURS, OTHER)] == [True, False, False, False, True]


def test_a_webcam_can_be_chosen_by_a_part_of_its_name_or_by_its_path(tmp_path):
    assert choose_camera("laptop", [WEBCAM, OTHER]) == OTHER
    node = tmp_path / "video7"
    node.touch()
    assert choose_camera(str(node), []).path == node


@pytest.mark.parametrize(
    ("wanted", "says"), [("auto", "no webcam"), ("c922", "named c922"), ("/dev/video99", "/dev/video99")]
)
def test_a_webcam_that_is_not_there_gives_a_sentence(wanted, says):
    with pytest.raises(CameraLostError, match=says):
        choose_camera(wanted, [OURS])


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


def test_a_webcam_is_found_again_under_another_number():
    moved = replace(WEBCAM, path=Path("/dev/video77"))
    assert choose_camera(str(WEBCAM.path), [OTHER, moved], known=WEBCAM) == moved
    assert choose_camera("auto", [OTHER, moved], known=WEBCAM) == moved
    swapped = replace(OTHER, path=WEBCAM.path)
    assert choose_camera(str(WEBCAM.path), [swapped, moved], known=WEBCAM) == moved
    assert choose_camera(str(WEBCAM.path), [swapped], known=WEBCAM) == swapped
    assert choose_camera("auto", [OTHER], known=WEBCAM) == OTHER


def test_a_webcam_that_is_where_it_was_is_taken_even_if_another_of_its_kind_is_there():
    twin = replace(WEBCAM, path=Path("/dev/video1"))
    assert choose_camera(str(WEBCAM.path), [twin, WEBCAM], known=WEBCAM) == WEBCAM


def test_our_own_camera_is_never_taken_for_the_webcam_that_was_lost():
    liar = replace(OURS, name=WEBCAM.name)
    with pytest.raises(CameraLostError):
        choose_camera("auto", [liar], known=WEBCAM)


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
    assert "Integrated IR Camera  (no MJPG or YUYV)" in text
    assert "/dev/video3" not in text
    assert "Can't be opened: /dev/video9  Broken  (Permission denied)" in text
    assert "SegBlur Camera" in text
    assert OUTPUT
    nothing = describe([])
    assert "none; plug one in" in nothing
    assert "none; make one with: segblur setup" in nothing
