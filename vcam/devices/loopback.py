"""A v4l2loopback device as a virtual camera: found by its label, written through pyvirtualcam."""

import logging
import os
import stat
from pathlib import Path
from typing import Any

import pyvirtualcam

from vcam.devices.loopback_writer import BACKEND, LoopbackWriter
from vcam.devices.readers import NO_READERS, Readers, find_readers
from vcam.devices.v4l2 import SYSFS, nodes
from vcam.errors import OutputError
from vcam.frame import SafeFrame
from vcam.settings import OutputSettings

log = logging.getLogger("segblur.output")

MOST_BUFFERS = 32  # v4l2loopback's own limit
MOST_CAMERAS = 8  # the same
RATE = 30  # frames a second that the device offers


def find_loopback(label: str, sysfs: Path = SYSFS) -> Path:
    """The device that bears the label. Raises OutputError with the command that makes one."""
    for path, name in nodes(sysfs):
        if name == label:
            return path
    if label == OutputSettings().label:
        raise OutputError(f"there is no virtual camera '{label}'; make one with: segblur setup")
    remedy = f"sudo modprobe v4l2loopback video_nr=10 card_label='{label}' exclusive_caps=1"
    if Path("/sys/module/v4l2loopback").exists():
        remedy = f"sudo modprobe -r v4l2loopback && {remedy}"
    raise OutputError(
        f"there is no virtual camera '{label}'; make one with: {remedy} (packages: v4l2loopback-dkms on Debian and "
        "Ubuntu, akmod-v4l2loopback on Fedora, v4l2loopback-dkms on Arch)"
    )


def find_loopbacks(settings: OutputSettings) -> list["Loopback"]:
    """The device that bears the label, and those that bear it with a number, "SegBlur Camera 2": newer kernel modules
    let only one program read each. Only the first is missed where it is not there.
    """
    more = [Loopback(f"{settings.label} {n}", settings, optional=True) for n in range(2, MOST_CAMERAS + 1)]
    return [Loopback(settings.label, settings), *more]


def holders(device: Path) -> list[str]:
    """Names of this user's other processes that have the device open."""
    found = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if any(handle.readlink() == device for handle in (process / "fd").iterdir()):
                found.add((process / "comm").read_text().strip())
        except OSError:
            continue  # it ended meanwhile, or belongs to another user
    return sorted(found)


class Loopback:
    """An output (see outputs.py): the v4l2loopback device of a label, whether it is there already or comes later."""

    def __init__(self, label: str, settings: OutputSettings, optional: bool = False) -> None:
        """One that is `optional` is no trouble where it can't be had. Nothing is opened yet."""
        self.label, self.lingers, self._reason = label, True, ""
        self.readers: Readers = NO_READERS
        self._settings, self._optional = settings, optional
        self._path: Path | None = None
        self._camera: pyvirtualcam.Camera | None = None
        self._writer: LoopbackWriter | None = None
        self._silence: SafeFrame | None = None

    @property
    def trouble(self) -> str:
        """See Output."""
        return "" if self._optional else self._reason

    @property
    def missing(self) -> bool:
        """See Output."""
        return self._path is None

    def prime(self, frame: SafeFrame, silence: SafeFrame) -> None:
        """See Output."""
        self._silence = silence
        self._open(frame)

    def _open(self, frame: SafeFrame) -> None:
        """Open the device and make a camera of it that other programs list, or note why that can't be."""
        try:
            self._path = find_loopback(self.label)
        except OutputError as error:
            self._path = None
            self._wait("" if self._optional else str(error))
            return
        try:
            self._camera = self._opened(self._path)
            self.readers = find_readers(self._path)
            self._write(frame)
        except OutputError as error:
            self._wait(str(error))
            return
        if self._reason:
            log.info("%s can be used now", self._path)
        self._reason = ""
        self.scrub(frame)  # a keeper that was killed may have left frames of the room in the kernel's memory

    def _opened(self, path: Path) -> pyvirtualcam.Camera:
        """Raises OutputError."""

        def keep(writer: LoopbackWriter) -> None:
            self._writer = writer

        try:
            if not stat.S_ISCHR(path.stat().st_mode) or not os.access(path, os.R_OK | os.W_OK):
                raise OutputError(f"{path} may not be written by this user; add yourself to the group video")
            return pyvirtualcam.Camera(
                self._settings.width,
                self._settings.height,
                RATE,
                fmt=pyvirtualcam.PixelFormat.I420,
                device=str(path),
                backend=BACKEND,
                silence=self._silence and self._silence.pixels,
                opened=keep,
            )
        except FileNotFoundError:
            raise OutputError(f"{path} is gone; load v4l2loopback again: sudo modprobe v4l2loopback") from None
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{path} can't be opened ({first_line(error)}); {in_use(path)}") from None

    def _write(self, frame: SafeFrame) -> None:
        """Raises OutputError."""
        assert self._camera is not None
        assert self._path is not None
        try:
            self._camera.send(frame.pixels)
        except OSError as error:
            raise OutputError(f"{self._path} takes no pictures ({error.strerror}); {in_use(self._path)}") from None

    def _wait(self, trouble: str) -> None:
        """Let go of the device, so that its module can be reloaded, and try again later; each reason is logged once."""
        if trouble and trouble != self._reason:
            serious = not self.missing or self._settings.pipewire == "off"
            log.log(logging.ERROR if serious else logging.INFO, "%s; trying again", trouble)
        self._reason = trouble
        self.close()

    def send(self, frame: SafeFrame) -> None:
        """See Output."""
        if self._camera is None:
            return
        try:
            self._write(frame)
        except OutputError as error:
            self._wait(str(error))

    def check(self, frame: SafeFrame) -> None:
        """See Output. The kernel tells only who asks: of another format, or that it is no camera any more."""
        if self._camera is None or self._path is None:
            self._open(frame)
            return
        for name, wanted in (("state", "capture"), ("format", f"YU12:{self._settings.width}x{self._settings.height}")):
            taken = read_attribute(self._path, name)
            if taken and taken.split("@")[0] != wanted:
                self._wait(f"{self._path} has become {taken} instead of {wanted}")
                return
        if self._writer is not None:
            self._writer.restore()

    def scrub(self, frame: SafeFrame) -> None:
        """See Output."""
        if self._camera is None or self._path is None:
            return
        buffers = read_attribute(self._path, "buffers")
        count = int(buffers) if buffers.isdigit() else MOST_BUFFERS
        for _ in range(min(MOST_BUFFERS, max(1, count)) + 1):
            self.send(frame)
        if self._writer is not None:
            self._writer.restore()

    def about(self) -> dict[str, Any] | None:
        """See Output."""
        if self.missing or (self._optional and self._camera is None):
            return None
        readers = None if self.readers.how == "always" else int(self.readers.present)
        size = [self._settings.width, self._settings.height]
        return {"path": str(self._path), "label": self.label, "viewers": readers, "size": size}

    def close(self) -> None:
        """See Output."""
        self.readers.close()
        self.readers = NO_READERS
        self._writer = None
        if self._camera is not None:
            self._camera.close()
            self._camera = None


def in_use(path: Path) -> str:
    """Who seems to hold the device, and the remedy."""
    names = holders(path)
    who = " and ".join(names) if names else "another program, perhaps a second segblur"
    return f"it seems to be in use by {who}: close that"


def read_attribute(device: Path, name: str) -> str:
    """What the driver says of itself in sysfs; empty where it says nothing."""
    try:
        return (SYSFS / device.name / name).read_text().strip()
    except OSError:
        return ""


def first_line(error: BaseException) -> str:
    """An error of a library in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
