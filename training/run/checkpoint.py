"""Checkpoints: the state from which a run resumes."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.errors import DataError

# Settings that may differ when a run is resumed: how long, how often, on which machine.
FREE = {"steps", "evaluate_every", "checkpoint_every", "threads", "workers", "device", "tensorboard", "thorough"}


def save_checkpoint(
    path: Path,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    training: dict[str, Any],
    step: int,
    best: float,
) -> None:
    """Everything that is needed to resume, written atomically."""
    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "training": training,
        "step": step,
        "best": best,
    }
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    beside.replace(path)


def resume(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, training: dict[str, Any]
) -> tuple[int, float]:
    """Step to resume from and best figure so far; 0 and minus infinity for a new run: the figure may be below 0. Raises
    DataError where the run in that folder was another one.
    """
    if not path.exists():
        return 0, -math.inf
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        then, now = state["training"], training
    except Exception as error:  # noqa: BLE001 - a damaged pickle raises anything
        raise DataError(f"{path} is not a checkpoint that can be read ({error}); choose another --out") from None
    changed = [k for k, v in now["settings"].items() if k not in FREE and then["settings"].get(k) != v]
    changed += ["data"] if then["data_sha256"] != now["data_sha256"] else []
    if changed:
        raise DataError(f"the run in {path.parent} was made with other {', '.join(changed)}; choose another --out")
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), float(state["best"])
