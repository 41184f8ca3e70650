"""The previous masks that training shows a network."""

import pytest
import torch

from segnet.configs import LightConfig
from segnet.light import LightNet
from training.augment.memory import Motion, corrupted, draw_motion, previous_masks, trailing


def moving(down, right, rows=100, columns=100):
    """One picture's motion."""
    return Motion(*(torch.tensor([value]) for value in (down, right, rows, columns)))


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
    corrupted = ((masks == 0) | (masks == 1)).flatten(1).any(1)
    assert corrupted.any()
    assert not (corrupted & still).any()
    assert float((masks[still] - own[still]).detach().abs().mean()) < 0.1
    assert masks.min() >= 0
    assert masks.max() <= 1
    again, _ = previous_masks(network, x, torch.Generator().manual_seed(3))
    assert torch.equal(masks == 0.5, again == 0.5)


def test_each_picture_of_a_batch_however_small_has_a_past_in_about_a_third_of_the_steps():
    network = LightNet(LightConfig(stem=8, widths=(8, 8, 8, 8), decoder=(8, 8, 8))).eval()
    x, generator = torch.randn(2, 3, 32, 32), torch.Generator().manual_seed(0)
    known = torch.stack([(previous_masks(network, x, generator)[0] != 0.5).flatten(1).any(1) for _ in range(300)])
    assert known.float().mean(0).tolist() == pytest.approx([0.35 * 0.96] * 2, abs=0.08)  # some are made unknown again


def test_what_moves_was_elsewhere_before_and_what_stands_still_was_not():
    picture = torch.arange(36.0).view(1, 1, 6, 6)
    assert torch.equal(moving(1, 2).back(picture, 2), picture.roll((2, 4), (2, 3)))
    partly = moving(1, 0, rows=4).back(picture, 1)
    assert torch.equal(partly[:, :, 4:], picture[:, :, 4:])
    assert torch.equal(partly[:, :, 1:4], picture[:, :, :3])
    beside = moving(0, 1, columns=3).back(picture, 1)
    assert torch.equal(beside[..., 3:], picture[..., 3:])
    assert torch.equal(beside[..., 1:3], picture[..., :2])
    trail = trailing(picture, moving(0, 1), torch.tensor([0.6]))
    assert not torch.equal(trail, picture)
    assert float(trail.mean()) == pytest.approx(float(picture.mean()))
    assert torch.allclose(trailing(picture, moving(0, 0), torch.tensor([0.6])), picture)


def test_pictures_move_each_in_its_own_way_and_their_colours_together():
    pictures = torch.rand(2, 3, 8, 9)
    motion = Motion(*(torch.tensor(values) for values in ((1, -2), (0, 3), (8, 8), (9, 9))))
    moved = motion.back(pictures, 1)
    assert torch.equal(moved[0], pictures[0].roll(1, 1))
    assert torch.equal(moved[1], pictures[1].roll((-2, 3), (1, 2)))


def test_motions_are_drawn_within_their_reach_on_one_side_or_everywhere_and_not_for_what_is_still():
    still = torch.arange(4000) < 1000
    motion = draw_motion(still, 40, 60, torch.Generator().manual_seed(0))
    assert not motion.down[still].any()
    assert not motion.right[still].any()
    assert (int(motion.down.min()), int(motion.down.max())) == (-12, 12)
    assert float(motion.down[~still].float().mean()) == pytest.approx(0, abs=0.3)
    by_rows, by_columns = motion.rows < 40, motion.columns < 60
    assert not (by_rows & by_columns).any()
    assert [float(part.float().mean()) for part in (by_rows, by_columns)] == pytest.approx([0.25, 0.25], abs=0.03)


def test_wrong_masks_are_anothers_nobodys_everybodys_or_have_a_patch_and_the_others_stay():
    masks = torch.linspace(0.2, 0.8, 400).view(400, 1, 1, 1).expand(-1, 1, 12, 15)
    here, corrupt = torch.arange(400), torch.arange(400) >= 100
    wrong = corrupted(masks, here, corrupt, torch.Generator().manual_seed(0))
    assert torch.equal(wrong[:100], masks[:100])
    others = (wrong[100:] == masks[99:-1]).flatten(1).all(1)
    nobody, everybody = ((wrong[100:] == value).flatten(1).all(1) for value in (0, 1))
    patches = [((wrong[100:] == value).flatten(1).any(1) & ~whole) for value, whole in ((0, nobody), (1, everybody))]
    assert (others | nobody | everybody | patches[0] | patches[1]).all()
    shares = [float(part.float().mean()) for part in (others, nobody, everybody, *patches)]
    assert shares == pytest.approx([0.25, 0.175, 0.075, 0.25, 0.25], abs=0.07)
    sizes = (wrong[100:] == 1)[patches[1]].flatten(1).sum(1)
    assert sizes.max() == 4 * 5
