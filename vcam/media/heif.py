"""HEIC pictures, as telephones write them. Pillow reads none, and the wheels of its plug-in are under the GPL; so the
boxes are read here, and FFmpeg, which we have for films, decodes what is in them.

Boxes: ISO/IEC 14496-12, 8.11; items, grids and properties: ISO/IEC 23008-12, 6.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.codec import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from vcam.media import colour

BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
ALPHA = {b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"}
UNSPECIFIED, LIMITED, FULL = 2, 1, 2  # any tag; range, as FFmpeg numbers it
USUAL = 1, 13, 6  # primaries, transfer function and matrix, where nothing is said (ISO/IEC 23000-22)


class UnknownKindError(Exception):
    """A HEIF file, but not of HEVC pictures."""


@dataclass
class Item:
    """One of the pictures in a file, or what they are made of."""

    kind: bytes = b""
    data: bytes = field(default=b"", repr=False)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)  # in the order in which they are to be applied
    parts: list[int] = field(default_factory=list)  # items of which a derived picture is made
    alpha: int | None = None

    def of_kind(self, kind: bytes) -> Iterator[bytes]:
        """The properties of this kind."""
        return (data for name, data in self.properties if name == kind)


def is_heif(data: bytes) -> bool:
    """Whether a file begins like one."""
    size = int.from_bytes(data[:4], "big")
    brands = data[8:size]
    return data[4:8] == b"ftyp" and any(brands[at : at + 4] in BRANDS for at in range(0, len(brands), 4))


def read_heif(data: bytes, check: Callable[[int, int], object]) -> Image.Image:
    """The main picture, upright, RGB or RGBA, with its profile; `check` is told the size before it is decoded. Raises
    UnknownKindError, ValueError and FFmpegError for damaged files, and what `check` raises.
    """
    try:
        items, main = read_items(data)
        own = items[main]
        size = struct.unpack(">4xII", next(own.of_kind(b"ispe"))[:12])
        check(*size)
        if own.alpha is None and any(items[part].alpha is not None for part in own.parts):
            raise UnknownKindError("with transparent parts")
        pixels = picture(items, own, rgb)
        if own.alpha is not None:
            alpha = Image.fromarray(picture(items, items[own.alpha], grey)).resize(pixels.shape[1::-1])
            pixels = np.dstack([pixels, np.asarray(alpha)])
        image = Image.fromarray(turned(pixels, own))
        for item in (own, *(items[part] for part in own.parts[:1])):
            profile = next((data[4:] for data in item.of_kind(b"colr") if data[:4] in (b"prof", b"rICC")), None)
            if profile:
                image.info["icc_profile"] = profile
                break
    except (struct.error, IndexError, KeyError, StopIteration) as error:
        raise ValueError("it is cut off or damaged") from error
    return image


def picture(items: dict[int, Item], item: Item, pixels_of: Callable[[Item], NDArray[Any]]) -> NDArray[Any]:
    """The pixels of an item, by `pixels_of` for HEVC, before they are turned."""
    if item.kind in (b"hvc1", b"hev1"):
        return np.ascontiguousarray(pixels_of(item))
    if item.kind == b"iden" and item.parts and items[item.parts[0]].kind != b"iden":
        part = items[item.parts[0]]
        return turned(picture(items, part, pixels_of), part)
    if item.kind == b"grid":
        flags, rows, columns = item.data[1], item.data[2] + 1, item.data[3] + 1
        width, height = struct.unpack(">II" if flags & 1 else ">HH", item.data[4 : 12 if flags & 1 else 8])
        colours = [entry for entry in item.properties if entry[0] == b"colr"]  # counts for the tiles, too
        whole = np.concatenate(
            [
                np.concatenate(
                    [
                        pixels_of(replace(items[part], properties=colours + items[part].properties))
                        for part in item.parts[row * columns : (row + 1) * columns]
                    ],
                    axis=1,
                )
                for row in range(rows)
            ]
        )
        return np.ascontiguousarray(whole[:height, :width])
    raise UnknownKindError(item.kind.decode("latin-1"))


def turned(pixels: NDArray[Any], item: Item) -> NDArray[Any]:
    """As its properties say, in their order."""
    for kind, data in item.properties:
        if kind == b"irot":
            pixels = np.rot90(pixels, data[0] & 3)
        elif kind == b"imir":
            pixels = pixels[:, ::-1] if data[0] & 1 else pixels[::-1]
        elif kind == b"clap":
            pixels = cropped(pixels, data)
    return np.ascontiguousarray(pixels)


def cropped(pixels: NDArray[Any], clap: bytes) -> NDArray[Any]:
    """Its clean aperture: width, height and offset of the middle, as fractions (ISO/IEC 14496-12, 12.1.4)."""
    numbers = struct.unpack(">IIIIiIiI", clap[:32])
    width, height, right, down = (Fraction(*numbers[at : at + 2]) for at in range(0, 8, 2))
    left, top = (pixels.shape[1] - width) / 2 + right, (pixels.shape[0] - height) / 2 + down
    return pixels[max(0, round(top)) : round(top + height), max(0, round(left)) : round(left + width)]


def decoded(item: Item) -> VideoFrame:
    """HEVC, with the tags that its properties have. Raises IndexError without its data, FFmpegError."""
    if not item.data:
        raise IndexError
    decoder = CodecContext.create("hevc", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = next(item.of_kind(b"hvcC"))
    frames = [*decoder.decode(av.Packet(item.data)), *decoder.decode(None)]
    frame = frames[0]
    nclx = next((data for data in item.of_kind(b"colr") if data[:4] == b"nclx"), None)
    tags = [frame.color_primaries, frame.color_trc, frame.colorspace]
    if nclx is not None:
        *tags, full = struct.unpack(">HHHB", nclx[4:11])
        frame.color_range = FULL if full >> 7 else LIMITED
    elif frame.color_range != FULL:
        frame.color_range = LIMITED  # ITU-T H.265, E.3.1
    known = (usual if tag == UNSPECIFIED else tag for tag, usual in zip(tags, USUAL, strict=True))
    frame.color_primaries, frame.color_trc, frame.colorspace = known
    return frame


def rgb(item: Item) -> NDArray[Any]:
    """uint8 (H, W, 3)."""
    frame = decoded(item)
    if any(data[:4] in (b"prof", b"rICC") for data in item.of_kind(b"colr")):
        frame.color_primaries, frame.color_trc, _ = USUAL  # its profile says it better
    return colour.to_rgba(frame)[..., :3]


def grey(item: Item) -> NDArray[Any]:
    """uint8 (H, W), of its luma."""
    frame = decoded(item)
    return np.asarray(frame.reformat(format="gray").to_ndarray())


def read_items(data: bytes) -> tuple[dict[int, Item], int]:
    """The items of a file, and which is the main picture."""
    meta = dict(boxes(next(content for name, content in boxes(data) if name == b"meta")[4:]))
    items: dict[int, Item] = {}
    for _, entry in boxes(meta[b"iinf"][6 if meta[b"iinf"][0] == 0 else 8 :]):
        number, at = (*struct.unpack(">H", entry[4:6]), 8) if entry[0] < 3 else (*struct.unpack(">I", entry[4:8]), 10)
        items[number] = Item(entry[at : at + 4])
    places(meta[b"iloc"], data, meta.get(b"idat", b""), items)
    properties(meta[b"iprp"], items)
    if b"iref" in meta:
        references(meta[b"iref"], items)
    return items, int.from_bytes(meta[b"pitm"][4 : 6 if meta[b"pitm"][0] == 0 else 8], "big")


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each. Raises IndexError where one is cut off."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
        size = size or len(data) - at
        if size < head or at + size > len(data):
            raise IndexError
        yield kind, data[at + head : at + size]
        at += size


class Reader:
    """Numbers one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __call__(self, size: int) -> int:
        """The next, of so many bytes. Raises IndexError at the end."""
        self._at += size
        if self._at > len(self._data):
            raise IndexError
        return int.from_bytes(self._data[self._at - size : self._at], "big")


def places(iloc: bytes, data: bytes, idat: bytes, items: dict[int, Item]) -> None:
    """Give each item its data, as far as they are in this file; notes and the like may be elsewhere."""
    read = Reader(iloc)
    version, sizes, more = read(1), (read(3), read(1))[1], read(1)
    wide = 4 if version == 2 else 2
    for _ in range(read(wide)):
        number = read(wide)
        method = read(2) & 15 if version else 0
        elsewhere = (read(2) > 0) | (method > 1)
        base, found = read(more >> 4), b""
        for _ in range(read(2)):
            read(more & 15 if version else 0)
            start, length = base + read(sizes >> 4), read(sizes & 15)
            source = idat if method == 1 else data
            part = source[start : start + length] if length else source[start:]
            elsewhere |= len(part) < length
            found += part
        if number in items and not elsewhere:
            items[number].data = found


def properties(iprp: bytes, items: dict[int, Item]) -> None:
    """Give each item what is said of it."""
    parts = list(boxes(iprp))
    known = [*boxes(next(content for name, content in parts if name == b"ipco"))]
    for content in (content for name, content in parts if name == b"ipma"):
        read = Reader(content)
        version, flags = read(1), read(3)
        for _ in range(read(4)):
            number = read(2 if version < 1 else 4)
            for _ in range(read(1)):
                index = read(2) & 0x7FFF if flags & 1 else read(1) & 0x7F
                if number in items and index:
                    items[number].properties.append(known[index - 1])


def references(iref: bytes, items: dict[int, Item]) -> None:
    """Give each item its parts and its alpha."""
    wide = 2 if iref[0] == 0 else 4
    for kind, content in boxes(iref[4:]):
        read = Reader(content)
        source, targets = read(wide), [read(wide) for _ in range(read(2))]
        if source not in items:
            continue
        if kind == b"dimg":
            items[source].parts = targets
        elif kind == b"auxl" and any(data[4:].split(b"\0")[0] in ALPHA for data in items[source].of_kind(b"auxC")):
            for target in targets:
                items[target].alpha = source
