"""`segblur devices`: webcams and virtual cameras, with what they can do."""

from vcam.devices.cameras import SAMPLE
from vcam.devices.choose import usable
from vcam.devices.v4l2 import Device, devices

UNREADABLE = "  (no format that SegBlur reads)"


def describe(found: list[Device]) -> str:
    """The list for people."""
    cameras = [device for device in found if device.is_camera and not device.is_loopback]
    loopbacks = [device for device in found if device.is_loopback]
    refused = [device for device in found if device.trouble]
    lines = ["Webcams:"]
    lines += [line for device in cameras for line in entry(device, "" if usable(device) else UNREADABLE)]
    lines += [] if cameras else ["  none; plug one in"]
    lines += ["Virtual cameras (v4l2loopback):"]
    lines += [line for device in loopbacks for line in entry(device)]
    lines += [] if loopbacks else ["  none; make one with: segblur setup"]
    lines += [f"Can't be opened: {device.path}  {device.name}  ({device.trouble})" for device in refused]
    lines += ["To try things out without a webcam:", f"  {SAMPLE}  a bundled clip, again and again"]
    return "\n".join(lines)


def entry(device: Device, remark: str = "") -> list[str]:
    """A line for the device and one for each of its formats."""
    sizes = (
        f"      {form.fourcc}  {' '.join(f'{width}×{height}' for width, height in form.sizes) or 'any size'}"
        for form in device.formats
    )
    return [f"  {device.path}  {device.name}{remark}", *sizes]


def list_devices() -> str:
    """What this machine has."""
    return describe(devices())
