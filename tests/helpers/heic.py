"""HEIC pictures for tests, box by box (ISO/IEC 14496-12, 8.11, and 23008-12), their tiles encoded by FFmpeg."""

import re
import struct
from fractions import Fraction

import av
import numpy as np

SETS = (32, 33, 34)


def box(kind, *contents):
    content = b"".join(contents)
    return struct.pack(">I", len(content) + 8) + kind.encode() + content


def full(kind, version, *contents, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *contents)


def coded(pixels, full_range=True):
    """The hvcC record and the data of a tile, uint8 (H, W, 3) RGB by BT.601, or (H, W)."""
    grey = pixels.ndim == 2
    picture = av.VideoFrame.from_ndarray(pixels, format="gray" if grey else "rgb24")
    frame = picture.reformat(
        format="yuv420p",
        dst_colorspace="ITU601",
        dst_color_range="JPEG" if full_range else "MPEG",
        interpolation=262144 | 8192 | 4,
    )
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base, frame.pts = frame.format.name, Fraction(1), 0
    encoder.color_range = 2 if full_range else 1
    encoder.options = {"crf": "1", "x265-params": "log-level=none:range=" + ("full" if full_range else "limited")}
    stream = b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode()])
    units = [unit for unit in re.split(b"\0?\0\0\1", stream) if unit]
    kinds = [unit[0] >> 1 & 63 for unit in units]
    sets = [  # of parameters: VPS, SPS, PPS (ISO/IEC 14496-15, 8.3.3.1)
        struct.pack(">BHH", kind, 1, len(unit)) + unit for kind, unit in zip(kinds, units, strict=True) if kind in SETS
    ]
    record = b"\1".ljust(16, b"\0") + bytes([0xFD, 0xF8, 0xF8, 0, 0, 3, len(sets)]) + b"".join(sets)
    data = [struct.pack(">I", len(unit)) + unit for kind, unit in zip(kinds, units, strict=True) if kind < 32]
    return record, b"".join(data)


def nclx(primaries, transfer, matrix, full_range):
    return box("colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80 if full_range else 0))


def profile(data):
    return box("colr", b"prof", data)


def heic(path, tiles, said=(), size=None, alpha=None, kind="hvc1", version=1, full_range=True, tile_said=()):
    """Write tiles, rows of uint8 (H, W, 3) RGB: one as a picture, more as a grid, cropped to `size`. `said` are boxes
    of properties of the main picture, `alpha` is uint8 (H, W).
    """
    grid = len(tiles) * len(tiles[0]) > 1
    items, properties, links, references = [], [], {}, []

    def say(number, *boxes):
        for one in boxes:
            properties.append(one)
            links.setdefault(number, []).append(len(properties))

    def add(pixels, full_range):
        record, data = coded(pixels, full_range)
        items.append((kind, data, 0))
        say(len(items), box("hvcC", record), full("ispe", 0, struct.pack(">II", *pixels.shape[1::-1])))
        return len(items)

    flat = [add(tile, full_range) for row in tiles for tile in row]
    for number in flat:
        say(number, *tile_said)
    main = flat[0]
    if grid:
        height, width = tiles[0][0].shape[:2]
        size = size or (width * len(tiles[0]), height * len(tiles))
        items.append(("grid", struct.pack(">BBBBHH", 0, 0, len(tiles) - 1, len(tiles[0]) - 1, *size), 1))
        main = len(items)
        say(main, full("ispe", 0, struct.pack(">II", *size)))
        references.append(box("dimg", struct.pack(f">HH{len(flat)}H", main, len(flat), *flat)))
    say(main, *said)
    if alpha is not None:
        number = add(alpha, True)
        say(number, full("auxC", 0, b"urn:mpeg:hevc:2015:auxid:1\0"))
        references.append(box("auxl", struct.pack(">HHH", number, 1, main)))

    wide = ">I" if version == 2 else ">H"
    entries = [
        full("infe", 2, struct.pack(">HH", number, 0), what.encode(), b"\0")
        for number, (what, *_) in enumerate(items, 1)
    ]
    associations = [
        struct.pack(">HB", number, len(indices)) + bytes(0x80 | index for index in indices)
        for number, indices in sorted(links.items())
    ]
    held = b"".join(data for _, data, in_meta in items if in_meta)

    def whole(start):
        places, at = [], start
        for number, (_, data, in_meta) in enumerate(items, 1):
            in_meta = in_meta and version
            place = [struct.pack(wide, number), struct.pack(">H", 1 if in_meta else 0) if version else b""]
            place += [struct.pack(">HHII", 0, 1, 0 if in_meta else at, len(data))]
            places.append(b"".join(place))
            at += 0 if in_meta else len(data)
        meta = full(
            "meta",
            0,
            full("hdlr", 0, bytes(4), b"pict", bytes(13)),
            full("pitm", 0, struct.pack(">H", main)),
            full("iloc", version, b"\x44\0", struct.pack(wide, len(items)), *places),
            full("iinf", 0, struct.pack(">H", len(items)), *entries),
            full("iref", 0, *references) if references else b"",
            box("iprp", box("ipco", *properties), full("ipma", 0, struct.pack(">I", len(links)), *associations)),
            box("idat", held) if version and held else b"",
        )
        head = box("ftyp", b"heic", bytes(4), b"mif1heic")
        data = b"".join(data for _, data, in_meta in items if not (in_meta and version))
        return head + meta + box("mdat", data), len(head) + len(meta) + 8

    path.write_bytes(whole(whole(0)[1])[0])
    return path


def quadrants(height=96, width=128):
    """Four colours that tell every turn and flip apart."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = (200, 60, 60), (60, 200, 60)
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = (60, 60, 200), (128, 128, 128)
    return pixels
