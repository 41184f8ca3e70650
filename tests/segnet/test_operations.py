"""Weights files that list a network's operations: what they may say, and what a hostile one can't do."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from segnet import operations
from segnet.class_scores import ClassScores
from segnet.classes import VOC_CLASSES, ClassError
from segnet.configs import PICTURE, OpenVinoConfig, Operation
from segnet.engines import EngineError
from segnet.inference import GREY, beside_grey, fitted, load_segmenter
from segnet.operations import KINDS, mask_graph
from segnet.weights import WeightsError, WeightsInfo, load_tensors, load_weights, read_info, save_weights
from tests.segnet.test_weights import rewrite
from training.measure.card import figures

CAT, PERSON = (VOC_CLASSES.index(name) for name in ("cat", "person"))
SIZE = (65, 49)
POOL = {
    "kernel": [1024, 1024], "strides": [1, 1], "pads_begin": [512, 512], "pads_end": [512, 512],
    "auto_pad": "explicit", "rounding_type": "floor", "exclude-pad": True,
}  # fmt: skip
SAME = {"strides": [1, 1], "dilations": [1, 1], "pads_begin": [0, 0], "pads_end": [0, 0], "auto_pad": "explicit"}


def network():
    """Sees people in red and cats in blue: tensors, and what the file says of them."""
    kernel = np.zeros((len(VOC_CLASSES), 3, 1, 1), np.float32)
    kernel[PERSON, :, 0, 0], kernel[CAT, :, 0, 0] = (9, -9, -9), (-9, -9, 9)
    tensors = {"kernel": kernel, "sides": np.array([2, 3])}
    listed = (
        Operation("Convolution", (PICTURE, "kernel"), SAME),
        Operation("ReduceMean", (PICTURE, "sides"), {"keep_dims": True}),
        Operation("Concat", (0, 1), {"axis": 1}),
        Operation("Relu", (0,)),
    )
    kinds = {"kernel": ("F32", kernel.shape), "sides": ("I64", (2,))}
    info = WeightsInfo("openvino", OpenVinoConfig(listed, kinds), VOC_CLASSES, (SIZE,), (0, 0, 0), (1, 1, 1))
    return tensors, info


@pytest.fixture
def weights(tmp_path):
    """The file of such a network."""
    return saved(tmp_path / "listed.safetensors", *network())


def saved(path, tensors, info):
    save_weights(path, {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, info)
    return path


def halves(width, height):
    """Red on the left, blue on the right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 255
    return picture


def test_the_file_says_what_it_is_and_gives_its_masks(weights):
    assert read_info(weights) == network()[1]
    for keep, shown in ((["person"], (1, 0)), (["cat"], (0, 1)), (["cat", "person"], (1, 1))):
        segmenter = load_segmenter(weights, device="cpu", keep=keep)
        size = segmenter.size_for(1280, 720)
        mask = segmenter(halves(*size), None)
        assert (mask.dtype, mask.shape) == (np.float32, size[::-1])
        assert np.allclose((mask[9, 9], mask[9, -9]), shown, atol=0.01)
    with pytest.raises(ClassError):
        load_segmenter(weights, device="cpu", keep=["wheel"])
    assert "openvino: 65 parameters" in figures(weights)


def test_pictures_keep_their_aspect_or_are_squeezed():
    assert fitted(1280, 720, (513, 513), letterbox=True) == (512, 288)
    assert fitted(480, 640, (513, 513), letterbox=True) == (384, 512)
    assert fitted(640, 10, (513, 513), letterbox=True) == (512, 128)  # not longer than 4:1
    assert fitted(1280, 720, (513, 289), letterbox=True) == (512, 288)
    assert fitted(1280, 720, (513, 513), letterbox=False) == (512, 512)


def test_what_is_beside_a_picture_is_grey_and_in_no_mask():
    seen = []
    engine = beside_grey(lambda picture, _: seen.append(picture) or picture[..., 0], SIZE)(64, 36)
    assert np.array_equal(engine(halves(64, 36), np.zeros((36, 64), np.float32)), halves(64, 36)[..., 0])
    assert seen[0].shape == (*SIZE[::-1], 3)
    assert np.array_equal(seen[0][:36, :64], halves(64, 36))
    assert (seen[0][36:] == GREY).all()
    assert (seen[0][:, 64:] == GREY).all()


def test_only_openvino_runs_it_and_that_is_said(weights):
    for asked in ({"engine": "torch"}, {"device": "cuda"}):
        with pytest.raises(EngineError, match=r"runs by OpenVINO only, which knows no CUDA GPU; use auto$"):
            load_segmenter(weights, **asked)
    with pytest.raises(WeightsError, match="runs by OpenVINO only, and torch can't take it"):
        load_weights(weights)


def test_it_is_run_without_torch(weights):
    code = f"""
import sys
from pathlib import Path
from segnet.inference import load_segmenter
load_segmenter(Path({str(weights)!r}))
print({{"torch", "cv2"}} & set(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_tensors_of_one_place_stand_for_all_places_where_they_are_joined_to_a_plane():
    tensors, info = network()
    joined = replace(info, classes=VOC_CLASSES[:4], config=replace(info.config, operations=(
        Operation("ReduceMean", (PICTURE, "sides"), {"keep_dims": True}),
        Operation("Concat", (PICTURE, 0), {"axis": 1}),
        Operation("Convolution", (1, "mix"), SAME),
    )))  # fmt: skip
    mix = np.eye(6, dtype=np.float32)[2:].reshape(4, 6, 1, 1)  # blue, and the means of red, green and blue
    graph = operations.logits_graph(tensors | {"mix": mix}, joined, (64, 48))
    compiled = operations.import_opset()[0].compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled([halves(64, 48)[None]])[0][0]
    assert np.allclose(found[0], halves(64, 48)[..., 2] / 255, atol=1e-5)
    assert np.allclose(found[1:], np.array([0.5, 0, 0.5]).reshape(3, 1, 1), atol=1e-5)


HOSTILE = {
    "a circle": (Operation("Add", (PICTURE, 0)), "takes what operation 0 gives, which does not stand before it"),
    "what comes later": (Operation("Relu", (7,)), "takes what operation 7 gives, which does not stand before it"),
    "another number": (Operation("Relu", (-2,)), "takes what operation -2 gives"),
    "no tensor": (Operation("Relu", ("/etc/passwd",)), "takes '/etc/passwd', which is none of the tensors"),
    "nothing taken": (Operation("Relu", ()), "it takes nothing"),
    "an unknown operation": (Operation("Loop", (PICTURE,)), "operation 0, 'Loop': this operation is not known here"),
    "what keeps a past": (Operation("ReadValue", (PICTURE,), {"variable_id": "x"}), "is not known here"),
    "a file as attribute": (Operation("Relu", (PICTURE,), {"path": "/etc/passwd"}), "there is no attribute 'path'"),
    "too few inputs": (Operation("Convolution", (PICTURE,), SAME), "OpenVINO can't make it"),
    "shapes apart": (Operation("Add", (PICTURE, "more"), {"auto_broadcast": "numpy"}), "OpenVINO can't make it"),
    "no type of numbers": (Operation("Convert", (PICTURE,), {"destination_type": "x"}), "OpenVINO can't make it"),
    "whole numbers": (Operation("Convert", (PICTURE,), {"destination_type": "i32"}), "does not give float32"),
    "giant planes": (
        Operation("Pad", (PICTURE, "none", "more"), {"pad_mode": "edge"}),
        "numbers, not between 1 and 67108864",
    ),
    "no planes": (Operation("Pad", (PICTURE, "none", "fewer"), {"pad_mode": "edge"}), "gives 0 numbers, not between 1"),
    "endless pools": (Operation("AvgPool", (PICTURE,), POOL), "take more memory or time than a network may"),
    "no logits": (Operation("Relu", (PICTURE,)), r"it gives 1×3×49×65 numbers, which are not logits of 21 classes"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_list_is_refused_in_one_sentence_that_names_the_file(tmp_path, what):
    operation, says = HOSTILE[what]
    tensors, info = network()
    pads = {"none": np.zeros(4, int), "more": np.array([0, 0, 30_000, 30_000]), "fewer": np.array([0, 0, -49, 0])}
    tensors |= pads
    kinds = info.config.tensors | dict.fromkeys(pads, ("I64", (4,)))
    info = replace(info, config=OpenVinoConfig((operation,), kinds))
    path = saved(tmp_path / "hostile.safetensors", tensors, info)
    for load in (lambda: load_segmenter(path, device="cpu"), lambda: ClassScores(path, SIZE)):
        with pytest.raises(WeightsError, match=says) as told:
            load()
        assert str(told.value).startswith(f"the network in {path} can't be built: ")
        assert "\n" not in str(told.value)


def test_many_operations_that_are_large_together_are_refused(monkeypatch):
    tensors, info = network()
    long = replace(
        info, config=replace(info.config, operations=(Operation("Relu", (PICTURE,)), *[Operation("Relu", (0,))] * 99))
    )
    monkeypatch.setattr(operations, "MOST_IN_ALL", 50 * 3 * SIZE[0] * SIZE[1])
    with pytest.raises(WeightsError, match="operation 50, 'Relu': all of them together take more memory or time"):
        mask_graph(tensors, long, SIZE, ["person"])


def config(**changes):
    """The header with something of the network's config said otherwise."""

    def change(header):
        info = json.loads(header["info"])
        return header | {"info": json.dumps(info | {"config": info["config"] | changes})}

    return change


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"operations": []}, "config.operations: Tuple should have at least 1 item"),
        (
            {"operations": [{"kind": "Relu", "inputs": [PICTURE]}] * 5000},
            "config.operations: Tuple should have at most",
        ),
        ({"operations": [{"kind": "Relu", "inputs": [2**40]}]}, "config.operations.0.inputs.0"),
        (
            {"operations": [{"kind": "AvgPool", "inputs": [0], "attributes": {"kernel": [9**9, 1]}}]},
            "attributes.kernel",
        ),
        ({"operations": [{"kind": "Relu", "inputs": [0], "body": {}}]}, "config.operations.0.body"),
        ({"operations": [{"kind": "Relu", "inputs": [0], "attributes": {"a": {"b": 1}}}]}, "config.operations.0.attr"),
        ({"operations": [{"kind": "Clamp", "inputs": [0], "attributes": {"max": 1e999}}]}, "config.operations.0.attr"),
        ({"tensors": {"kernel": ["F32", [1, 1]]}}, "not those of the network"),
        ({"tensors": {"kernel": ["U64", [1, 1]]}}, "config.tensors.kernel.0"),
        ({"fit": "stretch"}, "config.fit"),
        ({"weights": "/etc/passwd"}, "openvino has no 'weights'"),
    ],
)
def test_a_header_that_says_more_or_other_than_it_may_is_refused(weights, changes, says):
    rewrite(weights, change_header=config(**changes))
    with pytest.raises(WeightsError, match=says) as told:
        load_tensors(weights)
    assert str(weights) in str(told.value)


def test_numbers_of_every_type_come_back(tmp_path):
    tensors, info = network()
    more = {kind: np.arange(3).astype(kind) for kind in ("float16", "int8", "uint8", "int32", "int64")}
    kinds = info.config.tensors | dict(zip(more, [(k, (3,)) for k in ("F16", "I8", "U8", "I32", "I64")], strict=True))
    path = saved(tmp_path / "x.safetensors", tensors | more, replace(info, config=replace(info.config, tensors=kinds)))
    found, _ = load_tensors(path)
    assert all(found[name].dtype == more[name].dtype and np.array_equal(found[name], more[name]) for name in more)


def test_no_operation_of_the_table_opens_files_loops_or_keeps_a_past():
    assert not {"Loop", "If", "TensorIterator", "ReadValue", "Assign", "Constant", "Parameter", "Result"} & KINDS.keys()
