"""`segblur devices`: webcams and virtual cameras, with what they can do."""

import argparse
from typing import TYPE_CHECKING

from vcam.cli.options import Commands, add_command, settings_of

if TYPE_CHECKING:
    from vcam.devices.v4l2 import Device

UNREADABLE = "  (no format that SegBlur reads)"


def add(commands: Commands) -> None:
    """The command."""
    text = "webcams and virtual cameras of this machine, with their formats"
    add_command(commands, "devices", list_devices, text)


def list_devices(arguments: argparse.Namespace) -> int:
    """What this machine has."""
    settings_of(arguments)
    from vcam.devices.v4l2 import devices

    print(describe(devices()))
    return 0


def describe(found: list["Device"]) -> str:
    """The list for people."""
    from vcam.devices.cameras import SAMPLE
    from vcam.devices.choose import usable

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


def entry(device: "Device", remark: str = "") -> list[str]:
    """A line for the device and one for each of its formats."""
    sizes = (
        f"      {form.fourcc}  {' '.join(f'{width}×{height}' for width, height in form.sizes) or 'any size'}"
        for form in device.formats
    )
    return [f"  {device.path}  {device.name}{remark}", *sizes]
