"""The camera that the settings mean: a webcam, or the bundled sample."""

from typing import TYPE_CHECKING, NamedTuple

from vcam.devices.choose import AUTO
from vcam.devices.v4l2 import Device
from vcam.devices.webcam import WebCamera
from vcam.settings import CameraSettings, OutputSettings

if TYPE_CHECKING:
    from vcam.devices.sample import SampleCamera

SAMPLE = "sample"  # as camera.device
COMES_BACK = 5.0  # seconds for which "auto" waits for a webcam that was lost, before it takes another one


class LastUsed(NamedTuple):
    """The webcam that was used last, the setting camera.device by which it was chosen, and when it was last open."""

    device: Device
    wanted: str
    seen: float  # time.monotonic()


def may_come_back(last: LastUsed | None, wanted: str, now: float) -> Device | None:
    """The webcam in whose place no other one may be taken: the one used last, unless the setting is another by now, or
    any webcam will do and it has been away for a while.
    """
    if last is None or last.wanted != wanted or (wanted == AUTO and now - last.seen > COMES_BACK):
        return None
    return last.device


def open_camera(
    camera: CameraSettings, output: OutputSettings, known: Device | None = None
) -> "WebCamera | SampleCamera":
    """Open it; where a webcam is `known` from before, no other one. Raises CameraLostError."""
    if camera.device != SAMPLE:
        return WebCamera(camera, output, known)
    from vcam.devices.sample import SampleCamera  # with FFmpeg's decoders, which no webcam needs

    return SampleCamera(camera, output)
