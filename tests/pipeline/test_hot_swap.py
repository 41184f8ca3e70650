"""Another network in the place of the one in use: between two frames, without a frame lost, and back if it fails."""

import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segnet.configs import LightConfig
from segnet.engines import EngineError
from segnet.inference import Segmenter
from segnet.weights import DEFAULT, WeightsInfo, build, save_weights
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.errors import SettingsError
from vcam.masks.mask import mask_or_none
from vcam.media.raw_frame import RawFrame
from vcam.pipeline import hot_swap, network
from vcam.pipeline.hot_swap import MOST_HUNG, PATIENCE, Networks
from vcam.pipeline.network import load_checked
from vcam.service.frame_slots import DisconnectedError
from vcam.settings import NetworkSettings, OutputSettings

OLD = NetworkSettings()
ONE, TWO, THREE = (NetworkSettings(weights=f"/{name}.safetensors") for name in ("one", "two", "three"))


class Network:
    """Calls the middle of every picture a person, or what it is told to; counts its frames."""

    def __init__(self, settings, fails=False):
        self.settings, self.fails, self.ready, self.previous = settings, fails, False, []

    def size_for(self, width, height):
        return 64, 48

    def __call__(self, picture, previous):
        assert self.ready, "a network was used before it was loaded"
        self.previous.append(previous)
        mask = np.zeros(picture.shape[:2], np.float32)
        mask[8:, 24:40] = np.nan if self.fails else 1.0
        return mask


class Loader:
    """Loads what it is asked for, when it is let: by default at once."""

    def __init__(self):
        self.threads, self.began, self.may, self.does = [], Counter(), {}, {}

    def hold(self, settings):
        """From now on these settings are loaded only when the event is set."""
        self.may[settings.weights] = threading.Event()
        return self.may[settings.weights]

    def __call__(self, settings):
        self.threads.append(threading.current_thread())
        self.began[settings.weights] += 1
        network = Network(settings)
        if settings.weights in self.may:
            assert self.may[settings.weights].wait(60)
        self.does.get(settings.weights, lambda network: None)(network)
        network.ready = True
        return network


class Here:
    """Networks with a loader, what they told, and from which thread."""

    def __init__(self):
        self.load, self.told, self.tellers = Loader(), [], set()
        self.networks = Networks(OLD, self.load, self.hear)

    def on_update(self, fact):
        assert fact.keys() == {"swap"}
        self.tellers.add(threading.current_thread())
        self.told.append(tuple(fact["swap"].values()))
        assert list(fact["swap"]) == ["state", "weights", "reason"]

    def loaded(self):
        """Wait until the thread has ended, and what it loaded is in use or refused."""
        self.networks._loading.thread.join(60)
        return self.networks.current()

    def states(self):
        return [(state, weights) for state, weights, _ in self.told]


@pytest.fixture
def here():
    return Here()


def broken(error):
    def load(network):
        raise error

    return load


def test_the_first_network_is_in_use_at_once_and_told_of_with_its_first_good_frame(here):
    first = here.networks.current()
    assert (first.settings, here.told) == (OLD, [])
    here.networks.judge(False)
    assert here.networks.current() is first
    here.networks.judge(True)
    here.networks.judge(True)
    assert here.told == [("in use", None, "")]


def test_a_first_network_that_can_not_be_loaded_is_who_starts_its_trouble():
    with pytest.raises(SettingsError, match="damaged"):
        Networks(OLD, lambda settings: broken(SettingsError("damaged"))(None), print)


def test_a_wish_is_loaded_by_a_thread_beside_and_used_when_it_is_ready(here):
    old = here.networks.current()
    go = here.load.hold(ONE)
    here.networks.request(ONE)
    assert [here.networks.current() for _ in range(5)] == [old] * 5
    go.set()
    new = here.loaded()
    assert new.settings == ONE
    assert here.load.threads[-1].name == "segblur-load"
    assert here.load.threads[-1].daemon
    assert here.states() == [("loading", "/one.safetensors"), ("ready", "/one.safetensors")]
    here.networks.judge(True)
    assert here.told[-1] == ("in use", "/one.safetensors", "")


def test_the_one_before_is_kept_until_the_first_good_frame_and_then_let_go(here):
    here.networks.judge(True)
    here.networks.request(ONE)
    here.loaded()
    assert here.networks._before.settings == OLD
    here.networks.judge(True)
    assert here.networks._before is None
    here.networks.judge(False)  # later trouble is the frame's, not the network's
    assert here.networks.current().settings == ONE
    assert here.states() == [
        ("in use", None),
        ("loading", "/one.safetensors"),
        ("ready", "/one.safetensors"),
        ("in use", "/one.safetensors"),
    ]


def test_a_network_whose_first_frame_is_not_good_makes_way_for_the_one_before(here):
    old = here.networks.current()
    here.networks.judge(True)
    here.networks.request(ONE)
    assert here.loaded() is not old
    here.networks.judge(False)
    assert here.networks.current() is old
    assert here.told[-1][:2] == ("returned", "/one.safetensors")
    assert "no mask that can be used for its first frame" in here.told[-1][2]
    here.networks.judge(False)
    assert here.networks.current() is old


def test_one_can_go_back_to_a_network_that_had_no_good_frame_yet_either(here):
    old = here.networks.current()
    here.networks.request(ONE)
    here.loaded()
    here.networks.judge(False)
    assert here.networks.current() is old
    here.networks.judge(True)
    assert here.told[-1] == ("in use", None, "")


def test_what_comes_after_a_network_that_is_still_on_trial_goes_back_to_the_last_good_one(here):
    old = here.networks.current()
    here.networks.judge(True)
    for settings in (ONE, TWO):
        here.networks.request(settings)
        here.loaded()
    here.networks.judge(False)
    assert here.networks.current() is old


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SettingsError("network.weights: x is damaged"), "network.weights: x is damaged"),
        (MemoryError(), "the network can't be loaded (MemoryError); take other weights or another engine"),
        (RuntimeError("CUDA\n  error"), "can't be loaded (RuntimeError: CUDA error); take other"),
        (SystemExit(1), "can't be loaded (SystemExit: 1); take other"),
    ],
)
def test_what_can_not_be_loaded_is_refused_with_a_sentence_and_changes_nothing(here, error, says):
    old = here.networks.current()
    here.networks.judge(True)
    here.load.does[ONE.weights] = broken(error)
    here.networks.request(ONE)
    assert here.loaded() is old
    state, weights, reason = here.told[-1]
    assert (state, weights) == ("refused", "/one.safetensors")
    assert says in reason
    assert here.networks._before is None
    told = list(here.told)
    assert here.networks.current() is old
    assert here.told == told


def test_a_thread_that_can_not_be_had_is_a_refusal(here, monkeypatch):
    def none(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    here.networks.request(ONE)
    assert here.states() == [("refused", "/one.safetensors")]
    assert "can't start new thread" in here.told[-1][2]


def test_a_newer_wish_takes_the_place_of_one_that_is_being_loaded(here):
    go = here.load.hold(ONE)
    here.networks.request(ONE)
    here.networks.request(TWO)
    here.networks.request(THREE)
    old = here.networks.current()
    assert here.load.began == Counter({None: 1, ONE.weights: 1})
    go.set()
    assert here.loaded() is old
    assert here.loaded().settings == THREE
    assert here.load.began[TWO.weights] == 0
    assert here.states()[:2] == [("loading", "/one.safetensors"), ("loading", "/three.safetensors")]
    assert ("ready", "/one.safetensors") not in here.states()


def test_a_failure_that_nobody_wants_to_hear_of_any_more_is_not_told(here):
    go = here.load.hold(ONE)
    here.load.does[ONE.weights] = broken(SettingsError("x"))
    here.networks.request(ONE)
    here.networks.request(TWO)
    go.set()
    here.loaded()
    assert here.loaded().settings == TWO
    assert ("refused", "/one.safetensors") not in here.states()


def test_to_wish_back_what_is_in_use_ends_the_matter(here):
    old = here.networks.current()
    here.networks.judge(True)
    go = here.load.hold(ONE)
    here.networks.request(ONE)
    here.networks.request(OLD)
    assert here.told[-1] == ("in use", None, "")
    go.set()
    assert here.loaded() is old
    assert here.networks.current() is old
    assert here.networks._loading is None
    assert here.load.began[None] == 1


def test_the_same_wish_again_is_nothing_new_until_there_was_another(here):
    here.load.does[ONE.weights] = broken(SettingsError("x"))
    for _ in range(3):
        here.networks.request(ONE)
        if here.networks._loading:
            here.loaded()
    assert here.load.began[ONE.weights] == 1
    here.networks.request(OLD)
    here.networks.request(ONE)
    here.loaded()
    assert here.load.began[ONE.weights] == 2


def test_a_load_that_hangs_is_refused_after_a_while_and_later_wishes_are_kept(here, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(hot_swap, "monotonic", lambda: now)
    old, go = here.networks.current(), here.load.hold(ONE)
    here.networks.request(ONE)
    now += PATIENCE - 1
    assert here.networks.current() is old
    now += 1
    assert here.networks.current() is old
    assert here.told[-1][:2] == ("refused", "/one.safetensors")
    assert "was not ready after 120 seconds" in here.told[-1][2]
    here.networks.request(TWO)
    assert here.loaded().settings == TWO
    go.set()  # it comes to an end after all: nobody takes what it brings
    here.load.threads[1].join(60)
    assert here.networks.current().settings == TWO


def test_a_wish_behind_a_load_that_hangs_is_loaded_when_that_is_given_up(here, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(hot_swap, "monotonic", lambda: now)
    go = here.load.hold(ONE)
    here.networks.request(ONE)
    here.networks.request(TWO)
    now += PATIENCE
    here.networks.current()
    assert here.loaded().settings == TWO
    go.set()


def test_threads_that_hang_do_not_pile_up(here, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(hot_swap, "monotonic", lambda: now)
    events = []
    for number in range(MOST_HUNG + 1):
        settings = NetworkSettings(weights=f"/hangs{number}")
        events.append(here.load.hold(settings))
        here.networks.request(settings)
        now += PATIENCE
        here.networks.current()
    assert sum(here.load.began.values()) == 1 + MOST_HUNG
    assert here.told[-1][0] == "refused"
    assert "hangs on this machine; start segblur again" in here.told[-1][2]
    for event in events:
        event.set()
    for thread in here.load.threads[1:]:
        thread.join(60)
    here.networks.request(ONE)
    assert here.loaded().settings == ONE


def test_a_keeper_that_is_gone_leaves_things_in_order(here):
    def gone(_):
        raise DisconnectedError("gone")

    here.networks.request(ONE)
    here.networks._loading.thread.join(60)
    here.networks._tell = gone
    with pytest.raises(DisconnectedError):
        here.networks.current()
    with pytest.raises(DisconnectedError):
        here.networks.judge(True)
    assert here.networks.current().settings == ONE
    assert here.networks._before is None


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


# What the service loads


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
    networks = Networks(OLD, lambda settings: load_checked(settings, OutputSettings()), here.hear)
    networks.request(NetworkSettings(weights=Path("/none.safetensors")))
    networks._loading.thread.join(60)
    networks.current()
    assert here.told[-1] == (
        "refused",
        "/none.safetensors",
        "network.weights: there is no weights file /none.safetensors",
    )
