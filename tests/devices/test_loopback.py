"""The virtual camera, with pyvirtualcam's door to the kernel replaced; the real kernel is in tests/vm."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vcam.devices import loopback
from vcam.devices.outputs import open_outputs
from vcam.service.placeholder import paint
from vcam.settings import OutputSettings

SETTINGS = OutputSettings(width=320, height=240)
DEVICE = Path("/dev/null")
FRAME, SILENCE = paint("hello", 320, 240), paint("SegBlur has stopped", 320, 240)


class Kernel:
    """Stands in for pyvirtualcam.Camera, and for the writer behind it."""

    refuses, fails, restored = "", False, 0

    def __init__(self, width, height, fps, *, opened, **options):
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.sent, self.closed, self.options = [], False, options
        Kernel.last = self
        opened(self)

    def send(self, pixels):
        if self.fails:
            raise OSError(5, "Input/output error")
        self.sent.append(pixels)

    def restore(self):
        Kernel.restored += 1

    def close(self):
        self.closed = True


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """A sysfs with our device, whose node is a character device; two buffers."""
    node = tmp_path / "null"
    node.mkdir()
    (node / "name").write_text("SegBlur Camera\n")
    (node / "buffers").write_text("2\n")
    monkeypatch.setattr(loopback, "SYSFS", tmp_path)
    monkeypatch.setattr(loopback, "nodes", lambda sysfs: [(DEVICE, (node / "name").read_text().strip())])
    monkeypatch.setattr(loopback.pyvirtualcam, "Camera", Kernel)
    for name, value in (("refuses", ""), ("fails", False), ("restored", 0)):
        monkeypatch.setattr(Kernel, name, value)
    return node


@pytest.fixture
def output(kernel):
    made = loopback.Loopback("SegBlur Camera", SETTINGS)
    made.prime(FRAME, SILENCE)
    yield made
    made.close()
    assert Kernel.last.closed


def test_frames_go_out_as_i420_to_the_device_that_bears_the_label(output):
    count = len(Kernel.last.sent)
    output.send(FRAME)
    assert Kernel.last.options["device"] == "/dev/null"
    assert Kernel.last.options["fmt"] == loopback.pyvirtualcam.PixelFormat.I420
    assert len(Kernel.last.sent) == count + 1
    assert output.about().items() >= {"path": "/dev/null", "label": "SegBlur Camera", "size": [320, 240]}.items()


def test_what_a_killed_keeper_left_in_the_kernel_is_overwritten_before_anything_else(output):
    assert len(Kernel.last.sent) > 2  # the buffers
    assert all(pixels is FRAME.pixels for pixels in Kernel.last.sent)


def test_the_kernel_shows_that_the_service_has_stopped_when_nothing_is_written(output):
    assert Kernel.last.options["silence"] is SILENCE.pixels


def test_what_a_reader_changed_is_undone_when_it_has_gone(output):
    before = Kernel.restored
    output.scrub(FRAME)
    assert Kernel.restored == before + 1
    output.check(FRAME)
    assert Kernel.restored == before + 2


def test_a_device_that_takes_no_first_picture_is_waited_for(kernel, monkeypatch, caplog):
    monkeypatch.setattr(Kernel, "fails", True)
    monkeypatch.setattr(loopback, "holders", lambda path: ["obs"])  # of /dev/null they come and go
    output = loopback.Loopback("SegBlur Camera", SETTINGS)
    output.prime(FRAME, SILENCE)
    assert "/dev/null takes no pictures (Input/output error)" in output.trouble
    for _ in range(5):
        output.check(FRAME)
    assert len(caplog.messages) == 1
    monkeypatch.setattr(Kernel, "fails", False)
    output.check(FRAME)
    assert output.trouble == ""
    output.close()


@pytest.mark.parametrize(("name", "value"), [("format", "YU12:1280x720@30"), ("state", "output")])
def test_a_device_that_became_something_else_is_opened_again(kernel, output, name, value):
    before = Kernel.last
    (kernel / name).write_text(f"{value}\n")
    output.check(FRAME)
    assert before.closed
    assert f"has become {value}" in output.trouble
    assert not output.readers.reading()
    count = len(before.sent)
    output.send(FRAME)
    assert len(before.sent) == count
    (kernel / name).unlink()
    output.check(FRAME)
    assert Kernel.last is not before
    assert len(Kernel.last.sent) > 2
    assert output.trouble == ""


def test_a_device_that_goes_and_comes_back_is_opened_again(kernel, output, monkeypatch):
    before = Kernel.last
    monkeypatch.setattr(Kernel, "fails", True)
    output.send(FRAME)
    assert before.closed
    assert "takes no pictures" in output.trouble
    monkeypatch.setattr(Kernel, "fails", False)
    (kernel / "name").write_text("Something else\n")
    output.check(FRAME)
    assert "there is no virtual camera 'SegBlur Camera'; make one with: segblur setup" in output.trouble
    (kernel / "name").write_text("SegBlur Camera\n")
    output.check(FRAME)
    assert output.trouble == ""
    assert Kernel.last is not before


def test_the_right_geometry_is_left_alone(kernel, output):
    (kernel / "format").write_text("YU12:320x240@30\n")
    (kernel / "state").write_text("capture\n")
    output.check(FRAME)
    assert output.trouble == ""


def test_a_second_camera_is_taken_by_its_number_whenever_it_is_there(kernel):
    first, second, *_ = outputs = open_outputs(SETTINGS)
    for output in outputs:
        output.prime(FRAME, SILENCE)
    assert (first.trouble, second.trouble, second.about()) == ("", "", None)
    (kernel / "name").write_text("SegBlur Camera 2\n")
    second.check(FRAME)
    assert second.about()["label"] == "SegBlur Camera 2"
    for output in outputs:
        output.close()


def test_a_second_camera_that_another_program_holds_is_no_trouble_of_the_first(kernel, monkeypatch, caplog):
    (kernel / "name").write_text("SegBlur Camera 2\n")
    monkeypatch.setattr(Kernel, "refuses", "Device or resource busy")
    second = open_outputs(SETTINGS)[1]
    second.prime(FRAME, SILENCE)
    second.check(FRAME)
    assert (second.trouble, second.about()) == ("", None)
    assert len(caplog.messages) == 1
    assert "it seems to be in use by" in caplog.messages[0]


def test_a_device_in_use_is_waited_for(kernel, monkeypatch):
    monkeypatch.setattr(Kernel, "refuses", "virtual camera output could not be started\nDevice or resource busy")
    output = loopback.Loopback("SegBlur Camera", SETTINGS)
    output.prime(FRAME, SILENCE)
    assert "can't be opened (Device or resource busy); it seems to be in use by" in output.trouble
    monkeypatch.setattr(Kernel, "refuses", "")
    output.check(FRAME)
    assert output.trouble == ""
    output.close()


@pytest.mark.parametrize(("buffers", "writes"), [("2\n", 3), ("4\n", 5), ("nonsense", 33), ("99999", 33)])
def test_at_the_end_every_buffer_of_the_kernel_is_overwritten(kernel, output, buffers, writes):
    (kernel / "buffers").write_text(buffers)
    count = len(Kernel.last.sent)
    output.scrub(SILENCE)
    assert len(Kernel.last.sent) == count + writes


def test_who_holds_a_device_is_named(tmp_path):
    path = tmp_path / "held"
    path.touch()
    code = f"import sys; f = open({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert len(loopback.holders(path)) == 1
        process.communicate()
    assert loopback.holders(path) == []


def test_a_status_takes_no_sign_from_the_loop_that_waits_for_readers(output, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(output, "readers", SimpleNamespace(how="event", present=True))  # nobody may ask for `reading`
        assert output.about()["viewers"] == 1
