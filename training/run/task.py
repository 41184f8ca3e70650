"""What a training run is of: everything in which people's masks and VOC's classes differ; the loop is the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from segnet.weights import WeightsInfo

Report = dict[str, dict[str, float]]  # set → figures


@dataclass(frozen=True)
class Task:
    """The data, the loss and the figures of one kind of training."""

    info: WeightsInfo
    """Architecture and its config, classes, input sizes, mean and std of what is trained."""
    batches: Dataset[Any]
    """Item `step` is batch number `step`, in a run of several processes this one's share of it, and a pure function of
    (data, seed, step): pictures uint8 (N, 3, H, W) RGB, or what frozen blocks made of them (features.Halfway), and
    labels uint8 (N, 1, H, W)."""
    files: list[Path]
    """Everything that was read, for the manifest's hash."""
    loss: Callable[[nn.Module, Any, Tensor, torch.Generator], dict[str, Tensor]]
    """(network, normalised pictures float (N, 3, H, W) or a Halfway, labels uint8 (N, 1, H, W), generator) → named
    parts and their "total". Runs the network in the run's precision."""
    measure: Callable[[nn.Module], Report]
    """Called with the averaged network."""
    choose: Callable[[Report], float]
    """The figure that decides which weights are best; more is better."""
    finish: Callable[[nn.Module, Path], dict[str, Any]]
    """Called with the best network and the run's folder at the end: all figures there are, for the weights file; writes
    contact sheets."""
