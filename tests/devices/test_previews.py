"""What windows of our own show: sealed memory that only the service writes."""

import ctypes
import errno
import fcntl
import mmap
import multiprocessing
import os
import select

import numpy as np
import pytest

from vcam.control.preview import HEADER, SLOTS, PreviewReader
from vcam.devices import previews as module
from vcam.devices.previews import Previews
from vcam.errors import SegBlurError
from vcam.frame import empty, planes, seal
from vcam.media.raw_frame import RawFrame
from vcam.settings import OutputSettings

SIZE = OutputSettings(width=320, height=240)
BLANK, LIVE = 16, 200  # grey levels of the placeholder and of a frame


def grey(level, width=320, height=240):
    pixels = empty(width, height)
    pixels[:] = level
    return seal(pixels)


def level(picture):
    """The one grey level of a picture."""
    found = set(np.unique(np.frombuffer(picture, np.uint8)))
    assert len(found) == 1, f"a mixed picture of {sorted(found)}"
    return found.pop()


@pytest.fixture
def previews():
    made = Previews(SIZE)
    made.prime(grey(BLANK), grey(BLANK))
    yield made
    made.close()


@pytest.fixture
def window(previews):
    """A preview, and what its client has of it."""
    with previews.open(lambda: None) as (facts, (memory, news)):
        reader = PreviewReader(memory, news, facts)
        yield reader, memory
        reader.close()


def test_a_window_gets_each_picture_once_and_is_woken_for_it(previews, window):
    reader, _ = window
    assert select.select([reader], [], [], 0)[0]
    assert level(reader.take(bytes)) == BLANK
    assert reader.take(bytes) is None
    assert not select.select([reader], [], [], 0)[0]
    previews.send(grey(LIVE))
    assert select.select([reader], [], [], 0)[0]
    assert level(reader.take(bytes)) == LIVE
    assert not reader.ended


def test_a_picture_that_is_overwritten_while_something_is_made_of_it_is_made_again(previews, window):
    reader, _ = window
    halves = []

    def make(pixels):
        first = bytes(pixels[:100])
        if not halves:
            for _ in range(SLOTS):  # as a service does that is faster than its reader
                previews.send(grey(LIVE))
        halves.append(first + bytes(pixels[-100:]))
        return halves[-1]

    assert level(reader.take(make)) == LIVE
    assert set(halves[0]) == {BLANK, LIVE}


def refused(code, act, *arguments, **options):
    with pytest.raises(OSError, match=r"not permitted|denied") as caught:
        act(*arguments, **options)
    assert caught.value.errno == code


def test_a_window_can_not_write_what_it_reads_by_any_way(window):
    reader, memory = window
    length = HEADER + SLOTS * 320 * 240 * 3 // 2
    refused(errno.EACCES, mmap.mmap, memory, length)  # its descriptor is read-only
    other = os.open(f"/proc/self/fd/{memory}", os.O_RDWR)  # and this one is not: the seal protects
    try:
        refused(errno.EPERM, mmap.mmap, other, length)
        refused(errno.EPERM, os.pwrite, other, b"x", HEADER)
        refused(errno.EPERM, os.ftruncate, other, 0)
        refused(errno.EPERM, os.ftruncate, other, 2 * length)
        refused(errno.EPERM, fcntl.fcntl, other, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    finally:
        os.close(other)
    mapping = mmap.mmap(memory, length, prot=mmap.PROT_READ)
    address = np.frombuffer(mapping, np.uint8).ctypes.data
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(address), 4096, mmap.PROT_READ | mmap.PROT_WRITE) == -1
    assert ctypes.get_errno() == errno.EACCES
    own = mmap.mmap(memory, length, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    own[HEADER : HEADER + 8] = b"scribble"
    assert level(reader.take(bytes)) == BLANK


@pytest.mark.parametrize("thing", [np.zeros((360, 320), np.uint8), RawFrame(empty(320, 240), 0, 0.0), None])
def test_nothing_but_a_safe_frame_is_shown_or_left(previews, window, thing):
    for take in (previews.send, previews.scrub, previews.check, lambda frame: previews.prime(frame, frame)):
        with pytest.raises(TypeError, match="SafeFrames"):
            take(thing)
    assert level(window[0].take(bytes)) == BLANK


def write_without_end(ours):
    """Write whole grey frames, one after the other."""
    frames = [grey(level, 1280, 720) for level in range(256)]
    number = 0
    while True:
        ours.send(frames[number % 256])
        number += 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_no_picture_is_mixed_of_two_however_fast_they_are_written():
    ours = Previews(OutputSettings(width=1280, height=720))
    ours.prime(grey(BLANK, 1280, 720), grey(BLANK, 1280, 720))
    with ours.open(lambda: None) as (facts, (memory, news)):
        reader = PreviewReader(memory, news, facts)
        writer = multiprocessing.get_context("fork").Process(target=write_without_end, args=(ours,), daemon=True)
        writer.start()
        seen = 0
        while seen < 2000:
            select.select([reader], [], [])
            picture = reader.take(bytes)
            if picture is not None:
                level(picture)
                seen += 1
        writer.kill()
        writer.join()
        reader.close()
    ours.close()


def test_who_keeps_the_memory_after_the_end_has_nothing_but_a_placeholder(previews):
    with previews.open(lambda: None) as (facts, (memory, news)):
        kept, bell = os.dup(memory), os.dup(news)
        for _ in range(SLOTS):
            previews.send(grey(LIVE))
        reader = PreviewReader(kept, bell, facts)
        assert level(reader.take(bytes)) == LIVE
    assert reader.ended
    everything = np.frombuffer(os.pread(kept, 1 << 24, HEADER), np.uint8)
    assert set(everything) == {BLANK}
    previews.send(grey(LIVE))
    assert set(np.frombuffer(os.pread(kept, 1 << 24, HEADER), np.uint8)) == {BLANK}
    reader.close()
    os.close(kept)
    os.close(bell)


def test_when_the_last_window_looks_no_more_its_pictures_are_overwritten(previews, window):
    _, memory = window
    for _ in range(SLOTS):
        previews.send(grey(LIVE))
    previews.scrub(grey(BLANK))
    assert set(np.frombuffer(os.pread(memory, 1 << 24, HEADER), np.uint8)) == {BLANK}


def test_a_third_window_is_refused_and_one_that_comes_before_the_service_is_ready(previews):
    with previews.open(lambda: None), previews.open(lambda: None):
        assert previews.count() == 2
        with pytest.raises(SegBlurError, match="close one"), previews.open(lambda: None):
            pass
    assert previews.count() == 0
    early = Previews(SIZE)
    with pytest.raises(SegBlurError, match="is starting"), early.open(lambda: None):
        pass
    early.close()


def test_a_window_that_does_not_look_counts_as_no_reader_until_it_looks_again(previews, window, monkeypatch):
    reader, _ = window
    reader.take(bytes)
    previews.send(grey(LIVE))
    assert previews.reading()
    now = module.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now + 1.1)
    assert not previews.reading()
    assert previews.unsure()  # it is looked at again soon
    reader.take(bytes)
    assert previews.reading()


def test_a_window_that_looks_slower_than_pictures_come_is_a_reader(previews, window, monkeypatch):
    reader, _ = window
    reader.take(bytes)
    began = module.monotonic()
    for number in range(40):  # a look at every fourth picture, 0.1 s apart: the descriptor is readable nearly always
        monkeypatch.setattr(module, "monotonic", lambda number=number: began + 0.1 * number)
        previews.send(grey(LIVE))
        assert previews.reading()
        if number % 4 == 3:
            reader.take(bytes)


def test_a_window_that_does_not_look_for_long_is_hung_up_on(previews, monkeypatch):
    hung_up = []
    with previews.open(lambda: hung_up.append(True)):
        assert previews.reading()
        now = module.monotonic()
        monkeypatch.setattr(module, "monotonic", lambda: now + 5.1)
        assert not previews.reading()
        assert hung_up


def test_a_window_that_fills_its_own_counter_disturbs_nobody(previews, window):
    reader, _ = window
    reader.take(bytes)
    os.eventfd_write(reader.fileno(), 2**64 - 2)
    previews.send(grey(LIVE))
    assert level(reader.take(bytes)) == LIVE


@pytest.mark.parametrize(
    ("size", "shown"), [((1920, 1080), (960, 540)), ((3840, 2160), (1280, 720)), ((1366, 768), (682, 384))]
)
def test_a_larger_picture_is_shown_at_a_half_or_a_third(size, shown):
    width, height = size
    ours, frame = Previews(OutputSettings(width=width, height=height)), empty(width, height)
    y, u, v = planes(frame)
    y[:], u[:], v[:] = np.arange(width) * 256 // width, 90, 160
    ours.prime(seal(frame), seal(frame))
    with ours.open(lambda: None) as (facts, (memory, news)):
        reader = PreviewReader(memory, news, facts)
        assert reader.size == shown
        luma, blue, red = planes(np.frombuffer(reader.take(bytes), np.uint8).reshape(shown[1] * 3 // 2, shown[0]))
        assert (luma[0] == np.arange(0, width, width // shown[0])[: shown[0]] * 256 // width).all()
        assert (blue == 90).all()
        assert (red == 160).all()
        reader.close()
    ours.close()
