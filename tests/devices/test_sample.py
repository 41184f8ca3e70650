"""The bundled clip as a webcam: in real time, only the newest frame."""

from types import SimpleNamespace

import numpy as np
import pytest

from vcam.cli.devices import describe
from vcam.devices import cameras, sample, webcam
from vcam.devices.cameras import open_camera
from vcam.devices.sample import SampleCamera
from vcam.errors import CameraLostError
from vcam.media.films import SAMPLE, VideoFile
from vcam.settings import CameraSettings, OutputSettings

FPS, FRAMES = 30, 87
OUTPUT = OutputSettings(width=320, height=240)


class Clock:
    """Time that passes only by sleeping, or as the test says."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(sample, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    return clock


@pytest.fixture
def camera(clock):
    with SampleCamera(CameraSettings(device="sample"), OUTPUT) as camera:
        yield camera


def test_it_plays_at_its_own_rate_and_begins_again_at_its_end(camera, clock):
    frames = [camera.read() for _ in range(FRAMES + 3)]
    assert [frame.sequence for frame in frames] == list(range(1, FRAMES + 4))
    assert all(frame.pixels.shape == (360, 320) for frame in frames)
    assert np.abs(frames[0].pixels.astype(int) - frames[FRAMES].pixels).mean() < 1
    assert np.abs(frames[0].pixels.astype(int) - frames[FRAMES // 2].pixels).mean() > 1
    times = np.array([frame.captured for frame in frames])
    assert times[0] == 1000.0
    assert np.allclose(np.diff(times), 1 / FPS, atol=0.002)
    assert clock.now == times[-1]


def test_a_reader_that_was_slow_gets_the_newest_frame_and_its_number_tells_what_was_skipped(camera, clock):
    camera.read()
    clock.now += 0.51
    frame = camera.read()
    assert frame.sequence == 16
    assert 0 <= clock.now - frame.captured < 1 / FPS
    assert camera.read().sequence == 17


def test_after_a_long_pause_it_goes_on_at_once_where_it_was(camera, clock):
    camera.read()
    clock.now += 3600
    frame = camera.read()
    assert (frame.sequence, frame.captured, clock.slept) == (2, clock.now, [0.0, 0.0])
    assert abs(camera.read().captured - frame.captured - 1 / FPS) < 0.002


def test_it_fills_the_output_without_distortion(clock):
    with SampleCamera(CameraSettings(), OutputSettings(width=640, height=360)) as wide, VideoFile(SAMPLE) as video:
        middle = next(video.frames())[60:420]
        assert np.abs(wide.read().pixels[:360].astype(int) - middle).max() <= 1


def test_a_clip_that_can_not_be_read_is_a_lost_camera_with_a_sentence(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(sample, "SAMPLE", tmp_path / "cut.mkv")
    with pytest.raises(CameraLostError, match=r"the bundled sample can't be played .*; install segblur again"):
        SampleCamera(CameraSettings(), OUTPUT)


def test_of_a_clip_that_is_cut_off_what_is_left_is_played(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(sample, "SAMPLE", tmp_path / "cut.mkv")
    (tmp_path / "cut.mkv").write_bytes(SAMPLE.read_bytes()[:100_000])
    with SampleCamera(CameraSettings(), OUTPUT) as camera:
        numbers = [camera.read().sequence for _ in range(FRAMES)]
    assert numbers == list(range(1, FRAMES + 1))


def test_only_the_word_sample_opens_it(monkeypatch):
    asked = []
    monkeypatch.setattr(cameras, "WebCamera", lambda *words: asked.append(words[0].device))
    with open_camera(CameraSettings(device="sample"), OUTPUT) as camera:
        assert camera.about["name"] == "bundled sample"
    for device in ("auto", "sam", "/dev/video0"):
        open_camera(CameraSettings(device=device), OUTPUT)
    assert asked == ["auto", "sam", "/dev/video0"]


def test_auto_never_means_it():
    with pytest.raises(CameraLostError, match="there is no webcam"):
        webcam.choose_camera("auto", [])


def test_it_is_the_last_thing_that_the_list_of_devices_names():
    assert describe([]).splitlines()[-1].startswith("  sample  a bundled clip")
