"""DeconvNet is the paper's, and looks at whole pictures as the paper does."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torchvision.models import vgg13_bn, vgg16, vgg16_bn

from segnet.configs import DeconvConfig
from segnet.deconvnet import DeconvNet, from_vgg16_bn, load_vgg16, load_vgg16_bn
from segnet.proposals import SMALLEST, Box, cut, enlarged, loudest, segment, windows

TINY = DeconvConfig(width=1 / 32, fc=16)


@pytest.fixture
def tiny():
    """A network of 2 to 16 channels, in training mode."""
    torch.manual_seed(0)
    return DeconvNet(TINY, classes=3)


def on_meta(make):
    """What `make` makes, with shapes but no numbers."""
    with torch.device("meta"):
        return make()


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_full_network_has_the_papers_layers():
    vgg = 14_714_688  # VGG-16's thirteen convolutions
    fc6 = 512 * 7 * 7 * 4096 + 4096
    fc7 = 4096 * 4096 + 4096
    fc6_deconv = 4096 * 7 * 7 * 512 + 512
    pairs = [
        *[(512, 512), (512, 512), (512, 512)],
        *[(512, 512), (512, 512), (512, 256)],
        *[(256, 256), (256, 256), (256, 128)],
        *[(128, 128), (128, 64)],
        *[(64, 64), (64, 64)],
    ]
    deconv = sum(inputs * outputs * 9 + outputs for inputs, outputs in pairs)
    # A scale and a shift for every channel of every layer but the last.
    down = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512
    norms = 2 * (down + 4096 + 4096 + 512 + sum(outputs for _, outputs in pairs))
    score = 64 * 21 + 21
    total = vgg + fc6 + fc7 + fc6_deconv + deconv + norms + score
    assert total == 251_805_653
    network = on_meta(lambda: DeconvNet(DeconvConfig(), classes=21))
    assert count(network) == total
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in layers[16:-1]] == pairs
    assert all(layer.bias is not None for layer in layers)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == len(layers) - 1


def test_a_narrow_network_is_small():
    assert count(on_meta(lambda: DeconvNet(DeconvConfig(width=0.25, fc=512), classes=21))) == 8_535_813


@pytest.mark.parametrize("height, width", [(224, 224), (256, 224), (320, 288)])
def test_every_input_of_224_and_some_32s_has_scores_of_its_own_size(tiny, height, width):
    with torch.inference_mode():
        assert tiny.eval()(torch.zeros(1, 3, height, width)).shape == (1, 3, height, width)


def test_on_the_way_up_a_value_returns_to_where_the_maximum_was(tiny):
    seen = {}
    tiny.down[0].register_forward_hook(lambda module, inputs, output: seen.update(before=output))
    tiny.up[-1].register_forward_hook(lambda module, inputs, output: seen.update(after=inputs[0]))
    with torch.inference_mode():
        tiny.eval()(torch.randn(1, 3, 224, 224))
    before, after = seen["before"], seen["after"]
    _, where = F.max_pool2d(before, 2, return_indices=True)
    at_maximum = (
        torch.zeros_like(before, dtype=torch.bool).flatten(2).scatter_(2, where.flatten(2), True).view_as(before)
    )
    assert bool((after != 0).any())
    assert not bool(((after != 0) & ~at_maximum).any())


def test_the_output_depends_on_the_switches(tiny):
    x = torch.randn(1, 3, 224, 224)

    class FirstCorner(nn.MaxPool2d):
        """The same maxima, said to come from the first pixel of each window."""

        def forward(self, x):
            pooled, _ = super().forward(x)
            _, _, height, width = x.shape
            rows = torch.arange(0, height, 2)[:, None] * width
            return pooled, (rows + torch.arange(0, width, 2)).expand(pooled.shape).contiguous()

    with torch.inference_mode():
        right = tiny.eval()(x)
        tiny.pool = FirstCorner(2, return_indices=True)
        wrong = tiny(x)
    assert (right - wrong).std() > 0.1 * right.std()


def test_a_few_steps_learn_two_pictures_far_better_than_by_guessing_shares():
    torch.manual_seed(0)
    network = DeconvNet(DeconvConfig(width=1 / 16, fc=32), classes=3)
    labels = torch.zeros(2, 224, 224, dtype=torch.long)
    labels[0, 40:180, 20:120] = 1
    labels[1, 20:200, 100:200] = 2
    x = 2 * F.one_hot(labels, 3).permute(0, 3, 1, 2) - 0.5 + 0.1 * torch.randn(2, 3, 224, 224)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-2)
    losses = []
    for _ in range(25):
        loss = F.cross_entropy(network(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    shares = torch.bincount(labels.flatten()) / labels.numel()
    guess = -(shares * shares.log()).sum().item()
    assert losses[0] == pytest.approx(math.log(3), abs=0.01)  # knows nothing, and claims nothing
    assert losses[-1] < 0.5 * guess


def test_no_layers_signal_fades_or_explodes_at_first(tiny):
    spread = []
    for module in tiny.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module is not tiny.score:
            module.register_forward_hook(lambda module, inputs, output: spread.append(output.std().item()))
    tiny(torch.randn(4, 3, 224, 224))
    assert len(spread) == 13 + 3 + 13
    assert all(0.05 < value < 5 for value in spread)


# A way up of its own width, no fully connected layers, frozen blocks

STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}
SMALL = DeconvConfig(width=1 / 16, fc=0, up=1 / 32)


@pytest.fixture
def small():
    """A network whose way up has half the channels of its way down, and nothing between the two."""
    torch.manual_seed(0)
    return DeconvNet(SMALL, classes=3)


@pytest.mark.parametrize("height, width", [(32, 32), (160, 96)])
def test_without_fully_connected_layers_any_32s_have_scores_of_their_own_size(small, height, width):
    with torch.inference_mode():
        assert small.eval()(torch.zeros(1, 3, height, width)).shape == (1, 3, height, width)


def test_a_narrow_way_up_takes_the_switches_of_the_first_channels(small):
    x, unpooled = torch.randn(1, 3, 64, 64), []
    small.unpool.register_forward_hook(lambda module, inputs, output: unpooled.append(inputs[1]))
    with torch.inference_mode():
        small.eval()(x)
        seen = x
        for block, taken in zip(small.down, reversed(unpooled), strict=True):
            seen, switches = F.max_pool2d(block(seen), 2, return_indices=True)
            assert 0 < taken.shape[1] < switches.shape[1]
            assert torch.equal(taken, switches[:, : taken.shape[1]])


def test_a_way_up_that_lacks_switches_is_refused():
    with pytest.raises(ValueError, match=r"the way up \(0\.5\) can't be wider than the way down \(0\.25\)"):
        DeconvConfig(width=0.25, up=0.5)


@pytest.mark.parametrize("blocks", [1, 4, 5])
def test_beginning_halfway_gives_what_the_whole_way_gives(small, blocks):
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        whole = small.eval()(x)
        assert torch.equal(small(*small.encode(x, blocks)), whole)


def test_frozen_blocks_learn_nothing_and_the_others_do(small):
    small.freeze(2)
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    optimiser = torch.optim.AdamW(small.parameters(), lr=0.1, weight_decay=0.1)
    small.train()(torch.randn(2, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    after = small.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    statistics = {name for name in before if name.startswith("down.") and name.rpartition(".")[2] in STATISTICS}
    assert same == {name for name in before if name.startswith(("down.0.", "down.1."))} | statistics


# VGG-16


@pytest.mark.parametrize("frozen", [1, 5])
def test_a_vgg_without_batch_norm_is_the_encoder_as_it_was(frozen):
    torch.manual_seed(0)
    vgg = vgg16(init_weights=False).features.eval()
    network = DeconvNet(DeconvConfig(fc=0, up=1 / 64), classes=2)
    load_vgg16(network, [(part.weight, part.bias) for part in vgg if isinstance(part, nn.Conv2d)])
    network.freeze(frozen)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        values, _ = network.train().encode(x, 5)
        assert torch.allclose(values, vgg(x), rtol=1e-3, atol=1e-5)


def test_the_convolutions_of_another_width_are_not_its_own(small):
    with pytest.raises(ValueError, match=r"not VGG-16's convolutions for a DeconvNet of width 0\.0625"):
        load_vgg16(small, [(torch.zeros(64, 3, 3, 3), torch.zeros(64))] * 13)


# ImageNet's, with batch norm


def unlike(state):
    """The state dict with a number of its own for each tensor, in the memory of one number each."""
    return {
        name: torch.tensor(float(number)).expand(tensor.shape) for number, (name, tensor) in enumerate(state.items())
    }


def test_vgg_goes_where_it_belongs():
    state = unlike(on_meta(vgg16_bn).state_dict())
    state["classifier.0.weight"] = torch.arange(512.0 * 7 * 7).expand(4096, 512 * 7 * 7)
    network = on_meta(lambda: DeconvNet(DeconvConfig(), classes=21))
    new = from_vgg16_bn(network, state)
    assert len(new) == 13 * 6 + 4
    for mine, theirs in {
        "down.0.0.0.weight": "features.0.weight",
        "down.0.0.1.running_var": "features.1.running_var",
        "down.2.2.0.bias": "features.20.bias",
        "down.4.2.1.bias": "features.41.bias",
        "fc7.0.weight": "classifier.3.weight",
        "fc7.0.bias": "classifier.3.bias",
        "fc6.0.bias": "classifier.0.bias",
    }.items():
        assert new[mine].flatten()[0] == state[theirs].flatten()[0], mine
    assert new["fc6.0.weight"][7, 2, 3, 5] == 2 * 49 + 3 * 7 + 5
    for name, tensor in new.items():
        assert tensor.shape == network.state_dict()[name].shape
    network.load_state_dict(new, strict=False, assign=True)
    assert network.down[4][2][0].weight[0, 0, 0, 0] == state["features.40.weight"][0, 0, 0, 0]


def test_vgg_without_the_counts_that_old_files_lack_is_the_same():
    network = on_meta(lambda: DeconvNet(DeconvConfig(), classes=21))
    state = unlike(on_meta(vgg16_bn).state_dict())
    old = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    assert from_vgg16_bn(network, old).keys() == from_vgg16_bn(network, state).keys()


def test_vgg_fits_the_full_width_only(tiny):
    with pytest.raises(ValueError, match=r"width 1 and fc 4096 only; this one has 0\.03125 and 16"):
        load_vgg16_bn(tiny, {})


@pytest.mark.parametrize("other", [vgg13_bn, vgg16, lambda: nn.Linear(2, 2)])
def test_another_networks_state_is_not_vggs(other):
    network = on_meta(lambda: DeconvNet(DeconvConfig(), classes=21))
    with pytest.raises(ValueError, match="not the state dict of torchvision's vgg16_bn"):
        load_vgg16_bn(network, on_meta(other).state_dict())


# Proposals

SIZES = st.tuples(st.integers(16, 2000), st.integers(16, 2000))
BOXES = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h),
    st.integers(0, 40),
    st.integers(0, 30),
    st.integers(8, 60),
    st.integers(8, 60),
)


@given(SIZES)
def test_windows_lie_in_the_picture_and_each_size_of_them_covers_it(size):
    width, height = size
    boxes = windows(width, height)
    assert boxes[0] == (0, 0, width, height)
    assert len(set(boxes)) == len(boxes)
    for box in boxes:
        assert 0 <= box.left < box.right <= width
        assert 0 <= box.top < box.bottom <= height
    squares = boxes[1:]
    for side in {box.right - box.left for box in squares}:
        assert side >= SMALLEST
        same = [box for box in squares if box.right - box.left == side]
        lefts, tops = sorted({box.left for box in same}), sorted({box.top for box in same})
        assert len(same) == len(lefts) * len(tops)
        for begins, length in ((lefts, width), (tops, height)):
            assert (begins[0], begins[-1]) == (0, length - side)
            assert all(after - before <= side / 2 + 1 for before, after in pairwise(begins))


def test_a_webcams_picture_has_nearly_as_many_boxes_as_the_papers():
    assert len(windows(1280, 720)) == 35


@given(BOXES, st.floats(1, 3))
def test_a_box_with_context_has_the_same_middle_and_is_larger_by_the_factor(box, factor):
    more = enlarged(box, factor)
    for low, high in ((0, 2), (1, 3)):
        assert abs((more[low] + more[high]) - (box[low] + box[high])) <= 1
        assert abs((more[high] - more[low]) - factor * (box[high] - box[low])) <= 1


@given(BOXES)
@settings(max_examples=50)
def test_a_crop_put_back_is_the_picture_it_was_cut_from(box):
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    picture = torch.stack((rows, columns, rows - columns))
    box = Box(box.left, box.top, min(box.right, 64), min(box.bottom, 48))
    scores = torch.full_like(picture, -1000)
    loudest(scores, cut(picture, box, side=4 * 64), box)
    inside = torch.zeros(48, 64, dtype=torch.bool)
    inside[box.top : box.bottom, box.left : box.right] = True
    assert bool((scores[:, ~inside] == -1000).all())
    assert (scores - picture)[:, inside].abs().max() < 0.5  # half a pixel at the very edge of a ramp


def test_a_crop_that_reaches_beyond_the_picture_is_filled_with_the_mean_colour():
    crop = cut(torch.ones(3, 20, 20), Box(-20, -20, 40, 40), side=60)
    expected = torch.zeros(3, 60, 60)
    expected[:, 20:40, 20:40] = 1
    assert torch.allclose(crop, expected, atol=1e-6)


@given(st.lists(BOXES, max_size=6), st.integers(1, 4))
@settings(max_examples=50)
def test_each_pixel_has_the_largest_score_of_the_crops_that_hold_it(boxes, batch):
    boxes = [Box(0, 0, 64, 48), *(Box(b.left, b.top, min(b.right, 64), min(b.bottom, 48)) for b in boxes)]
    values = torch.randn(len(boxes), 2, generator=torch.Generator().manual_seed(len(boxes)))
    said = iter(values)

    def network(crops):
        assert crops.shape[0] <= batch
        return torch.stack([next(said)[:, None, None].expand(2, 32, 32) for _ in crops])

    got = segment(network, torch.zeros(3, 48, 64), boxes, side=32, batch=batch)
    expected = torch.full((2, 48, 64), -torch.inf)
    for box, value in zip(map(enlarged, boxes), values, strict=True):
        part = expected[:, max(0, box.top) : box.bottom, max(0, box.left) : box.right]
        part.copy_(torch.maximum(part, value[:, None, None].expand_as(part)))
    assert torch.allclose(got, torch.softmax(expected, dim=0), atol=1e-5)


def test_boxes_that_leave_pixels_out_are_an_error():
    for boxes in ([], [Box(0, 0, 20, 20)]):
        with pytest.raises(ValueError, match="do not cover"):
            segment(lambda crops: crops, torch.zeros(3, 48, 64), boxes, side=32)


def test_the_network_looks_at_a_whole_picture_through_windows(tiny):
    picture = torch.randn(3, 144, 192)
    got = segment(tiny.eval(), picture, windows(192, 144))
    assert got.shape == (3, 144, 192)
    assert torch.allclose(got.sum(0), torch.ones(144, 192), atol=1e-5)
