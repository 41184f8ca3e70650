"""Weights files: what is saved comes back, and nothing else is taken for one."""

import copy
import json
import os
import resource
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from segnet import weights
from segnet.classes import VOC_CLASSES
from segnet.configs import DeconvConfig, LightConfig, TorchvisionConfig
from segnet.inference import load_segmenter
from segnet.selfie import SelfieNet
from segnet.weights import DEFAULT, WeightsError, WeightsInfo, build, load_weights, read_info, save_weights
from training.measure.card import figures

SMALL = WeightsInfo("light", LightConfig(stem=4, widths=(4, 4, 8, 8), decoder=(4, 4, 8)), metrics={"val": {"iou": 0.9}})
DECONV = WeightsInfo("deconvnet", DeconvConfig(width=1 / 64, fc=4), VOC_CLASSES, ((224, 224), (256, 224)))
LRASPP = WeightsInfo("lraspp_mobilenet_v3_large", TorchvisionConfig(), VOC_CLASSES)
DEEPLAB = WeightsInfo("deeplabv3_mobilenet_v3_large", TorchvisionConfig(), ("background", "person"))


@pytest.fixture
def good(tmp_path):
    """A small weights file that is as it should be."""
    torch.manual_seed(0)
    path = tmp_path / "good.safetensors"
    save_weights(path, build(SMALL).state_dict(), SMALL)
    return path


def parts(path):
    """The tensors and the header of a file."""
    with safe_open(str(path), framework="pt") as file:
        return {name: file.get_tensor(name).clone() for name in file.keys()}, dict(file.metadata())  # noqa: SIM118


def rewrite(path, change_tensors=lambda t: t, change_header=lambda h: h):
    """The file with something changed behind the back of its digest."""
    tensors, header = parts(path)
    save_file(change_tensors(tensors), path, metadata=change_header(header))


@pytest.mark.parametrize("info", [SMALL, DECONV, LRASPP, DEEPLAB], ids=lambda info: info.architecture)
def test_what_was_saved_comes_back(tmp_path, info):
    torch.manual_seed(0)
    before = build(info)
    path = tmp_path / "x.safetensors"
    save_weights(path, before.state_dict(), info)
    network, said = load_weights(path)
    assert said == info
    assert said == read_info(path)
    assert type(said.config) is type(info.config)
    assert not network.training
    after = network.state_dict()
    assert after.keys() == before.state_dict().keys()
    for name, tensor in before.state_dict().items():
        assert torch.equal(tensor, after[name])
    assert all(tensor.device.type == "cpu" for tensor in [*network.parameters(), *network.buffers()])


def test_tensors_in_channels_last_order_come_back_the_same(tmp_path):
    before = build(SMALL).to(memory_format=torch.channels_last)
    save_weights(tmp_path / "x.safetensors", before.state_dict(), SMALL)
    after = load_weights(tmp_path / "x.safetensors")[0].state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.state_dict().items())


def with_first(tensors, change):
    name = next(name for name in tensors if name.endswith("0.weight"))
    return tensors | {name: change(tensors[name])}


def without(key):
    """The header without one of its keys."""
    return lambda header: {k: v for k, v in header.items() if k != key}


def but(**changes):
    """The header with something of its info said otherwise."""
    return lambda header: header | {"info": json.dumps(json.loads(header["info"]) | changes)}


def shaped(**changes):
    """The header with something of the network's config said otherwise."""

    def change(header):
        info = json.loads(header["info"])
        return header | {"info": json.dumps(info | {"config": info["config"] | changes})}

    return change


SAME = dict
BROKEN = {
    "one number changed": (lambda t: with_first(t, lambda x: x + 1e-3), SAME, "sha256.*it is damaged; copy it again"),
    "not a number": (lambda t: with_first(t, lambda x: x * float("nan")), SAME, "not finite"),
    "infinite": (lambda t: with_first(t, lambda x: x - float("inf")), SAME, "not finite"),
    "other shape": (lambda t: with_first(t, lambda x: x[:1].clone()), SAME, "not those of the network"),
    "other type": (lambda t: with_first(t, lambda x: x.double()), SAME, "it has F64 .*, the network F32"),
    "fewer bits": (lambda t: with_first(t, lambda x: x.half()), SAME, "it has F16 .*, the network F32"),
    "one tensor missing": (lambda t: dict(list(t.items())[1:]), SAME, "it has none"),
    "one tensor more": (lambda t: t | {"evil": torch.zeros(1)}, SAME, "for 'evil' it has F32 1, the network none"),
    "an older version": (
        SAME,
        lambda h: h | {"segblur.schema": "1"},
        "an older version of this program.*segblur train",
    ),
    "a newer version": (SAME, lambda h: h | {"segblur.schema": "99"}, "another version .*: update this program"),
    "no schema": (SAME, without("segblur.schema"), "lacks segblur.schema"),
    "no header at all": (SAME, lambda h: {}, "lacks segblur.schema"),
    "no digest": (SAME, without("sha256"), "has no sha256"),
    "no info": (SAME, without("info"), "has no info"),
    "broken info": (SAME, lambda h: h | {"info": "{"}, "does not describe a network"),
    "more than is known": (SAME, but(palette=[0, 1]), "palette"),
    "unknown architecture": (SAME, but(architecture="gpt"), "'gpt' is not one of light, selfie, deconvnet, lraspp"),
    "other architecture": (SAME, but(architecture="deconvnet", input_sizes=[[224, 224]]), "deconvnet has no 'decoder'"),
    "no config": (SAME, but(config=None), "config: Input should be a dictionary"),
    "odd config": (SAME, but(config=[1]), "config: Input"),
    "absurd width": (SAME, shaped(stem=99999999), "stem"),
    "no width": (SAME, shaped(stem=0), "config.stem: Input should be greater"),
    "other width": (SAME, shaped(stem=8), "not those of the network"),
    "an option of tomorrow": (SAME, shaped(depth=3), "light has no 'depth'"),
    "no size": (SAME, but(input_sizes=[]), "input_sizes"),
    "absurd size": (SAME, but(input_sizes=[[256, 0]]), "input_sizes"),
    "giant size": (SAME, but(input_sizes=[[256, 99999]]), "input_sizes"),
    "odd size": (
        SAME,
        but(input_sizes=[[320, 180]]),
        "320×180 is not of multiples of 16 from 32 up, which light takes",
    ),
    "no class": (SAME, but(classes=[]), "classes"),
    "another class alone": (SAME, but(classes=["cat"]), "classes: they are neither"),
    "classes without background": (SAME, but(classes=["person", "cat"]), "classes: they are neither"),
    "a class twice": (SAME, but(classes=["background", "cat", "cat"]), "one is named twice"),
    "too many classes": (SAME, but(classes=["background", "person"]), "light can tell only person"),
    "very many classes": (SAME, but(classes=["background", *map(str, range(999))]), "classes"),
    "a class of odd letters": (SAME, but(classes=["background", "\x1b[2J"]), "classes"),
    "no mean": (SAME, but(mean=[0.5, 0.5]), "mean"),
    "absurd mean": (SAME, but(mean=[float("nan"), 0.5, 0.5]), "mean"),
    "absurd spread": (SAME, but(std=[1e308, 0.25, 0.25]), "std"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_with_anything_wrong_is_refused_with_the_reason(good, name):
    change_tensors, change_header, says = BROKEN[name]
    rewrite(good, change_tensors, change_header)
    with pytest.raises(WeightsError, match=says) as caught:
        load_weights(good)
    assert str(good) in str(caught.value)


@pytest.mark.parametrize("name", [name for name, (change_tensors, _, _) in BROKEN.items() if change_tensors is SAME])
def test_a_header_that_says_nothing_sound_is_refused_in_the_same_words_before_the_tensors_are_looked_at(good, name):
    rewrite(good, change_header=BROKEN[name][1])
    with pytest.raises(WeightsError) as by_all:
        load_weights(good)
    if "not those of the network" in str(by_all.value):
        return
    with pytest.raises(WeightsError) as by_header:
        read_info(good)
    assert str(by_header.value) == str(by_all.value)


@pytest.mark.parametrize("name", ["not a number", "one number changed", "other shape", "another class alone"])
def test_where_openvino_runs_it_a_file_is_refused_for_the_same_reason(good, name):
    change_tensors, change_header, says = BROKEN[name]
    rewrite(good, change_tensors, change_header)
    with pytest.raises(WeightsError, match=says) as caught:
        load_segmenter(good, engine="openvino", device="cpu")
    assert str(good) in str(caught.value)


def test_reading_a_header_takes_no_torch():
    code = (
        "import sys; from segnet.weights import DEFAULT, read_info; read_info(DEFAULT); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"config": {"width": float("nan"), "fc": 4}}, "width"),
        ({"config": {"width": 1e9, "fc": 4}}, "width"),
        ({"config": {"width": 0.5, "fc": 10**9}}, "fc"),
        ({"input_sizes": [[256, 144]]}, "256×144 is not of multiples of 32 from 224 up, which deconvnet takes"),
        ({"input_sizes": [[192, 192]]}, "192×192 is not"),
        ({"input_sizes": [[240, 240]]}, "240×240 is not"),
        ({"classes": ["background", "person"]}, "'score.bias' it has F32 21, the network F32 2"),
    ],
)
def test_a_deconvnet_that_is_not_what_its_header_says_is_refused(tmp_path, changes, says):
    path = tmp_path / "x.safetensors"
    save_weights(path, build(DECONV).state_dict(), DECONV)
    rewrite(path, change_header=but(**changes))
    with pytest.raises(WeightsError, match=says):
        load_weights(path)


def test_a_header_that_claims_a_giant_network_costs_no_memory(good):
    rewrite(good, change_header=shaped(stem=4096, widths=[4096] * 4, decoder=[4096] * 3))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError, match="not those of the network"):
        load_weights(good)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB; the network would have 9 GB


@pytest.mark.parametrize("info", [SMALL, DECONV], ids=lambda info: info.architecture)
def test_loading_does_not_import_torchs_compiler(tmp_path, info):
    path = tmp_path / "x.safetensors"
    save_weights(path, build(info).state_dict(), info)
    code = (
        "import pathlib, sys; from segnet.weights import load_weights; "
        f"load_weights(pathlib.Path({str(path)!r})); print({{'torch._dynamo', 'sympy'}} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_no_tensor_is_read_before_all_are_known_to_be_the_networks(good, monkeypatch):
    read = []

    class Watched:
        def __init__(self, *args, **kwargs):
            self.file = safe_open(*args, **kwargs)

        def __enter__(self):
            return self

        def __exit__(self, *args):
            return None

        def __getattr__(self, name):
            return getattr(self.file, name)

        def get_tensor(self, name):
            read.append(name)
            return self.file.get_tensor(name)

    monkeypatch.setattr(weights, "safe_open", Watched)
    load_weights(good)
    assert read
    read.clear()
    rewrite(good, lambda tensors: tensors | {"zzz": torch.zeros(1)})
    with pytest.raises(WeightsError, match="'zzz'"):
        load_weights(good)
    assert read == []


def test_a_file_that_is_written_over_later_changes_nothing(good):
    network, _ = load_weights(good)
    before = copy.deepcopy(network.state_dict())
    with good.open("r+b") as file:
        file.seek(good.stat().st_size // 2)
        file.write(bytes(good.stat().st_size // 2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_a_header_longer_than_any_network_needs_is_not_read(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={"info": "x" * 2_000_000})
    with pytest.raises(WeightsError, match=r"its header has 20\d+ bytes, more than the 1048576"):
        load_weights(path)


def test_a_file_that_is_cut_off_is_refused_at_every_length(good):
    data = good.read_bytes()
    for length in (0, 1, 7, 8, 100, len(data) // 2, len(data) - 1):
        good.write_bytes(data[:length])
        with pytest.raises(WeightsError):
            load_weights(good)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A file's bytes, a place to put them, and the tensors in them."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "x.safetensors"
    save_weights(path, build(SMALL).state_dict(), SMALL)
    return path.read_bytes(), path, load_weights(path)[0].state_dict()


@given(st.integers(0, 10**9), st.integers(1, 255))
@settings(deadline=None)
def test_a_file_with_any_byte_changed_is_refused_or_says_the_same(saved, position, change):
    whole, path, before = saved
    data = bytearray(whole)
    data[position % len(data)] ^= change
    path.write_bytes(data)
    try:
        after, _ = load_weights(path)
    except WeightsError:
        return
    for name, tensor in before.items():  # the change fell on a word that says nothing of the network
        assert torch.equal(tensor, after.state_dict()[name])


def test_pickles_folders_and_absent_or_giant_files_are_refused(tmp_path, monkeypatch):
    torch.save({"x": torch.zeros(3)}, tmp_path / "pickle.pth")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, says in {
        "pickle.pth": "not a readable",
        "folder": "is not a file",
        "pipe": "is not a file",
        "none": "there is no",
    }.items():
        with pytest.raises(WeightsError, match=says):
            load_weights(tmp_path / name)
    monkeypatch.setattr(weights, "MAX_BYTES", 10)
    with pytest.raises(WeightsError, match="more than the 10"):
        load_weights(DEFAULT)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_network_that_gives_no_numbers_is_refused_whatever_the_engine_makes_of_them(tmp_path, engine):
    tensors = build(SMALL).state_dict()
    tensors |= {name: tensor * 3e38 for name, tensor in tensors.items() if tensor.is_floating_point()}
    path = tmp_path / "big.safetensors"
    save_weights(path, tensors, SMALL)
    with pytest.raises(WeightsError, match="not finite"):
        load_segmenter(path, engine=engine, device="cpu")


def test_what_could_not_be_loaded_is_not_saved(good):
    old = good.read_bytes()
    tensors = build(SMALL).state_dict()
    for wrong, info in (
        (dict(list(tensors.items())[1:]), SMALL),
        (tensors, DECONV),
        (tensors, WeightsInfo("light", SMALL.config, input_sizes=((320, 180),))),
    ):
        with pytest.raises(WeightsError):
            save_weights(good, wrong, info)
        assert good.read_bytes() == old


def test_saving_leaves_the_old_file_or_the_new_one(good, monkeypatch):
    old = good.read_bytes()

    def half(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save_file", half)
    with pytest.raises(OSError, match="disk full"):
        save_weights(good, build(SMALL).state_dict(), SMALL)
    assert good.read_bytes() == old
    assert list(good.parent.iterdir()) == [good]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o644), (0o000, 0o644)])
def test_a_saved_file_may_be_read_by_whom_the_umask_lets_and_written_by_its_owner_alone(good, umask, mode):
    mask = os.umask(umask)
    try:
        save_weights(good, build(SMALL).state_dict(), SMALL)
        assert good.stat().st_mode & 0o777 == mode
    finally:
        os.umask(mask)


def test_the_shipped_file_is_small_and_says_what_it_is():
    assert DEFAULT.stat().st_size < 4_000_000
    network, info = load_weights(DEFAULT)
    assert isinstance(network, SelfieNet)
    assert (info.architecture, info.classes) == ("selfie", ("person",))
    assert info.metrics["val/webcam"]["iou"] >= 0.96
    assert info.metrics["val/ccp_upper"]["iou"] >= 0.93
    assert len(info.training["data_sha256"]) == 64


def test_the_card_has_the_figures_of_the_file():
    assert figures(DEFAULT) in (DEFAULT.parent / "CARD.md").read_text()
