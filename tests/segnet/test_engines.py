"""Every engine gives the same masks, by the same function, and tells nobody."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from segnet import engines
from segnet.architectures import ARCHITECTURES
from segnet.classes import VOC_CLASSES, ClassError
from segnet.configs import DeconvConfig, TorchvisionConfig
from segnet.engines import EngineError, choose, openvino_works
from segnet.inference import ENGINES, Segmenter, load_segmenter
from segnet.mask_model import MaskModel, Pool, Unpool, slim
from segnet.weights import DEFAULT, WeightsInfo, build, load_weights
from tests.gpu.marks import needs_gpu
from vcam.media.yuv import cover, from_bgr, small_rgb, to_bgr

ROOT = Path(__file__).parents[2]
SIZES = [(256, 144), (320, 192)]
CAMERAS = [(1280, 720), (640, 480), (480, 640), (900, 240)]  # the last two: a phone's, and none that anybody has
HERE = [("torch", "cpu"), *[("openvino", "cpu")] * openvino_works(), *[("torch", "cuda")] * torch.cuda.is_available()]
SAME = 1 / 255  # mean difference of masks that are the same


@pytest.fixture(scope="module", params=SIZES, ids=str)
def all_engines(request):
    """The shipped network on whatever this machine has; the first is the one to compare with."""
    return [load_segmenter(DEFAULT, engine=engine, device=device, size=request.param) for engine, device in HERE]


@pytest.fixture(scope="module")
def lraspp():
    """A network of VOC's classes. Random weights, but it does not say the same of every pixel."""
    info = WeightsInfo("lraspp_mobilenet_v3_large", TorchvisionConfig(), VOC_CLASSES)
    return lively(info), info


def lively(info):
    """A network with random weights whose batch norms do something, and through which pictures leave a trace."""
    torch.manual_seed(0)
    network = build(info)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
            module.momentum = None  # their statistics become those of the noise
    previous = [torch.rand(2, 1, 224, 224)] if ARCHITECTURES[info.architecture].remembers else []
    with torch.no_grad():
        network.train()(torch.randn(2, 3, 224, 224), *previous)
    return network.eval()


def seen(frame, camera, segmenter):
    """The frame as a camera of this size would deliver it, as the network sees it."""
    width, height = camera
    pixels = np.zeros((height * 3 // 2, width), np.uint8)
    from_bgr(cover(to_bgr(frame.pixels), width, height), pixels)
    return small_rgb(pixels, segmenter.size_for(width, height))


def normalised(picture, info):
    """The picture as the weights file wants it, float32 (1, 3, H, W)."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (info.mean, info.std))
    return (torch.from_numpy(picture).permute(2, 0, 1)[None] / 255 - mean) / std


@pytest.mark.gpu
@pytest.mark.parametrize("camera", CAMERAS, ids=str)
def test_all_engines_give_the_same_masks(all_engines, sample, camera):
    first, *others = all_engines
    picture, later = (seen(frame, camera, first) for frame in sample[3:5])
    alone = first(picture)
    after = first(later, alone)
    assert 0.05 < (alone > 0.5).mean() < 0.95
    for other in others:
        assert np.abs(other(picture) - alone).mean() <= SAME
        assert np.abs(other(later, alone) - after).mean() <= SAME


@pytest.mark.gpu
def test_the_mask_is_what_the_network_says_of_the_picture_and_the_mask_before(all_engines, sample):
    network, info = load_weights(DEFAULT)
    picture = seen(sample[3], (1280, 720), all_engines[0])
    # Near the mask itself: of a past that is all wrong the memory rightly keeps nothing.
    noise = np.random.default_rng(0).normal(0, 0.03, picture.shape[:2])
    before = np.clip(all_engines[0](picture) + noise, 0, 1).astype(np.float32)
    with torch.inference_mode():
        by_hand = torch.sigmoid(network(normalised(picture, info), torch.from_numpy(before)[None, None])[0])[
            0, 0
        ].numpy()
    assert np.abs(by_hand - all_engines[0](picture)).max() > SAME  # the mask before says something
    for segmenter in all_engines:
        assert np.abs(segmenter(picture, before) - by_hand).mean() <= SAME


@pytest.mark.gpu
def test_every_engine_uses_the_mask_before_and_none_means_unknown(all_engines, sample):
    for segmenter in all_engines:
        picture = seen(sample[3], (1280, 720), segmenter)
        unknown, person = (np.full(picture.shape[:2], value, np.float32) for value in (0.5, 1.0))
        assert np.array_equal(segmenter(picture), segmenter(picture, unknown))
        assert not np.array_equal(segmenter(picture), segmenter(picture, person))


@pytest.mark.gpu
def test_a_mask_is_the_callers_own_and_pictures_may_lie_anyhow_in_memory(all_engines, sample):
    for segmenter in all_engines:
        picture = seen(sample[3], (1280, 720), segmenter)
        mask = segmenter(picture)
        kept = mask.copy()
        mask.flags.writeable = picture.flags.writeable = False
        segmenter(255 - picture, np.ones_like(mask))
        assert np.array_equal(mask, kept)
        assert mask.dtype == np.float32
        upside_down = np.ascontiguousarray(picture[::-1, ::-1])[::-1, ::-1]
        assert np.array_equal(segmenter(upside_down), mask)
        assert np.array_equal(segmenter(picture, mask[::-1, ::-1]), segmenter(picture, mask[::-1, ::-1].copy()))


def test_half_precision_as_a_gpu_has_it_gives_the_same_mask(sample, segmenter):
    network, info = load_weights(DEFAULT)
    picture = torch.from_numpy(seen(sample[3], (1280, 720), segmenter))[None]
    before = torch.full((1, 1, *picture.shape[1:3]), 0.5)
    with torch.inference_mode():
        full, half = (MaskModel(network, info, dtype=d)(picture, before) for d in (torch.float32, torch.float16))
    assert half.dtype == torch.float32
    assert (half - full).abs().mean() <= SAME


@needs_gpu
def test_on_a_gpu_every_size_is_a_graph_of_its_own():
    segmenter = load_segmenter(DEFAULT, device="cuda")
    for width, height in ((256, 144), (160, 224), (256, 144)):
        picture = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
        assert (
            np.abs(segmenter(picture) - load_segmenter(DEFAULT, engine="torch", device="cpu")(picture)).mean() <= SAME
        )


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in ("deeplabv3_resnet101", "openvino")])
def test_slim_is_the_same_function_without_batch_norms(name):
    config = DeconvConfig(width=0.125, fc=64) if name == "deconvnet" else ARCHITECTURES[name].config()
    single, remembers = ARCHITECTURES[name].single, ARCHITECTURES[name].remembers
    info = WeightsInfo(name, config, ("person",) if single else VOC_CLASSES)
    exact = torch.float32 if remembers else torch.float64  # where it can be: how a processor rounds is not the question
    network = lively(info).to(exact)
    inputs = [torch.randn(1, 3, 224, 224, dtype=exact), torch.rand(1, 1, 224, 224)][: 1 + remembers]

    def shares(network):
        logits = network(*inputs)[0] if remembers else network(*inputs)
        assert logits.std() > (0 if name == "selfie" else 0.1)  # which has no batch norms
        return torch.sigmoid(logits) if single else torch.softmax(logits, dim=1)

    with torch.inference_mode():
        before = shares(network)
        assert (shares(slim(network).to(exact)) - before).abs().max() <= 1e-4
        assert torch.equal(shares(network), before)  # slim made a copy
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in slim(network).modules())


def test_pooling_takes_the_first_of_equals_and_unpooling_puts_values_where_they_were_taken_from():
    x = torch.randint(0, 3, (2, 5, 16, 24), generator=torch.Generator().manual_seed(0)).float()
    values = torch.randn(2, 5, 8, 12)
    pooled, where = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
    greatest, switches = Pool()(x)
    assert torch.equal(greatest, pooled)
    assert torch.equal(Unpool()(values, switches), torch.nn.functional.max_unpool2d(values, where, 2))


@pytest.mark.gpu
@pytest.mark.parametrize(("engine", "device"), HERE)
def test_what_is_kept_is_the_sum_of_its_classes_shares(lraspp, sample, segmenter, engine, device):
    network, info = lraspp
    picture = seen(sample[3], (1280, 720), segmenter)
    with torch.inference_mode():
        shares = torch.softmax(network(normalised(picture, info)), dim=1)[0]
    by_hand = (shares[VOC_CLASSES.index("cat")] + shares[VOC_CLASSES.index("person")]).numpy()
    mask = Segmenter(network, info, engine=engine, device=device, keep=("person", "cat"))(picture)
    assert by_hand.std() > 10 * SAME
    assert np.abs(mask - by_hand).mean() <= 2 * SAME  # random weights make more of what bfloat16 leaves out
    if (engine, device) == ("torch", "cpu"):
        assert np.abs(mask - by_hand).max() < 1e-4


def test_keeping_everything_is_never_more_than_one():
    class Sure(torch.nn.Module):
        def forward(self, x):
            return torch.randn(1, 21, *x.shape[2:], generator=torch.Generator().manual_seed(0)) - 99 * background

    background = (torch.arange(21) == 0).float().view(1, 21, 1, 1)
    info = WeightsInfo("lraspp_mobilenet_v3_large", TorchvisionConfig(), VOC_CLASSES)
    with torch.inference_mode():
        mask = MaskModel(Sure(), info, VOC_CLASSES[1:])(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert mask.min() > 0.999
    assert mask.max() <= 1.0


@pytest.mark.gpu
def test_deconvnet_sees_pictures_of_its_own_size_on_every_engine():
    info = WeightsInfo("deconvnet", DeconvConfig(width=0.125, fc=64), VOC_CLASSES, ((224, 224),))
    network = lively(info)
    picture = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    masks = []
    for engine, device in HERE:
        segmenter = Segmenter(network, info, engine=engine, device=device)
        assert segmenter.size_for(1280, 720) == segmenter.size_for(480, 640) == (224, 224)
        masks.append(segmenter(picture))
    assert all(np.abs(mask - masks[0]).mean() <= SAME for mask in masks)
    with pytest.raises(EngineError, match="takes pictures of 224×224, not of 320×192"):
        Segmenter(network, info, size=(320, 192))


def test_only_a_few_sizes_are_kept_ready():
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cpu")
    for height in range(32, 32 + 16 * (ENGINES + 2), 16):
        segmenter(np.zeros((height, 64, 3), np.uint8))
    assert segmenter._engine_for.cache_info().currsize == ENGINES


@pytest.mark.parametrize(
    ("picture", "previous"),
    [
        (np.zeros((144, 250, 3), np.uint8), None),
        (np.zeros((144, 256), np.uint8), None),
        (np.zeros((144, 256, 4), np.uint8), None),
        (np.zeros((144, 256, 3), np.float32), None),
        (np.zeros((144, 256, 3), np.uint8), np.zeros((72, 128), np.float32)),
        (np.zeros((144, 256, 3), np.uint8), np.zeros((1, 256), np.float32)),
        (np.zeros((144, 256, 3), np.uint8), np.zeros((144, 256), np.float64)),
    ],
)
def test_what_no_engine_can_take_is_refused(all_engines, picture, previous):
    for segmenter in all_engines:
        with pytest.raises(ValueError, match=r"is float32|is uint8"):
            segmenter(picture, previous)


def test_auto_is_the_gpu_then_openvino_then_torch(monkeypatch):
    monkeypatch.setattr(engines, "cuda_works", lambda: True)
    assert choose("auto", "auto") == choose("torch", "auto") == ("torch", "cuda")
    assert choose("openvino", "auto") == ("openvino", "cpu")
    monkeypatch.setattr(engines, "cuda_works", lambda: False)
    assert choose("auto", "auto") == choose("auto", "cpu") == choose("openvino", "cpu") == ("openvino", "cpu")
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(engines, "openvino_core", engines.openvino_core.__wrapped__)  # as in a new process
    assert choose("auto", "auto") == choose("torch", "cpu") == ("torch", "cpu")
    with pytest.raises(EngineError, match="can't be imported"):
        choose("openvino", "auto")


def test_torch_is_not_asked_for_a_gpu_where_the_driver_finds_none(monkeypatch):
    monkeypatch.setattr(engines, "driver_finds_gpu", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", pytest.fail)
    assert not engines.cuda_works()
    monkeypatch.setattr(engines, "driver_finds_gpu", lambda: True)
    for answer in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda answer=answer: answer)
        assert engines.cuda_works() is answer


class Driver:
    """A CUDA driver that finds this many GPUs, and says this when it is started."""

    def __init__(self, count, error=0):
        self.count, self.error = count, error

    def cuInit(self, flags):  # noqa: N802 - CUDA's name
        return self.error

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self.count
        return 0


@pytest.mark.parametrize(("driver", "finds"), [(Driver(1), True), (Driver(0), False), (Driver(1, 999), False)])
def test_the_driver_is_asked_for_gpus(monkeypatch, driver, finds):
    monkeypatch.setattr(engines.ctypes, "CDLL", lambda name: driver)
    assert engines.driver_finds_gpu() is finds


def test_without_a_driver_there_is_no_gpu(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(engines.ctypes, "CDLL", missing)
    assert not engines.driver_finds_gpu()


@pytest.mark.parametrize(
    ("engine", "device", "says"),
    [
        ("onnx", "cpu", "no engine onnx"),
        ("torch", "tpu", "no device tpu"),
        ("auto", "cuda", "no CUDA GPU"),
        ("torch", "npu", "torch does not run on npu"),
        ("openvino", "npu", "OpenVINO finds no NPU here, only CPU"),
        ("auto", "intel-gpu", "OpenVINO finds no GPU here, only CPU"),
    ],
)
def test_what_is_not_there_is_said(monkeypatch, engine, device, says):
    class Bare:
        available_devices = ("CPU",)

    monkeypatch.setattr(engines, "cuda_works", lambda: False)
    monkeypatch.setattr(engines, "openvino_core", Bare)
    with pytest.raises(EngineError, match=says):
        Segmenter(*load_weights(DEFAULT), engine=engine, device=device)


def test_openvino_does_not_run_on_cuda(monkeypatch):
    monkeypatch.setattr(engines, "cuda_works", lambda: True)
    with pytest.raises(EngineError, match="OpenVINO does not run on cuda"):
        choose("openvino", "cuda")


def test_a_network_that_openvino_does_not_know_is_said(monkeypatch):
    network, info = load_weights(DEFAULT)
    network.head = torch.nn.Sequential(network.head, torch.nn.Hardshrink())  # in no catalogue of operations that matter
    segmenter = Segmenter(network, info, engine="openvino", device="cpu")
    with pytest.raises(EngineError, match="OpenVINO can't take this network"):
        segmenter(np.zeros((144, 256, 3), np.uint8))


def test_the_shipped_weights_say_which_classes_they_lack():
    with pytest.raises(ClassError, match="know only person"):
        load_segmenter(DEFAULT, keep=("person", "cat"))
