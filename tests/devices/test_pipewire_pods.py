"""Pods: the bytes that are offered to PipeWire, and whatever may come back."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.devices import pipewire_pods as pods
from vcam.devices.pipewire_pods import VideoFormat

# What the daemons of 0.3.65 and 1.4.2 say was agreed on: each value in a choice of one, or of the same twice.
SIZE = struct.pack("<II", 1280, 720)


def choice(kind, body, times=1):
    head = struct.pack("<4I", 0, 0, len(body), kind)
    return pods.pod(pods.CHOICE, head + body * times)


def agreed(wrap, pixels=23, size=SIZE):
    def number(value):
        return wrap(pods.ID, struct.pack("<I", value))

    return pods.spa_object(
        pods.FORMAT,
        pods.FORMAT_ID,
        {
            pods.MEDIA_TYPE: number(2),
            pods.MEDIA_SUBTYPE: number(1),
            pods.VIDEO_FORMAT: number(pixels),
            pods.VIDEO_SIZE: wrap(pods.RECTANGLE, size),
            pods.VIDEO_RATE: wrap(pods.FRACTION, struct.pack("<II", 30, 1)),
            99: number(7),
        },
    )


def test_a_pod_is_filled_up_to_eight_bytes():
    assert pods.integer(-2) == bytes([4, 0, 0, 0, 4, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0])


def test_the_offer_is_what_the_headers_of_spa_say():
    first, *others = pods.offered(1280, 720, 30)
    words = struct.unpack("<34I", first)
    assert words[:4] == (128, 15, 0x40003, 3)
    assert words[4:10] == (1, 0, 4, 3, 2, 0)  # media type: video
    assert words[10:16] == (2, 0, 4, 3, 1, 0)  # raw
    assert words[16:22] == (0x20001, 0, 4, 3, 23, 0)  # NV12
    assert words[22:28] == (0x20003, 0, 8, 10, 1280, 720)
    assert words[28:] == (0x20004, 0, 8, 11, 30, 1)
    assert [struct.unpack("<34I", other)[20] for other in others] == [2, 4]  # I420, YUY2


@pytest.mark.parametrize("wrap", [pods.pod, choice, lambda kind, body: choice(kind, body, 2)])
def test_what_was_agreed_on_is_read_however_it_is_wrapped(wrap):
    assert pods.format_of(agreed(wrap)) == VideoFormat("NV12", (1280, 720))
    assert pods.format_of(agreed(wrap, pixels=2)) == VideoFormat("I420", (1280, 720))
    assert pods.format_of(agreed(wrap, pixels=4)) == VideoFormat("YUY2", (1280, 720))


@pytest.mark.parametrize("change", [{"pixels": 7}, {"size": b""}, {"size": b"1234"}])
def test_what_was_not_offered_is_refused(change):
    with pytest.raises(ValueError, match=r"not offered|too short"):
        pods.format_of(agreed(pods.pod, **change))


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read_again(number, first, second):
    assert pods.read(pods.integer(number)) == number
    assert pods.read(pods.ident(first)) == first
    assert pods.read(pods.pair(pods.RECTANGLE, first, second)) == (first, second)
    assert pods.read(pods.between(number, number, number)) == number
    listed = {1: pods.integer(number), 2: pods.pair(pods.FRACTION, first, second), 3: pods.pod(8, b"text")}
    assert pods.read(pods.spa_object(first, 3, listed)) == {1: number, 2: (first, second), 3: None}


WHOLE = [agreed(pods.pod), agreed(choice), pods.buffers(1382400, 1280, 4), pods.header()]
PODS = st.one_of(
    st.binary(max_size=200),
    # A whole one with bytes changed, cut off, or put into another.
    st.builds(
        lambda whole, at, byte, end: (whole[: at % len(whole)] + bytes([byte]) + whole[at % len(whole) + 1 :])[:end],
        st.sampled_from(WHOLE),
        st.integers(0, 400),
        st.integers(0, 255),
        st.integers(0, 400),
    ),
    st.builds(
        lambda kind, whole, depth: [whole := pods.pod(kind, bytes(8) + bytes(8) + whole) for _ in range(depth)][-1],
        st.sampled_from([pods.OBJECT, pods.CHOICE, 14, 20]),
        st.sampled_from(WHOLE),
        st.integers(1, 500),
    ),
)


@given(PODS)
def test_hostile_pods_are_read_or_refused(data):
    for read in (pods.read, pods.format_of):
        try:
            read(data)
        except ValueError as error:
            assert str(error)


def test_a_pod_that_is_as_large_as_may_be_is_read():
    deep = pods.integer(7)
    while len(deep) < pods.LARGEST - 100:
        deep = pods.spa_object(pods.FORMAT, 3, {1: deep})
    assert pods.read(deep) == {1: None}
    wide = pods.spa_object(pods.FORMAT, 3, {number: pods.pod(1, b"") for number in range(4000)})
    assert len(pods.read(wide)) == 4000
