"""One clock for a film: times from 0 on that increase, whatever the file says."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from math import inf
from typing import TypeAlias, TypeVar

import av
from av.container import InputContainer
from av.stream import Stream

NEAR = 0.1  # seconds by which a time may be off and still belong where it is, as in FFmpeg's own program
SILENCE = 10.0  # seconds without a packet, beyond which the sender's clock was set anew, as there
SHARED = 1.0  # and beyond which it was, where all streams are silent
RECENT = 8  # parts to which a time may belong
TICK = 0.001  # seconds between two times at least: as Matroska counts
OWN_CLOCK = 0x0200  # AVFMT_TS_DISCONT: formats of broadcasts, whose times may begin anew at any place

Item = TypeVar("Item")
Packet: TypeAlias = "av.Packet[Stream]"


@dataclass
class Place:
    """Where a stream is: its part of the file, and the end of its last packet by the film's clock, in seconds."""

    part: int
    end: float | None = None


class Clock:
    """Joins what was recorded by several clocks. All streams share the parts of a file, so that sound and picture stay
    together; each goes over to the next part by itself, as packets near a joint are mixed.
    """

    def __init__(self, start: float, length: float, own_clock: bool) -> None:
        """For a file whose times begin at `start`, that says to be `length` seconds long, 0 where it does not say."""
        self._shifts = [-start]  # of each part, in seconds
        self._places: dict[int, Place] = {}
        self._length, self._own_clock = length, own_clock
        self.joints: list[float] = []  # where the file's clock was found to be set anew, in seconds

    def shift(self, stream: int, time: float | None, duration: float, steady: bool = True) -> float:
        """The seconds to be added to the times of the stream's next packet, which is to be decoded at `time`. What is
        not `steady`, as subtitles are not, follows the streams that are.
        """
        if not steady:
            now = max((place.end for place in self._places.values() if place.end is not None), default=0.0)
            recent = self._shifts[-RECENT:]
            return recent[-1] if time is None else min(recent, key=lambda shift: abs(time + shift - now))
        place = self._places.setdefault(stream, Place(len(self._shifts) - 1))
        if time is not None:
            if place.end is not None:
                place.part = self._part(stream, place.part, place.end, time)
            place.end = time + self._shifts[place.part] + duration
        elif place.end is not None:
            place.end += duration
        return self._shifts[place.part]

    def _part(self, stream: int, part: int, end: float, time: float) -> int:
        """The part to which a time belongs, in a stream that is at the `end` of a packet of `part`: where it follows
        most closely, or a new one.
        """
        recent: set[int] = {part, *range(max(0, len(self._shifts) - RECENT), len(self._shifts))}
        ahead = {other: time + self._shifts[other] - end for other in recent}
        if abs(ahead[part]) <= NEAR:
            return part
        others = [place.end for key, place in self._places.items() if key != stream and place.end is not None]
        longest = self._longest(end, time + self._shifts[part], others)
        fitting = {abs(gap): each for each, gap in ahead.items() if -NEAR <= gap <= longest}
        if fitting:
            return fitting[min(fitting)]
        if self._own_clock:  # after all that belongs to the part before
            end = max([end, *(other for other in others if other <= end + SILENCE)])
        self.joints.append(end)
        self._shifts.append(end - time)
        return len(self._shifts) - 1

    def _longest(self, end: float, time: float, others: list[float]) -> float:
        """How long a stream may be silent that was at `end` and goes on at `time`, as the ends of others are."""
        if not self._own_clock:
            return max(SILENCE, self._length - end + 1) if self._length else inf
        if not others:
            return SILENCE
        return inf if max(others) > time - SHARED else SHARED


def clock_of(container: InputContainer, start: float) -> Clock:
    """One that is 0 at the file's own time `start`, in seconds."""
    return Clock(start, (container.duration or 0) / av.time_base, bool(container.format.flags & OWN_CLOCK))


def clocked(packets: Iterable[Packet], clock: Clock) -> Iterator[Packet]:
    """The packets of a container, with times by the clock."""
    for packet in without_strays(packets):
        base = packet.time_base
        time = packet.dts
        if time is None and packet.stream.type != "video":  # whose packets are not in the order of pts
            time = packet.pts
        shift = clock.shift(
            packet.stream_index,
            None if time is None else float(time * base),
            float((packet.duration or 0) * base),
            packet.stream.type in ("audio", "video"),
        )
        units = round(shift / base)
        packet.pts = None if packet.pts is None else packet.pts + units
        packet.dts = None if packet.dts is None else packet.dts + units
        yield packet


def without_strays(packets: Iterable[Packet]) -> Iterator[Packet]:
    """The packets, in order within each stream; a time that lies outside of both its neighbours' is removed."""
    held: dict[int, Packet] = {}
    before: dict[int, int] = {}
    for packet in packets:
        stream = packet.stream_index
        if stream in held:
            yield settled(held[stream], before, packet.dts)
        held[stream] = packet
    for packet in held.values():
        yield settled(packet, before, None)


def settled(packet: Packet, before: dict[int, int], after: int | None) -> Packet:
    """The packet, without its times if the next one follows the last but one, and this one is not between them."""
    last = before.get(packet.stream_index)
    if packet.dts is None:
        return packet
    if last is not None and after is not None and last <= after and not last <= packet.dts <= after:
        packet.pts = packet.dts = None
    else:
        before[packet.stream_index] = packet.dts
    return packet


def in_order(timed: Iterable[tuple[float | None, Item]], step: float) -> Iterator[tuple[float, Item]]:
    """With times that increase: where one is missing, repeated or out of order it is `step` after the last, or halfway
    to the next. All in seconds.
    """
    last: float | None = None
    ends: list[tuple[float | None, Item | None]] = [(None, None)]
    for (time, item), (after, _) in pairwise(chain(timed, ends)):
        if last is None:
            last = max(0.0, (after or 0.0) - step) if time is None else time
        elif time is None or time < last + TICK or (time > last + 2 * step and last < (after or last) < time):
            room = (after - last) / 2 if after is not None and after > last else step
            last += max(TICK, min(step, room))
        else:
            last = time
        assert item is not None
        yield last, item
