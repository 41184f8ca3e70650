"""VGG-16, and what is made of it, with fewer channels."""

import pytest
import torch
from torch.nn import functional as F

from segnet.configs import DeconvConfig
from segnet.deconvnet import DOWN, DeconvNet, load_vgg16, scaled
from training.convert.narrow import narrowed, narrowed_network, without_norm

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


def test_a_network_says_the_same_without_the_channels_that_say_nothing_new(convolutions, pictures):
    network = DeconvNet(DeconvConfig(WIDTH, 0, WIDTH / 4), 21)
    load_vgg16(network, convolutions)
    with torch.no_grad():
        network.train()(pictures)  # batch norms with statistics that are not those of a new one
        small = narrowed_network(network, WIDTH / 2, pictures)
        fresh = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
        full, narrow = network(fresh), small(fresh)
    assert small.config == DeconvConfig(WIDTH / 2, 0, WIDTH / 4)
    assert torch.stack([full.flatten(), narrow.flatten()]).corrcoef()[0, 1] > 0.9


def test_a_batch_norm_goes_into_the_convolution_before_it():
    convolution, norm = torch.nn.Conv2d(3, 5, 3), torch.nn.BatchNorm2d(5)
    norm.running_mean, norm.running_var = torch.randn(5), torch.rand(5) + 0.5
    norm.weight.data, norm.bias.data = torch.randn(5), torch.randn(5)
    x = torch.randn(2, 3, 8, 8)
    kernels, biases = without_norm(convolution, norm.eval())
    assert torch.allclose(F.conv2d(x, kernels, biases), norm(convolution(x)), atol=1e-5)


@pytest.mark.parametrize("config, width", [
    (DeconvConfig(WIDTH, 4, WIDTH / 4), WIDTH / 2),
    (DeconvConfig(WIDTH, 0, WIDTH / 4), WIDTH / 8),
    (DeconvConfig(WIDTH, 0), WIDTH / 2),
])  # fmt: skip
def test_what_can_not_be_made_narrower_is_refused(config, width, pictures):
    with pytest.raises(ValueError, match="can't be made"):
        narrowed_network(DeconvNet(config, 21), width, pictures)


def test_the_same_pictures_give_the_same_network(convolutions, pictures):
    one, other = (narrowed(convolutions, WIDTH / 2, pictures) for _ in range(2))
    for pair in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(*pair, strict=True))
