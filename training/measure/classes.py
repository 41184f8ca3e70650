"""Measuring networks that tell classes apart, on sets in VOC's layout."""

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segnet.architectures import ARCHITECTURES
from segnet.inference import input_size
from segnet.proposals import segment, windows
from segnet.weights import WeightsInfo
from training.data.pictures import Pixels
from training.data.voc_data import VocPicture, VocSet
from training.measure.metrics import ClassConfusion


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
    """Each pixel's likeliest class, uint8 (H, W), at the picture's own size: from one pass over the whole picture at
    the network's size, or, with `proposals`, from a pass over each of many crops.
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
