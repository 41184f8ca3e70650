"""The virtual camera: a v4l2loopback device, found by its label, written through pyvirtualcam."""

import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

import pyvirtualcam

from vcam.errors import OutputError
from vcam.frame import SafeFrame
from vcam.settings import OutputSettings
from vcam.v4l2 import SYSFS, nodes

MODULE_VERSION = Path("/sys/module/v4l2loopback/version")
MOST_BUFFERS = 32  # v4l2loopback's own limit


def find_loopback(label: str, sysfs: Path = SYSFS) -> Path:
    """The device that bears the label. Raises OutputError with the command that makes one."""
    for path, name in nodes(sysfs):
        if name == label:
            return path
    remedy = f"sudo modprobe v4l2loopback video_nr=10 card_label='{label}' exclusive_caps=1"
    if Path("/sys/module/v4l2loopback").exists():
        remedy = f"sudo modprobe -r v4l2loopback && {remedy}"
    raise OutputError(
        f"there is no virtual camera '{label}'; make one with: {remedy} (packages: v4l2loopback-dkms on Debian and "
        "Ubuntu, akmod-v4l2loopback on Fedora, v4l2loopback-dkms on Arch)"
    )


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
    """The open virtual camera. Takes SafeFrames of its geometry and nothing else."""

    def __init__(self, settings: OutputSettings) -> None:
        """Find and open the device. Raises OutputError."""
        self.settings = settings
        self.path = find_loopback(settings.label)
        try:
            if not stat.S_ISCHR(self.path.stat().st_mode) or not os.access(self.path, os.R_OK | os.W_OK):
                raise OutputError(f"{self.path} may not be written by this user; add yourself to the group video")
            self._camera = pyvirtualcam.Camera(
                settings.width,
                settings.height,
                30,
                fmt=pyvirtualcam.PixelFormat.I420,
                device=str(self.path),
                backend="v4l2loopback",
            )
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self.path} can't be opened ({first_line(error)}); {self._in_use()}") from None

    def _in_use(self) -> str:
        if MODULE_VERSION.exists() and MODULE_VERSION.read_text().startswith("0.12."):
            # Seen with 0.12.7: once its writer has gone, such a device takes no other.
            return (
                "v4l2loopback 0.12 serves one start only: sudo modprobe -r v4l2loopback && sudo modprobe v4l2loopback"
            )
        names = holders(self.path)
        who = " and ".join(names) if names else "another program, perhaps a second segblur"
        return f"it seems to be in use by {who}: close that and start again"

    def prime(self, frame: SafeFrame) -> None:
        """Write the first frame, with which the device becomes a camera for other programs, and check that the
        kernel took the geometry: where somebody holds the device it silently keeps the old. Raises OutputError.
        """
        self.send(frame)
        attribute = SYSFS / self.path.name / "format"
        taken = attribute.read_text().strip() if attribute.exists() else ""
        wanted = f"YU12:{self.settings.width}x{self.settings.height}"
        if taken and taken.split("@")[0] != wanted:
            self.close()
            raise OutputError(f"{self.path} is fixed at {taken} instead of {wanted}; {self._in_use()}")

    def send(self, frame: SafeFrame) -> None:
        """Write one frame."""
        self._camera.send(frame.pixels)

    def scrub(self, frame: SafeFrame) -> None:
        """Overwrite every frame that the kernel still holds."""
        attribute = SYSFS / self.path.name / "buffers"
        try:
            buffers = int(attribute.read_text())
        except (OSError, ValueError):
            buffers = MOST_BUFFERS
        for _ in range(min(MOST_BUFFERS, max(1, buffers)) + 1):
            self.send(frame)

    def close(self) -> None:
        """Give the device back."""
        self._camera.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def first_line(error: BaseException) -> str:
    """An error of a library in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
