"""MediaPipe's Selfie network as a module of ours: its sizes, its refinements, its memory, and how it is trained."""

import numpy as np
import pytest
import torch

from segnet.configs import UNKNOWN, SelfieConfig
from segnet.engines import openvino_works
from segnet.inference import Segmenter
from segnet.selfie import Refinement, SelfieNet
from segnet.weights import WeightsInfo, load_weights, save_weights
from tests.training.run.test_train import config
from training.augment.draws import STYLES, draw, outline
from training.run import train as run
from training.run.group import Group
from training.run.person import NEW, person_task
from vcam.media.yuv import small_rgb

REFINED = SelfieConfig((16, 8, 8), depth=2)


def lively(network):
    """The network with random weights through which pictures leave a trace: what shrinks them is made larger."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.kaiming_normal_(module.weight)
            torch.nn.init.normal_(module.bias, std=0.1)
    return network.eval()


@pytest.fixture(scope="module")
def picture(sample):
    """A frame of the sample as the network sees it, uint8 (192, 256, 3) RGB."""
    return small_rgb(sample[3].pixels, (256, 192))


def as_input(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("chosen", [SelfieConfig(), REFINED])
@pytest.mark.parametrize(("height", "width"), [(176, 320), (224, 384), (48, 80), (240, 160)])
def test_every_size_that_is_a_multiple_of_16_gives_logits_of_that_size(chosen, height, width):
    x = torch.zeros(2, 3, height, width)
    with torch.inference_mode():
        logits, fresh = SelfieNet(chosen).eval()(x, torch.full_like(x[:, :1], UNKNOWN))
    assert logits.shape == fresh.shape == (2, 1, height, width)


def test_the_mask_is_the_sigmoid_of_the_logits(picture):
    network, x = lively(SelfieNet(REFINED)), as_input(picture)
    for previous in (torch.rand(1, 1, *x.shape[2:]), torch.full((1, 1, *x.shape[2:]), UNKNOWN)):
        with torch.inference_mode():
            logits, _ = network(x, previous)
            mask = network.mask(x, previous)
        assert mask.std() > 0.05
        assert torch.allclose(mask, torch.sigmoid(logits), atol=1e-4)


def test_of_an_unknown_past_nothing_is_kept_and_of_a_known_one_something(picture):
    network, x = lively(SelfieNet(SelfieConfig())), as_input(picture)
    with torch.inference_mode():
        alone = torch.sigmoid(network.fresh(x))
        assert torch.equal(network.mask(x, torch.full_like(alone, UNKNOWN)), alone)
        assert not torch.allclose(network.mask(x, torch.ones_like(alone)), alone, atol=0.01)


def test_refinements_do_nothing_before_they_are_trained_and_something_then(picture):
    plain, x = lively(SelfieNet(SelfieConfig())), as_input(picture)
    refined = SelfieNet(REFINED).eval()
    missing = refined.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing.missing_keys} == {"deep", "refine8", "refine4"}
    assert sum(isinstance(module, Refinement) for module in refined.modules()) == 4
    past = torch.rand(1, 1, *x.shape[2:])
    with torch.inference_mode():
        before = plain.mask(x, past)
        assert torch.equal(refined.mask(x, past), before)
        torch.nn.init.normal_(refined.refine4.second.weight)
        assert not torch.allclose(refined.mask(x, past), before, atol=0.01)


@pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")
def test_openvino_and_torch_see_the_same_in_the_sample(sample):
    info = WeightsInfo("selfie", REFINED, input_sizes=((256, 192),), mean=(0, 0, 0), std=(1, 1, 1))
    network = lively(SelfieNet(REFINED))
    one, other = (Segmenter(network, info, engine=engine, device="cpu") for engine in ("torch", "openvino"))
    mask = None
    for frame in sample[3:6]:
        seen = small_rgb(frame.pixels, one.size_for(640, 480))
        after = one(seen, mask)
        assert np.abs(other(seen, mask) - after).mean() <= 1 / 255
        mask = after
    assert mask.std() > 0.05


# How it is trained


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A weights file to start from."""
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    save_weights(path, lively(SelfieNet(SelfieConfig())).state_dict(), NEW["selfie"])
    return path


def test_an_anchor_keeps_the_weights_near_those_they_started_from(data, tmp_path, start):
    begin, moved = load_weights(start)[0].state_dict(), {}
    for anchor in (0.0, 0.3):
        more = {"network": "selfie", "precision": "f32", "init": start, "thorough": False, "steps": 4, "ema": 0.0}
        path = run.train(config(data, tmp_path / str(anchor), anchor=anchor, **more))
        end = load_weights(path)[0].state_dict()
        moved[anchor] = sum(float((end[name] - tensor).abs().sum()) for name, tensor in begin.items())
    assert 0 < moved[0.3] < 0.7 * moved[0.0]


def test_weights_are_drawn_the_given_share_of_the_way_back():
    network = torch.nn.Linear(2, 1)
    anchors = [torch.zeros_like(parameter) for parameter in network.parameters()]
    before = [parameter.detach().clone() for parameter in network.parameters()]
    run.pull_to_anchors(network, anchors, 0.25)
    assert all(torch.allclose(p, 0.75 * b) for p, b in zip(network.parameters(), before, strict=True))
    run.pull_to_anchors(network, [], 0.25)
    assert all(torch.allclose(p, 0.75 * b) for p, b in zip(network.parameters(), before, strict=True))


def test_natural_pictures_have_no_composites_and_more_rooms():
    mask = np.zeros((96, 128), np.uint8)
    mask[20:, 40:90] = 255  # can be cut out
    drawn = {
        name: draw(np.random.default_rng(0), 5000, (64, 48), np.array([outline(mask)]), np.ones(1),
                   np.array([[300, 200]]), style)
        for name, style in STYLES.items()
    }  # fmt: skip
    assert drawn["webcam"].composited.mean() == pytest.approx(0.4 * 0.94, abs=0.03)
    assert not drawn["natural"].composited.any()
    assert drawn["natural"].nobody.mean() == pytest.approx(0.2, abs=0.02)


def test_how_many_composites_and_rooms_there_are_may_be_said_whatever_the_style(data, tmp_path):
    def style(**changes):
        return person_task(
            config(data, tmp_path, **changes), None, Group(torch.device("cpu"))
        ).batches.album.index.style

    assert style(style="natural") == STYLES["natural"]
    chosen = style(style="natural", composited=0.3, negatives=0.0)
    assert (chosen.composited, chosen.negatives, chosen.noise) == (0.3, 0.0, STYLES["natural"].noise)
    assert style(composited=0.0).composited == 0.0


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("f32", torch.float32)])
def test_the_layers_are_calculated_in_the_precision_that_is_asked_for(data, tmp_path, precision, dtype):
    chosen = config(data, tmp_path, network="selfie", precision=precision)
    task, network, _ = run.prepare(chosen, Group(torch.device("cpu")))
    seen = set()
    network.quarter.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    parts = task.loss(
        network, torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32, dtype=torch.uint8), torch.Generator()
    )
    parts["total"].backward()
    assert seen == {dtype}
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    assert network.stem.conv.weight.grad.abs().sum() > 0
