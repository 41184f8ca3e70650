"""What the kernel knows of video devices: names and drivers from sysfs, formats by ioctl.

Numbers and layouts are those of linux/videodev2.h on 64-bit machines.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SYSFS = Path("/sys/class/video4linux")

QUERYCAP, ENUM_FMT, ENUM_FRAMESIZES = 0x80685600, 0xC0405602, 0xC02C564A
CAPTURE, OUTPUT, META_CAPTURE, STREAMING, DEVICE_CAPS = (
    0x1,
    0x2,
    0x00800000,
    0x04000000,
    0x80000000,
)
BUFFER_CAPTURE, DISCRETE = 1, 1
LOOPBACK = "v4l2 loopback"


@dataclass(frozen=True)
class Format:
    """A pixel format of a device and the sizes that it lists; none where it takes any."""

    fourcc: str
    sizes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Device:
    """A video node."""

    path: Path
    name: str
    driver: str = ""
    capabilities: int = 0
    formats: tuple[Format, ...] = ()
    trouble: str = field(default="")  # why it could not be asked
    bus: str = ""  # where it is plugged in

    @property
    def is_loopback(self) -> bool:
        """Whether it is one of v4l2loopback's."""
        return self.driver == LOOPBACK

    @property
    def is_camera(self) -> bool:
        """Whether it delivers pictures: metadata nodes of UVC cameras don't."""
        caps = self.capabilities
        return bool(caps & CAPTURE and caps & STREAMING and not caps & META_CAPTURE)


def nodes(sysfs: Path = SYSFS) -> list[tuple[Path, str]]:
    """Path and name of every video node, by number."""
    if not sysfs.is_dir():
        return []
    found = []
    for path in sysfs.glob("video*"):
        with suppress(OSError):  # unplugged meanwhile
            found.append((path.name, (path / "name").read_text(errors="replace").rstrip("\n")))
    found.sort(key=lambda node: int(node[0].removeprefix("video") or 0))
    return [(Path("/dev") / name, label) for name, label in found]


def ask(path: Path, name: str) -> Device:
    """What a node says of itself; `trouble` where it can't be opened."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Device(path, name, trouble=error.strerror or str(error))
    try:
        driver, card, bus, capabilities = query(handle)
        return Device(path, card or name, driver, capabilities, tuple(formats(handle)), bus=bus)
    except OSError as error:
        return Device(path, name, trouble=error.strerror or str(error))
    finally:
        os.close(handle)


def devices(sysfs: Path = SYSFS) -> list[Device]:
    """Every video node of the machine."""
    return [ask(path, name) for path, name in nodes(sysfs)]


def stable_path(path: Path, links: Sequence[Path] = (Path("/dev/v4l/by-id"), Path("/dev/v4l/by-path"))) -> str:
    """The name under which udev finds this webcam again, whatever number it gets; "" where it has none."""
    for folder in links:
        for link in sorted(folder.glob("*")):
            if link.resolve() == path:
                return str(link)
    return ""


def query(handle: int) -> tuple[str, str, str, int]:
    """Driver, card name, bus and the capabilities of this very node (VIDIOC_QUERYCAP)."""
    data = bytearray(104)
    fcntl.ioctl(handle, QUERYCAP, data)
    return parse_capability(bytes(data))


def parse_capability(data: bytes) -> tuple[str, str, str, int]:
    """Struct v4l2_capability: driver, card, bus, and device_caps where the driver fills them in."""
    driver, card, bus, _, capabilities, device_caps = struct.unpack_from("=16s32s32sIII", data)
    own = device_caps if capabilities & DEVICE_CAPS else capabilities
    return text(driver), text(card), text(bus), own


def text(data: bytes) -> str:
    """A NUL-terminated string of the kernel's."""
    return data.split(b"\0", 1)[0].decode(errors="replace")


def formats(handle: int) -> Iterator[Format]:
    """The capture formats and their sizes, in the driver's order (VIDIOC_ENUM_FMT, VIDIOC_ENUM_FRAMESIZES)."""
    for index in range(64):
        data = bytearray(struct.pack("=II", index, BUFFER_CAPTURE)) + bytearray(56)
        if not more(handle, ENUM_FMT, data):
            return
        fourcc = bytes(data[44:48])
        yield Format(name_of(fourcc), tuple(sizes(handle, fourcc)))


def name_of(fourcc: bytes) -> str:
    """Four letters; the top bit of the last says that the format is big-endian (v4l2_fourcc_be)."""
    letters = bytes(letter & 0x7F for letter in fourcc).decode(errors="replace").strip()
    return f"{letters}-BE" if fourcc[3] & 0x80 else letters


def sizes(handle: int, fourcc: bytes) -> Iterator[tuple[int, int]]:
    """Width and height of each size that the driver lists for a format; nothing for ranges."""
    for index in range(64):
        data = bytearray(struct.pack("=I4s", index, fourcc)) + bytearray(36)
        if not more(handle, ENUM_FRAMESIZES, data):
            return
        kind, width, height = struct.unpack_from("=III", data, 8)
        if kind == DISCRETE:
            yield width, height


def more(handle: int, request: int, data: bytearray) -> bool:
    """One step of an enumeration; False at its end."""
    try:
        fcntl.ioctl(handle, request, data)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
            return False
        raise
    return True
