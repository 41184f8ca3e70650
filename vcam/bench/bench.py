"""What a frame costs, stage by stage, on real pictures, and how soon the first one is blurred: in a process that does
nothing else, `python -m vcam.bench.bench FOLDER SPAWNED`, which vcam/bench/matrix.py starts.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import vcam.service.worker  # noqa: F401 - what it takes to import is a part of the start
from vcam.bench.baseline import by_mediapipe, by_network, ordinary
from vcam.devices.webcam import FOURCC, decode
from vcam.errors import OutputError, SegBlurError
from vcam.frame import I420, empty
from vcam.masks.mask import Segment
from vcam.media.raw_frame import RawFrame
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.pipeline.pipeline import Pipeline
from vcam.service.metrics import resident
from vcam.settings import Settings
from vcam.system.memory import keep_freed

Pixels = NDArray[Any]
Row = dict[str, Any]  # figures of one kind of input, as JSON has them
Marks = list[tuple[float, float]]  # time.perf_counter() and time.process_time(), at the start and after each stage
Way = Callable[[int], Marks]  # takes the number of the frame

KINDS = ("yuyv", "mjpeg")  # of input
STAGES = ("decode", "resize", "network", "check", "compose")
ONE_GO = ("decode", "picture")  # where a GPU makes whole frames
WARM_UP = 10  # frames
BLOCK = 5  # frames of one recipe before it is the next one's turn, so that all suffer alike from what else runs


class Timed:
    """The same network, with a mark before and after."""

    def __init__(self, segment: Segment, mark: Callable[[], None]) -> None:
        self._segment, self._mark = segment, mark

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """See Segment."""
        return self._segment.size_for(width, height)

    def __call__(self, picture: Pixels, previous: Pixels | None) -> Pixels:
        """See Segment."""
        self._mark()
        try:
            return self._segment(picture, previous)
        finally:
            self._mark()


def our_way(network: Segment, kind: str, buffers: list[Pixels], settings: Settings, troubles: set[str]) -> Way:
    """What the worker does with a frame, from the webcam's buffer in memory to I420 in memory, with `buffers` in turn
    as what the webcam delivers. Why a frame has no mask, if one has none, goes to `troubles`. The stages are STAGES, or
    ONE_GO where the network makes whole frames on a GPU.
    """
    marks: Marks = []

    def mark() -> None:
        marks.append(now())

    @contextmanager
    def lap(stage: str) -> Iterator[None]:
        yield
        mark()

    frames = network.frames if isinstance(network, WatchedNetwork) else None
    seen = Timed(network, mark) if frames is None else network
    size = settings.output.width, settings.output.height
    pipeline, out = Pipeline(troubles.add, lap), empty(*size)
    if frames is not None:
        frames.lock(out)

    def way(number: int) -> Marks:
        marks.clear()
        mark()
        data = buffers[number % len(buffers)]
        delivered = decoded(kind, data, size) if frames is None or kind == "mjpeg" else data
        mark()
        pipeline(RawFrame(delivered, number, time.monotonic()), seen, settings, out)
        return list(marks)

    return way


def decoded(kind: str, data: Pixels, size: tuple[int, int]) -> I420:
    """As the webcam's reader has it. Raises OutputError."""
    pixels = empty(*size)
    if not decode(data, FOURCC[kind], pixels):
        raise OutputError("a frame of the bundled sample can't be decoded; install segblur again")
    return pixels


def now() -> tuple[float, float]:
    """Seconds that passed, and seconds of CPU time of all threads."""
    return time.perf_counter(), time.process_time()


def measure(way: Way, frames: int, stages: Sequence[str] = STAGES) -> Row:
    """Figures of `frames` frames: times in milliseconds, CPU time of all threads, memory in megabytes of 10⁶ bytes.
    `stages` are medians of the time that passes, `cpu_stages` and `cpu_ms` of CPU time, which other programs lengthen
    less: they only empty the caches. `cpu_mean_ms` has what happens now and then, too.
    """
    for number in range(WARM_UP):
        way(number)
    cpu = time.process_time()
    spent = np.array([np.diff(way(number), axis=0) for number in range(frames)]) * 1e3  # frames, stages, both clocks
    cpu = time.process_time() - cpu
    p50, p95, p99 = (round(float(np.percentile(spent[..., 0].sum(1), q)), 2) for q in (50, 95, 99))
    rss = resident(os.getpid())
    peak = max(rss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)  # the kernel's lags by some pages
    return {
        "frames": frames,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "cpu_ms": round(float(np.median(spent[..., 1].sum(1))), 2),
        "cpu_mean_ms": round(cpu * 1e3 / frames, 2),
        "rss_mb": megabytes(rss),
        "peak_mb": megabytes(peak),
        "stages": dict(zip(stages, np.median(spent[..., 0], axis=0).round(2).tolist(), strict=True)),
        "cpu_stages": dict(zip(stages, np.median(spent[..., 1], axis=0).round(2).tolist(), strict=True)),
    }


def megabytes(size: int) -> int:
    """Of 10⁶ bytes."""
    return round(size / 1e6)


def compare(ways: Mapping[str, Callable[[int], object]], frames: int) -> dict[str, Row]:
    """CPU time of all threads and time that passes, in milliseconds, medians of all frames, and `ratio`: how many times
    the CPU time of the first one each way takes. In turns of BLOCK frames, so that what else the machine does harms all
    alike.
    """
    spent: dict[str, list[NDArray[Any]]] = {name: [] for name in ways}
    for way in ways.values():
        way(0)
    for block in range(max(1, round(frames / BLOCK))):
        for name, way in ways.items():
            for number in range(block * BLOCK, (block + 1) * BLOCK):
                began = np.array(now())
                way(number)
                spent[name].append(now() - began)
    medians = {name: np.median(times, axis=0) * 1e3 for name, times in spent.items()}
    ours = next(iter(medians.values()))[1]
    return {
        name: {"cpu_ms": round(float(cpu), 2), "p50_ms": round(float(wall), 2), "ratio": round(float(cpu / ours), 2)}
        for name, (wall, cpu) in medians.items()
    }


def recipes(
    segment: Segment, kind: str, buffers: list[Pixels], size: tuple[int, int]
) -> Iterator[tuple[str, Callable[[int], I420]]]:
    """The ordinary ways to do the same, with their names: with this network and, where it is installed, MediaPipe."""
    finders = {"ordinary, the same network": by_network(segment), "ordinary, MediaPipe Selfie": by_mediapipe()}
    for name, find in finders.items():
        if find is not None:
            yield (
                name,
                lambda number, find=find: ordinary(buffers[number % len(buffers)], FOURCC[kind], find, size),  # type: ignore[misc]
            )


def run(folder: Path, spawned: float) -> list[Row]:
    """The rows of the task in `folder`: its `frames` measured, or compared with other ways, or the start alone, of this
    process, which began at `spawned`, time.monotonic(). Raises SettingsError, and what the engine raises.
    """
    from vcam.pipeline.network import load_guarded

    task = json.loads((folder / "task.json").read_text())
    if not task["compare"]:  # there, none shall have an advantage that the others don't have
        keep_freed()
    settings = Settings.model_validate(task["settings"])
    size = (settings.output.width, settings.output.height)
    imported = time.monotonic()
    cv2.setNumThreads(1)  # as in the worker
    network = load_guarded(settings.network, settings.output)
    segment, frames = network.segmenter, network.frames
    loaded = time.monotonic()
    inputs, troubles = read_inputs(folder), {kind: set[str]() for kind in KINDS}
    seen = segment if frames is None else network
    ways = {kind: our_way(seen, kind, inputs[kind], settings, troubles[kind]) for kind in KINDS}
    ways[KINDS[0]](0)
    startup = {
        "import_s": round(imported - spawned, 2),
        "network_s": round(loaded - imported, 2),
        "total_s": round(time.monotonic() - spawned, 2),
        "cpu_s": round(time.process_time(), 2),
        "rss_mb": megabytes(resident(os.getpid())),
    }
    about = {"device": segment.device, "engine": segment.engine, "width": size[0], "height": size[1]}
    rows: dict[str, Row] = {kind: {**about, "input": kind, "startup": startup} for kind in KINDS}
    for kind, way in ways.items():
        if task["compare"]:
            others = dict(recipes(segment, kind, inputs[kind], size))
            beside = compare({"SegBlur": way, **others}, task["frames"])
            rows[kind] |= {"compare": beside, "ratio": min(beside[name]["ratio"] for name in others)}
        elif task["frames"]:
            rows[kind] |= measure(way, task["frames"], STAGES if frames is None else ONE_GO)
            if frames is not None:
                from vcam.bench.gpu_speed import parts

                pictures = inputs[kind] if kind == "yuyv" else [decoded(kind, data, size) for data in inputs[kind]]
                rows[kind] |= {"gpu": parts(frames, pictures, task["frames"], settings)}
    for kind, reasons in troubles.items():
        if reasons - {""}:
            rows[kind]["trouble"] = min(reasons - {""})
    return list(rows.values())


def read_inputs(folder: Path) -> dict[str, list[Pixels]]:
    """What a webcam would deliver, as vcam/bench/matrix.py wrote it: YUYV uint8 (H, W, 2), MJPEG uint8 (1, size)."""
    files = sorted(folder.glob("*.jpg"))
    return {
        "yuyv": list(np.load(folder / "yuyv.npy")),
        "mjpeg": [np.fromfile(file, np.uint8).reshape(1, -1) for file in files],
    }


def main() -> int:
    """Leaves rows.json in the folder; or its exit code, with a sentence on stderr."""
    folder = Path(sys.argv[1])
    try:
        rows = run(folder, float(sys.argv[2]))
    except SegBlurError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    (folder / "rows.json").write_text(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
