"""The previous masks that training shows a network."""

import pytest
import torch

from segnet.architectures import LightConfig
from segnet.light import LightNet
from training.memory import Motion, previous_masks, trailing


def test_previous_masks_are_unknown_the_networks_own_or_spoilt_and_only_the_second_may_count_as_still():
    torch.manual_seed(0)
    network = LightNet(LightConfig(stem=8, widths=(8, 8, 8, 8), decoder=(8, 8, 8)))
    x = torch.randn(64, 3, 48, 64)
    masks, still = previous_masks(network, x, torch.Generator().manual_seed(3))
    fresh = (masks == 0.5).flatten(1).all(1)
    assert 30 < int(fresh.sum()) < 55
    assert 2 < int(still.sum()) < 30
    assert not (fresh & still).any()
    own = torch.sigmoid(network.eval()(x, torch.full_like(x[:, :1], 0.5))[0])
    spoilt = ((masks == 0) | (masks == 1)).flatten(1).any(1)
    assert spoilt.any()
    assert not (spoilt & still).any()
    assert float((masks[still] - own[still]).detach().abs().mean()) < 0.1
    assert masks.min() >= 0
    assert masks.max() <= 1
    again, _ = previous_masks(network, x, torch.Generator().manual_seed(3))
    assert torch.equal(masks == 0.5, again == 0.5)


def test_what_moves_was_elsewhere_before_and_what_stands_still_was_not():
    picture = torch.arange(36.0).view(1, 6, 6)
    assert torch.equal(Motion(1, 2).back(picture, 2), picture.roll((2, 4), (1, 2)))
    partly = Motion(1, 0, axis=1, start=4).back(picture, 1)
    assert torch.equal(partly[:, 4:], picture[:, 4:])
    assert torch.equal(partly[:, 1:4], picture[:, :3])
    trail = trailing(picture, Motion(0, 1), torch.Generator().manual_seed(1))
    assert not torch.equal(trail, picture)
    assert float(trail.mean()) == pytest.approx(float(picture.mean()))
    assert torch.allclose(trailing(picture, Motion(0, 0), torch.Generator()), picture)
