"""Weights files whose kernels have a byte a number."""

import pytest
import torch

from segnet.weights import WeightsError, build, load_weights, save_weights
from tests.segnet.test_weights import DECONV, SMALL, rewrite
from training.convert.export import rounded


@pytest.mark.parametrize("info", [SMALL, DECONV], ids=lambda info: info.architecture)
def test_kernels_stored_as_bytes_come_back_as_floats_and_nearly_the_same(tmp_path, info):
    torch.manual_seed(0)
    before = build(info).state_dict()
    save_weights(tmp_path / "x.safetensors", rounded(before), info)
    after = load_weights(tmp_path / "x.safetensors")[0].state_dict()
    assert {name: tensor.dtype for name, tensor in after.items()} == {n: t.dtype for n, t in before.items()}
    assert any(not torch.equal(after[name], before[name]) for name in before)
    assert all((after[name] - before[name]).abs().max() <= before[name].abs().max() / 250 for name in before)


@pytest.mark.parametrize("change, says", [
    (lambda t, name: without_one(t, f"{name}.scale"), "it has I8 .*, the network F32"),
    (lambda t, name: t | {f"{name}.scale": t[f"{name}.scale"][:-1].clone()}, "it has I8 .*, the network F32"),
    (lambda t, name: t | {f"{name}.scale": t[f"{name}.scale"] * float("nan")}, "not finite"),
    (lambda t, name: t | {f"{name}.scale": t[f"{name}.scale"] * 2}, "sha256.*it is damaged"),
    (lambda t, name: t | {f"{name}.scale.scale": t[f"{name}.scale"].clone()}, "the network none"),
])  # fmt: skip
def test_bytes_without_a_sound_scale_are_refused(tmp_path, change, says):
    path, name = tmp_path / "x.safetensors", next(n for n, t in build(SMALL).state_dict().items() if t.dim() > 1)
    save_weights(path, rounded(build(SMALL).state_dict()), SMALL)
    rewrite(path, lambda tensors: change(tensors, name))
    with pytest.raises(WeightsError, match=says):
        load_weights(path)


def without_one(tensors, name):
    return {other: tensor for other, tensor in tensors.items() if other != name}
