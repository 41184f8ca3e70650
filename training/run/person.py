"""The task of the networks that find people in front of webcams, from pictures with masks."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from segnet.configs import LightConfig, SelfieConfig
from segnet.inference import Segmenter
from segnet.weights import WeightsInfo
from training.augment.batches import Batches, load_album
from training.augment.draws import STYLES
from training.augment.memory import previous_masks
from training.augment.on_device import DeviceBatches
from training.data.pairs import find_set
from training.measure.evaluate import evaluate, final_report
from training.measure.metrics import choice
from training.run.config import TrainConfig
from training.run.group import Group
from training.run.losses import segmentation_loss
from training.run.task import Report, Task

PRECISIONS = {"bf16": torch.bfloat16, "f32": torch.float32}
NEW = {
    "light": WeightsInfo("light", LightConfig()),
    "selfie": WeightsInfo(
        "selfie", SelfieConfig(), input_sizes=((320, 176), (384, 224)), mean=(0, 0, 0), std=(1, 1, 1)
    ),
}


def person_task(config: TrainConfig, start: WeightsInfo | None, group: Group) -> Task:
    """The pictures of `config` for the network that `start` describes, or for a new one. Raises DataError."""
    info = start or NEW[config.network]
    style = STYLES[config.style]
    style = style if config.composited is None else replace(style, composited=config.composited)
    style = style if config.negatives is None else replace(style, negatives=config.negatives)
    album = load_album(config.data, config.sets, config.rooms, info.input_sizes, style)
    share = (config.batch, config.steps, config.seed, group.rank, group.world)
    on_device = config.prepare == "device"
    batches = DeviceBatches(album, group.device, *share) if on_device else Batches(album, *share)
    validation = {name: find_set(config.data / name) for name in config.validation}
    # A bad one is told of now, not at the first measurement; and a GPU makes a graph for each size, and keeps few.
    by_size = {name: sorted(pairs, key=lambda pair: pair.load().mask.shape) for name, pairs in validation.items()}

    def measure(network: nn.Module) -> Report:
        """Through the same code as the service's, at the first input size."""
        device = next(network.parameters()).device.type
        segmenter = Segmenter(network, info, engine="torch", device=device)
        return {name: evaluate(segmenter, pairs).report() for name, pairs in by_size.items()}

    def finish(network: nn.Module, out: Path) -> dict[str, Any]:
        """At every input size, with flicker and by light."""
        make = partial(Segmenter, network, info, engine="torch", device="cpu")
        return final_report(lambda size: make(size=size), validation, info.input_sizes, out)

    loss = partial(person_loss, PRECISIONS[config.precision])
    return Task(info, batches, album.files, loss, measure, choice, finish)


def person_loss(
    precision: torch.dtype, network: nn.Module, x: Tensor, labels: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """Parts of the loss, calculated in `precision`, for pictures x, float (N, 3, H, W), normalised, and labels uint8
    (N, 1, H, W), 255 = person.
    """
    # Not through DistributedDataParallel, which talks to the other processes: they may have no previous masks to make.
    bare = network.module if isinstance(network, DistributedDataParallel) else network
    cast = partial(torch.autocast, x.device.type, precision, enabled=precision != torch.float32)
    with cast():  # one for each: autocast would hand on the weights that it cast here, where no gradient is kept
        previous, still = previous_masks(bare, x, generator)
    with cast():
        logits, fresh = network(x, previous)
    return segmentation_loss(logits, fresh, labels.float() / 255, previous, still)
