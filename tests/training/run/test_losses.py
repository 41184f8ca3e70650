"""The losses are their formulas."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from training.run.losses import class_loss, contour_band, contour_bce, median_frequency, segmentation_loss, soft_dice


def test_the_losses_are_their_formulas():
    logits = torch.tensor([[[[2.0, -1.0], [0.5, -3.0]]]])
    target = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    p = 1 / (1 + np.exp(-logits.numpy()))
    t = target.numpy()
    dice = 1 - (2 * (p * t).sum() + 1) / ((p**2).sum() + (t**2).sum() + 1)
    assert float(soft_dice(logits, target)) == pytest.approx(dice, rel=1e-5)
    # All of so small a picture is near the contour: every weight is the same.
    plain = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert float(contour_bce(logits, target, contour_band(target))) == pytest.approx(plain, rel=1e-5)
    previous, still = torch.full_like(target, 0.25), torch.tensor([True])
    fresh = logits + 1
    parts = segmentation_loss(logits, fresh, target, previous, still)
    assert float(parts["bce"]) == pytest.approx(float(contour_bce(fresh, target, contour_band(target))))
    assert float(parts["memory"]) == pytest.approx(float(contour_bce(logits, target, contour_band(target))))
    assert float(parts["steady"]) == pytest.approx(0.7 * np.abs(p - 0.25).sum() / 5, rel=1e-5)
    assert float(parts["follow"]) == 0.0
    assert float(parts["total"]) == pytest.approx(sum(float(parts[name]) for name in parts if name != "total"))
    parts = segmentation_loss(logits, fresh, target, previous, ~still)
    assert float(parts["steady"]) == 0.0
    lag = np.abs(p - 1 / (1 + np.exp(-fresh.numpy()))).sum() / 5
    assert float(parts["follow"]) == pytest.approx(lag, rel=1e-5)


def test_the_band_lies_on_the_contour_only():
    target = torch.zeros(1, 1, 64, 64)
    target[..., 32:] = 1.0
    band = contour_band(target)[0, 0]
    assert band[:, 28:36].min() == 1.0
    assert band[:, :24].max() == band[:, 40:].max() == 0.0


# Classes


def test_the_loss_is_the_cross_entropy_without_void():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 21, 5, 6), torch.randint(0, 21, (2, 1, 5, 6)).to(torch.uint8)
    labels[0, 0, :2] = 255
    probability, total, count = torch.softmax(logits, dim=1), 0.0, 0
    for n in range(2):
        for y in range(5):
            for x in range(6):
                if (label := int(labels[n, 0, y, x])) != 255:
                    total, count = total - float(probability[n, label, y, x].log()), count + 1
    parts = class_loss(logits, labels)
    assert float(parts["total"]) == pytest.approx(total / count, rel=1e-5)
    assert float(parts["cross_entropy"]) == float(parts["total"])


def test_void_gives_no_gradient_and_a_batch_of_void_no_nan():
    logits = torch.randn(1, 21, 4, 4, requires_grad=True)
    labels = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    loss = class_loss(logits, labels)["total"]
    loss.backward()
    assert loss.item() == 0.0
    assert float(logits.grad.abs().max()) == 0.0
    labels[0, 0, 0, 0] = 3
    logits.grad = None
    class_loss(logits, labels)["total"].backward()
    assert float(logits.grad[0, :, 1:].abs().max()) == 0.0


def test_weights_of_classes_are_those_of_the_weighted_mean():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 1, 4, 4)).to(torch.uint8)
    labels[0, 0, 0] = 255
    weights = torch.tensor([0.5, 1.0, 5.0])
    expected = F.cross_entropy(logits, labels[:, 0].long(), weight=weights, ignore_index=255)
    assert float(class_loss(logits, labels, weights)["total"]) == pytest.approx(float(expected), rel=1e-5)


def test_rare_classes_weigh_more_within_bounds():
    assert median_frequency([1000, 100, 50, 1, 0]) == [0.5, 0.75, 1.5, 5.0, 1.0]
    assert median_frequency([0, 0]) == [1.0, 1.0]
