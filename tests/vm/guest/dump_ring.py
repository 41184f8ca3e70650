"""Save everything that a loopback device's ring holds: dump_ring.py DEVICE FILE.

Any program that may open the device can do this, whoever wrote the frames and however long ago: it asks for the
buffers, maps them, and reads what is in them without ever starting a stream.
"""

import fcntl
import mmap
import os
import struct
import sys
from pathlib import Path

VIDIOC_REQBUFS, VIDIOC_QUERYBUF = 0xC0145608, 0xC0585609
CAPTURE, MMAP = 1, 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP


def main(device: str, path: Path) -> None:
    fd = os.open(device, os.O_RDWR)
    request = bytearray(struct.pack("=5I", 8, CAPTURE, MMAP, 0, 0))
    fcntl.ioctl(fd, VIDIOC_REQBUFS, request)
    with path.open("wb") as dump:
        for index in range(struct.unpack_from("=I", request)[0]):
            # struct v4l2_buffer: index, type, …, at 60 the kind of memory, at 64 its offset, at 72 its length
            buffer = bytearray(88)
            struct.pack_into("=2I", buffer, 0, index, CAPTURE)
            struct.pack_into("=I", buffer, 60, MMAP)
            fcntl.ioctl(fd, VIDIOC_QUERYBUF, buffer)
            (offset,) = struct.unpack_from("=I", buffer, 64)
            (length,) = struct.unpack_from("=I", buffer, 72)
            with mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ, offset=offset) as frame:
                dump.write(frame[: 640 * 480 * 3 // 2])
    os.close(fd)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
