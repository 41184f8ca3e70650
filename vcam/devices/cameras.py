"""The camera that the settings mean: a webcam, or the bundled sample."""

from typing import TYPE_CHECKING

from vcam.devices.v4l2 import Device
from vcam.devices.webcam import WebCamera
from vcam.settings import CameraSettings, OutputSettings

if TYPE_CHECKING:
    from vcam.devices.sample import SampleCamera

SAMPLE = "sample"  # as camera.device


def open_camera(
    camera: CameraSettings, output: OutputSettings, known: Device | None = None
) -> "WebCamera | SampleCamera":
    """Open it; `known` is the webcam that was used last. Raises CameraLostError."""
    if camera.device != SAMPLE:
        return WebCamera(camera, output, known)
    from vcam.devices.sample import SampleCamera  # with FFmpeg's decoders, which no webcam needs

    return SampleCamera(camera, output)
