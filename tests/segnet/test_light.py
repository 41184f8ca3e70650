"""The light network: its size, its re-parameterised blocks, its memory of one mask."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from segnet.configs import MOST_KEPT, UNKNOWN, LightConfig
from segnet.light import Block, LightNet, fused
from segnet.memory import Memory, mixed
from segnet.weights import DEFAULT, load_weights
from training.run.losses import segmentation_loss

SMALL = LightConfig(stem=8, widths=(8, 12, 16, 24), decoder=(8, 8, 12))


def lived(network):
    """The network with batch norms that have seen something."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
        if isinstance(module, Block):
            torch.nn.init.normal_(module.point, std=0.2)
            if module.same is not None:
                torch.nn.init.normal_(module.same)
    return network.eval()


def test_the_network_has_the_parameters_that_its_table_says():
    count = 0
    w4, w8, w16, w32 = 32, 48, 96, 160
    blocks = [
        (3, 16),
        (16, w4),
        (w4, w4),
        (w4, w8),
        (w8, w8),
        (w8, w16),
        (w16, w16),
        (w16, w16),
        (w16, w32),
        (w32, w32),
    ]
    blocks += [(w16 + w16, 64), (64 + w8, 32), (32 + w4, 16), (16, 16)]
    strided = {(3, 16), (16, w4), (w4, w8), (w8, w16), (w16, w32)}
    for inputs, outputs in blocks:
        count += inputs * outputs * 9 + inputs * outputs + 2 * outputs
        count += outputs if inputs == outputs and (inputs, outputs) not in strided else 0
    count += (w32 * w16 + 2 * w16) + (w32 * w16 + w16)  # context
    count += (16 * 16 + 16) + (16 * 4 * 9 + 4)  # lateral, head
    count += (12 * 8 * 9 + 8) + (8 * 4 * 9 + 4)  # memory
    assert sum(p.numel() for p in LightNet(LightConfig()).parameters()) == count


@pytest.mark.parametrize(("height", "width"), [(144, 256), (192, 320), (48, 80), (240, 160)])
def test_every_size_that_is_a_multiple_of_16_gives_logits_of_that_size(height, width):
    x = torch.zeros(2, 3, height, width)
    logits, fresh = LightNet(SMALL).eval()(x, torch.full_like(x[:, :1], UNKNOWN))
    assert logits.shape == fresh.shape == (2, 1, height, width)


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(5, 7, 1), (6, 6, 1), (6, 6, 2), (4, 9, 2)])
def test_a_block_is_the_sum_of_its_branches(inputs, outputs, stride):
    torch.manual_seed(0)
    block, x = lived(Block(inputs, outputs, stride)), torch.randn(2, inputs, 12, 14)
    branches = torch.conv2d(x, block.dense, stride=stride, padding=1) + torch.conv2d(x, block.point, stride=stride)
    if block.same is not None:
        branches = branches + block.same.view(1, -1, 1, 1) * x
    assert (block.same is not None) == (stride == 1 and inputs == outputs)
    assert torch.allclose(block(x), torch.relu(block.norm(branches)), atol=1e-4)


def test_the_re_parameterised_network_is_the_same_function_of_plain_convolutions():
    torch.manual_seed(0)
    network, x, previous = lived(LightNet(SMALL)), torch.randn(1, 3, 64, 96), torch.rand(1, 1, 64, 96)
    plain = fused(copy.deepcopy(network))
    assert not any(isinstance(module, Block | torch.nn.BatchNorm2d) for module in plain.modules())
    for one, other in zip(network(x, previous), plain(x, previous), strict=True):
        assert torch.allclose(torch.sigmoid(one), torch.sigmoid(other), atol=1e-4)


def test_nothing_of_an_unknown_past_is_kept():
    logits = 3 * torch.randn(1, 1, 16, 16)
    assert torch.allclose(
        torch.sigmoid(Memory()(logits, torch.full_like(logits, UNKNOWN))), torch.sigmoid(logits), atol=1e-4
    )


@given(st.integers(0, 2**32 - 1))
def test_whatever_the_past_was_a_fifth_of_each_mask_is_new(seed):
    generator = torch.Generator().manual_seed(seed)
    logits, past = torch.randn(1, 1, 8, 8, generator=generator), torch.rand(1, 1, 8, 8, generator=generator)
    memory = Memory()
    for parameter in memory.parameters():
        torch.nn.init.normal_(parameter, std=5.0, generator=generator)
    new = torch.sigmoid(logits)
    mask = torch.sigmoid(memory(logits, past))
    assert ((mask - new).abs() <= MOST_KEPT * (past - new).abs() + 1e-3).all()


def test_mixing_is_that_of_shares_and_keeps_its_gradient_at_both_ends():
    logits, past, keep = torch.randn(50), torch.rand(50), torch.rand(50)
    expected = (1 - keep) * torch.sigmoid(logits) + keep * past
    assert torch.allclose(torch.sigmoid(mixed(logits, past, keep)), expected, atol=1e-4)
    for end in (-12.0, 12.0):
        wrong = torch.tensor([end], requires_grad=True)
        mixed(wrong, torch.tensor([0.5]), torch.tensor([0.0])).backward()
        assert float(wrong.grad) > 0.05


def test_the_memory_does_not_change_what_the_network_learns_of_pictures():
    torch.manual_seed(0)
    network, x = LightNet(SMALL), torch.randn(2, 3, 32, 32)
    logits, fresh = network(x, torch.rand(2, 1, 32, 32))
    parts = segmentation_loss(
        logits, fresh, torch.zeros(2, 1, 32, 32), torch.rand(2, 1, 32, 32), torch.tensor([True, False])
    )
    (parts["memory"] + parts["steady"] + parts["follow"]).backward()
    assert network.stem.dense.grad is None
    assert network.memory.keep.weight.grad.abs().sum() > 0


def test_of_the_shipped_network_a_wrong_past_is_gone_in_a_few_frames():
    """Not a ghost of somebody who was never there."""
    network, _ = load_weights(DEFAULT)
    x = torch.zeros(1, 3, 144, 256)  # a plain grey wall
    mask = torch.zeros(1, 1, 144, 256)
    mask[..., 40:100, 80:160] = 1.0
    with torch.inference_mode():
        for _ in range(8):
            mask = torch.sigmoid(network(x, mask)[0])
    assert float(mask[..., 45:95, 85:155].mean()) < 0.3


def test_folding_batch_norm_changes_nothing():
    network = LightNet(LightConfig()).eval()
    for norm in (module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    x = torch.randn(1, 3, 96, 160)
    previous = torch.rand(1, 1, 96, 160)
    with torch.inference_mode():
        for plain, folded in zip(network(x, previous), fused(copy.deepcopy(network))(x, previous), strict=True):
            assert torch.allclose(plain, folded, atol=2e-4)
