"""One part of tests/gpu/speed.py, as JSON: `python -m tests.gpu.measure PART TARGET DEVICE SIZES FRAMES`."""

import inspect
import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile, record_function

from segnet.inference import load_segmenter
from segnet.torch_engine import gpu_name
from segnet.weights import DEFAULT
from vcam.bench.bench import decoded, read_inputs
from vcam.bench.matrix import bench, parse_size, write_inputs
from vcam.bench.report import bars, machine, tables
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.frame import empty
from vcam.masks.mask import find_mask
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, to_bgr
from vcam.pipeline.network import load_network, whole_frames
from vcam.settings import NetworkSettings, Settings

OURS = "ours: "  # begins the name of what we mark in a profile
ROOT = Path(__file__).parent.parent.parent
STRENGTH = Settings().look.blur
PROFILED = 2  # of the sizes: the second is the one that the bar is for
COMPARED = 12  # frames of the sample
SHOWN = 12  # kernels, and lines


def measure_bench(device, sizes, frames):
    settings = Settings(network=NetworkSettings(device=device, engine="torch"))
    rows = bench(settings, sizes, ["torch"], frames, False, partial(print, file=sys.stderr, flush=True))
    return {"rows": rows, "bars": bars(rows)[1:], "tables": tables(rows)}


def measure_profile(device, sizes, frames):
    with recorded():  # before a graph is captured, or its kernels can't be told apart
        pass
    size = sizes[:PROFILED][-1]
    maker = on(device, size)
    maker.ask(STRENGTH, goes_on=False)
    with TemporaryDirectory() as name:
        write_inputs(Path(name), size.width, size.height)
        maker.upload(decoded("mjpeg", read_inputs(Path(name))["mjpeg"][0], (size.width, size.height)))
    return {"size": words(size), **one_replay(maker), "lines": lines_of(maker)}


def measure_differences(device, sizes, frames):
    slow, quick = (load_segmenter(DEFAULT, engine="torch", device=where) for where in ("cpu", device))
    with VideoFile(SAMPLE) as video:
        sample = [to_bgr(pixels) for number, pixels in enumerate(video.frames()) if number % 7 == 0][:COMPARED]
    return {words(size): differences(on(device, size), quick, slow, sample, size) for size in sizes}


def on(device, size):
    made = whole_frames(load_network(NetworkSettings(device=device, engine="torch")), (size.width, size.height))
    assert made, "other pictures than the CPU's"
    return made


def words(size):
    return f"{size.width}×{size.height}"


def differences(frames, quick, slow, sample, size):
    """Grey levels, the worst of successive frames, each way with its own memory."""
    one = other = None
    found = []
    for number, bgr in enumerate(sample):
        from_bgr(bgr, pixels := empty(size.width, size.height))
        frame = RawFrame(pixels, number, captured=0.0)
        one, other = find_mask(frame, quick, one), find_mask(frame, slow, other)
        masks = 255 * np.abs(one.alpha - other.alpha)
        made = frames(pixels, STRENGTH, goes_on=number > 0)
        changed = cv2.absdiff(made.picture.pixels, compose(frame, other, Blur(STRENGTH)).pixels)
        found.append((masks.mean(), masks.max(), changed.mean(), changed.max()))
    worst = np.max(np.array(found, float), axis=0).round(3).tolist()
    return dict(zip(("mask_mean", "mask_max", "picture_mean", "picture_max"), worst, strict=True))


def recorded():
    return profile(activities=[ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available())


def one_replay(frames):
    """Kernels of one frame, copies included, which may overlap; on a CPU torch's innermost operations stand in."""
    frames.run()
    frames.wait()
    with recorded() as what:
        frames.run()
        frames.wait()
    events = [event for event in what.events() if event.device_type.name == "CUDA"] or operations(what)
    spans = sorted((event.time_range.start, event.time_range.end) for event in events)
    busy, until = 0.0, spans[0][0]
    for start, end in spans:
        busy += max(0.0, end - max(until, start))
        until = max(until, end)
    span = until - spans[0][0]
    longest = summed((event.name, event.time_range.end - event.time_range.start) for event in events)
    return {"kernels": len(events), "busy_us": busy, "span_us": span, "gaps": 1 - busy / span, "longest": longest}


def operations(what):
    return [event for event in what.events() if event.name.startswith("aten::") and not event.cpu_children]


class Marked(TorchFunctionMode):
    """Tells the profiler which line of ours calls each function of torch."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        frame = inspect.currentframe()
        while frame and not frame.f_code.co_filename.startswith((str(ROOT / "vcam"), str(ROOT / "segnet"))):
            frame = frame.f_back
        place = f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}" if frame else "elsewhere"
        with record_function(OURS + place):
            return function(*args, **(kwargs or {}))


def lines_of(frames):
    """The lines of ours whose kernels take longest where they are started step by step."""
    frames.steps()
    frames.wait()
    with recorded() as what, Marked():
        frames.steps()
        frames.wait()
    found = []
    for event in what.events() if torch.cuda.is_available() else operations(what):
        took = sum(kernel.duration for kernel in event.kernels) if torch.cuda.is_available() else event.cpu_time_total
        place = event
        while place and not place.name.startswith(OURS):
            place = place.cpu_parent
        if place and took:
            found.append((place.name.removeprefix(OURS), took))
    return summed(found)


def summed(named):
    """[name, how often, microseconds], those first that take longest."""
    times, runs = Counter(), Counter()
    for name, time in named:
        times[name] += time
        runs[name] += 1
    return [[name, runs[name], round(time, 1)] for name, time in times.most_common(SHOWN)]


if __name__ == "__main__":
    part, target, device, sizes, frames = sys.argv[1:]
    found = globals()[f"measure_{part}"](device, [parse_size(size) for size in sizes.split(",")], int(frames))
    cuda = f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    here = ", ".join(filter(None, (gpu_name(), f"torch {torch.__version__}", cuda, machine())))
    Path(target).write_text(json.dumps({"machine": here, "found": found}, indent=1))
