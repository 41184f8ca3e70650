"""Pictures and videos for the gallery, and files that are neither."""

import os
import struct
import zlib

import av
import numpy as np
from PIL import Image

CODECS = {".mp4": "mpeg4", ".mov": "mpeg4", ".m4v": "mpeg4", ".mkv": "mpeg4", ".webm": "libvpx"}


def picture(path, colour=(200, 60, 30), size=(64, 48), **how):
    """A picture of one colour."""
    Image.new("RGB", size, colour).save(path, **how)
    return path


def video(path, colours=((0, 0, 0), (200, 60, 30)), size=(64, 48), each=20):
    """`each` frames of every colour, at 10 frames a second; every frame can be sought."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(CODECS[path.suffix], rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 1
        for colour in colours:
            pixels = np.full((size[1], size[0], 3), colour, np.uint8)
            for _ in range(each):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode())
    return path


def bomb(path):
    """A picture of 900 million pixels in less than a kilobyte, most of which is not there."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))))
    return path


def many_pixels(path):
    """A picture that is whole and small on the disk, of 41.6 million pixels."""
    Image.new("1", (8000, 5200)).save(path)
    return path


def large(path, head, size):
    """A file that says it is so large, and takes next to nothing."""
    path.write_bytes(head)
    os.truncate(path, size)
    return path


def words(path):
    path.write_text("neither a picture nor a video, whatever its name says")
    return path


def empty(path):
    path.touch()
    return path


def half(path):
    """The first half of a picture that can't be guessed from its first half."""
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    os.truncate(path, path.stat().st_size // 2)
    return path


def torn_video(path):
    """The beginning of a video, without a frame."""
    video(path)
    os.truncate(path, 500)
    return path


def pipe(path):
    os.mkfifo(path)  # opening it would wait for ever
    return path
