"""VGG-16, and a DeconvNet made of it, with a share of its channels, found without training: what the full one makes of
any picture is known, and each narrow layer is fitted to it.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segnet.deconvnet import DOWN, DeconvNet, load_vgg16, scaled

PLACES = 16_000  # at which each layer is fitted
RIDGE = 1e-4  # times the mean square of what a layer sees: what is hardly ever seen gets no large kernels

Convolutions = Sequence[tuple[Tensor, Tensor]]  # kernels (out, in, 3, 3) and biases, from the top down


@torch.no_grad()
def narrowed_network(network: DeconvNet, width: float, x: Tensor) -> DeconvNet:
    """A trained DeconvNet without fully connected layers, with the share `width` of VGG-16's channels on the way down;
    the way up is as it was. `x` as for narrowed. Raises ValueError.
    """
    config = network.config
    if config.fc or not (config.up or config.width) <= width < config.width:
        raise ValueError(
            f"with width {config.width:g}, fc {config.fc} and up {config.up} it can't be made {width:g} wide"
        )
    network.eval()
    small = DeconvNet(replace(config, width=width), network.score.out_channels)
    parts = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith(("down", "bottom.0"))}
    small.load_state_dict(parts, strict=False)
    layers = [part for part in network.down.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in network.down.modules() if isinstance(part, nn.BatchNorm2d)]
    convolutions = [without_norm(*pair) for pair in zip(layers, norms, strict=True)]
    load_vgg16(small, narrowed(convolutions, width, x, network.unpooled))
    full, narrow = (one.eval().encode(x, len(DOWN))[0] for one in (network, small))
    theirs, ours = (one.get_submodule("bottom.0") for one in (network, small))
    kernels, biases = fitted(narrow, theirs(full), torch.Generator().manual_seed(0), side=1)
    ours.load_state_dict({"weight": kernels, "bias": biases})
    return small


def without_norm(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Kernels and biases that do what a convolution and the batch norm behind it do, in evaluation mode."""
    assert convolution.bias is not None and norm.running_var is not None and norm.running_mean is not None
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return convolution.weight * gain.view(-1, 1, 1, 1), (convolution.bias - norm.running_mean) * gain + norm.bias


@torch.no_grad()
def narrowed(
    convolutions: Convolutions, width: float, x: Tensor, pooled: Sequence[int] = (0,) * len(DOWN)
) -> list[tuple[Tensor, Tensor]]:
    """VGG-16's thirteen convolutions with the share `width` of their channels, fitted on normalised pictures `x`,
    float (N, 3, H, W); so many of the first channels of each pooling as `pooled` says are kept, in their places.

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
        matters = full.transpose(0, 1).flatten(1).cov() * heard[number].outer(heard[number])
        kept = telling(matters, channels[number], pooled[ends.index(number + 1)] if number + 1 in ends else 0)
        made.append(fitted(narrow, wanted[:, kept], generator))
        narrow = F.conv2d(narrow, *made[-1], padding=1).relu()
        if number + 1 in ends:
            full, narrow = F.max_pool2d(full, 2), F.max_pool2d(narrow, 2)
    return made


def telling(covariance: Tensor, count: int, first: int) -> list[int]:
    """So many of the channels, whose covariance (C, C) this is: the `first` ones, and then always the one that explains
    most of what those before it leave of all, by straight lines (pivoted Cholesky).
    """
    left, kept = covariance.double(), list[int]()
    for number in range(count):
        own = left.diagonal().clamp(min=1e-12 * float(covariance.diagonal().max()))
        gain = left.square().sum(dim=0) / own
        gain[kept] = -1.0
        kept.append(best := number if number < first else int(gain.argmax()))
        left = left - left[:, best].outer(left[best]) / own[best]
    return sorted(kept)


def fitted(x: Tensor, wanted: Tensor, generator: torch.Generator, side: int = 3) -> tuple[Tensor, Tensor]:
    """Kernels and biases of the convolution, of an odd `side`, that makes of `x`, (N, C, H, W), what is nearest to
    `wanted`, (N, O, H, W): ridge regression at random places.
    """
    count, inputs, height, width = x.shape
    places = torch.randperm(count * height * width, generator=generator)[:PLACES].sort().values
    picture, row, column = places // (height * width), places // width % height, places % width
    padded = F.pad(x, [side // 2] * 4)
    around = [padded[picture, :, row + down, column + right] for down in range(side) for right in range(side)]
    seen, given = torch.stack(around, dim=2).flatten(1), wanted[picture, :, row, column]  # (places, C × side²), (…, O)
    middle, level = seen.mean(dim=0), given.mean(dim=0)
    seen, given = seen - middle, given - level
    square = (seen.T @ seen).double()
    square.diagonal().add_(RIDGE * square.diagonal().mean() + 1e-12)
    solved = torch.linalg.solve(square, (seen.T @ given).double())
    kernels = solved.T.reshape(-1, inputs, side, side).float()
    return kernels, level - kernels.flatten(1) @ middle
