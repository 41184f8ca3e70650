"""The webcam's thread, with OpenCV's door to the kernel replaced; the real kernel is in tests/vm."""

import os
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from vcam.devices import webcam as camera
from vcam.devices.v4l2 import CAPTURE, STREAMING, Device, Format
from vcam.devices.webcam import WebCamera
from vcam.errors import CameraLostError
from vcam.frame import empty, planes
from vcam.media.jpeg import libjpeg_words
from vcam.media.yuv import from_bgr, to_bgr
from vcam.settings import CameraSettings, OutputSettings
from vcam.system.log import Repeated

OUTPUT = OutputSettings(width=320, height=240)


class Driver:
    """Stands in for cv2.VideoCapture: a script of what each grab gives."""

    def __init__(self, script, fourcc="MJPG", opens=True):
        self.script, self.fourcc, self.opens = list(script), fourcc, opens
        self.taken, self.released, self.data = threading.Event(), threading.Event(), None
        self.release_thread = None

    def __call__(self, path, backend, params):
        assert backend == cv2.CAP_V4L2
        self.params = dict(zip(params[::2], params[1::2], strict=True))
        return self

    def isOpened(self):  # noqa: N802
        return self.opens

    def get(self, prop):
        return int.from_bytes(self.fourcc.encode(), "little") if prop == cv2.CAP_PROP_FOURCC else 0.0

    def grab(self):
        if not self.script:
            self.taken.set()
            threading.Event().wait(0.01)
            return False
        self.data = self.script.pop(0)
        if isinstance(self.data, Exception):
            raise self.data
        return self.data is not None

    def retrieve(self):
        return True, self.data

    def release(self):
        self.release_thread = threading.current_thread()
        self.released.set()


@pytest.fixture
def open_webcam(monkeypatch, tmp_path):
    """Opens a webcam on a driver; its node is a file that can be removed."""
    node = tmp_path / "video0"
    node.touch()
    monkeypatch.setattr(camera, "STALL", 0.2)
    monkeypatch.setattr(camera, "FIRST", 0.2)
    monkeypatch.setattr(camera, "PATIENCE", 0.05)

    def open_it(driver, form="auto"):
        monkeypatch.setattr(cv2, "VideoCapture", driver)
        return WebCamera(CameraSettings(device=str(node), format=form), OUTPUT)

    open_it.node = node
    return open_it


@pytest.fixture
def jpeg(sample):
    return cv2.imencode(".jpg", cv2.resize(to_bgr(sample[0].pixels), (320, 240)))[1].reshape(1, -1)


def read(webcam):
    """The next frame, however long it takes."""
    while (frame := webcam.read()) is None:
        pass
    return frame


def test_raw_frames_are_asked_for_and_the_newest_is_given_with_its_number(open_webcam, jpeg):
    driver = Driver([jpeg] * 5)
    with open_webcam(driver) as webcam:
        driver.taken.wait(5)
        frame = webcam.read()
    assert driver.params[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert (driver.params[cv2.CAP_PROP_FRAME_WIDTH], driver.params[cv2.CAP_PROP_FRAME_HEIGHT]) == (320, 240)
    assert frame.sequence == 5
    assert frame.pixels.shape == (360, 320)


def test_without_news_it_says_so_and_then_that_the_webcam_is_lost(open_webcam, jpeg):
    with open_webcam(Driver([jpeg])) as webcam:
        assert read(webcam).sequence == 1
        with pytest.raises(CameraLostError, match="delivers no pictures any more; is it unplugged"):
            read(webcam)


def test_an_unplugged_webcam_is_noticed_at_once(open_webcam, jpeg, monkeypatch):
    monkeypatch.setattr(camera, "STALL", 1000.0)
    with open_webcam(Driver([jpeg])) as webcam:
        read(webcam)
        open_webcam.node.unlink()
        with pytest.raises(CameraLostError, match="unplugged"):
            read(webcam)


def test_a_driver_that_raises_is_a_lost_webcam(open_webcam, jpeg):
    with open_webcam(Driver([jpeg, cv2.error("bad")])) as webcam, pytest.raises(CameraLostError, match="fails"):
        for _ in range(3):
            read(webcam)


def test_a_driver_that_hangs_is_a_lost_webcam_and_holds_nobody_up(open_webcam):
    class Hangs(Driver):
        def grab(self):
            self.taken.wait()
            return False

    driver = Hangs([])
    with open_webcam(driver) as webcam, pytest.raises(CameraLostError, match="does not answer"):
        read(webcam)
    driver.taken.set()
    assert driver.released.wait(5)


def test_the_thread_that_reads_lets_go_of_the_webcam_so_that_nothing_is_freed_under_it(open_webcam, jpeg):
    driver = Driver([jpeg])
    with open_webcam(driver) as webcam:
        read(webcam)
        thread = webcam._thread
    assert driver.released.wait(5)
    assert driver.release_thread is thread


def test_a_few_damaged_pictures_are_passed_over_and_many_are_a_lost_webcam(open_webcam, jpeg, monkeypatch):
    bad = np.frombuffer(b"\xff\xd8 nonsense", np.uint8).reshape(1, -1)

    class Slow(Driver):
        """Gives the next picture when the last has been read."""

        def grab(self):
            while not webcam_of or webcam_of[0]._newest is not None:
                threading.Event().wait(0.001)
            return super().grab()

    webcam_of = []
    monkeypatch.setattr(camera, "STALL", 1000.0)
    with open_webcam(Slow([jpeg] + [bad] * 5 + [jpeg] + [bad] * 40)) as webcam:
        webcam_of.append(webcam)
        assert read(webcam).sequence >= 1
        assert read(webcam).sequence <= 7
        with pytest.raises(CameraLostError, match="damaged pictures"):
            read(webcam)


def test_a_busy_webcam_and_one_of_a_format_that_is_not_read_give_a_sentence(open_webcam):
    with pytest.raises(CameraLostError, match="can't be opened; is it in use"):
        open_webcam(Driver([], opens=False))
    with pytest.raises(CameraLostError, match="delivers GREY, not MJPG or YUYV or NV12 or YU12"):
        open_webcam(Driver([], fourcc="GREY"))
    with pytest.raises(CameraLostError, match="delivers MJPG, not YUYV"):
        open_webcam(Driver([]), form="yuyv")


def test_a_webcam_that_we_have_no_permission_to_open_is_not_said_to_be_in_use(open_webcam, monkeypatch):
    monkeypatch.setattr(camera.os, "access", lambda path, mode: False)
    with pytest.raises(CameraLostError, match="no permission; do this: sudo usermod -aG video"):
        open_webcam(Driver([], opens=False))


def test_a_webcam_is_asked_first_for_a_format_that_it_has(open_webcam, monkeypatch):
    def found(*_, **__):
        return Device(open_webcam.node, "IPU6", "v4l2", CAPTURE | STREAMING, (Format("GREY"), Format("NV12")))

    monkeypatch.setattr(camera, "choose_camera", found)
    driver = Driver([], fourcc="NV12")
    with open_webcam(driver) as webcam:
        assert driver.params[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"NV12")
        assert webcam.about["format"] == "NV12"


def interleaved(pixels):
    """I420 as NV12."""
    luma, u, v = planes(pixels)
    return np.vstack([luma, np.dstack([u, v]).reshape(-1, luma.shape[1])])


@pytest.mark.parametrize(("fourcc", "pack"), [("NV12", interleaved), ("YU12", np.copy)])
def test_frames_of_planes_are_read_as_they_are_and_at_other_sizes_scaled(open_webcam, sample, fourcc, pack):
    wanted = from_size(sample[0].pixels, 320, 240)
    with open_webcam(Driver([pack(wanted)], fourcc)) as webcam:
        assert np.array_equal(read(webcam).pixels, wanted)
    with open_webcam(Driver([pack(sample[0].pixels)], fourcc)) as webcam:
        assert np.abs(read(webcam).pixels.astype(int) - wanted).mean() < 2
    assert not camera.decode(np.zeros((100, 320), np.uint8), fourcc, empty(320, 240))


def from_size(pixels, width, height):
    out = empty(width, height)
    from_bgr(to_bgr(pixels), out)
    return out


def test_frames_without_an_end_marker_are_taken_and_frames_cut_in_half_are_not(open_webcam, jpeg, capfd):
    short, half = jpeg[:, :-2], jpeg[:, : jpeg.size // 2]
    padded = np.hstack([jpeg, np.zeros((1, 20), np.uint8)])
    whole, out = empty(320, 240), empty(320, 240)
    assert camera.decode(jpeg, "MJPG", whole)
    for data in (short, padded):
        out[:] = 0
        assert camera.decode(data, "MJPG", out)
        assert np.array_equal(out, whole)
    assert not camera.decode(half, "MJPG", out)
    assert capfd.readouterr().err == ""
    with open_webcam(Driver([short])) as webcam:
        assert np.array_equal(read(webcam).pixels, whole)


def test_what_libjpeg_says_of_each_frame_is_logged_once_a_minute_with_a_count(sample, caplog, capfd, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(camera, "report_damage", Repeated(camera.log.warning, one_kind=True, now=lambda: clock[0]))
    data = cv2.imencode(".jpg", to_bgr(sample[0].pixels), [cv2.IMWRITE_JPEG_RST_INTERVAL, 4])[1].tobytes()
    odd = [data.replace(mark, b"\x12\x34" + mark, 1) for mark in (b"\xff\xd2", b"\xff\xd5")]
    out = empty(640, 480)
    for number in range(100):
        assert camera.decode(np.frombuffer(odd[number % 2], np.uint8), "MJPG", out)
    (first,) = caplog.messages
    assert "Corrupt JPEG data: 2 extraneous bytes before marker" in first
    clock[0] += 61
    assert camera.decode(np.frombuffer(odd[0], np.uint8), "MJPG", out)
    assert caplog.messages[1:] == [f"{first} (100 times since the last report)"]
    assert capfd.readouterr().err == ""


def test_what_others_write_to_stderr_meanwhile_is_not_lost(capfd):
    words = []
    with libjpeg_words(words):
        os.write(2, b"Corrupt JPEG data: bad Huffman code\nanother thread's line\n")
    os.write(2, b"later\n")
    assert words == ["Corrupt JPEG data: bad Huffman code"]
    assert capfd.readouterr().err == "another thread's line\nlater\n"


def test_a_closed_stderr_is_no_trouble(jpeg):
    code = "import os, sys, numpy, cv2; from vcam.media.jpeg import decode_jpeg; os.close(2);" + (
        "print(decode_jpeg(numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8), print).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=jpeg.tobytes(), capture_output=True, check=True)
    assert done.stdout == b"(240, 320, 3)\n"


def test_a_webcam_that_vanished_before_it_is_opened_gives_a_sentence():
    with pytest.raises(CameraLostError, match="there is no webcam /dev/video99"):
        WebCamera(CameraSettings(device="/dev/video99"), OUTPUT)
