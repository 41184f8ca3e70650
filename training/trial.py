"""Runs of training, or measurements of weights, in a process of their own: `python -m training.trial FOLDER…`.

FOLDER/trial.json says which: {"train": settings of TrainConfig} or {"measure": {"weights", "data", "sets", "threads"}}.
What came of it goes to FOLDER/outcome.json, {"failed": why} if nothing did. A run that was stopped goes on when it is
called again.
"""

import ctypes
import gc
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from segnet.inference import Segmenter
from segnet.weights import WeightsError, load_weights, outline, read_info
from training.config import TrainConfig
from training.data import DataError
from training.evaluate import final_report
from training.job import Result, read_json, write_json
from training.plots import read_rows
from training.rooms import find_set
from training.train import train

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def carry_out(folder: Path) -> Result:
    """What came of it. Raises DataError, WeightsError, and KeyboardInterrupt where it was stopped."""
    task = read_json(folder / "trial.json")
    if "measure" in task:
        return measured(task["measure"])
    config = TrainConfig.model_validate(task["train"])
    began = time.monotonic()
    path = train(config)
    return outcome(config, path, time.monotonic() - began)


def outcome(config: TrainConfig, path: Path, seconds: float) -> Result:
    """`steps`, `pictures` and `seconds` of the run (those since it was last called), its `pace` in pictures a second,
    `course`: the rows of metrics.csv, `figures`: the last of them, `weights`: the path of the best, `parameters`, and
    `metrics`: what their header says.
    """
    info, course = read_info(path), read_rows(config.out / "metrics.csv")
    return {
        "steps": config.steps,
        "pictures": config.steps * config.batch,
        "seconds": round(seconds, 1),
        "pace": read_json(config.out / "pace.json")["pictures_per_second"],
        "course": course,
        "figures": course[-1],
        "weights": str(path),
        "parameters": sum(p.numel() for p in outline(info).parameters()),
        "metrics": info.metrics,
    }


def measured(task: Mapping[str, Any]) -> Result:
    """The figures of weights on sets of people, as a run's last measurement has them, and how many `parameters`."""
    network, info = load_weights(Path(task["weights"]))
    make = partial(Segmenter, network, info, engine="torch", device="cpu", threads=task["threads"])
    sets = {name: find_set(Path(task["data"]) / name) for name in task["sets"]}
    report = final_report(lambda size: make(size=size), sets, info.input_sizes)
    return {"metrics": report, "parameters": sum(p.numel() for p in network.parameters())}


def main(arguments: list[str]) -> int:
    """The exit code."""
    # Not left behind, at work on a GPU, where the one that started this is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for folder in map(Path, arguments):
            write_json(folder / "outcome.json", attempted(folder))
            (folder / "run" / "checkpoint.pt").unlink(missing_ok=True)  # four times the size of the weights
            gc.collect()
            torch.cuda.empty_cache()
    except KeyboardInterrupt:
        return 130
    return 0


def attempted(folder: Path) -> Result:
    """What came of it, or {"failed": why}: then the next one has its turn."""
    try:
        return carry_out(folder)
    except (DataError, WeightsError, OSError) as error:
        return {"failed": str(error)}
    except RuntimeError as error:  # what torch raises, also where there is no more memory
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"[:400]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
