"""What the steps of a campaign (training/campaign.py) work with: how much time there is, how large everything is, and
processes that are started, watched and stopped.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segnet.architectures import LightConfig

Result = dict[str, Any]  # what JSON can hold

PATIENCE = 40.0  # seconds that a process may take to stop by itself: a checkpoint of DeconvNet has 4 GB
LOOK = 0.1  # seconds between two looks at it
CAREFUL = 0.9  # share of the time that is planned for: estimates are off, and a step has a beginning and an end
FINISH = 30.0  # seconds that a run's last measurement takes, at all sizes and with flicker
MEASURE = 6.0  # and each of those in between
COURSE = 4  # measurements of a run whose course is shown


class StepError(Exception):
    """A step that came to nothing; the text says why. The others go on."""


class PausedError(Exception):
    """Whoever started it all wants it to stop for now."""


@dataclass(frozen=True)
class Extent:
    """How large everything is."""

    light: LightConfig  # of which the sweep tries widths
    wide: LightConfig  # for GPUs
    wide_size: tuple[int, int]  # width and height that it sees
    batch: int  # of people
    wide_batch: int
    voc_batch: int
    deconv: tuple[float, int]  # width and fc of the DeconvNet that is to be good
    small: tuple[float, int]  # and of the one that mistakes are tried on
    probe: int  # steps after which the rate of a run on people is known
    voc_probe: int
    least: int  # and most steps that a run has
    most: int
    workers: int
    threads: int
    sizes: str  # of the frames whose speed is measured
    frames: int
    tests: tuple[str, ...]


CORES = os.cpu_count() or 1
FULL = Extent(
    light=LightConfig(),
    wide=LightConfig(24, (48, 72, 136, 224), (24, 48, 96)),
    wide_size=(512, 288),
    batch=128,
    wide_batch=64,
    voc_batch=64,
    deconv=(1.0, 4096),
    small=(0.25, 512),
    probe=150,
    voc_probe=60,
    least=100,
    most=40_000,
    workers=max(1, CORES - 2),
    threads=max(1, CORES // 2),
    sizes="1280x720,1920x1080,3840x2160",
    frames=300,
    tests=("tests/test_gpu.py", "tests/test_batch.py", "tests/test_engines.py"),
)
TOY = Extent(
    light=LightConfig(8, (8, 8, 8, 8), (8, 8, 8)),
    wide=LightConfig(8, (8, 8, 8, 16), (8, 8, 8)),
    wide_size=(512, 288),
    batch=2,
    wide_batch=2,
    voc_batch=2,
    deconv=(1 / 64, 8),
    small=(1 / 64, 8),
    probe=2,
    voc_probe=2,
    least=2,
    most=2,
    workers=0,
    threads=1,
    sizes="160x128,320x240",
    frames=3,
    tests=("tests/test_gpu.py", "-k", "frames_of_another_shape"),
)


class Clock:
    """Seconds that the steps have spent, over all calls, in a file."""

    def __init__(self, path: Path, minutes: float) -> None:
        self.path, self.total = path, 60 * minutes
        self.spent: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
        self.name, self.since, self.before = "", 0.0, 0.0

    def left(self) -> float:
        """Seconds that nobody has spent yet."""
        return self.total - sum(self.spent.values())

    def begin(self, name: str) -> None:
        """From now on this step pays."""
        self.name, self.since, self.before = name, time.monotonic(), self.spent.get(name, 0.0)

    def tick(self) -> None:
        """Write down what was spent until now, to the second: who is killed then has paid, too."""
        now = self.before + time.monotonic() - self.since
        if now - self.spent.get(self.name, 0.0) >= 1:
            self.spent[self.name] = round(now, 1)
            write_json(self.path, self.spent)


@dataclass(frozen=True)
class Job:
    """One step at work: where, on what, and for how long."""

    data: Path
    out: Path  # of the campaign
    folder: Path  # of this step
    device: str
    extent: Extent
    seconds: float  # that it may take
    clock: Clock
    stopping: Callable[[], bool]
    lock: int  # file descriptor that every process holds open while it lives
    found: dict[str, Result]  # what the steps before it found, by their names

    def call(self, words: Sequence[str], log: Path, limit: float, fine: tuple[int, ...] = (0,)) -> int:
        """The exit code of `python` with these words, one of `fine`; what it prints goes to `log`. Raises StepError,
        also where it takes longer than `limit` seconds, and PausedError.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=[self.lock],
            )
            until = time.monotonic() + limit
            while process.poll() is None and not self.stopping() and time.monotonic() < until:
                time.sleep(LOOK)
                self.clock.tick()
            late = process.poll() is None
            stop(process)
        if self.stopping():
            raise PausedError
        if late:
            raise StepError(f"it took longer than {limit:.0f} seconds and was stopped; what it said is in {log}")
        if process.returncode not in fine:
            raise StepError(f"{last_line(log) or f'it ended with code {process.returncode}'} (see {log})")
        return int(process.returncode)

    def trial(self, name: str, settings: Result, limit: float) -> Result:
        """What came of one run, as `trials` has it. Raises StepError also where nothing did."""
        found = self.trials({name: settings}, limit)[name]
        if "failed" in found:
            raise StepError(f"{name}: {found['failed']}")
        return found

    def trials(self, runs: Mapping[str, Result], limit: float) -> dict[str, Result]:
        """What came of runs of training with these settings, one after the other in a process of their own, as starting
        one takes its time; what was done before is not done again. One that failed has no more than a "failed". Raises
        StepError, PausedError.
        """
        paths = {name: self.folder / name / "outcome.json" for name in runs}
        left = [name for name, path in paths.items() if not path.exists() or "failed" in read_json(path)]
        for name in left:
            print(f"  {name}: {runs[name]['steps']:,} steps of {runs[name]['batch']}", flush=True)
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            told = {"data": str(self.data), "out": str(folder / "run"), "device": self.device}
            threads = {"threads": self.extent.threads, "workers": self.extent.workers}
            write_json(folder / "trial.json", {"train": told | threads | runs[name]})
        if left:
            words = ["-m", "training.trial", *(str(self.folder / name) for name in left)]
            self.call(words, self.folder / "log.txt", limit)
        return {name: read_json(path) for name, path in paths.items()}

    def once(self, name: str, make: Callable[[], Result]) -> Result:
        """What was decided the first time: a step that goes on must not change its mind."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            write_json(path, make())
        return dict(read_json(path))


def steps_in(seconds: float, batch: int, probe: Result, extent: Extent, finish: float = 0.0) -> int:
    """How many steps of `batch` pictures fit into a run of so many seconds, at the pace of `probe`, the outcome of a
    run like it, and with what it took besides; `finish`: seconds that this one takes besides, and that one did not.
    """
    besides = max(0.0, probe["seconds"] - probe["pictures"] / probe["pace"])
    steps = CAREFUL * (seconds - besides - finish) * probe["pace"] / batch
    return int(min(extent.most, max(extent.least, math.floor(steps))))


def steady(steps: int) -> dict[str, Any]:
    """Settings that go with the number of steps: a warm-up of a tenth, weights averaged over the last twentieth."""
    return {"steps": steps, "warmup": min(300, steps // 10), "ema": max(0.5, min(0.999, 1 - 20 / steps))}


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End it, kindly at first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def last_line(log: Path) -> str:
    """What a program said last, without its progress bar."""
    lines = [line.strip() for line in log.read_text(errors="replace").replace("\r", "\n").splitlines()]
    return next((line.removeprefix("segblur: ") for line in reversed(lines) if line), "")[:400]


def read_json(path: Path) -> Any:
    """What is in the file."""
    return json.loads(path.read_text())


def write_json(path: Path, value: Any) -> None:
    """In one step: whoever is killed leaves the old one or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(value, indent=1))
    beside.replace(path)
