"""Which device is the webcam: the one that was chosen, and no other one's light goes on."""

import os
from dataclasses import replace
from errno import EACCES, EBUSY
from pathlib import Path

import pytest

from vcam.devices.cameras import COMES_BACK, LastUsed, may_come_back
from vcam.devices.choose import choose_camera, usable
from vcam.devices.v4l2 import CAPTURE, LOOPBACK, META_CAPTURE, STREAMING, Device, Format
from vcam.errors import CameraLostError

CAMERA = CAPTURE | STREAMING
HD, VGA = ((640, 480), (1280, 720)), ((640, 480),)
COLOUR = (Format("MJPG", HD), Format("YUYV", VGA))


def webcam(number, name, port="", serial="", formats=COLOUR):
    port = port and f"/sys/devices/pci0000:00/0000:00:14.0/usb1/{port} 0"
    return Device(Path(f"/dev/video{number}"), name, "uvcvideo", CAMERA, formats, "", "usb", port, serial)


ONE = webcam(0, "USB Camera", "1-1/1-1:1.0")
TWIN = webcam(2, "USB Camera", "1-2/1-2:1.0")
OTHER = webcam(5, "Laptop Webcam", "1-7/1-7:1.0")
GREY = webcam(0, "Laptop Camera", formats=(Format("GREY", VGA),))
METADATA = Device(Path("/dev/video3"), "USB Camera", "uvcvideo", META_CAPTURE | STREAMING)
OURS = Device(Path("/dev/video10"), "SegBlur Camera", LOOPBACK, CAMERA, (Format("YUYV"),))
RELAY = Device(Path("/dev/video9"), "DroidCam", LOOPBACK, CAMERA, (Format("YU12"),))


def at(number, device):
    return replace(device, path=Path(f"/dev/video{number}"))


def test_auto_takes_the_first_real_webcam_and_never_a_virtual_camera_a_metadata_node_or_a_grey_one():
    assert choose_camera("auto", [GREY, OURS, RELAY, METADATA, ONE, OTHER]) == ONE
    assert [usable(device) for device in (ONE, METADATA, GREY, RELAY)] == [True, False, False, True]


def test_a_webcam_can_be_chosen_by_a_part_of_its_name_or_by_its_path(tmp_path):
    assert choose_camera("laptop", [ONE, OTHER]) == OTHER
    assert choose_camera("/dev/video2", [ONE, TWIN]) == TWIN
    node = tmp_path / "video7"
    node.touch()
    assert choose_camera(str(node), []).path == node


@pytest.mark.parametrize(
    ("wanted", "says"), [("auto", "no webcam"), ("c922", "named c922"), ("/dev/video99", "/dev/video99")]
)
def test_a_webcam_that_is_not_there_gives_a_sentence(wanted, says):
    with pytest.raises(CameraLostError, match=says):
        choose_camera(wanted, [OURS], own="SegBlur Camera")


@pytest.mark.parametrize("wanted", ["/dev/video0", "auto", "usb cam"])
def test_when_the_chosen_webcam_is_unplugged_another_one_of_its_name_stays_dark(wanted):
    assert choose_camera(wanted, [TWIN, at(7, ONE)], known=ONE) == at(7, ONE)
    for left in ([TWIN], [at(0, TWIN)], [at(0, OTHER)], []):
        with pytest.raises(CameraLostError, match=r"USB Camera \(/dev/video0\) is unplugged; plug it in again, or"):
            choose_camera(wanted, left, known=ONE)


def test_a_webcam_with_a_serial_number_is_known_at_any_port_and_its_twin_is_another():
    known = replace(ONE, serial="8F2A 1.0 0")
    moved = replace(TWIN, serial="8F2A 1.0 0")
    assert choose_camera("/dev/video0", [moved], known=known) == moved
    with pytest.raises(CameraLostError, match="unplugged"):
        choose_camera("/dev/video0", [replace(ONE, serial="77B1 1.0 0")], known=known)


def test_our_own_camera_is_never_taken_for_a_webcam():
    second = replace(OURS, name="SegBlur Camera 2")
    with pytest.raises(CameraLostError, match="unplugged"):
        choose_camera("auto", [replace(OURS, name=ONE.name)], known=ONE)
    for wanted in ("segblur", "SegBlur Camera 2"):
        with pytest.raises(CameraLostError, match="there is no webcam named"):
            choose_camera(wanted, [OURS, second], own="SegBlur Camera")
    with pytest.raises(CameraLostError, match="/dev/video10 is SegBlur Camera itself"):
        choose_camera("/dev/video10", [OURS], own="SegBlur Camera")


def test_the_camera_of_another_program_is_taken_by_name_but_a_real_one_of_that_name_first():
    assert choose_camera("droidcam", [OURS, RELAY], own="SegBlur Camera") == RELAY
    real = webcam(12, "Droidcam Pro")
    assert choose_camera("droidcam", [RELAY, real], own="SegBlur Camera") == real


@pytest.mark.parametrize("fourcc", ["NV12", "YU12"])
def test_a_webcam_that_delivers_only_planes_is_taken(fourcc):
    only = webcam(0, "Intel MIPI Camera", formats=(Format(fourcc, HD),))
    assert choose_camera("auto", [only]) == only


@pytest.mark.parametrize(
    "infrared",
    [
        webcam(0, "Integrated IR Camera", formats=(Format("YUYV", VGA),)),
        webcam(0, "Integrated Camera: Integrated I", formats=(Format("YUYV", VGA),)),
        webcam(0, "Infrared Webcam", formats=(Format("YUYV", VGA),)),
        webcam(0, "Integrated Camera", "1-5/1-5:1.2", formats=(Format("YUYV", VGA),)),  # told by its better sibling
    ],
)
def test_auto_takes_the_colour_camera_of_a_pair_whichever_comes_first(infrared):
    colour = webcam(2, "Integrated Camera", "1-5/1-5:1.0")
    assert choose_camera("auto", [infrared, colour]) == colour
    assert choose_camera("auto", [colour, infrared]) == colour
    assert choose_camera("/dev/video0", [infrared, colour]) == infrared


def test_a_webcam_on_its_own_is_not_taken_for_an_infrared_one():
    for name in ("Mirage Webcam", "FIRST IRIS Cam", "USB 2.0 Camera: Integrated"):
        plain = webcam(0, name, "1-1/1-1:1.0", formats=(Format("YUYV", VGA),))
        assert choose_camera("auto", [plain, OTHER]) == plain


@pytest.mark.parametrize("wanted", ["auto", "usb", "/dev/video0"])
def test_without_permission_the_sentence_has_the_command_that_gives_it(wanted):
    refused = Device(Path("/dev/video0"), "USB Camera", trouble=os.strerror(EACCES))
    with pytest.raises(CameraLostError, match=r'no permission; do this: sudo usermod -aG video "\$USER"'):
        choose_camera(wanted, [refused])
    with pytest.raises(CameraLostError, match=r"can't be opened .*busy"):
        choose_camera(wanted, [replace(refused, trouble=os.strerror(EBUSY))])


def test_another_webcam_is_taken_only_where_any_will_do_and_the_last_one_has_been_away_for_a_while():
    for wanted in ("/dev/video0", "usb"):
        assert may_come_back(LastUsed(ONE, wanted, 100.0), wanted, 1e6) == ONE
    last = LastUsed(ONE, "auto", 100.0)
    assert may_come_back(last, "auto", 100.0 + COMES_BACK) == ONE
    assert may_come_back(last, "auto", 100.1 + COMES_BACK) is None


def test_a_webcam_that_is_chosen_anew_is_taken_though_the_last_one_is_there():
    assert may_come_back(LastUsed(ONE, "/dev/video0", 100.0), "/dev/video2", 100.0) is None
    assert may_come_back(None, "auto", 100.0) is None
