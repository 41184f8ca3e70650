"""A trained DeconvNet made small enough to hand around: fewer channels on the way down, and a byte a number."""

from dataclasses import replace
from pathlib import Path

import torch

from segnet.deconvnet import DeconvNet
from segnet.weights import load_weights, save_weights
from training.convert.export import found, rounded, what_it_finds, written
from training.convert.narrow import narrowed_network
from training.data.voc_data import load_voc
from training.errors import DataError
from training.measure.classes import brought, normalised

FITTED = 160 * 128 * 128  # pixels on which it is fitted: what comes of them takes 3 GB


def run_slim(source: Path, target: Path, width: float, pictures: Path) -> str:
    """Write `target` with the share `width` of the channels on the way down of the DeconvNet in `source`, a weights
    file or a run's folder, fitted on the pictures of a set in VOC's layout; a sentence on it. Raises DataError,
    WeightsError.
    """
    if target.exists():
        raise DataError(f"{target} exists; choose another name, or remove it first")
    network, info = load_weights(found(source))
    if not isinstance(network, DeconvNet):
        raise DataError(f"{source} holds a {info.architecture}; only a deconvnet can be made narrower")
    known = load_voc(pictures).pictures
    width_in, height_in = info.input_sizes[0]
    every = max(1, len(known) * width_in * height_in // FITTED)
    x = torch.stack([normalised(brought(picture.image(), info), info) for picture in known[::every]])
    try:
        small = narrowed_network(network, width, x)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from None
    # The figures of the wide one are not this one's.
    save_weights(target, rounded(small.state_dict()), replace(info, config=small.config, metrics={}))
    return written([target], f"{what_it_finds(info)}, with {width:g} of the channels on the way down")
