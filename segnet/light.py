"""The light network: a picture and the previous frame's mask in, one logit per pixel for "person" out."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from segnet.configs import LightConfig
from segnet.memory import Memory, whole


class Block(nn.Module):
    """3×3 convolution, batch norm, ReLU. While it is trained, its kernel is the sum of a 3×3 kernel, a 1×1 kernel and,
    where shapes allow, a share of the identity (the branches of Ding et al. 2021, RepVGG, §3.2, added up as kernels
    before the convolution, as in Zagoruyko and Komodakis 2017, DiracNets, §3.1, so that training costs no more).

    Every block is this one: on a CPU the number of operations costs more than their size, so plain convolutions
    beat depthwise ones of fewer multiplications.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.dense = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.point = nn.Parameter(torch.zeros(outputs, inputs, 1, 1))
        self.same = nn.Parameter(torch.zeros(outputs)) if stride == 1 and inputs == outputs else None
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.dense, nonlinearity="relu")

    def kernel(self) -> Tensor:
        """The one 3×3 kernel that all parts make, float (outputs, inputs, 3, 3)."""
        middle = self.point if self.same is None else self.point + torch.diag(self.same)[..., None, None]
        return self.dense + F.pad(middle, (1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, inputs, H, W) → float (N, outputs, H / stride, W / stride)."""
        return F.relu(self.norm(F.conv2d(x, self.kernel(), stride=self.stride, padding=1)))


class Context(nn.Module):
    """What the whole picture says about each pixel: LR-ASPP (Howard et al. 2019, MobileNetV3, §6.4)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(inputs, outputs, kernel_size=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.whole = nn.Conv2d(inputs, outputs, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, inputs, H, W) → float (N, outputs, H, W)."""
        gate = torch.sigmoid(self.whole(x.mean(dim=(2, 3), keepdim=True)))
        return F.relu(self.norm(self.local(x))) * gate


class LightNet(nn.Module):
    """U-Net of plain 3×3 convolutions, with a context block at 1/32, a pixel-shuffle head, and a memory of one mask."""

    def __init__(self, config: LightConfig) -> None:
        super().__init__()
        w4, w8, w16, w32 = config.widths
        d4, d8, d16 = config.decoder
        self.config = config
        self.stem = Block(3, config.stem, stride=2)
        self.quarter = nn.Sequential(Block(config.stem, w4, stride=2), Block(w4, w4))
        self.eighth = nn.Sequential(Block(w4, w8, stride=2), Block(w8, w8))
        self.sixteenth = nn.Sequential(Block(w8, w16, stride=2), Block(w16, w16), Block(w16, w16))
        self.thirtysecond = nn.Sequential(Block(w16, w32, stride=2), Block(w32, w32))
        self.context = Context(w32, w16)
        self.up16 = Block(w16 + w16, d16)
        self.up8 = Block(d16 + w8, d8)
        self.up4 = Block(d8 + w4, d4)
        self.lateral = nn.Conv2d(config.stem, d4, kernel_size=1)
        self.up2 = Block(d4, d4)
        self.head = nn.Sequential(nn.Conv2d(d4, 4, kernel_size=3, padding=1))  # four pixels at each place
        self.memory = Memory()

    def forward(self, x: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Float (N, 3, H, W), RGB, normalised as the weights file says, H and W multiples of 16; previous float
        (N, 1, H, W), the mask of the frame before, 0 to 1, or UNKNOWN everywhere → logits, float32 (N, 1, H, W), and
        what they were without a memory, which matters in training only. The sigmoid of the first is the share of the
        pixel that is person, and the `previous` of the next frame.
        """
        fresh = self.fresh(x)
        return self.memory(fresh.detach(), previous.float()), fresh

    def mask(self, x: Tensor, previous: Tensor) -> Tensor:
        """The sigmoid of forward's first, float32 (N, 1, H, W), without the way through logits: for inference."""
        return self.memory.steadied(torch.sigmoid(self.fours(x)), previous)

    def fresh(self, x: Tensor) -> Tensor:
        """Logits by this picture alone, float32 (N, 1, H, W)."""
        return whole(self.fours(x))

    def fours(self, x: Tensor) -> Tensor:
        """The same, four pixels at each place: float32 (N, 4, H / 2, W / 2)."""
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        y = self.context(self.thirtysecond(sixteenth))
        y = self.up16(torch.cat((enlarge(y, sixteenth), sixteenth), dim=1))
        y = self.up8(torch.cat((enlarge(y, eighth), eighth), dim=1))
        y = self.up4(torch.cat((enlarge(y, quarter), quarter), dim=1))
        y = self.up2(enlarge(y, half) + self.lateral(half))
        logits: Tensor = self.head(y).float()
        return logits


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """`x` at the height and width of `like`, bilinear. Sizes are compared, not doubled, because 1/32 of a
    picture whose height is a multiple of 16 may have been rounded up.
    """
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def fused(network: LightNet) -> LightNet:
    """The same function in fewer operations, for inference: each Block becomes one 3×3 convolution with a bias,
    and the batch norm in the context is folded too. Changed in place.
    """
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Block):
                conv = folded(child.kernel(), child.norm, child.stride)
                setattr(module, name, nn.Sequential(conv, nn.ReLU(inplace=True)))
    context = network.context
    assert isinstance(context.norm, nn.BatchNorm2d)
    context.local, context.norm = folded(context.local.weight, context.norm), nn.Identity()
    return network


def folded(kernel: Tensor, norm: nn.BatchNorm2d, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias and the batch norm behind it as one convolution, calculated in double precision."""
    outputs, inputs, size, _ = kernel.shape
    mean, var = norm.running_mean, norm.running_var
    assert mean is not None and var is not None
    weight, bias = fuse_conv_bn_weights(
        kernel.double(), None, mean.double(), var.double(), norm.eps, norm.weight.double(), norm.bias.double()
    )
    conv = nn.Conv2d(inputs, outputs, kernel_size=size, stride=stride, padding=size // 2)
    conv.weight, conv.bias = nn.Parameter(weight.detach().float()), nn.Parameter(bias.detach().float())
    return conv
