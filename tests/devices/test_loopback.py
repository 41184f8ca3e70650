"""The virtual camera, with pyvirtualcam's door to the kernel replaced; the real kernel is in tests/vm."""

from pathlib import Path

import pytest

from vcam.devices import loopback
from vcam.errors import OutputError
from vcam.service.placeholder import paint
from vcam.settings import OutputSettings

SETTINGS = OutputSettings(width=320, height=240)
DEVICE = Path("/dev/null")


class Kernel:
    """Stands in for pyvirtualcam.Camera."""

    refuses, fails = "", False

    def __init__(self, width, height, fps, **options):
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.sent, self.closed, self.options = [], False, options
        Kernel.last = self

    def send(self, pixels):
        if self.fails:
            raise OSError(5, "Input/output error")
        self.sent.append(pixels)

    def close(self):
        self.closed = True


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A sysfs with our device, and a device node that is a character device."""
    node = tmp_path / "null"
    (node).mkdir()
    monkeypatch.setattr(loopback, "SYSFS", tmp_path)
    monkeypatch.setattr(loopback.pyvirtualcam, "Camera", Kernel)
    monkeypatch.setattr(Kernel, "refuses", "")
    monkeypatch.setattr(Kernel, "fails", False)
    return node


def test_frames_go_out_as_i420_to_the_device_that_bears_the_label(kernel):
    frame = paint("hello", 320, 240)
    with loopback.Loopback(DEVICE, SETTINGS) as output:
        output.prime(frame)
        output.send(frame)
    assert Kernel.last.options["device"] == "/dev/null"
    assert Kernel.last.options["fmt"] == loopback.pyvirtualcam.PixelFormat.I420
    assert len(Kernel.last.sent) == 2
    assert Kernel.last.closed


def test_a_device_that_takes_no_first_picture_gives_a_sentence(kernel, monkeypatch):
    with loopback.Loopback(DEVICE, SETTINGS) as output:
        monkeypatch.setattr(Kernel, "fails", True)
        with pytest.raises(OutputError, match=r"/dev/null takes no pictures \(Input/output error\)"):
            output.prime(paint("hello", 320, 240))


@pytest.mark.parametrize(("name", "value"), [("format", "YU12:1280x720@30"), ("state", "output")])
def test_a_device_that_became_something_else_is_opened_again(kernel, name, value):
    frame = paint("hello", 320, 240)
    with loopback.Loopback(DEVICE, SETTINGS) as output:
        output.prime(frame)
        before = Kernel.last
        (kernel / name).write_text(f"{value}\n")
        output.check(frame)
        assert before.closed
        assert f"has become {value}" in output.trouble
        assert not output.viewers.look()
        output.send(frame)
        assert len(before.sent) == 1
        (kernel / name).unlink()
        output.check(frame)
        assert Kernel.last is not before
        assert Kernel.last.sent == [frame.pixels]
        assert output.trouble == ""


def test_a_device_that_fails_is_let_go_of_and_opened_again_when_it_is_back(kernel, monkeypatch):
    frame = paint("hello", 320, 240)
    with loopback.Loopback(DEVICE, SETTINGS) as output:
        output.prime(frame)
        before = Kernel.last
        monkeypatch.setattr(Kernel, "fails", True)
        output.send(frame)
        assert before.closed
        output.check(frame)
        assert "takes no pictures" in output.trouble
        monkeypatch.setattr(Kernel, "fails", False)
        output.path = kernel / "not there"
        output.check(frame)
        assert "is gone; load v4l2loopback again" in output.trouble
        output.path = DEVICE
        output.check(frame)
        assert output.trouble == ""
        assert Kernel.last.sent == [frame.pixels]


def test_the_right_geometry_is_left_alone(kernel):
    (kernel / "format").write_text("YU12:320x240@30\n")
    (kernel / "state").write_text("capture\n")
    with loopback.Loopback(DEVICE, SETTINGS) as output:
        output.prime(paint("hello", 320, 240))
        output.check(paint("hello", 320, 240))
        assert output.trouble == ""


def test_a_second_camera_is_found_by_its_number(tmp_path):
    for number, name in enumerate(["SegBlur Camera 2", "Webcam", "SegBlur Camera", "SegBlur Camera 9"]):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(f"{name}\n")
    assert loopback.find_loopbacks("SegBlur Camera", tmp_path) == [Path("/dev/video2"), Path("/dev/video0")]


def test_a_device_in_use_gives_a_sentence(kernel, monkeypatch):
    monkeypatch.setattr(Kernel, "refuses", "virtual camera output could not be started\nDevice or resource busy")
    with pytest.raises(OutputError, match=r"can't be opened \(Device or resource busy\); it seems to be in use"):
        loopback.Loopback(DEVICE, SETTINGS)


@pytest.mark.parametrize(("buffers", "writes"), [("2\n", 3), ("4\n", 5), ("nonsense", 33), ("99999", 33)])
def test_at_the_end_every_buffer_of_the_kernel_is_overwritten(kernel, buffers, writes):
    (kernel / "buffers").write_text(buffers)
    with loopback.Loopback(DEVICE, SETTINGS) as output:
        output.scrub(paint("bye", 320, 240))
    assert len(Kernel.last.sent) == writes


def test_who_holds_a_device_is_named(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "held"
    path.touch()
    code = f"import sys; f = open({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert len(loopback.holders(path)) == 1
        process.communicate()
    assert loopback.holders(path) == []
