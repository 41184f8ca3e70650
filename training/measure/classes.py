"""Measuring networks that tell classes apart, on sets in VOC's layout."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segnet.architectures import ARCHITECTURES
from segnet.class_scores import ClassScores
from segnet.inference import input_size
from segnet.proposals import segment, windows
from segnet.weights import WeightsInfo
from training.data.pictures import Pixels
from training.data.voc_data import VocPicture, VocSet
from training.measure.metrics import ClassConfusion

Look = Callable[[Pixels], Tensor]  # picture at the network's size → logits, float (1, classes, h, w)


@torch.no_grad()
def evaluate_classes(
    network: nn.Module | ClassScores,
    info: WeightsInfo,
    one: VocSet,
    *,
    proposals: bool = False,
    look: Look | None = None,
) -> ClassConfusion:
    """Count a set: each pixel's likeliest class at the picture's own size. `look` as for predict_classes."""
    confusion = ClassConfusion(info.classes)
    for picture in one.pictures:
        predicted = predict_classes(network, info, picture, proposals=proposals, look=look)
        confusion.add(torch.from_numpy(predicted), torch.from_numpy(picture.labels()))
    return confusion


@torch.no_grad()
def predict_classes(
    network: nn.Module | ClassScores,
    info: WeightsInfo,
    picture: VocPicture,
    *,
    proposals: bool = False,
    look: Look | None = None,
) -> Pixels:
    """Each pixel's likeliest class, uint8 (H, W), at the picture's own size: from one pass over the whole picture at
    the network's size, or, with `proposals`, from a pass over each of many crops. `look` makes the logits of that one
    pass, if not the network alone.
    """
    image = picture.image()
    if isinstance(network, ClassScores):
        return likeliest(scores_of(network, info, image))
    training = network.training
    network.eval()
    if proposals:
        whole = normalised(image, info).to(next(network.parameters()).device)
        scores = segment(network, whole, windows(*image.shape[1::-1]), side=info.input_sizes[0][0])[None]
    elif look:
        scores = look(brought(image, info))
    else:
        scores = scores_of(network, info, image)
    network.train(training)
    return likeliest(enlarged(scores, image))


@torch.no_grad()
def scores_of(network: nn.Module | ClassScores, info: WeightsInfo, image: Pixels) -> Tensor:
    """What the network, in evaluation mode, says of a picture, uint8 (H, W, 3) RGB, in one pass: logits, float
    (1, classes, H, W).
    """
    if isinstance(network, ClassScores):
        scores = torch.from_numpy(network(resized(image, network.size_for(*image.shape[1::-1]))))[None]
    else:
        scores = network(prepared(image, info).to(next(network.parameters()).device))
    return enlarged(scores, image)


def enlarged(scores: Tensor, image: Pixels) -> Tensor:
    """Scores, (1, classes, h, w), at the size of their picture, float (1, classes, H, W)."""
    if scores.shape[2:] == image.shape[:2]:
        return scores
    return F.interpolate(scores.float(), image.shape[:2], mode="bilinear", align_corners=False)


def likeliest(scores: Tensor) -> Pixels:
    """Scores, float (1, classes, H, W) → the best class of each pixel, uint8 (H, W)."""
    result: Pixels = scores[0].argmax(dim=0).to(torch.uint8).cpu().numpy()
    return result


def normalised(image: Pixels, info: WeightsInfo) -> Tensor:
    """A picture, uint8 (H, W, 3) RGB, as numbers around 0: float (3, H, W)."""
    x = (np.asarray(image, np.float32) / 255 - np.asarray(info.mean, np.float32)) / np.asarray(info.std, np.float32)
    return torch.from_numpy(x).permute(2, 0, 1)


def prepared(image: Pixels, info: WeightsInfo) -> Tensor:
    """A picture, uint8 (H, W, 3) RGB, as the network takes it: float (1, 3, h, w), normalised."""
    return normalised(brought(image, info), info)[None].contiguous(memory_format=torch.channels_last)


def brought(image: Pixels, info: WeightsInfo) -> Pixels:
    """A picture, uint8 (H, W, 3) RGB, brought to the network's size."""
    size = info.input_sizes[0]
    if not ARCHITECTURES[info.architecture].fixed:
        size = input_size(image.shape[1], image.shape[0], size)
    return resized(image, size)


def resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture, uint8 (H, W, 3), at this width and height."""
    smooth = cv2.INTER_AREA if image.shape[1] > size[0] and image.shape[0] > size[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=smooth))
