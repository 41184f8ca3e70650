"""What the snapshot finds."""

import os
from pathlib import Path

import pytest

from tests.helpers.pipewire_session import need
from vcam.devices.pipewire_library import OLDEST, load
from vcam.host import facts
from vcam.host.facts import Options, snapshot, version


def test_options_are_found_wherever_modprobe_finds_them(world):
    for path, text in {
        "etc/modprobe.d/a.conf": "# options v4l2loopback devices=9\noptions v4l2loopback \\\n  devices=2\n",
        "usr/lib/modprobe.d/a.conf": "options v4l2loopback devices=3\n",  # hidden by the one above
        "usr/lib/modprobe.d/b.conf": "\toptions\tv4l2loopback\tvideo_nr=5\n",
        "etc/modprobe.d/c.txt": "options v4l2loopback devices=4\n",
    }.items():
        (world / path).parent.mkdir(parents=True, exist_ok=True)
        (world / path).write_text(text)
    assert snapshot(world).options == (
        Options("/etc/modprobe.d/a.conf", "devices=2"),
        Options("/usr/lib/modprobe.d/b.conf", "video_nr=5"),
    )


def test_a_module_that_does_not_tell_its_version_is_0_12(world):
    Path(os.environ["PATH"].split(":")[0], "modinfo").write_text("#!/bin/sh\necho\n")  # as of 0.12.7, seen on Debian 12
    (world / "sys/module/v4l2loopback").mkdir(parents=True)
    assert (snapshot(world).on_disk, snapshot(world).loaded) == ("0.12", "0.12")
    (world / "var/lib/dkms/v4l2loopback/0.12.7").mkdir(parents=True)
    assert (snapshot(world).on_disk, snapshot(world).loaded) == ("0.12.7", "0.12.7")
    (world / "var/lib/dkms/v4l2loopback/0.15.0").mkdir()  # updated, but the old one still in the kernel
    assert (snapshot(world).on_disk, snapshot(world).loaded) == ("0.15.0", "0.12")
    (world / "sys/class/misc/v4l2loopback").mkdir(parents=True)  # which 0.12 doesn't have
    assert snapshot(world).loaded == "0.15.0"


@pytest.mark.parametrize(
    ("text", "numbers"), [("0.12.7-2ubuntu5", (0, 12, 7)), ("252 (252.38)", (252,)), ("", ()), ("6.18.1-x", (6, 18, 1))]
)
def test_versions_are_numbers(text, numbers):
    assert version(text) == numbers


def test_a_library_by_which_no_camera_can_be_offered_counts_as_none(monkeypatch):
    monkeypatch.setattr(facts, "load", lambda: load("nothing.so"))
    assert facts.pipewire_version() == ""


def test_the_version_of_pipewire_is_its_librarys():
    need({"pipewire": "pipewire"})
    assert version(facts.pipewire_version()) >= OLDEST
