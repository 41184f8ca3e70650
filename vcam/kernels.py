"""What a GPU does while it makes one frame: which kernels, for how long, with how much time between them, and which
line of ours starts each. On a CPU torch's own operations stand in for kernels.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode
from torch.profiler import ProfilerActivity, profile, record_function

from vcam.gpu import Frames

OURS = "ours: "  # begins the name of what we mark
ROOT = Path(__file__).parent.parent
PLACES = tuple(str(ROOT / package) for package in ("vcam", "segnet"))
SHOWN = 15  # rows of a table


class Kernel(NamedTuple):
    """One run of one kernel; microseconds."""

    name: str
    start: float
    end: float


class Marked(TorchFunctionMode):
    """Tells the profiler which line of ours calls each function of torch."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The function itself, under the name of the place that calls it."""
        with record_function(OURS + caller()):
            return func(*args, **(kwargs or {}))


def caller() -> str:
    """FILE:LINE FUNCTION of the nearest frame that is in our packages, but not in this file."""
    frame = inspect.currentframe()
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(PLACES) and code.co_filename != __file__:
            return f"{Path(code.co_filename).relative_to(ROOT)}:{frame.f_lineno} {code.co_name}"
        frame = frame.f_back
    return "elsewhere"


def prepare() -> None:
    """To be called before any graph is captured: the kernels of older graphs can't be told apart."""
    with profile(activities=activities()):
        pass


def activities() -> list[ProfilerActivity]:
    """What is recorded."""
    return [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()


def one_go(frames: Frames) -> dict[str, Any]:
    """One frame by `frames.run`, which is on a GPU one graph: `kernels`, how many; `busy_us` and `span_us`, how long
    any of them runs, and from the first to the last; `gaps`, the share between them; `longest`: name, runs, time in
    microseconds.
    """
    frames.run()
    frames.wait()
    with profile(activities=activities()) as recorded:
        frames.run()
        frames.wait()
    return summary(kernels(recorded.events()))


def summary(found: Sequence[Kernel]) -> dict[str, Any]:
    """The figures of kernels, as one_go has them."""
    if not found:
        return {"kernels": 0, "busy_us": 0.0, "span_us": 0.0, "gaps": 0.0, "longest": []}
    busy, until = 0.0, found[0].start
    for kernel in sorted(found, key=lambda kernel: kernel.start):  # they may overlap
        busy += max(0.0, kernel.end - max(until, kernel.start))
        until = max(until, kernel.end)
    span = until - min(kernel.start for kernel in found)
    times: Counter[str] = Counter()
    for kernel in found:
        times[kernel.name] += kernel.end - kernel.start  # type: ignore[assignment]  # a Counter sums floats as well
    runs = Counter(kernel.name for kernel in found)
    return {
        "kernels": len(found),
        "busy_us": round(busy, 1),
        "span_us": round(span, 1),
        "gaps": round(1 - busy / span, 3) if span else 0.0,
        "longest": [[name, runs[name], round(time, 1)] for name, time in times.most_common(SHOWN)],
    }


def kernels(events: Iterable[Any]) -> list[Kernel]:
    """What ran on the GPU, copies included, or else torch's innermost operations on the CPU."""
    events = [event for event in events if not event.name.startswith(OURS)]
    on_gpu = [event for event in events if event.device_type.name == "CUDA"]
    chosen = on_gpu or [event for event in events if innermost(event) and event.name.startswith("aten::")]
    return [Kernel(event.name, event.time_range.start, event.time_range.end) for event in chosen]


def innermost(event: Any) -> bool:
    """Whether an operation on the CPU is made of no others."""
    return not event.cpu_children


def step_by_step(frames: Frames) -> list[list[Any]]:
    """The lines of ours whose kernels take longest in one frame by `frames.steps`: [place, kernels, microseconds]."""
    frames.steps()
    frames.wait()
    with profile(activities=activities()) as recorded, Marked():
        frames.steps()
        frames.wait()
    runs: Counter[str] = Counter()
    times: Counter[str] = Counter()
    on_gpu = torch.cuda.is_available()
    for event in recorded.events():
        if on_gpu:
            spans = [kernel.duration for kernel in event.kernels]
        else:
            spans = [event.time_range.end - event.time_range.start] * (innermost(event) and is_operation(event))
        if spans and (place := place_of(event)):
            runs[place] += len(spans)
            times[place] += sum(spans)
    return [[place, runs[place], round(time, 1)] for place, time in times.most_common(SHOWN)]


def is_operation(event: Any) -> bool:
    """Whether it is one of torch's."""
    return bool(event.name.startswith("aten::"))


def place_of(event: Any) -> str:
    """The line of ours in which an operation was called; "" where that is not known."""
    while event is not None:
        if event.name.startswith(OURS):
            return str(event.name).removeprefix(OURS)
        event = event.cpu_parent
    return ""
