"""A v4l2loopback device as pyvirtualcam's backend "segblur": unlike the one that comes with it, it tells of every
error, sees which format the kernel took, and uses what the module offers for the time when nothing is written.

Numbers and layouts are those of linux/videodev2.h on 64-bit machines and of v4l2loopback.
"""

import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyvirtualcam
from numpy.typing import NDArray

BACKEND = "segblur"

S_FMT, REQBUFS, QUERYBUF, STREAMON, S_CTRL = 0xC0D05605, 0xC0145608, 0xC0585609, 0x40045612, 0xC008561C
S_PARM = 0xC0CC5616
FORMAT_BYTES, BUFFER_BYTES, PARM_BYTES = 208, 88, 204  # struct v4l2_format, v4l2_buffer, v4l2_streamparm
OUTPUT, MMAP, PROGRESSIVE = 2, 1, 1  # V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_MEMORY_MMAP, V4L2_FIELD_NONE
# v4l2loopback's own controls, V4L2_CID_USER_BASE | 0xf000 and the next ones.
KEEP_FORMAT, TIMEOUT, TIMEOUT_IMAGE = 0x0098F900, 0x0098F902, 0x0098F903
YUV420 = b"YU12"
SILENCE = 800  # milliseconds


class LoopbackWriter:
    """An open device. Every method raises OSError where the kernel says no."""

    def __init__(
        self,
        *,
        width: int,
        height: int,
        fps: float,
        device: str,
        silence: NDArray[Any] | None,
        opened: Callable[["LoopbackWriter"], None],
        **_: Any,
    ) -> None:
        """Open it for I420 of this size. `silence`, uint8 (width * height * 3 / 2,), is what the kernel shows by itself
        when nothing was written for a while, even if this process is gone. `opened` is given this object, which
        pyvirtualcam keeps to itself. What else pyvirtualcam says does not matter to v4l2loopback.
        """
        self._path, self._size, self._primed = device, width * height * 3 // 2, False
        self._rate, self._silence = round(fps), silence
        wanted = (width, height, YUV420)
        self._handle = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            taken = self._set_format(width, height)
            if taken != wanted:
                # Kept since another size was in use: then it goes with the last who has the device open.
                self.keep_format(False)
                os.close(self._handle)
                self._handle = os.open(device, os.O_RDWR | os.O_CLOEXEC)
                taken = self._set_format(width, height)
            if taken != wanted:
                held = f"{taken[2].decode(errors='replace')}:{taken[0]}x{taken[1]}"
                raise OSError(errno.EBUSY, f"{device} is fixed at {held} instead of YU12:{width}x{height}")
        except OSError:
            os.close(self._handle)
            raise
        # To v4l2loopback 0.12 only who says this is a writer: without it, it takes no other after this one. Later
        # versions want buffers to be asked for first, and say so.
        with suppress(OSError):
            fcntl.ioctl(self._handle, STREAMON, struct.pack("=i", OUTPUT))
        opened(self)

    def _set_format(self, width: int, height: int) -> tuple[int, int, bytes]:
        """Width, height and fourcc that the kernel made of it: where the device is in use it keeps the old ones."""
        request = bytearray(FORMAT_BYTES)
        struct.pack_into("=I", request, 0, OUTPUT)
        struct.pack_into("=II4sIII", request, 8, width, height, YUV420, PROGRESSIVE, width, self._size)
        fcntl.ioctl(self._handle, S_FMT, request)
        return struct.unpack_from("=II4s", request, 8)

    def send(self, frame: NDArray[Any]) -> None:
        """Write a frame, uint8 (width * height * 3 / 2,) C-contiguous. From the first on the device stays a camera
        until `close`.
        """
        written = os.write(self._handle, frame.data)
        if written != self._size:
            raise OSError(errno.EIO, f"only {written} of {self._size} bytes were taken")
        if not self._primed:
            self._primed = True
            self.keep_format(True)
            if self._silence is not None:
                self.show_in_silence(self._silence, SILENCE)

    def restore(self) -> None:
        """Undo what other programs may have changed: the rate that the next reader is offered, and the controls."""
        parm = bytearray(PARM_BYTES)
        struct.pack_into("=5I", parm, 0, OUTPUT, 0, 0, 1, self._rate)
        for number, value in ((KEEP_FORMAT, 1), (TIMEOUT, SILENCE)):
            with suppress(OSError):
                self._control(number, value)
        with suppress(OSError):
            fcntl.ioctl(self._handle, S_PARM, parm)

    def keep_format(self, keep: bool) -> None:
        """Whether the device stays a camera to other programs while nothing is written."""
        self._control(KEEP_FORMAT, keep)

    def show_in_silence(self, frame: NDArray[Any], milliseconds: int) -> None:
        """What the kernel itself shows to readers when nothing was written for so long, even if this process is gone.
        The device must have been written to.
        """
        self._control(TIMEOUT_IMAGE, 1)  # the next to open the device gets at that picture
        with open(self._path, "r+b", buffering=0) as other:  # noqa: PTH123 - a device
            request = bytearray(struct.pack("=5I", 1, OUTPUT, MMAP, 0, 0))
            fcntl.ioctl(other, REQBUFS, request)
            buffer = bytearray(BUFFER_BYTES)  # index, type, …, at 60 the kind of memory, 64 its offset, 72 its length
            struct.pack_into("=2I", buffer, 0, 0, OUTPUT)
            struct.pack_into("=I", buffer, 60, MMAP)
            fcntl.ioctl(other, QUERYBUF, buffer)
            (offset,), (length,) = struct.unpack_from("=I", buffer, 64), struct.unpack_from("=I", buffer, 72)
            with mmap.mmap(other.fileno(), length, offset=offset) as picture:
                picture[: self._size] = frame.tobytes()
        self._control(TIMEOUT, milliseconds)

    def _control(self, number: int, value: int) -> None:
        fcntl.ioctl(self._handle, S_CTRL, struct.pack("=Ii", number, value))

    def close(self) -> None:
        """Give the device back; to other programs it is no camera any more."""
        with suppress(OSError):
            self.keep_format(False)
        os.close(self._handle)

    def device(self) -> str:
        """The path."""
        return self._path

    def native_fourcc(self) -> None:
        """What pyvirtualcam should convert to: nothing."""


pyvirtualcam.register_backend(BACKEND, LoopbackWriter)
