"""Another network in the place of the one in use: between two frames, without a frame lost, and back if it fails."""

import threading
from collections import Counter

import pytest

from tests.helpers.hot_swap import (
    OLD,
    ONE,
    THREE,
    TWO,
    broken,
    here,  # noqa: F401 - fixtures
)
from vcam.errors import SettingsError
from vcam.pipeline import hot_swap
from vcam.pipeline.hot_swap import MOST_HUNG, PATIENCE, Networks
from vcam.service.frame_slots import DisconnectedError
from vcam.settings import NetworkSettings


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
