"""The real service with its real worker and the shipped network, on a machine without a webcam."""

import cv2
import numpy as np

from tests.cli.test_main import segblur
from tests.helpers.running import Running, at_home, file, until  # noqa: F401 - fixtures
from vcam.control import client
from vcam.frame import planes
from vcam.media.films import SAMPLE, VideoFile
from vcam.service.supervisor import WORKER
from vcam.settings import config_path


def test_segblur_camera_sample_brings_the_clip_live_with_its_room_blurred():
    config_path().parent.mkdir(parents=True)
    config_path().write_text('[camera]\ndevice = "/dev/video99"\n')
    running, seen = Running(), []
    running.supervisor._command = WORKER
    look_at = running.device.send
    running.device.send = lambda frame: (seen.append(frame.pixels.copy()), look_at(frame))
    with running:
        until(lambda: "there is no webcam /dev/video99" in client.ask("status")["sentence"])
        assert segblur("camera", "sample").returncode == 0
        until(lambda: client.ask("status")["state"] == "live" and len(set(running.device.kinds[-5:])) == 1)
        camera = client.ask("status")["camera"]
        assert (camera["name"], camera["id"], camera["fps"]) == ("bundled sample", "sample", 30.0)
        assert "webcam    bundled sample" in client.status_text(client.ask("status"))
        assert file()["camera"]["device"] == "sample"
        client.ask("set", key="camera.device", value="sample")
        assert file()["camera"]["device"] == "sample"
        running.live()
    until(lambda: all(worker.code() is not None for worker in running.supervisor._dying))
    with VideoFile(SAMPLE) as video:
        raw = cv2.resize(planes(next(video.frames()))[0], (320, 240), interpolation=cv2.INTER_AREA)
    live = [pixels for pixels, kind in zip(seen, running.device.kinds, strict=True) if kind == "sharp"]
    shown = planes(live[-1])[0]
    face, room = np.s_[50:110, 130:190], np.s_[20:220, 0:60]
    assert detail(shown[face]) > 0.7 * detail(raw[face])
    assert detail(shown[room]) < 0.4 * detail(raw[room])


def detail(luma):
    """Mean step between neighbouring pixels."""
    return np.abs(np.diff(luma.astype(int), axis=1)).mean()
