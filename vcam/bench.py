"""`segblur bench`: what a frame costs, stage by stage, on real pictures."""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.camera import decode
from vcam.compositor import compose
from vcam.effects import Blur
from vcam.files import SAMPLE, VideoFile
from vcam.frame import RawFrame, empty
from vcam.mask import Segment, check
from vcam.yuv import cover, small_rgb, to_bgr

Pixels = NDArray[Any]
STAGES = ("decode", "resize", "network", "check", "compose")
WARM_UP = 10


def bench(
    segment: Segment,
    engine: str,
    device: str,
    size: tuple[int, int],
    strength: float,
    frames: int,
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """One row for each kind of input: webcam buffer in memory to I420 in memory, `frames` of the bundled sample at
    `size`. Times in milliseconds; cpu_ms is CPU time of the whole process for each frame.
    """
    rows = []
    for kind, buffers in inputs(size).items():
        progress(f"{kind} {size[0]}×{size[1]}: {frames} frames")
        rows.append(measure(segment, engine, device, kind, buffers, size, strength, frames))
    return rows


def inputs(size: tuple[int, int]) -> dict[str, list[Pixels]]:
    """Frames of the sample as a webcam of this size would deliver them."""
    with VideoFile(SAMPLE) as video:
        pictures = [cover(to_bgr(pixels), *size) for number, pixels in enumerate(video.frames()) if number % 4 == 0]
    jpeg = [cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].reshape(1, -1) for bgr in pictures]
    return {
        "yuyv": [np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_YUYV)) for bgr in pictures],
        "mjpeg": jpeg,
    }


def measure(
    segment: Segment,
    engine: str,
    device: str,
    kind: str,
    buffers: list[Pixels],
    size: tuple[int, int],
    strength: float,
    frames: int,
) -> dict[str, Any]:
    """Time each stage of each frame."""
    fourcc = {"yuyv": "YUYV", "mjpeg": "MJPG"}[kind]
    times = np.zeros((frames, len(STAGES)))
    out, pixels = empty(*size), empty(*size)
    net_size = segment.size_for(*size)
    cpu, soft = 0.0, None
    for number in range(-WARM_UP, frames):
        if number == 0:
            cpu = time.process_time()
        marks = [time.perf_counter()]
        decode(buffers[number % len(buffers)], fourcc, pixels)
        marks.append(time.perf_counter())
        small = small_rgb(pixels, net_size)
        marks.append(time.perf_counter())
        soft = segment(small, soft)
        marks.append(time.perf_counter())
        mask = check(soft, net_size, number)
        marks.append(time.perf_counter())
        compose(RawFrame(pixels, number, 0.0), mask, Blur(strength), out=out)
        marks.append(time.perf_counter())
        if number >= 0:
            times[number] = np.diff(marks) * 1e3
    cpu = time.process_time() - cpu
    total = times.sum(1)
    p50, p95, p99 = (round(float(np.percentile(total, q)), 2) for q in (50, 95, 99))
    return {
        "device": device,
        "engine": engine,
        "input": kind,
        "width": size[0],
        "height": size[1],
        "frames": frames,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "cpu_ms": round(cpu * 1e3 / frames, 2),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "stages": {name: round(float(np.median(times[:, i])), 2) for i, name in enumerate(STAGES)},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people; milliseconds, the stages' medians."""
    head = [
        "device",
        "engine",
        "input",
        "size",
        *STAGES,
        "p50",
        "p95",
        "p99",
        "CPU",
        "peak MB",
    ]
    body = [
        [
            row["device"], row["engine"], row["input"], f"{row['width']}×{row['height']}",
            *(f"{row['stages'][name]:.2f}" for name in STAGES),
            *(f"{row[name]:.2f}" for name in ("p50_ms", "p95_ms", "p99_ms", "cpu_ms")), str(row["rss_mb"]),
        ]
        for row in rows
    ]  # fmt: skip
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *body]
    )


def set_threads(threads: int) -> None:
    """The same number for OpenCV as for the network, so that CPU figures mean something."""
    cv2.setNumThreads(threads)


def to_stderr(line: str) -> None:
    """Progress, out of the way of the results."""
    print(line, file=sys.stderr)
