"""Everything that takes a GPU, in one command: `python -m training.campaign DATA OUT`.

DATA holds train/, val/, rooms/ and voc2012/, as the recipes name them. The steps below are done one after the other,
each in its share of the minutes and in processes of their own, and write OUT/NN-NAME/result.json; OUT/pages holds what
they found, after each of them. Stopped, or killed, it goes on when it is called again with the same words: what is done
is not done again, runs of training go on from their checkpoints, and a step that failed gets another turn after all
others. With --toy everything is tiny, and needs no GPU: to see whether all of it works.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from segnet.torchengine import gpu_name
from segnet.weights import WeightsError
from training import fixes, sweep
from training.data import DataError
from training.findings import results, write_pages
from training.job import FULL, TOY, Clock, Job, PausedError, Result, StepError, last_line, read_json, write_json

ROOT = Path(__file__).parent.parent
LEAST = 20.0  # seconds: with fewer left no step is begun
NEEDED = ("train", "val", "rooms", "voc2012")
AGAIN = "the same command goes on from there"


@dataclass(frozen=True)
class Step:
    """Something to be found out; `minutes` are its share, in proportion to the others'."""

    name: str
    part: str
    minutes: float
    work: Callable[[Job], Result]
    needs: str = ""  # a file in DATA without which it is left out


def tests(job: Job) -> Result:
    """What pytest says of the files about GPUs. Raises StepError."""
    log = job.folder / "log.txt"
    log.unlink(missing_ok=True)
    paths = [str(ROOT / word) if word.endswith(".py") else word for word in job.extent.tests]
    words = ["-m", "pytest", "-q", "-rfE", "--tb=short", "-p", "no:cacheprovider", f"--rootdir={ROOT}", *paths]
    job.call(words, log, 2 * job.seconds + 60, fine=(0, 1))
    lines = log.read_text(errors="replace").splitlines()
    failures = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return {"tests": list(job.extent.tests), "summary": last_line(log), "failures": failures[:40]}


def speed(part: str) -> Callable[[Job], Result]:
    """A part of what vcam/gpureport.py measures."""

    def work(job: Job) -> Result:
        target = job.folder / f"{part}.json"
        options = ["--device", job.device, "--sizes", job.extent.sizes, "--frames", str(job.extent.frames)]
        words = ["-m", "vcam.gpureport", part, str(target), *options]
        job.call(words, job.folder / "log.txt", 2 * job.seconds + 60)
        return job.once(part, dict)

    return work


PLAN = (
    Step("tests", "speed", 1.5, tests),
    Step("bench", "speed", 2.0, speed("bench")),
    Step("profile", "speed", 0.5, speed("profile")),
    Step("streams", "speed", 1.0, speed("streams")),
    Step("differences", "speed", 0.5, speed("differences")),
    Step("sweep", "person", 3.5, sweep.sweep),
    Step("person", "person", 4.5, sweep.people),
    Step("wide", "person", 3.0, sweep.wide),
    Step("deconvnet", "deconvnet", 2.0, fixes.one_part),
    Step("deconvnet-two", "deconvnet", 2.5, fixes.two_parts),
    Step("deconvnet-vgg", "deconvnet", 2.0, fixes.from_vgg, needs=fixes.VGG),
    Step("mistakes", "deconvnet", 4.0, fixes.mistakes),
)


def run(data: Path, out: Path, *, minutes: float, pause: float, only: str | None, toy: bool) -> bool:
    """Do what is left of the plan; whether all of it is done. `pause`: minutes after which to stop for now. Raises
    DataError, and PausedError where somebody stopped it.
    """
    device, data = checked(data, toy), data.resolve()
    out.mkdir(parents=True, exist_ok=True)
    out = out.resolve()  # runs of training that go on compare the paths that they were told
    plan = [s for s in PLAN if only in {None, s.part} and (not s.needs or (data / s.needs).is_file())]
    with locked(out / "lock") as lock, stopped(pause) as stopping:
        keep_to(out / "told.json", {"data": str(data), "toy": toy})
        clock, found = Clock(out / "spent.json", minutes), results(folders(out))
        make = partial(
            Job, data, out, device=device, extent=TOY if toy else FULL, clock=clock, stopping=stopping, lock=lock
        )
        try:
            work_through(plan, out, make, found, clock)
        finally:
            pages = write_pages(out, found, machine())
    print(f"{out / 'pages'}: {', '.join(path.name for path in pages)}")
    return all("failed" not in found.get(step.name, {"failed": ""}) for step in plan)


def folders(out: Path) -> dict[str, Path]:
    """Where each step works."""
    return {step.name: out / f"{number:02}-{step.name}" for number, step in enumerate(PLAN, 1)}


def work_through(
    plan: Sequence[Step], out: Path, make: Callable[..., Job], found: dict[str, Result], clock: Clock
) -> None:
    """Do the steps that `found` lacks, and then those that failed, as long as there is time, each a `make`d job; the
    results go to `found` and to the disk. Raises PausedError.
    """
    todo = [step for step in plan if "failed" in found.get(step.name, {"failed": ""})]
    todo.sort(key=lambda step: step.name in found)
    for number, step in enumerate(todo):
        if clock.left() < LEAST:
            print(f"the minutes are spent before {step.name}; give more with --minutes")
            return
        share = clock.left() * step.minutes / sum(later.minutes for later in todo[number:])
        job: Job = make(folder=folders(out)[step.name], seconds=share, found=found)
        if job.stopping():
            raise PausedError
        print(f"{step.name}: {share / 60:.1f} minutes", flush=True)
        job.folder.mkdir(exist_ok=True)
        clock.begin(step.name)
        try:
            found[step.name] = step.work(job)
        except PausedError:
            raise
        except (StepError, DataError, WeightsError, OSError) as error:
            found[step.name] = {"failed": str(error)}
        except Exception as error:  # noqa: BLE001 - a GPU is rare: what nobody thought of must not cost the other steps
            traceback.print_exc()
            found[step.name] = {"failed": f"{type(error).__name__}: {error}"}
        finally:
            clock.tick()
        if "failed" in found[step.name]:
            print(f"  {step.name} came to nothing: {found[step.name]['failed']}", flush=True)
        write_json(job.folder / "result.json", found[step.name])
        if number + 1 < len(todo) and todo[number + 1].part != step.part:
            write_pages(out, found, machine())  # in case that the next part is killed


def checked(data: Path, toy: bool) -> str:
    """The device. Raises DataError where there is nothing to work on or with."""
    for name in NEEDED:
        if not (data / name).is_dir():
            raise DataError(f"there is no {data / name}; {data} must hold {', '.join(NEEDED)}")
    if not torch.cuda.is_available() and not toy:
        raise DataError("there is no CUDA GPU here; --toy tries everything out without one")
    return "cuda" if torch.cuda.is_available() else "cpu"


def keep_to(path: Path, told: Result) -> None:
    """Raise DataError where the folder is of another campaign."""
    if path.exists() and read_json(path) != told:
        raise DataError(f"{path.parent} is of a campaign with other data or another size; choose another folder")
    write_json(path, told)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """A file descriptor that holds the folder for us and for our processes: what another call left running is waited
    for.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for what another call left running", flush=True)
            fcntl.flock(number, fcntl.LOCK_EX)
        yield number
    finally:
        os.close(number)


@contextmanager
def stopped(pause: float) -> Iterator[Callable[[], bool]]:
    """Whether it is time to stop: Ctrl-C or SIGTERM came, or `pause` minutes have passed."""
    came: list[int] = []
    until = time.monotonic() + 60 * pause
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came) or time.monotonic() > until
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def machine() -> str:
    """GPU, driver and versions."""
    parts = [gpu_name(), f"{os.cpu_count()} processors", f"torch {torch.__version__}"]
    return ", ".join(part for part in parts if part)


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 when all is done, 75 when the same command has to be called again, 1 where something failed."""
    parser = argparse.ArgumentParser(prog="python -m training.campaign", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of train, val, rooms and voc2012")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for results, pages and weights")
    parser.add_argument("--minutes", type=float, default=25.0, help="in all, over all calls (default: 25)")
    parser.add_argument(
        "--pause", type=float, default=float("inf"), help="stop after so many minutes, to be called again"
    )
    parser.add_argument("--only", choices=["speed", "person", "deconvnet"], help="one part of it")
    parser.add_argument("--toy", action="store_true", help="tiny, on whatever there is, to see whether all of it works")
    given = parser.parse_args(arguments)
    try:
        done = run(given.data, given.out, minutes=given.minutes, pause=given.pause, only=given.only, toy=given.toy)
    except (DataError, WeightsError, OSError) as error:
        print(f"segblur: {error}", file=sys.stderr)
        return 1
    except PausedError:
        print(f"stopped; {AGAIN}")
        return 75
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
