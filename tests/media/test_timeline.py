"""Times of packets and frames increase from 0 on, whatever the file says; streams stay together."""

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import pytest

from vcam.media.timeline import TICK, Clock, clocked, in_order

PICTURE, SOUND, TEXT = 0, 1, 2
STEP = 0.04


class Packet:
    """What the clock looks at of a packet, in milliseconds."""

    time_base = Fraction(1, 1000)

    def __init__(self, stream, dts, duration=40):
        self.stream = SimpleNamespace(type=("video", "audio", "subtitle")[stream])
        self.stream_index, self.dts, self.pts, self.duration = stream, dts, dts, duration


def times(packets, start=0.0, length=0.0, own_clock=False):
    """The times of each stream, in milliseconds, by a new clock."""
    found = {PICTURE: [], SOUND: [], TEXT: []}
    for packet in clocked([Packet(*packet) for packet in packets], Clock(start, length, own_clock)):
        found[packet.stream_index].append(packet.dts)
    return found


def both(first, last, late=0):
    """Picture and sound by turns, 40 ms a packet."""
    return [packet for at in range(first, last, 40) for packet in ((PICTURE, at), (SOUND, at + late))]


def test_a_film_begins_at_its_own_start_and_sound_stays_beside_it():
    found = times(both(11400, 12400, late=15), start=11.4)
    assert found[PICTURE] == list(range(0, 1000, 40))
    assert found[SOUND] == list(range(15, 1015, 40))


@pytest.mark.parametrize("own_clock", [False, True])
@pytest.mark.parametrize("again", [0, 700, -5000])
def test_where_times_jump_back_they_go_on(own_clock, again):
    packets = [(PICTURE, at) for at in range(0, 1000, 40)] + [(PICTURE, at) for at in range(again, again + 1000, 40)]
    assert times(packets, own_clock=own_clock)[PICTURE] == list(range(0, 2000, 40))


def test_of_joined_recordings_each_begins_after_the_one_before_and_none_loses_its_sound():
    one, two = both(1400, 2400), both(1400, 2400, late=15)
    longer = [(SOUND, at) for at in range(2400, 3400, 40)]
    found = times([*one, *longer, *two, *one], start=1.4, own_clock=True)
    assert found[PICTURE][25] == 2000
    assert [sound - picture for picture, sound in zip(found[PICTURE][25:50], found[SOUND][50:75], strict=True)] == (
        [15] * 25
    )
    assert found[PICTURE][50] - found[PICTURE][49] <= 60


def test_a_packet_of_the_first_part_may_come_after_those_of_the_second():
    one, two = both(0, 1000), both(0, 1000)
    late = one.pop(-2)
    assert late[0] == PICTURE
    found = times([*one, two[1], late, two[0], *two[2:]], own_clock=True)
    assert found[PICTURE] == list(range(0, 2000, 40))
    assert found[SOUND] == list(range(0, 2000, 40))


def test_a_broadcast_whose_clock_jumps_ahead_has_no_hole_but_a_film_may_pause():
    packets = [(PICTURE, at) for at in [*range(0, 1000, 40), *range(60_000, 61_000, 40)]]
    assert times(packets, own_clock=True)[PICTURE] == list(range(0, 2000, 40))
    assert times(packets)[PICTURE][25] == 60_000
    assert times(packets, length=61.0)[PICTURE][25] == 60_000
    assert times(packets, length=2.0)[PICTURE][25] == 1000  # it says that it is not that long


@pytest.mark.parametrize("stray", [-700, 0, 900_000])
@pytest.mark.parametrize("own_clock", [False, True])
def test_a_single_wrong_time_changes_no_other(stray, own_clock):
    packets = both(0, 1000)
    packets[20] = (PICTURE, stray)
    found = times(packets, own_clock=own_clock)
    assert found[SOUND] == list(range(0, 1000, 40))
    assert found[PICTURE][10] is None
    assert found[PICTURE][:10] + found[PICTURE][11:] == [*range(0, 400, 40), *range(440, 1000, 40)]


@pytest.mark.parametrize("own_clock", [False, True])
def test_pictures_that_are_not_in_the_order_of_time_are_no_jump(own_clock):
    clock, packets = Clock(0.0, 0.0, own_clock), [Packet(PICTURE, None) for _ in range(3)]
    packets += [Packet(PICTURE, at) for at in range(0, 1000, 40)]
    for packet, pts in zip(packets, [0, 320, 160, 80, 40], strict=False):
        packet.pts = pts
    assert [packet.pts for packet in clocked(packets, clock)][:5] == [0, 320, 160, 80, 40]
    assert clock.joints == []


@pytest.mark.parametrize("own_clock", [False, True])
def test_texts_may_overlap_and_be_far_apart(own_clock):
    packets = both(0, 30_000)
    packets[20:20], packets[24:24] = [(TEXT, 400, 3000)], [(TEXT, 480, 2000)]
    packets[1400:1400] = [(TEXT, 28_000, 500)]
    found = times(packets, own_clock=own_clock)
    assert found == {PICTURE: list(range(0, 30_000, 40)), SOUND: list(range(0, 30_000, 40)), TEXT: [400, 480, 28_000]}


def test_texts_of_a_later_recording_go_with_it():
    again = both(5000, 8000)
    found = times([*both(5000, 8000), *again[:20], (TEXT, 5500), *again[20:]], start=5.0, own_clock=True)
    assert found[TEXT] == [3500]


def test_a_jump_ahead_of_all_streams_is_closed_but_a_picture_that_stands_still_is_not():
    found = times([*both(0, 1000), *both(6000, 7000)], own_clock=True)
    assert found[PICTURE] == found[SOUND] == list(range(0, 2000, 40))
    sound = [(SOUND, at) for at in range(1000, 6000, 40)]
    found = times([*both(0, 1000), *sound, *both(6000, 7000)], own_clock=True)
    assert found[PICTURE][25:] == list(range(6000, 7000, 40))
    assert found[SOUND] == list(range(0, 7000, 40))


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ([0.0, 0.04, 0.08], [0.0, 0.04, 0.08]),
        ([None, None, None], [0.0, 0.04, 0.08]),
        ([0.0, 0.0, 0.0], [0.0, 0.04, 0.08]),
        ([0.0, None, 0.08, 0.12], [0.0, 0.04, 0.08, 0.12]),
        ([0.0, 0.04, 0.04, 0.12], [0.0, 0.04, 0.08, 0.12]),
        ([0.0, 5.0, 0.08, 0.12], [0.0, 0.04, 0.08, 0.12]),
        ([0.0, 0.04, 0.01, 0.12], [0.0, 0.04, 0.08, 0.12]),
        ([0.0, 0.5, 2.0], [0.0, 0.5, 2.0]),
        ([0.04, 0.0, 0.08], [0.04, 0.06, 0.08]),
    ],
)
def test_frames_are_in_order(given, right):
    found = [time for time, _ in in_order([(time, "frame") for time in given], STEP)]
    assert found == pytest.approx(right)
    assert all(after - before >= TICK * 0.999 for before, after in pairwise(found))
