"""The physical webcam, through OpenCV's V4L2 backend: its raw frames, the newest one, never an old one."""

import logging
import os
from functools import partial
from itertools import chain
from threading import Condition, Event, Thread
from time import monotonic
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.devices.choose import READ, choose_camera, denied, readable
from vcam.devices.v4l2 import Device, stable_path
from vcam.errors import CameraLostError
from vcam.frame import empty, planes
from vcam.media.jpeg import decode_jpeg
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, from_yuyv
from vcam.settings import CameraSettings, OutputSettings
from vcam.system.log import Repeated

log = logging.getLogger("segblur.camera")
report_damage = Repeated(partial(log.warning, "the webcam's frames are damaged: %s"), one_kind=True)

FOURCC = {"mjpeg": "MJPG", "yuyv": "YUYV"}
PATIENCE = 1.0  # seconds that `read` waits
STALL = 2.0  # seconds without a picture after which a webcam is given up and opened again
FIRST = 6.0  # the same before its first picture: some take their time
DAMAGED = 30  # pictures in a row that can't be decoded


class WebCamera:
    """An open webcam. A thread of its own always waits for the next frame and keeps the newest, undecoded."""

    def __init__(self, camera: CameraSettings, output: OutputSettings, known: Device | None = None) -> None:
        """Open it and agree on a format; where one is `known` from before, no other one. Raises CameraLostError."""
        self._output = output
        self.device = choose_camera(camera.device, known=known, own=output.label)
        self.path = self.device.path
        self._fourcc, self._capture = self._open(camera)
        self.about = {
            "name": self.device.name,
            "path": str(self.path),
            "id": stable_path(self.path),
            "format": self._fourcc,
            "size": [int(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)],
            "fps": self._capture.get(cv2.CAP_PROP_FPS),
        }
        self._news = Condition()
        self._newest: tuple[int, float, NDArray[Any]] | None = None
        self._sequence, self._lost, self._damaged = 0, "", 0
        self._last = monotonic()
        self._closing = Event()
        self._thread = Thread(target=self._follow, name="webcam", daemon=True)
        self._thread.start()

    def _open(self, camera: CameraSettings) -> tuple[str, cv2.VideoCapture]:
        offered = [form.fourcc for form in readable(self.device)]
        wanted = (offered or list(READ)) if camera.format == "auto" else [FOURCC[camera.format]]
        got = ""
        for fourcc in wanted:
            properties = {
                cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*fourcc),
                cv2.CAP_PROP_FRAME_WIDTH: self._output.width,
                cv2.CAP_PROP_FRAME_HEIGHT: self._output.height,
                cv2.CAP_PROP_FPS: camera.fps,
                cv2.CAP_PROP_BUFFERSIZE: 3,
                cv2.CAP_PROP_CONVERT_RGB: 0,
            }
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_V4L2, list(chain(*properties.items())))
            if not capture.isOpened():
                if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK):
                    raise denied(self.device)
                raise CameraLostError(
                    f"{self.path} can't be opened; is it in use by another program? (fuser -v {self.path})"
                )
            got = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode(errors="replace")
            if got in wanted:
                log.info("webcam %s: %s %s", self.path, got, size_text(capture))
                return got, capture
            capture.release()
        raise CameraLostError(f"{self.path} delivers {got}, not {' or '.join(wanted)}; choose another webcam or format")

    def _follow(self) -> None:
        """Wait for frames until the webcam is lost or closed, and let go of it."""
        reason = f"the webcam {self.path} delivers no pictures any more; is it unplugged?"
        try:
            while not self._closing.is_set():
                good = self._capture.grab()  # waits for a frame; fails at once where the webcam is unplugged
                captured = monotonic()
                good, data = self._capture.retrieve() if good else (False, None)
                if good and data is not None:
                    with self._news:
                        self._sequence, self._last = self._sequence + 1, captured
                        self._newest = (self._sequence, captured, np.asarray(data))
                        self._news.notify()
                elif captured - self._last > (STALL if self._sequence else FIRST) or not self.path.exists():
                    return
                else:
                    self._closing.wait(0.02)
        except cv2.error as error:
            reason = f"the webcam {self.path} fails: {error.err}"
        finally:
            self._capture.release()
            with self._news:
                self._lost = reason
                self._news.notify()

    def read(self) -> RawFrame | None:
        """The next frame that has not been read, at the output's size; None where none came for a while, so that
        the caller can say that it is alive. Raises CameraLostError.
        """
        with self._news:
            self._news.wait_for(lambda: self._newest is not None or self._lost, PATIENCE)
            if self._newest is None:
                # Twice, because the driver may hold the thread that watches.
                if self._lost or monotonic() - self._last > 2 * (STALL if self._sequence else FIRST):
                    raise CameraLostError(self._lost or f"the webcam {self.path} does not answer; is it unplugged?")
                return None
            (sequence, captured, data), self._newest = self._newest, None
        width, height = self._output.width, self._output.height
        if data.shape == (height, width, 2) or (self._fourcc == "YU12" and data.shape == (height * 3 // 2, width)):
            self._damaged = 0
            return RawFrame(data, sequence, captured)
        pixels = empty(width, height)
        if decode(data, self._fourcc, pixels):
            self._damaged = 0
            return RawFrame(pixels, sequence, captured)
        self._damaged += 1
        if self._damaged > DAMAGED:
            raise CameraLostError(f"the webcam {self.path} delivers damaged pictures; try another cable or port")
        return None

    def close(self) -> None:
        """Let go of the webcam; its light goes out."""
        self._closing.set()
        self._thread.join(PATIENCE + 0.5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def decode(data: NDArray[Any], fourcc: str, out: NDArray[Any]) -> bool:
    """One frame of the driver's into I420; False where it is damaged. MJPG is bytes, YUYV (H, W, 2), NV12 and YU12
    (H * 3 / 2, W), all uint8.
    """
    try:
        if fourcc == "MJPG":
            bgr = decode_jpeg(data.reshape(-1), report_damage)
        elif fourcc in ("NV12", "YU12"):
            return decode_planar(data, fourcc, out)
        elif data.ndim == 3 and data.shape[2] == 2:
            if (data.shape[1], data.shape[0] * 3 // 2) == out.shape[::-1]:
                from_yuyv(data, out)
                return True
            bgr = np.asarray(cv2.cvtColor(data, cv2.COLOR_YUV2BGR_YUYV))
        else:
            return False
        if bgr is None:
            return False
        from_bgr(bgr, out)
    except cv2.error:
        return False
    return True


def decode_planar(data: NDArray[Any], fourcc: str, out: NDArray[Any]) -> bool:
    """The same of NV12, whose colours are interleaved, and YU12, which is I420."""
    if data.ndim != 2 or data.shape[0] % 3 or data.shape[1] % 2:
        return False
    if data.shape != out.shape:
        code = cv2.COLOR_YUV2BGR_NV12 if fourcc == "NV12" else cv2.COLOR_YUV2BGR_I420
        from_bgr(np.asarray(cv2.cvtColor(data, code)), out)
    elif fourcc == "NV12":
        luma, u, v = planes(out)
        luma[:] = data[: luma.shape[0]]
        cv2.split(data[luma.shape[0] :].reshape(*u.shape, 2), [u, v])
    else:
        out[:] = data
    return True


def size_text(capture: cv2.VideoCapture) -> str:
    """What the driver agreed to, for the log."""
    width, height, fps = (
        capture.get(p) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
    )
    return f"{width:.0f}×{height:.0f} at {fps:.0f} fps"
