"""MediaPipe's Selfie network made into ours: from a model that says the same in the layout of its ONNX copy."""

import numpy as np
import pytest
import torch

from segnet.configs import MOST_KEPT, SelfieConfig
from segnet.engines import converted, openvino_works, shaped
from segnet.selfie import SelfieNet
from segnet.weights import WeightsError, digest, load_weights
from tests.segnet.test_selfie import REFINED, lively
from training.convert import selfie_onnx
from training.convert.export import run_export
from training.convert.selfie_onnx import (
    CONVOLUTIONS,
    INPUT_SIZES,
    SIDE,
    convert_onnx,
    convolutions,
    difference,
    fill,
    without_memory,
)
from training.errors import DataError

pytestmark = pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")


class Theirs(torch.nn.Module):
    """A network as their file has it: float (1, H, W, 3), 0 to 1 → float (1, H, W, 1)."""

    remembers = False

    def __init__(self, network, inverted=False):
        super().__init__()
        self.network, self.inverted = network, inverted

    def forward(self, picture):
        logits = self.network.head(self.network.features(picture.permute(0, 3, 1, 2).float()))
        mask = torch.sigmoid(logits).permute(0, 2, 3, 1)
        return 1 - mask if self.inverted else mask


def their_model(network, **how):
    """The network as an openvino.Model, its biases numbered in the order of writing, all but the last."""
    model = converted(Theirs(network, **how), SIDE, SIDE)
    model.inputs[0].get_node().set_element_type(converted_type())
    shaped(model, SIDE, SIDE)
    own = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    order = [name for name, module in network.named_modules() if isinstance(module, own)]
    for op in model.get_ops():
        if op.get_type_name() in CONVOLUTIONS:
            after = (target.get_node() for target in op.output(0).get_target_inputs())
            bias = next(node for node in after if node.get_type_name() == "Add")
            name = op.get_friendly_name().removeprefix("__module.network.").split("/")[0]
            number = f"__{order.index(name)}" if name != "head" else ""
            bias.set_friendly_name(f"model/bias{number}")
    return model


def converted_type():
    from segnet.engines import import_openvino

    return import_openvino().Type.f32


@pytest.fixture(scope="module")
def network():
    return lively(SelfieNet(SelfieConfig()))


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Gives a path that reads as this model."""

    def named(model):
        def read_onnx(content):
            assert content == b"a network"
            return model

        path = tmp_path / "selfie.onnx"
        path.write_bytes(b"a network")
        monkeypatch.setattr(selfie_onnx, "read_onnx", read_onnx)
        return path

    return named


def message(*fields):
    """A protocol buffer of (number, value): ints as varints, bytes and text with their length."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += bytes([number << 3, value])
        else:
            data = value.encode() if isinstance(value, str) else value
            out += bytes([number << 3 | 2, *varint(len(data))]) + data
    return out


def varint(number):
    """Seven bits a byte, the lowest first."""
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return [*parts, number]


def foreign_onnx():
    """An ONNX file of one ReLU, float (1, 4)."""
    shape = message((1, message((1, 1))), (1, message((1, 4))))
    kind = message((1, message((1, 1), (2, shape))))
    node = message((1, "x"), (2, "y"), (4, "Relu"))
    graph = message((1, node), (2, "g"), (11, message((1, "x"), (2, kind))), (12, message((1, "y"), (2, kind))))
    return message((1, 8), (7, graph), (8, message((1, ""), (2, 13))))


def test_the_network_of_a_file_is_taken_over_to_the_last_weight(network, file):
    ours, info = convert_onnx(file(their_model(network)), REFINED)
    before, after = network.state_dict(), ours.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items() if not name.startswith("memory"))
    assert (info.architecture, info.config, info.input_sizes) == ("selfie", REFINED, INPUT_SIZES)
    assert "Apache-2.0" in info.training["from"]
    past = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        x = torch.rand(1, 3, 64, 64)
        fresh, mask = torch.sigmoid(ours.fresh(x)), ours.mask(x, past)
        assert torch.allclose(fresh, torch.sigmoid(network.fresh(x)))
    share = ((mask - fresh) / (past - fresh)).median()
    assert float(share) == pytest.approx(MOST_KEPT * 0.047, abs=0.002)  # next to nothing of the past


def test_two_exports_of_one_file_are_the_same_and_have_the_sizes_that_are_asked_for(network, file, tmp_path):
    source = file(their_model(network))
    for name in ("a", "b"):
        said = run_export(source, tmp_path / f"{name}.safetensors", None, REFINED, ((320, 176),))
        assert "selfie, which finds person" in said
    (loaded, info), (again, same) = (load_weights(tmp_path / f"{name}.safetensors") for name in ("a", "b"))
    assert digest(loaded.state_dict()) == digest(again.state_dict())
    assert info == same
    assert info.input_sizes == ((320, 176),)
    assert torch.equal(loaded.head.weight, network.head.weight)


def test_a_file_that_sees_other_people_with_the_same_weights_is_not_taken(network, file):
    with pytest.raises(WeightsError, match="is not MediaPipe's Selfie network, general: both see other people, by"):
        convert_onnx(file(their_model(network, inverted=True)), SelfieConfig())


def test_convolutions_are_read_in_the_order_of_writing_and_only_their_number_and_sizes_fit(network):
    model = their_model(network)
    parts = convolutions(model)
    assert len(parts) == 55
    other = without_memory(SelfieNet(SelfieConfig()))
    fill(other, parts)
    assert difference(other, model) < 1e-4
    assert difference(without_memory(SelfieNet(SelfieConfig())), model) > 1e-2
    with pytest.raises(ValueError, match=f"it has {len(parts) - 1} convolutions, not {len(parts)}"):
        fill(other, parts[1:])
    with pytest.raises(ValueError, match="a convolution has"):
        fill(other, parts[::-1])


def test_a_convolution_whose_weights_are_not_in_the_file_is_said(network, file):
    model = their_model(network)
    conv = next(op for op in model.get_ops() if op.get_type_name() == "Convolution")
    bias = next(t.get_node() for t in conv.output(0).get_target_inputs() if t.get_node().get_type_name() == "Add")
    bias.input(1).replace_source_output(model.inputs[0].get_node().output(0))
    with pytest.raises(WeightsError, match=r"selfie\.onnx is not MediaPipe's .*are not in the file; only that one"):
        convert_onnx(file(model), SelfieConfig())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is not a readable ONNX file"),
        (b"\x00garbage" * 99, "is not a readable ONNX file"),
        (foreign_onnx()[:-20], "is not a readable ONNX file"),
        (foreign_onnx(), "is not MediaPipe's Selfie network, general: it has 0 convolutions, not 55"),
    ],
    ids=["missing", "empty", "garbage", "cut", "another"],
)
def test_files_that_can_not_be_taken_are_told_in_one_sentence(tmp_path, content, says):
    path = tmp_path / "file.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError) as told:
        convert_onnx(path, SelfieConfig())
    assert says in str(told.value)
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)
    with pytest.raises(DataError if content is None else WeightsError):
        run_export(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(WeightsError, match="can't be read: Is a directory; name the ONNX file itself"):
        convert_onnx(tmp_path, SelfieConfig())


def test_only_constants_are_numbers(network):
    model = their_model(network)
    assert selfie_onnx.constant(
        next(op for op in model.get_ops() if op.get_type_name() == "Constant").output(0)
    ).dtype == (torch.float32)
    with pytest.raises(ValueError, match="are not in the file"):
        selfie_onnx.constant(model.inputs[0].get_node().output(0))
    assert np.isfinite(difference(network, model))
