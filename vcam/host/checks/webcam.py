"""Check of the webcam. The sample (camera.device = "sample") is none: only devices of the kernel count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vcam.devices.choose import READ
from vcam.devices.v4l2 import Device, devices
from vcam.host.checks.check import DENIED, JOIN_VIDEO, Host, Verdict, open_in


@dataclass(frozen=True)
class Facts:
    """What this check judges."""

    devices: tuple[Device, ...] = ()  # of hardware, and those that can't be opened
    users: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)  # programs of this user that have it open


def look(host: Host) -> Facts:
    """The video devices other than virtual cameras."""
    label = host.settings.output.label
    ours = (label, f"{label} 2")  # one that can't be opened doesn't say that it is virtual
    found = tuple(device for device in devices() if not device.is_loopback and device.name not in ours)
    return Facts(found, {device.path: open_in(device.path) for device in found})


def webcam(facts: Facts) -> Verdict:
    """Whether there is a webcam with a format that SegBlur reads."""
    cameras = [device for device in facts.devices if device.is_camera]
    usable = [device for device in cameras if any(form.fourcc in READ for form in device.formats)]
    refused = [device for device in facts.devices if device.trouble]
    if not usable and refused:
        device = refused[0]
        if device.trouble == DENIED:
            sentence = f"you have no permission to use {device.path} ({device.name}); after this command, log in again"
            return Verdict("problem", sentence, JOIN_VIDEO)
        return Verdict("problem", f"{device.path} ({device.name}) can't be opened: {device.trouble}")
    if not usable and cameras:
        return Verdict("problem", f"{cameras[0].name} delivers none of {', '.join(READ)}: use another webcam")
    if not usable:
        return Verdict("warning", "there is no webcam: plug one in")
    names = "; ".join(f"{device.name} ({device.path}: {largest(device)})" for device in usable)
    users = {name for device in usable for name in facts.users.get(device.path, ()) if name != "segblur"}
    if users:
        return Verdict("ok", f"{names}; open in {', '.join(sorted(users))}")
    if not any(has_quick_format(device) for device in usable):
        return Verdict(
            "warning", f"{names}: without MJPEG of 1280×720 its picture is small, or has few frames a second"
        )
    return Verdict("ok", names)


def largest(device: Device) -> str:
    """The largest size of each format that SegBlur reads: "MJPG 1920×1080, YUYV 640×480"."""
    parts = []
    for form in device.formats:
        if form.fourcc in READ:
            width, height = max(form.sizes, default=(0, 0), key=lambda size: size[0] * size[1])
            parts.append(f"{form.fourcc} {width}×{height}" if width else form.fourcc)
    return ", ".join(parts)


def has_quick_format(device: Device) -> bool:
    """Whether it has a format with which 1280×720 at 30 frames a second fits through USB 2."""
    return any(form.fourcc == "MJPG" and (not form.sizes or max(form.sizes) >= (1280, 720)) for form in device.formats)


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {"webcam": webcam}
