"""Weights files: what is saved comes back, and nothing else is taken for one."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from segnet import weights
from segnet.inference import Segmenter, fused, input_size, load_segmenter
from segnet.network import NetworkConfig, SegNet
from segnet.weights import DEFAULT, WeightsError, WeightsInfo, load_weights, save_weights
from training.card import figures

SMALL = NetworkConfig(stem=4, widths=(4, 4, 8, 8), decoder=(4, 4, 8))


@pytest.fixture
def good(tmp_path):
    """A small weights file that is as it should be."""
    torch.manual_seed(0)
    path = tmp_path / "good.safetensors"
    save_weights(path, SegNet(SMALL).state_dict(), WeightsInfo(SMALL, metrics={"val": {"iou": 0.9}}))
    return path


def rewrite(path, change_tensors=lambda t: t, change_header=lambda h: h):
    """The file with something changed behind the back of its digest."""
    with safe_open(str(path), framework="pt") as file:
        header = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(change_tensors(tensors), path, metadata=change_header(header))


def test_what_was_saved_comes_back(good):
    network, info = load_weights(good)
    torch.manual_seed(0)
    for name, tensor in SegNet(SMALL).state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])
    assert info.config == SMALL
    assert info.metrics == {"val": {"iou": 0.9}}
    assert not network.training


def with_first(tensors, change):
    name = next(name for name in tensors if name.endswith("0.weight"))
    return tensors | {name: change(tensors[name])}


def said(old, new):
    """The header with one thing of it said otherwise."""
    return lambda h: h | {"info": h["info"].replace(old, new)}


BROKEN = {
    "one number changed": (lambda t: with_first(t, lambda x: x + 1e-3), dict, "sha256"),
    "not finite": (lambda t: with_first(t, lambda x: x * float("nan")), dict, "not finite"),
    "other shape": (lambda t: with_first(t, lambda x: x[:1].clone()), dict, "not those of the network"),
    "other type": (lambda t: with_first(t, lambda x: x.half()), dict, "not those of the network"),
    "one tensor missing": (lambda t: dict(list(t.items())[1:]), dict, "not those of the network"),
    "one tensor more": (lambda t: t | {"evil": torch.zeros(1)}, dict, "not those of the network"),
    "no schema": (lambda t: t, lambda h: {k: v for k, v in h.items() if k != "segblur.schema"}, "lacks segblur.schema"),
    "newer schema": (lambda t: t, lambda h: h | {"segblur.schema": "99"}, "lacks segblur.schema"),
    "other architecture": (lambda t: t, lambda h: h | {"architecture": "gpt"}, "lacks segblur.schema"),
    "no digest": (lambda t: t, lambda h: {k: v for k, v in h.items() if k != "sha256"}, "no sha256"),
    "no info": (lambda t: t, lambda h: {k: v for k, v in h.items() if k != "info"}, "does not describe"),
    "broken info": (lambda t: t, lambda h: h | {"info": "{"}, "does not describe"),
    "absurd width": (lambda t: t, lambda h: h | {"info": h["info"].replace('"stem":4', '"stem":99999999')}, "stem"),
    "absurd size": (lambda t: t, lambda h: h | {"info": h["info"].replace("[256,144]", "[256,0]")}, "input_size"),
    "other classes": (lambda t: t, lambda h: h | {"info": h["info"].replace('"person"', '"background"')}, "classes"),
    "absurd mean": (lambda t: t, said("[0.5,0.5,0.5]", "[NaN,0.5,0.5]"), "mean"),
    "absurd spread": (lambda t: t, said("[0.25,0.25", "[1e308,0.25"), "std"),
    "giant": (lambda t: t, said("[4,4,8,8]", "[4096,4096,4096,4096]"), "not those"),
    "no header at all": (lambda t: t, lambda h: {}, "lacks segblur.schema"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_with_anything_wrong_is_refused_with_the_reason(good, name):
    change_tensors, change_header, says = BROKEN[name]
    rewrite(good, change_tensors, change_header)
    with pytest.raises(WeightsError, match=says) as caught:
        load_weights(good)
    assert str(good) in str(caught.value)


def test_a_file_that_is_cut_off_is_refused_at_every_length(good):
    data = good.read_bytes()
    for length in (0, 1, 7, 8, 100, len(data) // 2, len(data) - 1):
        good.write_bytes(data[:length])
        with pytest.raises(WeightsError):
            load_weights(good)


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_file_with_any_byte_changed_is_refused_or_says_the_same(tmp_path_factory, position, change):
    path = tmp_path_factory.mktemp("weights") / "x.safetensors"
    torch.manual_seed(0)
    save_weights(path, SegNet(SMALL).state_dict(), WeightsInfo(SMALL))
    before, _ = load_weights(path)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= change
    path.write_bytes(data)
    try:
        after, _ = load_weights(path)
    except WeightsError:
        return
    for name, tensor in before.state_dict().items():  # the change fell on a word that says nothing of the network
        assert torch.equal(tensor, after.state_dict()[name])


def test_pickles_folders_and_absent_or_giant_files_are_refused(tmp_path, monkeypatch):
    torch.save({"x": torch.zeros(3)}, tmp_path / "pickle.pth")
    (tmp_path / "folder").mkdir()
    for name, says in {"pickle.pth": "not a readable", "folder": "not a readable", "none": "there is no"}.items():
        with pytest.raises(WeightsError, match=says):
            load_weights(tmp_path / name)
    monkeypatch.setattr(weights, "MAX_BYTES", 10)
    with pytest.raises(WeightsError, match="more than the 10"):
        load_weights(DEFAULT)


def test_a_network_that_gives_no_numbers_is_refused(tmp_path):
    tensors = {name: tensor * 3e38 for name, tensor in SegNet(SMALL).state_dict().items() if tensor.is_floating_point()}
    path = tmp_path / "big.safetensors"
    save_weights(path, SegNet(SMALL).state_dict() | tensors, WeightsInfo(SMALL))
    with pytest.raises(WeightsError, match="not finite"):
        load_segmenter(path)


def test_saving_leaves_the_old_file_or_the_new_one(good, monkeypatch):
    old = good.read_bytes()
    monkeypatch.setattr(weights, "save", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_weights(good, SegNet(SMALL).state_dict(), WeightsInfo(SMALL))
    assert good.read_bytes() == old


def test_the_shipped_file_is_small_and_says_what_it_is():
    assert DEFAULT.stat().st_size < 2_000_000
    _, info = load_weights(DEFAULT)
    assert info.classes == ("person",)
    assert info.metrics["val/ccp_upper"]["iou"] >= 0.93
    assert len(info.training["data_sha256"]) == 64


def test_the_card_has_the_figures_of_the_file():
    assert figures(DEFAULT) in (DEFAULT.parent / "CARD.md").read_text()


def test_folding_batch_norm_changes_nothing():
    network, _ = load_weights(DEFAULT)
    x = torch.randn(1, 3, 96, 160)
    with torch.inference_mode():
        assert torch.allclose(network(x), fused(copy.deepcopy(network))(x), atol=2e-4)


@pytest.mark.parametrize("size", [(256, 144), (224, 160), (160, 224), (16, 16), (512, 144), (128, 288)])
def test_the_network_takes_every_multiple_of_sixteen(segmenter, size):
    mask = segmenter(np.zeros((size[1], size[0], 3), np.uint8))
    assert (mask.shape, mask.dtype) == (size[::-1], np.float32)
    assert 0.0 <= mask.min() <= mask.max() <= 1.0


@given(st.integers(16, 10_000), st.integers(16, 10_000))
def test_every_picture_has_a_network_size_of_about_the_same_area_and_aspect(width, height):
    w, h = input_size(width, height)
    assert w % 16 == h % 16 == 0
    assert 0.8 < w * h / (256 * 144) < 1.25
    assert 0.8 < (w / h) / min(4.0, max(0.25, width / height)) < 1.25


def test_common_webcams_have_the_sizes_that_training_used():
    assert input_size(1280, 720) == input_size(1920, 1080) == (256, 144)
    assert input_size(640, 480) == (224, 160)


def test_a_segmenter_gives_the_same_mask_for_the_same_picture_and_keeps_nothing(segmenter):
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (144, 256, 3)).astype(np.uint8) for _ in range(2))
    first = segmenter(one)
    segmenter(other)
    assert np.array_equal(first, segmenter(one))
    assert isinstance(load_segmenter(DEFAULT), Segmenter)
