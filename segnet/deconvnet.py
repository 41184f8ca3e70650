"""DeconvNet (Noh, Hong and Han 2015, "Learning Deconvolution Network for Semantic Segmentation"): VGG-16 down to a
single point, its mirror image back up, and the switches of each max pooling to say where a value on the way up belongs.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from segnet.configs import DeconvConfig

# Channels of VGG-16's convolutions, and of the mirror image's, five blocks each, as the paper's table has them. The
# last layer of a block on the way up already has the channels of the pooling whose switches come next.
DOWN = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
UP = ((512, 512, 512), (512, 512, 256), (256, 256, 128), (128, 64), (64, 64))
BOTTOM = 7  # side of what is left of 224 pixels after five poolings; fc6 sees all of it


class DeconvNet(nn.Module):
    """The paper's network, convolutional throughout: fc6 is a 7×7 convolution without padding, and its mirror a 7×7
    deconvolution, so that 224×224 becomes one point and 224 again; every 32 pixels more are one point more.
    """

    def __init__(self, config: DeconvConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        down = [[scaled(channels, config) for channels in block] for block in DOWN]
        up = [[scaled(channels, config) for channels in block] for block in UP]
        inputs = [3, *(block[-1] for block in down)]
        self.down = nn.ModuleList(row(nn.Conv2d, *pair) for pair in zip(inputs, down, strict=False))
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.fc6 = layer(nn.Conv2d, inputs[-1], config.fc, BOTTOM)
        self.fc7 = layer(nn.Conv2d, config.fc, config.fc, 1)
        self.fc6_deconv = layer(nn.ConvTranspose2d, config.fc, inputs[-1], BOTTOM)
        self.unpool = nn.MaxUnpool2d(2)
        inputs = [inputs[-1], *(block[-1] for block in up)]
        self.up = nn.ModuleList(row(nn.ConvTranspose2d, *pair) for pair in zip(inputs, up, strict=False))
        self.score = nn.Conv2d(inputs[-1], classes, kernel_size=1)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, 3, H, W), RGB, normalised as the weights file says, H and W 224 or 32 more, any number of times
        → logits, float (N, classes, H, W).
        """
        switches = []
        for block in self.down:
            x, where = self.pool(block(x))
            switches.append(where)
        x = self.fc6_deconv(self.fc7(self.fc6(x)))
        for block in self.up:
            x = block(self.unpool(x, switches.pop()))
        logits: Tensor = self.score(x)
        return logits


def scaled(channels: int, config: DeconvConfig) -> int:
    """The paper's channels at the width of `config`."""
    return max(1, round(channels * config.width))


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
