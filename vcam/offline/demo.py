"""`segblur demo`: the main job on what this machine has, saying what it chose and what is missing."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vcam.devices.cameras import SAMPLE as SAMPLE_DEVICE
from vcam.devices.cameras import open_camera
from vcam.devices.choose import choose_camera
from vcam.devices.loopback import find_loopback
from vcam.devices.sample import SampleCamera
from vcam.devices.v4l2 import Device
from vcam.errors import CameraLostError, OutputError
from vcam.frame import empty, size_of
from vcam.masks.mask import Segment
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import to_bgr
from vcam.offline.image import write_picture
from vcam.offline.results import make_folder
from vcam.offline.video import blur_video
from vcam.pipeline.network import missing_for_gpu
from vcam.pipeline.pipeline import Pipeline
from vcam.service.worker import Camera
from vcam.settings import OutputSettings, Settings, for_camera
from vcam.system.stage_timer import StageTimer

WINDOW = "SegBlur Camera (q ends)"


@dataclass(frozen=True)
class Plan:
    """What the demo is going to do. `webcam` is a path, or "sample" where the settings choose that, or None."""

    webcam: str | None
    loopback: Path | None
    window: bool
    missing: tuple[str, ...]

    @property
    def serves(self) -> bool:
        """Whether everything is there for the real job."""
        return self.webcam is not None and self.loopback is not None


def make_plan(settings: Settings, window: Callable[[], bool], found: list[Device] | None = None) -> Plan:
    """Look at the machine. A webcam that the settings name must be there (CameraLostError)."""
    webcam: str | None = None
    loopback, missing = None, []
    try:
        wanted = settings.camera.device
        webcam = (
            SAMPLE_DEVICE
            if wanted == SAMPLE_DEVICE
            else str(choose_camera(wanted, found, own=settings.output.label).path)
        )
    except CameraLostError as error:
        if settings.camera.device != "auto":
            raise
        missing.append(str(error))
    try:
        loopback = find_loopback(settings.output.label)
    except OutputError as error:
        missing.append(str(error))
    if lack := missing_for_gpu(settings.network):
        missing.append(lack)
    shown = (webcam is None or loopback is None) and window()
    if not shown and not (webcam and loopback):
        missing.append("there is no display to open a window on")
    return Plan(webcam, loopback, shown, tuple(missing))


def window_works() -> bool:
    """Whether a window can be opened. Tried in another process, because the toolkit aborts where it can't."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    attempt = "import cv2; cv2.namedWindow('x'); cv2.waitKey(1)"
    return subprocess.run([sys.executable, "-P", "-c", attempt], capture_output=True, check=False).returncode == 0


def show_window(settings: Settings, webcam: str | None, segment: Segment, frames: int | None = None) -> int:
    """The live result in a window until q, Escape or its close button, or for so many frames; how many were shown.
    Raises CameraLostError, SettingsError.
    """
    pipeline = Pipeline(lambda reason: print(f"segblur: {reason}", file=sys.stderr), StageTimer(lambda facts: None))
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")  # it misses fonts that it does not need
    for_camera(settings.look)
    shown = 0
    with open_source(settings, webcam) as camera:
        cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        while frames is None or shown < frames:
            frame = camera.read()
            if frame is not None:
                safe = pipeline(frame, segment, settings, empty(*frame.size))
                if not shown:
                    cv2.resizeWindow(WINDOW, *size_of(safe.pixels))
                cv2.imshow(WINDOW, to_bgr(safe.pixels))
                shown += 1
            if cv2.waitKey(1) & 0xFF in (ord("q"), 27) or cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) < 1:
                break
    cv2.destroyAllWindows()
    return shown


def open_source(settings: Settings, webcam: str | None) -> AbstractContextManager[Camera]:
    """The webcam, or the sample at its own size."""
    if webcam is not None:
        return open_camera(settings.camera, settings.output)
    with VideoFile(SAMPLE) as video:
        size = OutputSettings(width=video.width, height=video.height)
    return SampleCamera(settings.camera, size)


def write_demo(settings: Settings, segment: Segment, folder: Path) -> tuple[Path, Path]:
    """The sample, blurred, as a video, and a sheet of four of its frames; always the sample, because a sheet shows
    the original too. Raises OutputError.
    """
    video, page = folder / "segblur-demo.mp4", folder / "segblur-demo.jpg"
    make_folder(folder)
    count = blur_video(SAMPLE, video, segment, settings.look, settings.framing, settings.picture)
    with VideoFile(SAMPLE, settings.picture.rotate) as before, VideoFile(video) as after:
        wanted = {round(count * part) for part in (0.1, 0.35, 0.6, 0.85)}
        pairs = [
            (to_bgr(raw), to_bgr(blurred))
            for number, (raw, blurred) in enumerate(zip(before.frames(), after.frames(), strict=True))
            if number in wanted
        ]
    write_picture(page, np.vstack([np.hstack(pair) for pair in pairs]))
    return video, page
