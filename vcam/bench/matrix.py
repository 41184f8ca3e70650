"""`segblur bench`: the matrix of engines, sizes and inputs, each measured by a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from vcam.errors import SegBlurError, SettingsError
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import cover, to_bgr
from vcam.settings import NetworkSettings, OutputSettings, Settings

Row = dict[str, Any]
PICTURES = 6  # of the sample; few, so that they do not count for the memory
QUALITY = 85  # of the JPEGs, about what webcams deliver
CHILD = (sys.executable, "-P", "-m", "vcam.bench.bench")  # -P: no module of the folder that happens to be the current


def parse_size(text: str) -> OutputSettings:
    """1280x720 as the output's settings. Raises SettingsError."""
    width, _, height = text.strip().lower().replace("×", "x").partition("x")
    try:
        return OutputSettings.model_validate({"width": width, "height": height})
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"--sizes can't have {text!r}: {first['loc'][0]} {first['msg'].lower()}; write 1280x720,1920x1080"
        ) from None


def parse_engine(text: str) -> str:
    """One of the engines that the settings know. Raises SettingsError."""
    try:
        return NetworkSettings.model_validate({"engine": text.strip()}).engine
    except ValidationError:
        raise SettingsError(f"--engines can't have {text!r}; there are torch, openvino and auto") from None


def bench(
    settings: Settings,
    sizes: Sequence[OutputSettings],
    engines: Sequence[str],
    frames: int,
    compare: bool,
    progress: Callable[[str], None],
) -> list[Row]:
    """A row for each engine, size and kind of input, as vcam/bench/bench.py measures them. Raises SegBlurError."""
    rows = []
    for engine in engines:
        network = settings.network.model_copy(update={"engine": engine})
        for output in sizes:
            progress(f"{engine} {output.width}×{output.height}: {frames} frames of each kind")
            wanted = settings.model_copy(update={"network": network, "output": output})
            rows += in_fresh_processes(wanted, frames, compare)
    return rows


def in_fresh_processes(settings: Settings, frames: int, compare: bool) -> list[Row]:
    """The rows of one engine and size. Before them another process starts with an empty cache, as on the first day: its
    start-up is "first_startup". Raises SegBlurError.
    """
    with TemporaryDirectory(prefix="segblur-bench-") as name:
        folder = Path(name)
        write_inputs(folder, settings.output.width, settings.output.height)
        first = spawn(folder, settings, 0, compare=False)
        rows = spawn(folder, settings, frames, compare=False)
        beside = spawn(folder, settings, frames, compare=True) if compare else rows
    return [{**other, **row, "first_startup": first[0]["startup"]} for row, other in zip(rows, beside, strict=True)]


def spawn(folder: Path, settings: Settings, frames: int, compare: bool) -> list[Row]:
    """What a fresh process measures, or compares with other ways; without frames, its start-up alone. Raises
    SegBlurError.
    """
    task = {"settings": settings.model_dump(mode="json"), "frames": frames, "compare": compare}
    (folder / "task.json").write_text(json.dumps(task))
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        [*CHILD, str(folder), str(time.monotonic())],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        if done.returncode == SettingsError.exit_code:
            raise SettingsError(last)
        raise SegBlurError(f"the process that measures failed ({last}); try another engine or a smaller size")
    rows: list[Row] = json.loads((folder / "rows.json").read_text())
    return rows


def write_inputs(folder: Path, width: int, height: int) -> None:
    """Frames of the sample as a webcam of this size would deliver them: yuyv.npy, uint8 (N, H, W, 2), and N files
    0.jpg, 1.jpg… with colour at half the width, as webcams have it.
    """
    with VideoFile(SAMPLE) as video:
        step = max(1, video.count // PICTURES)
        chosen = [pixels for number, pixels in enumerate(video.frames()) if number % step == 0][:PICTURES]
    pictures = [cover(to_bgr(pixels), width, height) for pixels in chosen]
    np.save(folder / "yuyv.npy", np.stack([cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_YUYV) for bgr in pictures]))
    for number, bgr in enumerate(pictures):
        (folder / f"{number}.jpg").write_bytes(webcam_jpeg(bgr).tobytes())


def webcam_jpeg(bgr: NDArray[Any]) -> NDArray[Any]:
    """uint8 (size,): the picture, uint8 (H, W, 3) BGR, as most webcams send it, 4:2:2."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    ]
    return np.asarray(cv2.imencode(".jpg", bgr, options)[1]).reshape(-1)
