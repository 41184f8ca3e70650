"""Frames through shared memory: newest wins, and no slot is written while it is read."""

import json
import os
import select
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.frame import empty
from vcam.media.raw_frame import RawFrame
from vcam.service import frame_slots
from vcam.service.frame_slots import SLOTS, DisconnectedError, Receiver, Sender, send
from vcam.settings import LookSettings, OutputSettings, Settings

SETTINGS = Settings(output=OutputSettings(width=160, height=120))


@pytest.fixture
def ends():
    """Both ends in one process."""
    receiver = Receiver(160, 120)
    receiver.tell(SETTINGS, 0)
    memory, link = receiver.descriptors()
    sender = Sender(os.dup(memory), os.dup(link))
    receiver.started()
    yield receiver, sender
    receiver.close()
    sender._link.close()


def put(sender, value):
    """Hand over a frame of one grey."""
    with sender.slot() as slot:
        if slot is None:
            return False
        pixels = empty(160, 120)
        pixels[:] = value
        sender.send(compose(RawFrame(pixels, 1, 0.0), None, Blur(0.5), out=slot), float(value), sender.revision)
        return True


def test_a_frame_arrives_without_a_copy(ends):
    receiver, sender = ends
    put(sender, 77)
    frame = receiver.take().frame
    assert np.unique(frame.pixels).tolist() == [77]
    assert np.shares_memory(frame.pixels, receiver._slots[0])


def test_the_newest_frame_wins_and_the_older_slots_are_free_again(ends):
    receiver, sender = ends
    assert [put(sender, n) for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert receiver.take().frame.pixels[0, 0] == 3
    assert [put(sender, n) for n in (5, 6, 7)] == [True, True, False]
    assert receiver.take().frame.pixels[0, 0] == 6


def test_the_frame_that_is_shown_stays_as_it_is_whatever_the_worker_does(ends):
    receiver, sender = ends
    put(sender, 50)
    shown = receiver.take().frame.pixels
    for value in range(100, 150):
        put(sender, value)
        assert np.unique(shown).tolist() == [50]
    receiver.take()


def test_a_frame_by_settings_of_an_earlier_revision_is_left_out(ends):
    receiver, sender = ends
    receiver.tell(SETTINGS.model_copy(update={"look": LookSettings(effect="off")}), 1)
    sender.listen(None)
    put(sender, 1)
    assert receiver.take().frame.pixels[0, 0] == 1
    put(sender, 2)
    receiver.tell(SETTINGS, 2)
    update = receiver.take()
    assert (update.frame, update.dropped) == (None, 1)
    sender.listen(None)
    put(sender, 3)
    assert receiver.take().frame.pixels[0, 0] == 3
    assert [put(sender, n) for n in (4, 5, 6)] == [True, True, False]  # no slot was lost


def test_a_frame_by_settings_that_nobody_has_sent_is_the_end_of_the_connection(ends):
    receiver, sender = ends
    with sender.slot() as slot:
        sender.send(compose(RawFrame(slot.copy(), 1, 0.0), None, Blur(0.5), out=slot), 0.0, 1)
    with pytest.raises(DisconnectedError, match="is not a frame"):
        receiver.take()


@pytest.mark.parametrize("patience", [float("nan"), 1e9, -1.0, "long", None, True])
def test_no_worker_may_ask_to_be_waited_for_without_an_end(ends, patience):
    receiver, sender = ends
    send(sender._link, {"say": "", "patience": patience})
    assert not receiver.take().patience > frame_slots.LONGEST_PATIENCE


@given(st.lists(st.sampled_from(["put", "take"]), max_size=60))
def test_in_every_order_of_events_what_is_shown_is_whole_and_never_older_than_before(events):
    receiver = Receiver(160, 120)
    receiver.tell(SETTINGS, 0)
    memory, link = receiver.descriptors()
    sender = Sender(os.dup(memory), os.dup(link))
    receiver.started()
    value, shown, last = 0, None, -1
    for event in events:
        if event == "put":
            value = (value + 1) % 256
            put(sender, value)
        else:
            frame = receiver.take().frame
            shown = frame.pixels if frame else shown
            last = int(shown[0, 0]) if frame else last
        if shown is not None:
            assert np.unique(shown).tolist() == [last]
    assert len(sender._free) >= SLOTS - 3
    receiver.close()
    sender._link.close()


def test_trouble_is_told_and_forgotten_with_the_next_frame(ends):
    receiver, sender = ends
    sender.say("The webcam is unplugged")
    assert receiver.take().trouble == "The webcam is unplugged"
    sender.say("again")
    put(sender, 9)
    update = receiver.take()
    assert (update.trouble, update.alive) == ("", True)
    assert receiver.take().alive is False


def test_facts_are_told_beside_frames_in_their_order(ends):
    receiver, sender = ends
    sender.tell({"camera": "old", "network": 1})
    put(sender, 9)
    sender.tell({"camera": "new"})
    update = receiver.take()
    assert update.facts == ({"camera": "old", "network": 1}, {"camera": "new"})
    assert update.captured == 9.0


def test_frames_that_a_newer_one_overtook_are_counted(ends):
    receiver, sender = ends
    for value in (1, 2, 3):
        put(sender, value)
    assert receiver.take().dropped == 2


def test_the_worker_hears_whether_it_is_wanted(ends):
    receiver, sender = ends
    assert not sender.wanted
    receiver.want(True)
    sender.listen(1.0)
    assert sender.wanted


def test_only_safe_frames_leave_the_worker(ends, sample):
    _, sender = ends
    for raw in (sample[0], sample[0].pixels, None):
        with pytest.raises(TypeError, match="only a SafeFrame"):
            sender.send(raw, 0.0, 0)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"frame": 3, "sequence": 1, "captured": 1.0, "revision": 0},
        {"frame": -1, "sequence": 1, "captured": 1.0, "revision": 0},
        {"frame": None, "sequence": 1, "captured": 1.0, "revision": 0},
        {"frame": "0", "sequence": 1, "captured": 1.0, "revision": 0},
        {"frame": 0, "captured": 1.0, "revision": 0},
        {"frame": 0, "sequence": "1", "captured": 1.0, "revision": 0},
        {"frame": 0, "sequence": 1},
        {"frame": 0, "sequence": 1, "captured": "1"},
        {},
        [],
        7,
    ],
)
def test_a_worker_that_speaks_nonsense_is_ended(ends, nonsense):
    receiver, sender = ends
    send(sender._link, nonsense)
    with pytest.raises(DisconnectedError):
        receiver.take()


def test_a_slot_that_the_keeper_holds_is_not_taken_again(ends):
    receiver, sender = ends
    put(sender, 1)
    receiver.take()
    send(sender._link, {"frame": 0, "sequence": 99, "captured": 1.0, "revision": 0})
    with pytest.raises(DisconnectedError):
        receiver.take()


def test_an_old_sequence_number_is_refused(ends):
    receiver, sender = ends
    put(sender, 1)
    send(sender._link, {"frame": 1, "sequence": 1, "captured": 1.0, "revision": 0})
    with pytest.raises(DisconnectedError, match="comes after"):
        receiver.take()


@given(st.binary(min_size=1, max_size=200))
def test_no_bytes_whatever_pass_for_a_frame(data):
    taken = take_raw(data)
    assert taken is None or {"say", "tell"} & set(json.loads(data))


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers()))


@given(
    st.dictionaries(
        st.sampled_from(["frame", "sequence", "captured", "off", "say", "tell", "free", "else"]), VALUES, max_size=4
    )
)
def test_no_message_whatever_does_more_than_end_the_worker(message):
    taken = take_raw(json.dumps(message).encode())
    if taken is not None and taken.frame is not None:
        assert message["frame"] in (0, 1, 2)
        assert type(message["frame"]) is type(message["sequence"]) is int


def test_deep_nesting_is_nonsense_too():
    assert take_raw(b"[" * 60_000) is None


def take_raw(data):
    """What the keeper makes of these bytes; None where it ends the worker."""
    receiver = Receiver(160, 120)
    theirs = os.dup(receiver.descriptors()[1])
    receiver.started()
    try:
        os.write(theirs, data)
        return receiver.take()
    except DisconnectedError:
        return None
    finally:
        os.close(theirs)
        receiver.close()


def test_a_worker_that_floods_does_not_hold_the_keeper_up(ends):
    receiver, sender = ends
    flooding = threading.Event()

    def flood():
        while not flooding.is_set():
            try:
                sender.say("me, me, me")
            except DisconnectedError:
                return

    thread = threading.Thread(target=flood)
    thread.start()
    for _ in range(20):
        select.select([receiver], [], [], 10)
        assert receiver.take().trouble == "me, me, me"
    flooding.set()
    while thread.is_alive():
        receiver.take()
    thread.join(10)
    assert not thread.is_alive()


def test_the_memory_can_not_be_cut_off_under_the_keeper():
    receiver = Receiver(160, 120)
    with pytest.raises(PermissionError):
        os.ftruncate(receiver.descriptors()[0], 0)
    receiver.started()
    receiver.close()


def test_each_side_notices_the_end_of_the_other(ends):
    receiver, sender = ends
    receiver.close()
    with pytest.raises(DisconnectedError):
        sender.listen(1.0)
    with pytest.raises(DisconnectedError):
        sender.say("anybody?")


def test_new_settings_arrive_between_two_frames(ends):
    receiver, sender = ends
    assert sender.settings.look.blur == 0.5
    receiver.tell(SETTINGS.model_copy(update={"look": SETTINGS.look.model_copy(update={"blur": 0.9})}), 1)
    put(sender, 1)
    assert sender.settings.look.blur == 0.9


def test_a_worker_that_does_not_listen_never_holds_the_keeper_up():
    receiver = Receiver(160, 120)
    with pytest.raises(DisconnectedError):
        for _ in range(100_000):
            receiver.tell(SETTINGS, 0)
    receiver.started()
    receiver.close()
