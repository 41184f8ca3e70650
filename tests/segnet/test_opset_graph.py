"""The graph that is built of tensors without torch is the network that torch has, in as few operations."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from segnet import numpy_ops
from segnet.architectures import ARCHITECTURES
from segnet.configs import UNKNOWN, LightConfig, SelfieConfig
from segnet.engines import converted, openvino_core, openvino_works, shaped
from segnet.graph import graph_maker
from segnet.light import Block
from segnet.mask_model import MaskModel
from segnet.opset_graph import gives_finite, mask, mask_graph
from segnet.weights import DEFAULT, WeightsError, WeightsInfo, build, kind, load_tensors, load_weights, save_weights
from tests.segnet.test_engines import lively
from tests.segnet.test_selfie import lively as lively_selfie
from vcam.media.yuv import small_rgb

pytestmark = pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")

SIZES = [(256, 144), (224, 160), (144, 256), (64, 48), (384, 224)]
CONFIGS = [
    LightConfig(),
    LightConfig(stem=4, widths=(4, 6, 8, 8), decoder=(4, 8, 8)),
    SelfieConfig(),
    SelfieConfig((16, 8, 4), depth=3),
    SelfieConfig((0, 8, 0), depth=2),
]


def shipped():
    return load_weights(DEFAULT)


def random(config):
    """A network through which pictures leave a trace, with batch norms that have seen something."""
    if isinstance(config, SelfieConfig):
        info = WeightsInfo("selfie", config, mean=(0.1, 0.0, 0.2), std=(1, 0.9, 1))
        return lively_selfie(build(info)), info
    info = WeightsInfo("light", config)
    network = lively(info)
    for module in network.modules():
        if isinstance(module, Block):
            torch.nn.init.normal_(module.point, std=0.05)
            if module.same is not None:
                torch.nn.init.normal_(module.same, std=0.1)
    return network, info


@pytest.fixture(scope="module", params=[None, *CONFIGS], ids=str)
def pair(request):
    """A network with what its file says, and its tensors."""
    network, info = shipped() if request.param is None else random(request.param)
    return network, info, {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def run(graph, picture, previous):
    """What OpenVINO makes of it in full precision."""
    height, width = previous.shape
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    model = openvino_core().compile_model(shaped(graph.clone(), width, height), "CPU", options)
    return model([picture[None], previous[None, None]])[0][0, 0]


def by_torch(network, info, picture, previous):
    with torch.inference_mode():
        return MaskModel(network, info)(torch.from_numpy(picture)[None], torch.from_numpy(previous)[None, None])[
            0, 0
        ].numpy()


def test_its_masks_are_torchs_for_real_pictures_of_every_size(pair, sample):
    network, info, tensors = pair
    graph = mask_graph(tensors, info)
    for size in SIZES:
        previous = np.full(size[::-1], UNKNOWN, np.float32)
        for frame in sample[3:6]:  # the second and third have a past
            picture = small_rgb(frame.pixels, size)
            expected = by_torch(network, info, picture, previous)
            assert np.abs(run(graph, picture, previous) - expected).max() < 1e-4
            previous = expected
        assert previous.std() > 0.01


def test_a_past_that_is_all_wrong_changes_it_as_in_torch(pair, sample):
    network, info, tensors = pair
    picture = small_rgb(sample[3].pixels, SIZES[1])
    before = np.random.default_rng(0).random(picture.shape[:2]).astype(np.float32)
    before[::3] = UNKNOWN
    found = run(mask_graph(tensors, info), picture, before)
    assert np.abs(found - by_torch(network, info, picture, before)).max() < 1e-4


def test_numpy_has_the_same_masks(pair, sample):
    network, info, tensors = pair
    picture = small_rgb(sample[3].pixels, (96, 64))
    before = np.random.default_rng(0).random(picture.shape[:2]).astype(np.float32)
    found = mask(numpy_ops, tensors, info, picture[None], before[None, None])[0, 0]
    assert np.abs(found - by_torch(network, info, picture, before)).max() < 1e-4
    assert gives_finite(tensors, info)


def test_the_shapes_are_those_of_torchs_network(pair):
    network, info, _ = pair
    expected = {name: kind(tensor) for name, tensor in network.state_dict().items()}
    assert ARCHITECTURES[info.architecture].shapes(info.config) == expected


def test_it_has_no_more_operations_than_what_was_traced(pair):
    network, info, tensors = pair
    width, height = info.input_sizes[0]
    counts = []
    for graph in (mask_graph(tensors, info), converted(MaskModel(network, info).eval(), width, height)):
        compiled = openvino_core().compile_model(
            shaped(graph, width, height), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        ops = [str(op.get_rt_info()["layerType"].astype(str)) for op in compiled.get_runtime_model().get_ops()]
        counts.append(Counter(ops))
    built, traced = counts
    assert sum(built.values()) <= sum(traced.values())
    for name in ("Convolution", "Deconvolution", "Subgraph", "Eltwise", "Reduce", "Interpolate", "Reorder"):
        assert built[name] <= traced[name]


# What is refused


@pytest.mark.parametrize("config", [CONFIGS[1], CONFIGS[3]], ids=str)
def test_finite_weights_whose_masks_are_not_are_refused(tmp_path, config):
    info = WeightsInfo("light" if isinstance(config, LightConfig) else "selfie", config)
    torch.manual_seed(0)
    tensors = {name: 3e37 * tensor for name, tensor in build(info).state_dict().items() if tensor.is_floating_point()}
    path = tmp_path / "big.safetensors"
    save_weights(path, build(info).state_dict() | tensors, info)
    with pytest.raises(WeightsError, match=r"^the network in \S*big\.safetensors gives numbers that are not finite"):
        graph_maker(path, info, ("person",))


def test_openvino_alone_would_not_have_noticed():
    """Otherwise the test before says nothing."""
    info = WeightsInfo("light", CONFIGS[1])
    tensors = {name: tensor.numpy() for name, tensor in random(CONFIGS[1])[0].state_dict().items()}
    tensors["quarter.0.norm.bias"] = np.full_like(tensors["quarter.0.norm.bias"], np.nan)
    picture = np.zeros((64, 64, 3), np.uint8)
    assert np.isfinite(run(mask_graph(tensors, info), picture, np.full((64, 64), UNKNOWN, np.float32))).all()
    assert not gives_finite(tensors, info)


def test_a_file_that_changes_between_its_header_and_its_tensors_is_refused():
    info = load_tensors(DEFAULT)[1]
    with pytest.raises(WeightsError, match="was changed while it was read; try again"):
        graph_maker(DEFAULT, replace(info, mean=(0.1, 0.1, 0.1)), ("person",))
