"""The virtual camera, with pyvirtualcam's door to the kernel replaced; the real kernel is in tests/vm."""

from pathlib import Path

import pytest

from vcam import loopback
from vcam.errors import OutputError
from vcam.placeholder import paint
from vcam.settings import OutputSettings

SETTINGS = OutputSettings(width=320, height=240)


class Kernel:
    """Stands in for pyvirtualcam.Camera."""

    refuses = ""

    def __init__(self, width, height, fps, **options):
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.sent, self.closed, self.options = [], False, options
        Kernel.last = self

    def send(self, pixels):
        self.sent.append(pixels)

    def close(self):
        self.closed = True


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A sysfs with our device, and a device node that is a character device."""
    node = tmp_path / "null"
    (node).mkdir()
    monkeypatch.setattr(loopback, "SYSFS", tmp_path)
    monkeypatch.setattr(loopback, "find_loopback", lambda label: Path("/dev/null"))
    monkeypatch.setattr(loopback.pyvirtualcam, "Camera", Kernel)
    monkeypatch.setattr(Kernel, "refuses", "")
    return node


def test_frames_go_out_as_i420_to_the_device_that_bears_the_label(kernel):
    frame = paint("hello", 320, 240)
    with loopback.Loopback(SETTINGS) as output:
        output.prime(frame)
        output.send(frame)
    assert Kernel.last.options["device"] == "/dev/null"
    assert Kernel.last.options["fmt"] == loopback.pyvirtualcam.PixelFormat.I420
    assert len(Kernel.last.sent) == 2
    assert Kernel.last.closed


def test_a_geometry_that_the_kernel_did_not_take_is_noticed(kernel):
    (kernel / "format").write_text("YU12:1280x720@30\n")
    output = loopback.Loopback(SETTINGS)
    with pytest.raises(OutputError, match="fixed at YU12:1280x720@30 instead of YU12:320x240"):
        output.prime(paint("hello", 320, 240))
    assert Kernel.last.closed


def test_the_right_geometry_is_taken(kernel):
    (kernel / "format").write_text("YU12:320x240@30\n")
    with loopback.Loopback(SETTINGS) as output:
        output.prime(paint("hello", 320, 240))


def test_a_device_in_use_gives_a_sentence(kernel, monkeypatch):
    monkeypatch.setattr(Kernel, "refuses", "virtual camera output could not be started\nDevice or resource busy")
    with pytest.raises(OutputError, match=r"can't be opened \(Device or resource busy\); it seems to be in use"):
        loopback.Loopback(SETTINGS)


def test_an_old_module_that_takes_no_second_writer_is_told_from_a_device_in_use(kernel, monkeypatch, tmp_path):
    (tmp_path / "version").write_text("0.12.7\n")
    monkeypatch.setattr(loopback, "MODULE_VERSION", tmp_path / "version")
    monkeypatch.setattr(Kernel, "refuses", "Device /dev/video10 is not a video output device.")
    with pytest.raises(OutputError, match="serves one start only: sudo modprobe -r v4l2loopback"):
        loopback.Loopback(SETTINGS)


@pytest.mark.parametrize(("buffers", "writes"), [("2\n", 3), ("4\n", 5), ("nonsense", 33), ("99999", 33)])
def test_at_the_end_every_buffer_of_the_kernel_is_overwritten(kernel, buffers, writes):
    (kernel / "buffers").write_text(buffers)
    with loopback.Loopback(SETTINGS) as output:
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
