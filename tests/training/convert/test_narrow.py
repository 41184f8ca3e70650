"""VGG-16 with fewer channels."""

import pytest
import torch
from torch.nn import functional as F

from segnet.deconvnet import DOWN, scaled
from training.convert.narrow import narrowed

WIDTH = 1 / 16


def seen(convolutions, x):
    """What the convolutions make of pictures, before the last pooling."""
    numbers = iter(convolutions)
    for number, block in enumerate(DOWN):
        x = F.max_pool2d(x, 2) if number else x
        for _ in block:
            x = F.conv2d(x, *next(numbers), padding=1).relu()
    return x


@pytest.fixture
def convolutions():
    """Thirteen, of which half the channels of each layer are another's, twice over."""
    torch.manual_seed(0)
    made, inputs = [], 3
    for channels in (scaled(count, WIDTH) for block in DOWN for count in block):
        kernels = torch.randn(channels // 2, inputs, 3, 3) * (2 / (9 * inputs)) ** 0.5
        made.append((torch.cat([kernels, kernels]), torch.full((channels,), 0.1)))
        inputs = channels
    return made


@pytest.fixture
def pictures():
    return torch.randn(24, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_channels_that_say_nothing_new_are_not_missed(convolutions, pictures):
    less = narrowed(convolutions, WIDTH / 2, pictures)
    assert [len(kernels) for kernels, _ in less] == [len(kernels) // 2 for kernels, _ in convolutions]
    fresh = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    everything, found = seen(convolutions, fresh), seen(less, fresh)
    missed = [(everything[0] - one).abs().mean(dim=(1, 2)).min() / one.std() for one in found[0]]
    assert torch.stack(missed).median() < 0.1


def test_the_same_pictures_give_the_same_network(convolutions, pictures):
    one, other = (narrowed(convolutions, WIDTH / 2, pictures) for _ in range(2))
    for pair in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(*pair, strict=True))
