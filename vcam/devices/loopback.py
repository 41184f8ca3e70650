"""The virtual camera: a v4l2loopback device, found by its label, written through pyvirtualcam."""

import logging
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyvirtualcam

from vcam.devices.loopback_writer import BACKEND
from vcam.devices.readers import NOBODY, Viewers, find_viewers
from vcam.devices.v4l2 import SYSFS, nodes
from vcam.errors import OutputError
from vcam.frame import SafeFrame
from vcam.settings import OutputSettings

log = logging.getLogger("segblur.output")

MOST_BUFFERS = 32  # v4l2loopback's own limit
MOST_CAMERAS = 8  # the same


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


def find_loopbacks(label: str, sysfs: Path = SYSFS) -> list[Path]:
    """The device that bears the label, and those that bear it with a number, "SegBlur Camera 2": newer kernel modules
    let only one program read each. Raises OutputError.
    """
    names = {name: path for path, name in nodes(sysfs)}
    more = [names[name] for n in range(2, MOST_CAMERAS + 1) if (name := f"{label} {n}") in names]
    return [find_loopback(label, sysfs), *more]


def open_loopbacks(settings: OutputSettings) -> list["Loopback"]:
    """The virtual cameras, all that are there: the first must be, of the others one that can't be opened is left out.
    Raises OutputError.
    """
    first, *more = find_loopbacks(settings.label)
    outputs = [Loopback(first, settings)]
    for path in more:
        try:
            outputs.append(Loopback(path, settings))
        except OutputError as error:
            log.warning("%s; going on without it", error)
    return outputs


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
            continue  # it ended meanwhile, or belongs to somebody else
    return sorted(found)


class Loopback:
    """An open virtual camera. Takes SafeFrames of its geometry and nothing else. One that is lost while it is in use,
    as when the module is reloaded, is opened again by itself.
    """

    def __init__(self, path: Path, settings: OutputSettings) -> None:
        """Open the device. Raises OutputError."""
        self.path, self._settings = path, settings
        self.label = read_attribute(path, "name") or settings.label
        self.trouble = ""  # why nothing can be written at the moment
        self.viewers: Viewers = NOBODY
        self._camera: pyvirtualcam.Camera | None = self._open()

    def _open(self) -> pyvirtualcam.Camera:
        """Raises OutputError."""
        if not stat.S_ISCHR(self.path.stat().st_mode) or not os.access(self.path, os.R_OK | os.W_OK):
            raise OutputError(f"{self.path} may not be written by this user; add yourself to the group video")
        size = (self._settings.width, self._settings.height)
        try:
            camera = pyvirtualcam.Camera(
                *size, 30, fmt=pyvirtualcam.PixelFormat.I420, device=str(self.path), backend=BACKEND
            )
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self.path} can't be opened ({first_line(error)}); {self._in_use()}") from None
        self.viewers = find_viewers(self.path)
        return camera

    def _in_use(self) -> str:
        names = holders(self.path)
        who = " and ".join(names) if names else "another program, perhaps a second segblur"
        return f"it seems to be in use by {who}: close that and start again"

    def prime(self, frame: SafeFrame) -> None:
        """Write the first frame, with which the device becomes a camera for other programs; it stays one, and shows
        this frame, even if this process should die. Raises OutputError.
        """
        assert self._camera is not None
        try:
            self._camera.send(frame.pixels)
        except OSError as error:
            raise OutputError(f"{self.path} takes no pictures ({error.strerror}); {self._in_use()}") from None

    def send(self, frame: SafeFrame) -> None:
        """Write one frame, if the device is there."""
        if self._camera is None:
            return
        try:
            self._camera.send(frame.pixels)
        except OSError as error:
            self._lose(f"{self.path} takes no pictures any more ({error.strerror})")

    def _lose(self, trouble: str) -> None:
        """Let go of a device that fails, so that its module can be reloaded, and try again later."""
        log.error("%s; trying again", trouble)
        self.trouble = trouble
        self.close()

    def _reopen(self, frame: SafeFrame) -> None:
        try:
            self._camera = self._open()
            self.prime(frame)
        except OutputError as error:
            self.trouble = str(error)
            self.close()
        except FileNotFoundError:
            self.trouble = f"{self.path} is gone; load v4l2loopback again: sudo modprobe v4l2loopback"
        else:
            log.info("%s is back", self.path)
            self.trouble = ""

    def check(self, frame: SafeFrame) -> None:
        """Notice what the kernel says only to who asks: another format, or that it is no camera any more. Open a device
        that was lost again, with this frame.
        """
        if self._camera is None:
            self._reopen(frame)
            return
        for name, wanted in (("state", "capture"), ("format", f"YU12:{self._settings.width}x{self._settings.height}")):
            taken = read_attribute(self.path, name)
            if taken and taken.split("@")[0] != wanted:
                self._lose(f"{self.path} has become {taken} instead of {wanted}")
                return

    def scrub(self, frame: SafeFrame) -> None:
        """Overwrite every frame that the kernel still holds."""
        buffers = read_attribute(self.path, "buffers")
        count = int(buffers) if buffers.isdigit() else MOST_BUFFERS
        for _ in range(min(MOST_BUFFERS, max(1, count)) + 1):
            self.send(frame)

    def about(self) -> dict[str, Any]:
        """What the status says of it."""
        viewers = None if self.viewers.how == "always" else int(self.viewers.look())
        size = [self._settings.width, self._settings.height]
        return {"path": str(self.path), "label": self.label, "viewers": viewers, "size": size}

    def close(self) -> None:
        """Give the device back."""
        self.viewers.close()
        self.viewers = NOBODY
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


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
