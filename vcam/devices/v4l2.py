"""What the kernel knows of video devices: names and drivers from sysfs, formats by ioctl.

Numbers and layouts are those of linux/videodev2.h on 64-bit machines.
"""

import errno
import fcntl
import os
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
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
    bus: str = ""  # where it is plugged in, as the driver tells it
    port: str = ""  # the same as sysfs tells it, and which function and node of the device this is
    serial: str = ""  # its serial number, where no other device here has the same, with function and node

    @property
    def is_denied(self) -> bool:
        """Whether we lack the permission to open it."""
        return self.trouble in {os.strerror(errno.EACCES), os.strerror(errno.EPERM)}

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
    serials = own_serials(sysfs)
    return [
        replace(ask(path, name), port=port(sysfs / path.name), serial=serials.get(path.name, ""))
        for path, name in nodes(sysfs)
    ]


def port(node: Path) -> str:
    """Where the device of a node of sysfs is plugged in, with its function and node; "" where it is not plugged in."""
    device = node / "device"
    return f"{device.resolve()} {read(node / 'index')}" if device.exists() else ""


def serial(node: Path) -> str:
    """Serial number of a node's USB device, with its function and node; "" where it has none."""
    function = (node / "device").resolve()
    number = read(function.parent / "serial")
    return f"{number} {function.name.partition(':')[2]} {read(node / 'index')}" if number else ""


def own_serials(sysfs: Path = SYSFS) -> dict[str, str]:
    """Serial numbers by the name of the node. Those that occur twice, as with
    cheap webcams, do not tell them apart and are left out.
    """
    found = {path.name: serial(sysfs / path.name) for path, _ in nodes(sysfs)}
    counts = Counter(found.values())
    return {name: number for name, number in found.items() if number and counts[number] == 1}


def read(path: Path) -> str:
    """The line of a file of sysfs; "" where it is not there."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def stable_path(
    path: Path,
    links: tuple[Path, Path] = (Path("/dev/v4l/by-id"), Path("/dev/v4l/by-path")),
    sysfs: Path = SYSFS,
) -> str:
    """The name under which udev finds this webcam again, whatever number it gets; "" where it has none. By its serial
    number where it has one: without, webcams of one model share their name in by-id, and it may come to mean another.
    """
    for folder in links if path.name in own_serials(sysfs) else reversed(links):
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
