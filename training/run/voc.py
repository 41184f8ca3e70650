"""The task of DeconvNet and torchvision's networks: VOC's 21 classes, from pictures with palette labels."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from segnet.architectures import ARCHITECTURES
from segnet.classes import VOC_CLASSES
from segnet.configs import DeconvConfig
from segnet.deconvnet import DeconvNet, load_vgg16_bn
from segnet.inference import input_size
from segnet.proposals import segment, windows
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsInfo
from training.convert.pth import vgg16_bn_weights
from training.data.album import DataError
from training.data.voc_data import Pixels, VocBatches, VocPicture, VocSet, load_voc
from training.measure.metrics import ClassConfusion
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
        remark(sets, validation)
    weights = median_frequency(pixels_of(sets).tolist()) if config.class_weights else None
    batches = VocBatches(sets, config.stage, size, config.batch, config.steps, config.seed, config.anneal, rank, world)
    files = [path for one in (*(one for one, _ in sets), *validation.values()) for path in one.files]

    def measure(network: nn.Module) -> Report:
        return {name: evaluate_classes(network, info, one).report() for name, one in validation.items()}

    def finish(network: nn.Module, out: Path) -> Report:
        from training.measure.class_sheets import write_class_sheets  # it needs this module

        for name, one in validation.items():
            write_class_sheets(network, info, one, out, name)
        return measure(network)

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


def remark(sets: list[tuple[VocSet, float]], validation: dict[str, VocSet]) -> None:
    """Say on stderr what is not wrong, but should be known before hours are spent."""
    if absent := [name for name, count in zip(VOC_CLASSES, pixels_of(sets), strict=True) if not count]:
        print(f"no picture to train on shows {', '.join(absent)}: the network can't learn them", file=sys.stderr)
    trained = {picture.name for one, _ in sets for picture in one.pictures}
    for name, one in validation.items():
        if both := trained & {picture.name for picture in one.pictures}:
            print(f"{name} shares {len(both)} of its pictures with those to train on: it will flatter", file=sys.stderr)
        if absent := one.absent():
            print(
                f"{name} shows no {', '.join(absent)}: they have no figures, and no part in the mean", file=sys.stderr
            )


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


@torch.no_grad()
def evaluate_classes(network: nn.Module, info: WeightsInfo, one: VocSet, *, proposals: bool = False) -> ClassConfusion:
    """Count a set: each pixel's likeliest class at the picture's own size."""
    confusion = ClassConfusion(info.classes)
    for picture in one.pictures:
        predicted = predict_classes(network, info, picture, proposals=proposals)
        confusion.add(torch.from_numpy(predicted), torch.from_numpy(picture.labels()))
    return confusion


@torch.no_grad()
def predict_classes(network: nn.Module, info: WeightsInfo, picture: VocPicture, *, proposals: bool = False) -> Pixels:
    """Each pixel's likeliest class, uint8 (H, W), at the picture's own size: from one look at the whole picture at the
    network's size, or, with `proposals`, from looks at many parts of it.
    """
    device, training = next(network.parameters()).device, network.training
    image = picture.image()
    height, width = image.shape[:2]
    network.eval()
    if proposals:
        whole = normalised(image, info).to(device)
        scores = segment(network, whole, windows(width, height), side=info.input_sizes[0][0])
    else:
        logits = network(prepared(image, info).to(device))
        scores = F.interpolate(logits.float(), (height, width), mode="bilinear", align_corners=False)[0]
    network.train(training)
    result: Pixels = scores.argmax(dim=0).to(torch.uint8).cpu().numpy()
    return result


def normalised(image: Pixels, info: WeightsInfo) -> Tensor:
    """A picture, uint8 (H, W, 3) RGB, as numbers around 0: float (3, H, W)."""
    x = (np.asarray(image, np.float32) / 255 - np.asarray(info.mean, np.float32)) / np.asarray(info.std, np.float32)
    return torch.from_numpy(x).permute(2, 0, 1)


def prepared(image: Pixels, info: WeightsInfo) -> Tensor:
    """A picture, uint8 (H, W, 3) RGB, as the network takes it: float (1, 3, h, w), normalised."""
    size = info.input_sizes[0]
    if not ARCHITECTURES[info.architecture].fixed:
        size = input_size(image.shape[1], image.shape[0], size)
    smooth = cv2.INTER_AREA if image.shape[1] > size[0] and image.shape[0] > size[1] else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(image, size, interpolation=smooth))
    return normalised(small, info)[None].contiguous(memory_format=torch.channels_last)
