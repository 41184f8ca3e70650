"""The network that the settings ask for, and sentences for what can't be had."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from segnet import engines
from segnet.configs import LightConfig
from segnet.weights import WeightsInfo, build, save_weights
from vcam.errors import SettingsError
from vcam.pipeline.network import load_network
from vcam.settings import NetworkSettings


@pytest.fixture(autouse=True)
def same_threads_afterwards():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def threads_of(segmenter):
    """As many as run it, by OpenVINO's own word."""
    model = segmenter._engine_for(256, 144).request.get_compiled_model()
    return model.get_property("INFERENCE_NUM_THREADS")


def test_fast_and_fine_are_the_first_two_sizes_of_the_weights(tmp_path):
    assert load_network(NetworkSettings(size="fast")).size_for(1280, 720) == (320, 176)
    fine = load_network(NetworkSettings(size="fine"))
    assert (fine.size_for(1280, 720), fine.size_for(640, 480)) == ((384, 224), (336, 256))
    info = WeightsInfo("light", LightConfig(4, (4, 4, 8, 8), (4, 4, 8)), input_sizes=((160, 96),))
    save_weights(tmp_path / "one.safetensors", build(info).state_dict(), info)
    only = load_network(NetworkSettings(weights=tmp_path / "one.safetensors", size="fine"))
    assert only.size_for(1600, 960) == (160, 96)


def test_threads_are_as_the_settings_say():
    options = {"engine": "openvino", "device": "cpu"}
    assert threads_of(load_network(NetworkSettings(threads=2, **options))) == 2
    assert threads_of(load_network(NetworkSettings(**options))) == 1
    for threads in (2, 1):
        load_network(NetworkSettings(engine="torch", device="cpu", threads=threads))
        assert torch.get_num_threads() == threads


def test_a_network_keeps_its_threads_whichever_thread_made_it_and_whichever_runs_it():
    load_network(NetworkSettings(engine="torch", device="cpu"))
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(load_network, NetworkSettings(engine="torch", device="cpu", threads=2)).result()
    before = load_network(NetworkSettings(engine="torch", device="cpu"))
    picture = np.zeros((144, 256, 3), np.uint8)
    made(picture)
    assert torch.get_num_threads() == 2
    before(picture)
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"weights": "none"}, r"network\.weights: there is no weights file none"),
        ({"keep": "person,cat"}, r"network\.keep can't be person, cat: these weights know only person"),
        ({"keep": "background"}, r"network\.keep can't be background"),
        ({"device": "cuda"}, r"network\.device cuda can't be had: there is no CUDA GPU"),
        ({"engine": "torch", "device": "npu"}, r"network\.engine torch with network\.device npu can't be had"),
    ],
)
def test_what_can_not_be_had_is_one_sentence_with_the_setting(monkeypatch, settings, says):
    monkeypatch.setattr(engines, "cuda_works", lambda: False)
    with pytest.raises(SettingsError, match=says) as caught:
        load_network(NetworkSettings(**settings))
    assert "\n" not in str(caught.value)
