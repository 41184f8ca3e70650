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
from segnet.deconvnet import DeconvNet, load_vgg16, load_vgg16_bn
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsInfo
from training.augment.voc_batches import VocBatches
from training.convert.hed import hed_convolutions
from training.convert.pth import vgg16_bn_weights
from training.convert.vgg_onnx import onnx_convolutions
from training.data.voc_data import VocSet, load_voc
from training.errors import DataError
from training.measure.classes import evaluate_classes
from training.measure.evaluate import final_class_report
from training.run.config import TrainConfig
from training.run.features import FeatureBatches, FeatureStore, Halfway
from training.run.losses import class_loss, median_frequency
from training.run.task import Report, Task

DEFAULT_SIZE = (320, 192)  # of networks that take any
CONVOLUTIONS = {".h5": hed_convolutions, ".onnx": onnx_convolutions}
PRECISIONS = {"bf16": torch.bfloat16, "f32": torch.float32}


def voc_task(config: TrainConfig, start: WeightsInfo | None, rank: int, world: int) -> Task:
    """The pictures of `config` for the network that `start` describes, or for a new one. Raises DataError."""
    info = start or new_info(config)
    if info.classes != VOC_CLASSES:
        raise DataError(
            f"{config.init} knows {', '.join(info.classes)}; labels of VOC's 21 classes need weights of these"
        )
    if start and not ARCHITECTURES[config.network].fixed:
        info = replace(info, input_sizes=(config.input_size or DEFAULT_SIZE,))
    elif start and config.input_size:
        info = replace(info, input_sizes=(config.input_size,))
    architecture, size = ARCHITECTURES[info.architecture], info.input_sizes[0]
    step, least = architecture.step, architecture.least(info.config)
    if size[0] % step or size[1] % step or min(size) < least:
        raise DataError(
            f"--input-size {size[0]},{size[1]}: for this {config.network} the sides must be multiples of {step} from "
            f"{least} up"
        )
    sets = [(load_voc(config.data / name), weight) for name, weight in config.sets.items()]
    validation = {name: load_voc(config.data / name) for name in config.validation}
    if rank == 0:
        warn_about_data(sets, validation)
    weights = median_frequency(pixels_of(sets).tolist()) if config.class_weights else None
    batches = VocBatches(
        sets,
        config.stage,
        size,
        config.batch,
        config.steps,
        config.seed,
        config.anneal,
        rank,
        world,
        config.views,
        config.repeat,
    )
    files = [path for one in (*(one for one, _ in sets), *validation.values()) for path in one.files]

    def measure(network: nn.Module) -> Report:
        return {name: evaluate_classes(network, info, one).report() for name, one in validation.items()}

    def finish(network: nn.Module, out: Path) -> Report:
        return final_class_report(network, info, validation, out)

    loss = partial(voc_loss, weights=weights, precision=PRECISIONS[config.precision])
    return Task(info, batches, files, loss, measure, lambda report: report[config.validation[0]]["miou"], finish)


def new_info(config: TrainConfig) -> WeightsInfo:
    """What a new network of the kind that `config` names says of itself."""
    architecture = ARCHITECTURES[config.network]
    if config.network == "deconvnet":
        kind, size = DeconvConfig(config.width, config.fc, config.up), config.input_size or (224, 224)
    else:
        kind, size = architecture.config(), config.input_size or DEFAULT_SIZE
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
    """Give a DeconvNet the convolutions of torchvision's vgg16_bn file, of HED's, or of an ONNX file. Raises
    DataError.
    """
    if not isinstance(network, DeconvNet):
        raise DataError("VGG-16's weights are a start for the deconvnet only")
    try:
        if path.suffix in CONVOLUTIONS:
            load_vgg16(network, CONVOLUTIONS[path.suffix](path))
        else:
            load_vgg16_bn(network, vgg16_bn_weights(path))
    except Exception as error:  # noqa: BLE001 - tensors of others fail in more ways than load_vgg16_bn promises
        raise DataError(f"{path} can't be used: {error}") from None


def freeze(task: Task, network: nn.Module, config: TrainConfig) -> Task:
    """Freeze the blocks of the network that `config` names; the task, which with --views trains and measures on what
    these make of pictures. Raises DataError.
    """
    if not isinstance(network, DeconvNet):
        raise DataError("--frozen and --views are for the deconvnet only")
    if config.views and not config.frozen:
        raise DataError("--views keeps what frozen blocks make of pictures; say how many are --frozen")
    network.freeze(config.frozen)
    if not config.views:
        return task
    assert isinstance(task.batches, VocBatches)
    folder = config.features or config.out / "features"
    store = FeatureStore(network, task.info, folder)
    validation = {name: load_voc(config.data / name) for name in config.validation}

    def measure(network: nn.Module) -> Report:
        look = partial(store.look, network)
        return {name: evaluate_classes(network, task.info, one, look=look).report() for name, one in validation.items()}

    return replace(task, batches=FeatureBatches(task.batches, store), measure=measure)


def voc_loss(
    network: nn.Module,
    x: Tensor | Halfway,
    labels: Tensor,
    generator: torch.Generator,
    weights: list[float] | None = None,
    precision: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Parts of the loss, the network run in `precision`, for pictures x, float (N, 3, H, W), normalised, or what a
    network's frozen blocks made of them, and labels uint8 (N, 1, H, W), 255 = void.
    """
    with torch.autocast(labels.device.type, precision, enabled=precision != torch.float32):
        logits = network(x) if isinstance(x, Tensor) else network(x.values.float(), x.switches())
    return class_loss(logits.float(), labels, None if weights is None else torch.tensor(weights, device=labels.device))
