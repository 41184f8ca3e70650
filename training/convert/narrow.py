"""VGG-16 with a share of its channels, found without training: what the full one makes of any picture is known, and
each narrow layer is fitted to it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from segnet.deconvnet import DOWN, scaled

PLACES = 16_000  # at which each layer is fitted
RIDGE = 1e-4  # times the mean square of what a layer sees: what is hardly ever seen gets no large kernels

Convolutions = Sequence[tuple[Tensor, Tensor]]  # kernels (out, in, 3, 3) and biases, from the top down


@torch.no_grad()
def narrowed(convolutions: Convolutions, width: float, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """VGG-16's thirteen convolutions with the share `width` of their channels, fitted on normalised pictures `x`,
    float (N, 3, H, W).

    Each layer keeps the channels that tell most of what the next one hears from all, and takes the kernels that come
    closest to what VGG gives there, seeing what the narrow layer before gives: so it makes up for some of what those
    before have lost (He, Zhang and Sun 2017, "Channel Pruning", §3.2).
    """
    generator = torch.Generator().manual_seed(0)
    ends = torch.tensor([len(block) for block in DOWN]).cumsum(0).tolist()
    channels = [scaled(count, width) for block in DOWN for count in block]
    heard = [kernels.square().sum(dim=(0, 2, 3)).sqrt() for kernels, _ in convolutions[1:]]
    heard.append(torch.ones_like(convolutions[-1][1]))
    full, narrow, made = x, x, []
    for number, (kernels, biases) in enumerate(convolutions):
        wanted = F.conv2d(full, kernels, biases, padding=1)
        full = wanted.relu()
        kept = telling(full.transpose(0, 1).flatten(1).cov() * heard[number].outer(heard[number]), channels[number])
        made.append(fitted(narrow, wanted[:, kept], generator))
        narrow = F.conv2d(narrow, *made[-1], padding=1).relu()
        if number + 1 in ends:
            full, narrow = F.max_pool2d(full, 2), F.max_pool2d(narrow, 2)
    return made


def telling(covariance: Tensor, count: int) -> list[int]:
    """As many of the channels, whose covariance (C, C) this is, each the one that explains most of what those before it
    leave of all, by straight lines (pivoted Cholesky).
    """
    left, kept = covariance.double(), []
    for _ in range(count):
        own = left.diagonal().clamp(min=1e-12 * float(covariance.diagonal().max()))
        gain = left.square().sum(dim=0) / own
        gain[kept] = -1.0
        kept.append(best := int(gain.argmax()))
        left = left - left[:, best].outer(left[best]) / own[best]
    return sorted(kept)


def fitted(x: Tensor, wanted: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Kernels and biases of the 3×3 convolution that makes of `x`, (N, C, H, W), what is nearest to `wanted`, (N, O, H,
    W): ridge regression at random places.
    """
    count, inputs, height, width = x.shape
    places = torch.randperm(count * height * width, generator=generator)[:PLACES].sort().values
    picture, row, column = places // (height * width), places // width % height, places % width
    padded = F.pad(x, (1, 1, 1, 1))
    around = [padded[picture, :, row + down, column + right] for down in range(3) for right in range(3)]
    seen, given = torch.stack(around, dim=2).flatten(1), wanted[picture, :, row, column]  # (places, C × 9), (places, O)
    middle, level = seen.mean(dim=0), given.mean(dim=0)
    seen, given = seen - middle, given - level
    square = (seen.T @ seen).double()
    square.diagonal().add_(RIDGE * square.diagonal().mean() + 1e-12)
    solved = torch.linalg.solve(square, (seen.T @ given).double())
    kernels = solved.T.reshape(-1, inputs, 3, 3).float()
    return kernels, level - kernels.flatten(1) @ middle
