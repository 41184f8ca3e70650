"""What PipeWire's processes tell each other, as bytes: pods, after spa/pod/pod.h and the parameters of spa/param.

A pod is its body's size and its type, two 32-bit numbers, then the body, filled up to 8 bytes; all little-endian.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

ID, INT, RECTANGLE, FRACTION, OBJECT, CHOICE = 3, 4, 10, 11, 15, 19
NONE, RANGE = 0, 1  # kinds of a choice
FORMAT, BUFFERS, META = 0x40003, 0x40004, 0x40005  # kinds of an object
ENUM_FORMAT_ID, FORMAT_ID, BUFFERS_ID, META_ID = 3, 4, 5, 6  # what an object is a parameter of
MEDIA_TYPE, MEDIA_SUBTYPE, VIDEO_FORMAT, VIDEO_SIZE, VIDEO_RATE = 1, 2, 0x20001, 0x20003, 0x20004
VIDEO, RAW = 2, 1
COUNT, BLOCKS, SIZE, STRIDE = 1, 2, 3, 4  # of buffers
META_TYPE, META_SIZE = 1, 2
HEADER, HEADER_BYTES = 1, 32  # the metadata of a frame: its time and number
PIXEL_FORMATS = {"NV12": 23, "I420": 2, "YUY2": 4}  # the best first; NV12 most read, OBS 30 of these only YUY2
LARGEST = 65536  # bytes of a pod that is read

Value = int | tuple[int, int] | dict[int, "Value"] | None


@dataclass(frozen=True)
class VideoFormat:
    """What a reader and the node have agreed on; size in pixels."""

    pixels: str  # one of PIXEL_FORMATS
    size: tuple[int, int]

    @property
    def stride(self) -> int:
        """Bytes from one row to the next."""
        return self.size[0] * (2 if self.pixels == "YUY2" else 1)

    @property
    def bytes(self) -> int:
        """Of a picture."""
        width, height = self.size
        return width * height * 2 if self.pixels == "YUY2" else width * height * 3 // 2


def pod(kind: int, body: bytes) -> bytes:
    """Any pod, filled up to 8 bytes."""
    return struct.pack("<II", len(body), kind) + body + bytes(-len(body) % 8)


def ident(value: int) -> bytes:
    """A number that stands for a name."""
    return pod(ID, struct.pack("<I", value))


def integer(value: int) -> bytes:
    """A number."""
    return pod(INT, struct.pack("<i", value))


def pair(kind: int, first: int, second: int) -> bytes:
    """RECTANGLE, of width and height, or FRACTION."""
    return pod(kind, struct.pack("<II", first, second))


def between(default: int, least: int, most: int) -> bytes:
    """A number that the other side chooses."""
    return pod(CHOICE, struct.pack("<4I3i", RANGE, 0, 4, INT, default, least, most))


def spa_object(kind: int, parameter: int, properties: Mapping[int, bytes]) -> bytes:
    """An object: its properties by key."""
    listed = b"".join(struct.pack("<II", key, 0) + value for key, value in properties.items())
    return pod(OBJECT, struct.pack("<II", kind, parameter) + listed)


def offered(width: int, height: int, rate: int) -> list[bytes]:
    """The formats that the node offers, best first. No property is a choice: browsers pass over a format with one."""
    return [
        spa_object(
            FORMAT,
            ENUM_FORMAT_ID,
            {
                MEDIA_TYPE: ident(VIDEO),
                MEDIA_SUBTYPE: ident(RAW),
                VIDEO_FORMAT: ident(number),
                VIDEO_SIZE: pair(RECTANGLE, width, height),
                VIDEO_RATE: pair(FRACTION, rate, 1),
            },
        )
        for number in PIXEL_FORMATS.values()
    ]


def buffers(size: int, stride: int, count: int) -> bytes:
    """At most `count` buffers of one block of `size` bytes, with `stride` bytes a row."""
    wanted = {COUNT: between(count, 2, count), BLOCKS: integer(1), SIZE: integer(size), STRIDE: integer(stride)}
    return spa_object(BUFFERS, BUFFERS_ID, wanted)


def header() -> bytes:
    """A header with each frame: browsers read it without looking whether it is there."""
    return spa_object(META, META_ID, {META_TYPE: ident(HEADER), META_SIZE: integer(HEADER_BYTES)})


def read(data: bytes) -> Value:
    """A number, a pair of numbers, an object's properties by key; None for what is none of these. A choice counts as
    its first value, which is the only one once it is settled. Raises ValueError for what is no pod.
    """
    kind, body = opened(data)
    if kind == CHOICE:
        if len(body) < 16:
            raise ValueError("a choice without a value")
        _, _, size, kind = struct.unpack_from("<4I", body)
        body = body[16 : 16 + size]
        if kind in (CHOICE, OBJECT):
            raise ValueError("a choice of what can't be chosen")
    if kind == OBJECT:
        return properties_of(body)
    if kind not in (ID, INT, RECTANGLE, FRACTION):
        return None
    form = {ID: "<I", INT: "<i"}.get(kind, "<II")
    if len(body) < struct.calcsize(form):
        raise ValueError("a value that is too short")
    first, *second = struct.unpack_from(form, body)
    return (first, *second) if second else first


def opened(data: bytes) -> tuple[int, bytes]:
    """Type and body of the pod at the beginning. Raises ValueError."""
    if len(data) < 8:
        raise ValueError("not a pod")
    size, kind = struct.unpack_from("<II", data)
    if size > len(data) - 8:
        raise ValueError("a pod that is cut off")
    return kind, data[8 : 8 + size]


def properties_of(body: bytes) -> dict[int, Value]:
    """Those of an object. Raises ValueError."""
    found: dict[int, Value] = {}
    at = 8
    while at + 16 <= len(body):
        (key,) = struct.unpack_from("<I", body, at)
        kind, value = opened(body[at + 8 :])
        found[key] = None if kind == OBJECT else read(body[at + 8 :])  # none that is read here holds another
        at += 16 + len(value) + -len(value) % 8
    return found


def format_of(data: bytes) -> VideoFormat:
    """What was agreed on. Raises ValueError for anything but a raw picture of a kind that is offered."""
    kind, body = opened(data)
    if kind != OBJECT or len(body) < 8 or struct.unpack_from("<I", body) != (FORMAT,):
        raise ValueError("not a format")
    properties = properties_of(body)
    pixels = next((name for name, number in PIXEL_FORMATS.items() if number == properties.get(VIDEO_FORMAT)), None)
    size = properties.get(VIDEO_SIZE)
    if (properties.get(MEDIA_TYPE), properties.get(MEDIA_SUBTYPE)) != (VIDEO, RAW) or pixels is None:
        raise ValueError("a format that was not offered")
    if not isinstance(size, tuple):
        raise ValueError("a format without a size")
    return VideoFormat(pixels, size)
