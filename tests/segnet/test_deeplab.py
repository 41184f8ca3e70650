"""torchvision's networks: their shapes and sizes, and their files made into ours. Nothing is downloaded."""

import hashlib
import urllib.error

import pytest
import torch
from torch import nn
from torchvision.models import get_model, get_model_weights

from segnet.architectures import ARCHITECTURES
from segnet.classes import VOC_CLASSES, ClassError, kept
from segnet.configs import TORCHVISION
from segnet.deeplab import Torchvision
from segnet.weights import WeightsError, load_weights, save_weights
from training.convert import pth
from training.convert.pth import classes_of, convert, vgg16_bn_weights

COUNTS = {
    "lraspp_mobilenet_v3_large": 3_221_538,
    "deeplabv3_mobilenet_v3_large": 11_025_477,
    "deeplabv3_resnet50": 39_638_869,
    "deeplabv3_resnet101": 58_630_997,
}
SMALLEST = "lraspp_mobilenet_v3_large"
WITH_AUX = "deeplabv3_mobilenet_v3_large"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Whoever tries to download is found out."""

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)


def theirs(name, **options):
    """A network as torchvision itself makes it for its own files: with the auxiliary head, where there is one."""
    if name.startswith("deeplab"):
        options |= {"aux_loss": True}
    return get_model(name, weights=None, weights_backbone=None, num_classes=21, **options)


def on_meta(make):
    with torch.device("meta"):
        return make()


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", TORCHVISION)
def test_each_network_is_torchvisions_without_the_auxiliary_head(name):
    mine = on_meta(lambda: ARCHITECTURES[name].build(ARCHITECTURES[name].config(), 21))
    whole = on_meta(lambda: theirs(name))
    aux = getattr(whole, "aux_classifier", None)
    assert count(mine) == COUNTS[name]
    assert count(whole) == COUNTS[name] + (count(aux) if aux else 0)
    assert count(whole) == get_model_weights(name)[pth.TRAINED].meta["num_params"]
    assert not any("aux" in key for key in mine.state_dict())


@pytest.mark.parametrize("name", TORCHVISION)
def test_scores_have_the_size_of_the_input(name):
    network = on_meta(lambda: Torchvision(name, 21)).eval()
    assert network(torch.empty(1, 3, 96, 160, device="meta")).shape == (1, 21, 96, 160)


def test_the_number_of_classes_is_free():
    assert on_meta(lambda: Torchvision(SMALLEST, 3)).eval()(torch.empty(1, 3, 64, 64, device="meta")).shape[1] == 3


@pytest.mark.parametrize("name", [SMALLEST, WITH_AUX])
def test_torchvisions_file_becomes_a_weights_file_that_says_the_same(tmp_path, name):
    torch.manual_seed(0)
    original = theirs(name).eval()
    torch.save(original.state_dict(), tmp_path / "x.pth")
    save_weights(tmp_path / "x.safetensors", *convert(tmp_path / "x.pth", name))
    network, info = load_weights(tmp_path / "x.safetensors")
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(network(x), original(x)["out"])
    assert info.architecture == name
    assert info.classes == VOC_CLASSES
    assert info.classes[15] == "person"
    assert (info.mean, info.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    preset = get_model_weights(name)[pth.TRAINED].transforms()
    assert [list(info.mean), list(info.std)] == [preset.mean, preset.std]
    assert "x.pth" in info.training["from"]


def test_resnets_files_are_taken_too(tmp_path):
    """Names and shapes only: the numbers would be 240 MB."""
    for name in ("deeplabv3_resnet50", "deeplabv3_resnet101"):
        state = {
            k: torch.zeros((), dtype=t.dtype).expand(t.shape)
            for k, t in on_meta(lambda n=name: theirs(n)).state_dict().items()
        }
        torch.save(state, tmp_path / "x.pth")
        assert (tmp_path / "x.pth").stat().st_size < 1_000_000
        tensors, info = convert(tmp_path / "x.pth", name)
        assert info.architecture == name
        assert len(tensors) == sum(not key.startswith("aux_classifier.") for key in state)


@pytest.fixture
def small_pth(tmp_path):
    """A file that torch can read, and far too small to be a network."""
    path = tmp_path / "x.pth"
    torch.save({"weight": torch.zeros(3)}, path)
    return path


def test_the_hash_in_a_files_name_is_checked(small_pth):
    digest = hashlib.sha256(small_pth.read_bytes()).hexdigest()
    right = small_pth.with_name(f"net-{digest[:8]}.pth")
    wrong = small_pth.with_name("net-d234d4ea.pth")
    right.write_bytes(small_pth.read_bytes())
    wrong.write_bytes(small_pth.read_bytes())
    assert vgg16_bn_weights(right).keys() == {"weight"}
    with pytest.raises(WeightsError, match=f"begins with {digest[:8]}, not as its name says"):
        vgg16_bn_weights(wrong)


def test_a_date_in_a_files_name_is_no_hash(small_pth):
    dated = small_pth.rename(small_pth.with_name("vgg-20260115.pth"))
    assert vgg16_bn_weights(dated).keys() == {"weight"}


def test_files_that_are_not_the_networks_are_refused_with_the_reason(small_pth, tmp_path):
    torch.save({"model": {"weight": torch.zeros(3)}, "epoch": 3}, tmp_path / "checkpoint.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "pickled.pth")
    (tmp_path / "text.pth").write_text("<html>")
    (tmp_path / "folder").mkdir()
    for file, says in {
        "x.pth": f"does not hold a {SMALLEST} of 21 classes: Missing key",
        "checkpoint.pth": f"does not hold a {SMALLEST} of 21 classes: Missing key",
        "pickled.pth": "is not a file of weights",
        "text.pth": "is not a file of weights",
        "folder": "can't be read",
        "none.pth": "there is no file",
    }.items():
        with pytest.raises(WeightsError, match=says) as caught:
            convert(tmp_path / file, SMALLEST)
        assert str(tmp_path / file) in str(caught.value)


def test_a_file_of_another_of_the_four_networks_is_refused(tmp_path):
    torch.save(on_meta(lambda: theirs(WITH_AUX)).state_dict(), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=f"does not hold a {SMALLEST}"):
        convert(tmp_path / "x.pth", SMALLEST)


def test_other_names_are_refused():
    with pytest.raises(WeightsError, match=r"fcn_resnet50 is not one of .*deeplabv3_resnet50"):
        convert(None, "fcn_resnet50")


def test_a_download_that_fails_says_what_to_get_instead():
    for get in (lambda: convert(None, SMALLEST), lambda: vgg16_bn_weights(None)):
        with pytest.raises(WeightsError, match=r"get https://\S+\.pth where there is a network, and name the file"):
            get()


def test_a_download_is_checked_and_not_unpickled(monkeypatch):
    asked = {}
    state = theirs(SMALLEST).state_dict()
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url", lambda url, **kw: asked.update(kw, url=url) or state
    )
    tensors, info = convert(None, SMALLEST)
    assert asked["check_hash"] is True
    assert asked["weights_only"] is True
    assert asked["url"].endswith("lraspp_mobilenet_v3_large-d234d4ea.pth")
    assert torch.equal(tensors["network.classifier.low_classifier.bias"], state["classifier.low_classifier.bias"])
    assert info.training["from"].endswith(asked["url"])


def test_classes_that_are_not_vocs_in_vocs_order_are_refused():
    names = ["__background__", *VOC_CLASSES[1:]]
    assert classes_of(names) == VOC_CLASSES
    for other in (names[::-1], names[:20], [names[0], *names[2:], names[1]], [*names, "desk"]):
        with pytest.raises(WeightsError, match="not VOC's"):
            classes_of(other)


# What is kept


def test_classes_are_kept_by_name_each_once_and_in_order():
    assert kept(("person",), ["person"]) == (0,)
    assert kept(VOC_CLASSES, ["person"]) == (15,)
    assert kept(VOC_CLASSES, ["person", "cat", "person", "chair"]) == (8, 9, 15)


@pytest.mark.parametrize(
    "classes, keep, says",
    [
        (
            ("person",),
            ["person", "cat", "chair"],
            "these weights know only person; cat and chair need ones trained on VOC's classes",
        ),
        (("person",), ["cat"], "these weights know only person; cat needs ones trained on VOC's classes"),
        (("background", "person", "cat"), ["dog", "bus", "cow"], "know only person and cat; dog, bus and cow need"),
        (VOC_CLASSES, ["cap"], "nothing is known of cap"),
        (VOC_CLASSES, ["background"], "the background can't be kept"),
        (VOC_CLASSES, [], "nothing is to be kept"),
    ],
)
def test_what_can_not_be_kept_is_said(classes, keep, says):
    with pytest.raises(ClassError, match=says):
        kept(classes, keep)
