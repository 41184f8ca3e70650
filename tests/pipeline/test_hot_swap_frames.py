"""Frames while networks are swapped, and what the service loads."""

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet.configs import LightConfig
from segnet.engines import EngineError
from segnet.inference import Segmenter
from segnet.weights import DEFAULT, WeightsInfo, build, save_weights
from tests.helpers.hot_swap import (
    OLD,
    ONE,
    THREE,
    TWO,
    Here,
    broken,
    here,  # noqa: F401 - fixtures
)
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.errors import SettingsError
from vcam.masks.mask import mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.pipeline import network
from vcam.pipeline.hot_swap import Networks
from vcam.pipeline.network import load_checked
from vcam.settings import NetworkSettings, OutputSettings


def play(here, frames, wishes):
    """The worker's loop over frames; `wishes` are frame number → settings. What was composed: frame number →
    (settings of the network, whether there was a mask).
    """
    composed, used, mask = {}, None, None
    for frame in frames:
        if frame.sequence in wishes:
            here.networks.request(wishes[frame.sequence])
        segment = here.networks.current()
        if segment is not used:
            used, mask = segment, None
        mask = mask_or_none(frame, segment, lambda _: None, last=mask)
        here.networks.judge(mask is not None)
        compose(frame, mask, Blur(0.5))
        assert frame.sequence not in composed
        composed[frame.sequence] = segment.settings, mask is not None
    return composed


@given(wishes=st.dictionaries(st.integers(0, 30), st.sampled_from([OLD, ONE, TWO, THREE]), max_size=12))
def test_every_frame_is_composed_once_by_a_network_that_was_whole_whatever_is_wished_for(sample, wishes):
    here = Here()
    first = here.networks.current()
    first.ready = True
    here.load.does[TWO.weights] = broken(SettingsError("damaged"))
    here.load.does[THREE.weights] = lambda network: setattr(network, "fails", True)
    frames = [RawFrame(sample[n % 12].pixels, n, 0.0) for n in range(40)]
    composed = play(here, frames, wishes)
    assert list(composed) == list(range(40))
    for settings, masked in composed.values():
        assert settings != TWO
        assert masked == (settings != THREE)  # a frame without a mask is wholly blurred
    failures = [n for n, (_, masked) in composed.items() if not masked]
    assert all(composed[n + 1][0] in (OLD, ONE) for n in failures if n < 39)
    assert here.tellers <= {threading.current_thread()}


def test_no_mask_of_one_network_is_shown_to_another(here, sample):
    first = here.networks.current()
    frames = [RawFrame(sample[0].pixels, n, 0.0) for n in range(6)]
    play(here, frames[:3], {})
    here.networks.request(ONE)
    second = here.loaded()
    play(here, frames[3:], {})
    for one in (first, second):
        assert one.previous[0] is None
        assert all(previous is not None for previous in one.previous[1:])


@pytest.fixture
def small(tmp_path):
    """Weights that are in order but know nothing."""
    info = WeightsInfo("light", LightConfig(4, (4, 4, 8, 8), (4, 4, 8)))
    save_weights(tmp_path / "small.safetensors", build(info).state_dict(), info)
    return NetworkSettings(weights=tmp_path / "small.safetensors")


def test_a_network_that_does_not_find_the_man_is_refused_beside_one_that_does(small, sample):
    told = []
    networks = Networks(OLD, lambda settings: load_checked(settings, OutputSettings()), told.append)
    shipped = networks.current()
    networks.request(small)
    networks._loading.thread.join(60)
    assert networks.current() is shipped
    assert told[-1]["swap"]["state"] == "refused"
    assert "test picture" in told[-1]["swap"]["reason"]
    networks.request(NetworkSettings(weights=DEFAULT))
    networks._loading.thread.join(60)
    assert networks.current() is not shipped
    mask = mask_or_none(sample[0], networks.current(), lambda _: None)
    networks.judge(mask is not None)
    assert told[-1]["swap"] == {"state": "in use", "weights": str(DEFAULT), "reason": ""}


@pytest.mark.parametrize("size", [(1280, 720), (640, 480)])
def test_what_is_loaded_has_its_engine_for_the_outputs_size_already(size):
    output = OutputSettings(width=size[0], height=size[1])
    segment = load_checked(OLD, output)
    before = segment._engine_for.cache_info().misses
    width, height = segment.size_for(*size)
    segment(np.zeros((height, width, 3), np.uint8))
    assert segment._engine_for.cache_info().misses == before


def test_an_engine_that_fails_only_at_the_outputs_size_is_one_sentence(monkeypatch):
    def broken(self, picture, previous=None):
        raise EngineError("no memory for this size")

    loaded = network.load_network(OLD)
    monkeypatch.setattr(network, "load_network", lambda settings: loaded)
    monkeypatch.setattr(network, "check_known_answer", lambda segment, keep: None)
    monkeypatch.setattr(Segmenter, "__call__", broken)
    with pytest.raises(SettingsError, match=r"network\.engine auto .* can't be had: no memory for this size"):
        load_checked(OLD, OutputSettings())


def test_weights_that_are_not_there_are_refused_with_the_path(here):
    networks = Networks(OLD, lambda settings: load_checked(settings, OutputSettings()), here.on_update)
    networks.request(NetworkSettings(weights=Path("/none.safetensors")))
    networks._loading.thread.join(60)
    networks.current()
    assert here.told[-1] == (
        "refused",
        "/none.safetensors",
        "network.weights: there is no weights file /none.safetensors",
    )
