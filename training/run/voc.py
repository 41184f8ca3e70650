"""The task of DeconvNet and torchvision's networks: VOC's 21 classes, from pictures with palette labels."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segnet.architectures import ARCHITECTURES
from segnet.classes import VOC_CLASSES
from segnet.configs import DeconvConfig
from segnet.deconvnet import DeconvNet, load_vgg16_bn
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsInfo
from training.augment.voc_batches import VocBatches
from training.convert.pth import vgg16_bn_weights
from training.data.voc_data import VocSet, load_voc
from training.errors import DataError
from training.measure.classes import evaluate_classes
from training.measure.evaluate import final_class_report
from training.run.config import TrainConfig
from training.run.losses import class_loss, median_frequency
from training.run.task import Report, Task


def voc_task(config: TrainConfig, start: WeightsInfo | None, rank: int, world: int) -> Task:
    """The pictures of `config` for the network that `start` describes, or for a new one. Raises DataError."""
    info = start or new_info(config)
    if info.classes != VOC_CLASSES:
        raise DataError(
            f"{config.init} knows {', '.join(info.classes)}; labels of VOC's 21 classes need weights of these"
        )
    if start and not ARCHITECTURES[config.network].fixed:
        info = replace(info, input_sizes=(config.input_size,))
    step, size = ARCHITECTURES[info.architecture].step, info.input_sizes[0]
    if size[0] % step or size[1] % step:
        raise DataError(f"--input-size {size[0]} {size[1]}: for {config.network} the sides must be multiples of {step}")
    sets = [(load_voc(config.data / name), weight) for name, weight in config.sets.items()]
    validation = {name: load_voc(config.data / name) for name in config.validation}
    if rank == 0:
        warn_about_data(sets, validation)
    weights = median_frequency(pixels_of(sets).tolist()) if config.class_weights else None
    batches = VocBatches(sets, config.stage, size, config.batch, config.steps, config.seed, config.anneal, rank, world)
    files = [path for one in (*(one for one, _ in sets), *validation.values()) for path in one.files]

    def measure(network: nn.Module) -> Report:
        return {name: evaluate_classes(network, info, one).report() for name, one in validation.items()}

    def finish(network: nn.Module, out: Path) -> Report:
        return final_class_report(network, info, validation, out)

    loss = partial(voc_loss, weights=weights)
    return Task(info, batches, files, loss, measure, lambda report: report[config.validation[0]]["miou"], finish)


def new_info(config: TrainConfig) -> WeightsInfo:
    """What a new network of the kind that `config` names says of itself."""
    architecture = ARCHITECTURES[config.network]
    if config.network == "deconvnet":
        kind, size = DeconvConfig(config.width, config.fc), (architecture.least, architecture.least)
    else:
        kind, size = architecture.config(), config.input_size
    return WeightsInfo(config.network, kind, VOC_CLASSES, (size,), IMAGENET_MEAN, IMAGENET_STD)


def warn_about_data(sets: list[tuple[VocSet, float]], validation: dict[str, VocSet]) -> None:
    """Warn on stderr of classes without pixels and of pictures in both sets."""
    if absent := [name for name, count in zip(VOC_CLASSES, pixels_of(sets), strict=True) if not count]:
        print(f"no picture to train on shows {', '.join(absent)}: the network can't learn them", file=sys.stderr)
    trained = {picture.name for one, _ in sets for picture in one.pictures}
    for name, one in validation.items():
        if both := trained & {picture.name for picture in one.pictures}:
            print(
                f"{name} shares {len(both)} of its pictures with those to train on: its figures will be too high",
                file=sys.stderr,
            )
        if absent := one.absent():
            print(f"{name} shows no {', '.join(absent)}: they have no figures and are not in the mean", file=sys.stderr)


def pixels_of(sets: list[tuple[VocSet, float]]) -> NDArray[Any]:
    """How many pixels each class has in all sets, int64 (21,)."""
    return np.asarray(np.sum([one.pixels for one, _ in sets], axis=0))


def start_from_vgg(network: nn.Module, path: Path) -> None:
    """Give a DeconvNet the convolutions of torchvision's vgg16_bn file. Raises DataError."""
    if not isinstance(network, DeconvNet):
        raise DataError("VGG-16's weights are a start for the deconvnet only")
    try:
        load_vgg16_bn(network, vgg16_bn_weights(path))
    except Exception as error:  # noqa: BLE001 - tensors of others fail in more ways than load_vgg16_bn promises
        raise DataError(f"{path} can't be used: {error}") from None


def voc_loss(
    network: nn.Module, x: Tensor, labels: Tensor, generator: torch.Generator, weights: list[float] | None = None
) -> dict[str, Tensor]:
    """Parts of the loss for pictures x, float (N, 3, H, W), normalised, and labels uint8 (N, 1, H, W), 255 = void."""
    with torch.autocast(x.device.type, torch.bfloat16):
        logits = network(x)
    return class_loss(logits.float(), labels, None if weights is None else torch.tensor(weights, device=x.device))
