"""DeconvNet (Noh, Hong and Han 2015, "Learning Deconvolution Network for Semantic Segmentation"): VGG-16 down to a
single point, its mirror image back up, and the switches of each max pooling to say where a value on the way up belongs.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from segnet.configs import DeconvConfig

# Channels of VGG-16's convolutions, and of the mirror image's, five blocks each, as the paper's table has them. The
# last layer of a block on the way up already has the channels of the pooling whose switches come next.
DOWN = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
UP = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64, 64))
BOTTOM = 7  # side of what is left of 224 pixels after five poolings; fc6 sees all of it


class DeconvNet(nn.Module):
    """The paper's network, convolutional throughout: fc6 is a 7×7 convolution without padding, and its mirror a 7×7
    deconvolution, so that 224×224 becomes one point and 224 again; every 32 pixels more are one point more. Without
    fully connected layers a 1×1 convolution is in their place, and 7×7 stays 7×7 (as in SegNet, Badrinarayanan et al.
    2015, §3).

    The way up may be narrower than the way down: each of its unpoolings then takes the switches of the first channels.
    """

    def __init__(self, config: DeconvConfig, classes: int) -> None:
        super().__init__()
        self.config, self.frozen = config, 0
        share = config.width if config.up is None else config.up
        down = [[scaled(channels, config.width) for channels in block] for block in DOWN]
        up = [[scaled(channels, share) for channels in block] for block in UP]
        inputs = [3, *(block[-1] for block in down)]
        self.down = nn.ModuleList(row(nn.Conv2d, *pair) for pair in zip(inputs, down, strict=False))
        self.pool = nn.MaxPool2d(2, return_indices=True)
        deepest, first = inputs[-1], up[0][0]
        if config.fc:
            self.fc6 = layer(nn.Conv2d, deepest, config.fc, BOTTOM)
            self.fc7 = layer(nn.Conv2d, config.fc, config.fc, 1)
            self.fc6_deconv = layer(nn.ConvTranspose2d, config.fc, first, BOTTOM)
        else:
            self.bottom = layer(nn.Conv2d, deepest, first, 1)
        self.unpool = nn.MaxUnpool2d(2)
        inputs = [first, *(block[-1] for block in up)]
        self.up = nn.ModuleList(row(nn.ConvTranspose2d, *pair) for pair in zip(inputs, up, strict=False))
        self.unpooled = inputs[-2::-1]  # channels of each pooling, from the first on, whose switches the way up takes
        self.score = nn.Conv2d(inputs[-1], classes, kernel_size=1)
        self.apply(initialise)

    def freeze(self, blocks: int) -> None:
        """Keep the first `blocks` blocks on the way down from learning, and all batch norms there to the statistics
        that they start with, also in training mode: what the blocks behind know is about values of that scale.
        """
        self.frozen = blocks
        self.down[:blocks].requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "DeconvNet":
        """As any module's, but for the way down where blocks of it are frozen."""
        super().train(mode)
        if self.frozen:
            self.down.eval()
        return self

    def forward(self, x: Tensor, switches: Sequence[Tensor] = ()) -> Tensor:
        """Float (N, 3, H, W), RGB, normalised as the weights file says, H and W 224 or 32 more, any number of times
        → logits, float (N, classes, H, W). With the switches of the first blocks, `x` is what these made of it.
        """
        logits: Tensor = self.score(self.decode(*self.encode(x, len(self.down), switches), len(self.up)))
        return logits

    def decode(self, x: Tensor, switches: Sequence[Tensor], blocks: int) -> Tensor:
        """What the first `blocks` blocks on the way up make of what all those on the way down gave."""
        x = self.fc6_deconv(self.fc7(self.fc6(x))) if self.config.fc else self.bottom(x)
        for block, where in list(zip(self.up, reversed(switches), strict=True))[:blocks]:
            x = block(self.unpool(x, where))
        return x

    def encode(self, x: Tensor, blocks: int, switches: Sequence[Tensor] = ()) -> tuple[Tensor, list[Tensor]]:
        """What the first `blocks` blocks on the way down make of `x`, and the switches of their poolings, int64
        (N, C, h, w), as many channels as the way up needs. As for forward, the blocks whose switches are given are
        already done.
        """
        found = list(switches)
        for block, needed in list(zip(self.down, self.unpooled, strict=True))[len(found) : blocks]:
            x, where = self.pool(block(x))
            found.append(where[:, :needed])
        return x, found


def scaled(channels: int, share: float) -> int:
    """That share of the paper's channels."""
    return max(1, round(channels * share))


def layer(
    kind: type[nn.Conv2d | nn.ConvTranspose2d], inputs: int, outputs: int, side: int, padding: int = 0
) -> nn.Module:
    """Convolution or deconvolution with a bias (the paper's have one), batch norm, ReLU."""
    return nn.Sequential(kind(inputs, outputs, side, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def row(kind: type[nn.Conv2d | nn.ConvTranspose2d], inputs: int, block: list[int]) -> nn.Module:
    """A block: 3×3 layers one after the other, which leave height and width as they are."""
    pairs = zip([inputs, *block], block, strict=False)
    return nn.Sequential(*(layer(kind, before, after, 3, padding=1) for before, after in pairs))


def initialise(module: nn.Module) -> None:
    """For whatever has a ReLU behind it He et al.'s normal distribution (2015), for the scores the paper's Gaussian
    of 0.01, so that all classes are about even at first; batch norm as the paper has it. The paper draws everything
    outside VGG from 0.01. As batch norm divides by the scale again, that is the same function, but not the same
    training: a step of the same length turns small weights further than large ones. Scales that follow each layer's
    number of inputs keep the first steps of all layers alike.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.constant_(module.bias, 0.001)
    elif isinstance(module, DeconvNet):  # comes last, when all its parts have been seen
        nn.init.normal_(module.score.weight, std=0.01)


def load_vgg16_bn(network: DeconvNet, state: Mapping[str, Tensor]) -> None:
    """Begin with ImageNet's VGG-16: `state` is the state dict of torchvision's vgg16_bn. Its thirteen convolutions with
    their batch norms go into `down`, its first two fully connected layers into fc6 and fc7 (VGG has no batch norm
    behind them, so these stay as they were made). Pictures are then normalised with ImageNet's mean and deviation.
    Raises ValueError, and changes nothing, for a network that is not of the paper's size and for another state dict.
    """
    width, fc = network.config.width, network.config.fc
    if (width, fc) != (1.0, 4096):
        raise ValueError(f"VGG-16 fits a DeconvNet of width 1 and fc 4096 only; this one has {width:g} and {fc}")
    network.load_state_dict(from_vgg16_bn(network, state), strict=False)


def from_vgg16_bn(network: DeconvNet, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """VGG's tensors by the network's names and in its shapes; what VGG flattens for its first fully connected layer are
    512×7×7 values, in this order, and so are fc6's kernels. Raises ValueError.
    """
    own = network.state_dict()
    # Both list convolutions and batch norms from the top down; only the numbers between them differ.
    mine = dict.fromkeys(name.rpartition(".")[0] for name in own if name.startswith("down."))
    theirs = sorted({int(name.split(".")[1]) for name in state if name.startswith("features.")})
    source = dict(zip(mine, (f"features.{number}" for number in theirs), strict=False))
    source |= {"fc6.0": "classifier.0", "fc7.0": "classifier.3"}
    new = {}
    for name, tensor in own.items():
        place, _, part = name.rpartition(".")
        if place not in {*mine, "fc6.0", "fc7.0"} or part == "num_batches_tracked":  # which old files lack
            continue
        found = state.get(f"{source.get(place)}.{part}")
        if found is None or (len(found), found.numel()) != (len(tensor), tensor.numel()):
            raise ValueError(f"this is not the state dict of torchvision's vgg16_bn: nothing in it fits {name}")
        new[name] = found.reshape(tensor.shape)
    return new


def load_vgg16(network: DeconvNet, convolutions: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Begin with a VGG-16 without batch norm: its thirteen convolutions, kernels (out, in, 3, 3) and biases from the
    top down, for pictures normalised with ImageNet's mean and deviation. The batch norms behind them change nothing as
    long as they are not trained, that is, in frozen blocks. Raises ValueError, and changes nothing, where the shapes
    differ.
    """
    layers = [part for part in network.down.modules() if isinstance(part, nn.Conv2d)]
    norms = [part for part in network.down.modules() if isinstance(part, nn.BatchNorm2d)]
    wanted = [(part.weight.shape, part.weight.shape[:1]) for part in layers]
    if [(kernels.shape, biases.shape) for kernels, biases in convolutions] != wanted:
        raise ValueError(f"these are not VGG-16's convolutions for a DeconvNet of width {network.config.width:g}")
    with torch.no_grad():
        for convolution, norm, (kernels, biases) in zip(layers, norms, convolutions, strict=True):
            assert convolution.bias is not None and norm.running_var is not None and norm.running_mean is not None
            convolution.weight.copy_(kernels)
            convolution.bias.copy_(biases)
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.copy_(norm.running_mean)
