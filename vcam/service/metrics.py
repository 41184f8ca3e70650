"""What the service has counted and measured, for its status and for Prometheus. Plain data of bounded size."""

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

COUNTERS = {
    "frames_in": "frames that the webcam delivered",
    "frames_out": "live frames that were written to the virtual camera",
    "drops": "frames of the webcam that were not written, because a newer one came or there was no room",
    "reconnects": "times that the webcam was lost and found again",
    "swaps": "times that the network was changed while running",
    "worker_starts": "worker processes that were started",
}
STATES = ("idle", "starting", "live", "paused", "asleep", "trouble")
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

WINDOW = 1800  # newest values that percentiles are of: a minute at 30 fps
RATE_WINDOW = 5.0  # seconds that frames a second are of
STALE = 2.0  # after so many seconds without a frame the rate is 0
FRESH = 0.2  # seconds for which a snapshot is good, however many ask
MOST_STAGES = 32
MOST_FRAMES = 10_000
STAGE = re.compile("[a-z][a-z0-9_]{0,31}")
LONGEST_MS = 600_000.0  # what takes longer was not measured but invented

Sample = tuple[dict[str, str], Any]  # labels, and a number or what Series.summary gives


@dataclass
class Series:
    """Milliseconds: the newest for percentiles, and count and sum of all."""

    newest: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    count: int = 0
    total_ms: float = 0.0

    def add(self, values: list[Any]) -> None:
        """Take in what is a duration, and nothing else."""
        good = [float(value) for value in values[-WINDOW:] if is_ms(value)]
        self.newest.extend(good)
        self.count += len(good)
        self.total_ms += sum(good)

    def summary(self) -> dict[str, float]:
        """`p50`, `p95`, `p99` of the newest in ms (nearest rank, 0 where there is none); `count`, `total_ms` of all."""
        ranked = sorted(self.newest)
        ranks = {name: ranked[ceil(part * len(ranked)) - 1] if ranked else 0.0 for name, part in QUANTILES.items()}
        shown = {name: round(value, 3) for name, value in ranks.items()}
        return shown | {"count": self.count, "total_ms": round(self.total_ms, 3)}


class Frames(NamedTuple):
    """So many frames at once, at a time."""

    time: float
    number: int


class Figures:
    """All that is counted, from the keeper's start on. Times are those of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._stages: dict[str, Series] = {}
        self._age = Series()
        self._in: deque[Frames] = deque(maxlen=1024)
        self._out: deque[Frames] = deque(maxlen=1024)
        self._snapshot: tuple[float, dict[str, Any]] | None = None

    def count(self, name: str, number: int = 1) -> None:
        """Add to one of COUNTERS."""
        self._counters[name] += number

    def wrote(self, now: float, captured: float | None) -> None:
        """A live frame has been written; `captured` is when the webcam delivered it, if that is known."""
        self.count("frames_out")
        self._out.append(Frames(now, 1))
        if captured is not None:
            self._age.add([(now - captured) * 1000])

    def told(self, now: float, facts: dict[str, Any]) -> None:
        """What the worker measured since the last time, a second or so ago: `frames_in` and `drops`, numbers, and
        `stages`, stage → milliseconds of each frame. Each may be missing; what a worker gone mad says is ignored.
        """
        for name in ("frames_in", "drops"):
            if is_number(facts.get(name)):
                self.count(name, facts[name])
        if is_number(facts.get("frames_in")):
            self._in.append(Frames(now, facts["frames_in"]))
        stages = facts.get("stages")
        for name, values in stages.items() if isinstance(stages, dict) else ():
            known = name in self._stages or len(self._stages) < MOST_STAGES
            if known and isinstance(name, str) and STAGE.fullmatch(name) and isinstance(values, list):
                self._stages.setdefault(name, Series()).add(values)

    def snapshot(self, now: float, keeper: int, worker: int | None) -> dict[str, Any]:
        """For the status; `keeper` and `worker` are process ids. Several who ask at once get the same: don't change
        it.
        """
        if self._snapshot is None or not 0 <= now - self._snapshot[0] < FRESH:
            made = {
                "fps_in": rate(self._in, now),
                "fps_out": rate(self._out, now),
                "mask_age_ms": self._age.summary(),
                "stages": {name: series.summary() for name, series in self._stages.items()},
                **self._counters,
                "memory_bytes": {"keeper": resident(keeper), "worker": resident(worker) if worker else 0},
            }
            self._snapshot = now, made
        return self._snapshot[1]


def is_ms(value: object) -> bool:
    """Whether it can be how long something took."""
    return isinstance(value, int | float) and 0 <= value <= LONGEST_MS


def is_number(value: object) -> bool:
    """Whether it can be how many frames a second or so brought."""
    return type(value) is int and 0 <= value <= MOST_FRAMES


def rate(frames: deque[Frames], now: float) -> float:
    """Frames a second over the last seconds; 0 where none came lately."""
    recent = [entry for entry in frames if now - entry.time <= RATE_WINDOW]
    if len(recent) < 2 or now - recent[-1].time > STALE or recent[-1].time <= recent[0].time:
        return 0.0
    later = sum(entry.number for entry in recent[1:])  # the first ones came before the span begins
    return round(later / (recent[-1].time - recent[0].time), 2)


def resident(pid: int) -> int:
    """Bytes of main memory that a process holds, shared ones included; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def prometheus(status: dict[str, Any]) -> str:
    """A status in Prometheus' text format (version 0.0.4)."""
    return "".join(f"{line}\n" for line in lines(status))


def lines(status: dict[str, Any]) -> Iterator[str]:
    """One metric after the other."""
    figures = status["figures"]
    yield from metric("info", "gauge", "the version that is running", [({"version": status["version"]}, 1)])
    yield from metric("uptime_seconds", "gauge", "time since the service started", [({}, status["uptime_s"])])
    states = [({"state": state}, int(state == status["state"])) for state in STATES]
    yield from metric("state", "gauge", "1 for what the service is at, 0 for the rest", states)
    yield from metric("fallback", "gauge", "1 while it makes do with less", [({}, int(bool(status["fallback"])))])
    readers = [({"path": o["path"]}, o["viewers"]) for o in status["outputs"] if o["viewers"] is not None]
    yield from metric("viewers", "gauge", "programs that read a virtual camera", readers)
    if network := status["network"]:
        labels = {name: network[name] for name in ("weights", "sha256", "architecture", "engine", "device")}
        yield from metric("network_info", "gauge", "the network that is loaded", [(labels, 1)])
    rates = [({"direction": "in"}, figures["fps_in"]), ({"direction": "out"}, figures["fps_out"])]
    yield from metric("frames_per_second", "gauge", "frames from the webcam and to the virtual camera", rates)
    for name, text in COUNTERS.items():
        yield from metric(f"{name}_total", "counter", text, [({}, figures[name])])
    stages = [({"stage": name}, stage) for name, stage in figures["stages"].items()]
    yield from summary("stage_seconds", "how long a stage of a frame takes", stages)
    age = figures["mask_age_ms"]
    yield from summary("mask_age_seconds", "from the capture of a frame to its being written", [({}, age)])
    memory = [({"process": name}, count) for name, count in figures["memory_bytes"].items()]
    yield from metric("resident_memory_bytes", "gauge", "main memory of a process", memory)


def metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
    """One metric and its values by labels."""
    yield f"# HELP segblur_{name} {text[0].upper()}{text[1:]}."
    yield f"# TYPE segblur_{name} {kind}"
    for labels, value in samples:
        yield sample(name, labels, value)


def summary(name: str, text: str, series: Iterable[Sample]) -> Iterator[str]:
    """Percentiles of milliseconds, as Prometheus wants them: in seconds, with count and sum."""
    yield from metric(name, "summary", text, [])
    for labels, values in series:
        for quantile, part in QUANTILES.items():
            yield sample(name, labels | {"quantile": str(part)}, values[quantile] / 1000)
        yield sample(f"{name}_sum", labels, values["total_ms"] / 1000)
        yield sample(f"{name}_count", labels, values["count"])


def sample(name: str, labels: dict[str, str], value: float) -> str:
    """`segblur_name{label="text"} value`."""
    inner = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
    return f"segblur_{name}{{{inner}}} {value:.10g}" if inner else f"segblur_{name} {value:.10g}"


def escaped(text: str) -> str:
    """As the format wants a label's value."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
