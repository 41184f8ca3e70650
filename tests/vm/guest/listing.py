"""Trials of what PipeWire offers to its programs, beside the devices of the kernel."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acts import play, started
from stage import HOME, run, segblur, systemctl, until

WIREPLUMBER = HOME / ".config/wireplumber"
# Of both versions, each of which reads its own.
RULES = tuple(WIREPLUMBER / path for path in ("wireplumber.conf.d/51-segblur.conf", "main.lua.d/51-segblur.lua"))


def cameras() -> list[str]:
    """The names under which programs of PipeWire list cameras."""
    objects = json.loads(run("pw-dump", user=True, check=False).stdout or "[]")
    nodes = [one["info"]["props"] for one in objects if one["type"] == "PipeWire:Interface:Node"]
    return sorted(node.get("node.description", "") for node in nodes if node.get("media.class") == "Video/Source")


def ours() -> list[str]:
    """Those of them that are ours."""
    return [name for name in cameras() if name.startswith("SegBlur Camera")]


@contextmanager
def away(files: tuple[Path, ...]) -> Iterator[None]:
    """The files are not there, and WirePlumber knows it."""
    for path in files:
        path.rename(path.with_suffix(".away"))
    systemctl("restart", "wireplumber")
    try:
        yield
    finally:
        for path in files:
            path.with_suffix(".away").rename(path)
        systemctl("restart", "wireplumber")


def listed_once_by_pipewire() -> None:
    """With both outputs PipeWire lists our camera once, by the rule that setup wrote: without the rule, twice."""
    started()
    play()
    systemctl("restart", "wireplumber")  # it asks a device once what it is: by now both are cameras
    until(lambda: "USB Webcam (V4L2)" in cameras(), 60, "WirePlumber's look at the devices")
    until(lambda: ours() == ["SegBlur Camera"], 60, "SegBlur Camera, once")
    with away(RULES):
        until(lambda: "SegBlur Camera (V4L2)" in ours(), 60, "the device as well, without the rule")
    until(lambda: "USB Webcam (V4L2)" in cameras(), 60, "WirePlumber's look at the devices")
    assert ours() == ["SegBlur Camera"], cameras()


def two_rules_count_together() -> None:
    """`setup --hide-webcam` adds its rule, which matches no device here; the other one counts as before."""
    segblur("setup", "--hide-webcam", "--yes")
    assert len(list(WIREPLUMBER.glob("*/52-segblur.*"))) == 2
    until(lambda: "USB Webcam (V4L2)" in cameras(), 60, "WirePlumber's look at the devices")
    assert ours() == ["SegBlur Camera"], cameras()
