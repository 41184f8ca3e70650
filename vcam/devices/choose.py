"""Which of the video devices is the webcam that the settings mean."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from vcam.devices.v4l2 import Device, Format, devices
from vcam.errors import CameraLostError

READ = ("MJPG", "YUYV", "NV12", "YU12")  # formats that webcam.py decodes, the best first
AUTO = "auto"
# Names of infrared cameras; the last is Lenovo's "Integrated Camera: Integrated I", as long as a name may be.
INFRARED = re.compile(r"\bIR\b|infra-?red|: Integrated I$", re.IGNORECASE)
PERMIT = 'sudo usermod -aG video "$USER", then log out and in again'


def choose_camera(
    wanted: str, found: Sequence[Device] | None = None, known: Device | None = None, own: str = ""
) -> Device:
    """The webcam that `wanted` means: a path, a part of a name, or "auto" for the first that is real and not infrared.
    Where a webcam is `known` from before, no other one is taken in its place. `own` is the name of our virtual cameras:
    reading them would feed our output back. Other programs' virtual cameras must be named. Raises CameraLostError.
    """
    found = devices() if found is None else found
    if known is not None:
        return find_again(known, found)
    if wanted.startswith("/"):
        return by_path(wanted, found, own)
    others = [device for device in found if not is_own(device, own)]
    named = [device for device in others if wanted == AUTO or wanted.lower() in device.name.lower()]
    cameras = [device for device in named if usable(device)]
    if wanted == AUTO:
        cameras = [device for device in cameras if not (device.is_loopback or is_infrared(device, cameras))]
    if cameras:
        return next((device for device in cameras if not device.is_loopback), cameras[0])
    if refused := next((device for device in named if device.trouble), None):
        raise unopened(refused)
    which = "" if wanted == AUTO else f" named {wanted}"
    raise CameraLostError(f"there is no webcam{which}; plug one in, or choose one (segblur devices)")


def find_again(known: Device, found: Sequence[Device]) -> Device:
    """The same webcam, under whatever number it is now. Raises CameraLostError."""
    again = next((device for device in found if same(device, known)), None)
    if again is None and not known.driver and known.path.exists():
        return known  # of a kind that the kernel does not list
    if again is None:
        raise CameraLostError(
            f"the webcam {known.name} ({known.path}) is unplugged; plug it in again, or choose another one "
            "(segblur devices)"
        )
    if again.trouble:
        raise unopened(again)
    return again


def by_path(wanted: str, found: Sequence[Device], own: str) -> Device:
    """The device at a path, or at a link such as those of /dev/v4l/by-id. Raises CameraLostError."""
    path = Path(wanted).resolve()
    device = next((device for device in found if device.path == path), None)
    if device is None:
        if not path.exists():
            raise CameraLostError(f"there is no webcam {wanted}; plug it in, or choose another one (segblur devices)")
        return Device(path, path.name)
    if is_own(device, own):
        raise CameraLostError(f"{path} is {device.name} itself; choose a webcam (segblur devices)")
    if device.trouble:
        raise unopened(device)
    return device


def unopened(device: Device) -> CameraLostError:
    """The error for a device that can't be opened."""
    if device.is_denied:
        return denied(device)
    return CameraLostError(
        f"the webcam {device.name} ({device.path}) can't be opened ({device.trouble}); plug it in again, or choose "
        "another one (segblur devices)"
    )


def denied(device: Device) -> CameraLostError:
    """The error for one that we are not permitted to open."""
    return CameraLostError(
        f"the webcam {device.name} ({device.path}) can't be opened: you have no permission; do this: {PERMIT}"
    )


def same(device: Device, known: Device) -> bool:
    """Whether these are one webcam: by serial number where both have one, else by the port that it is plugged into.
    Names and numbers are shared and change.
    """
    if device.name != known.name and not device.trouble:  # of those only the name in sysfs is known
        return False
    if device.serial and known.serial:
        return device.serial == known.serial
    if device.port or known.port:
        return device.port == known.port
    return (device.path, device.bus) == (known.path, known.bus)


def is_own(device: Device, own: str) -> bool:
    """Whether it is one of our virtual cameras: "SegBlur Camera", "SegBlur Camera 2"."""
    return bool(own) and re.fullmatch(rf"{re.escape(own)}( \d+)?", device.name) is not None


def usable(device: Device) -> bool:
    """Whether it delivers pictures in a format that we read."""
    return device.is_camera and bool(readable(device))


def readable(device: Device) -> list[Format]:
    """The formats of a device that we read, the best first."""
    return sorted((form for form in device.formats if form.fourcc in READ), key=lambda form: READ.index(form.fourcc))


def is_infrared(device: Device, beside: Sequence[Device]) -> bool:
    """Whether it is an infrared camera, as laptops have for logging in: by its name, or because the same USB device has
    another camera with better pictures.
    """
    if INFRARED.search(device.name):
        return True
    unit = unit_of(device)
    return bool(unit) and any(unit_of(other) == unit and quality(other) > quality(device) for other in beside)


def unit_of(device: Device) -> str:
    """What its functions share: the USB device, without the number of the function; "" where that is not known."""
    folder = device.port.partition(" ")[0]
    return os.path.dirname(folder) if re.search(r":\d+\.\d+$", folder) else ""  # noqa: PTH120 - a text of sysfs


def quality(device: Device) -> tuple[bool, int]:
    """Whether it has MJPEG, and the pixels of its largest picture."""
    forms = readable(device)
    largest = max((width * height for form in forms for width, height in form.sizes), default=0)
    return any(form.fourcc == "MJPG" for form in forms), largest
