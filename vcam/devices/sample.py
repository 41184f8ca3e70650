"""The bundled clip as a webcam, for demos and tests on machines without one."""

import time
from typing import Any, Self

from vcam.devices.v4l2 import Device
from vcam.errors import CameraLostError, PictureError
from vcam.frame import I420
from vcam.media.films import SAMPLE, VideoFile, endless
from vcam.media.raw_frame import RawFrame
from vcam.settings import CameraSettings, OutputSettings

LATE = 1.0  # seconds behind the clip's time after which it goes on from where it was, instead of skipping frames


class SampleCamera:
    """The clip again and again, in real time. Frames that are not read in time are skipped, as with a webcam."""

    def __init__(self, _camera: CameraSettings, output: OutputSettings, _known: Device | None = None) -> None:
        """Open it. Raises CameraLostError."""
        try:
            with VideoFile(SAMPLE) as video:
                self._period, size = 1 / video.fps, [video.width, video.height]
        except PictureError as error:
            raise unplayable(error) from None
        self.device = Device(SAMPLE, "bundled sample")
        self.about: dict[str, Any] = {
            "name": self.device.name,
            "path": str(SAMPLE),
            "id": "sample",
            "format": "video",
            "size": size,
            "fps": round(1 / self._period, 2),
        }
        self._frames = endless(SAMPLE, (output.width, output.height))
        self._sequence, self._start = 0, time.monotonic()

    def read(self) -> RawFrame:
        """The newest frame that has not been read, at the output's size, when it is due. Raises CameraLostError."""
        now = time.monotonic()
        due, pixels = self._next()
        if now - due > LATE:
            self._start += now - due
            due = now
        while due + self._period <= now:
            due, pixels = self._next()
        time.sleep(max(0.0, due - time.monotonic()))
        return RawFrame(pixels, self._sequence, due)

    def _next(self) -> tuple[float, I420]:
        """The clip's next frame, and when it is due by time.monotonic()."""
        try:
            at, pixels = next(self._frames)
        except PictureError as error:
            raise unplayable(error) from None
        self._sequence += 1
        return self._start + at, pixels

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.close()


def unplayable(error: PictureError) -> CameraLostError:
    """The error where the clip can't be read."""
    return CameraLostError(f"the bundled sample can't be played ({error}); install segblur again")
