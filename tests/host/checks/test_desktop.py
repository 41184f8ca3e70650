"""What doctor says of browsers and sandboxes, and where it looks for that."""

import json
from dataclasses import replace

from tests.helpers import machines
from tests.helpers.verdicts import assert_said, each_case
from vcam.host.checks.desktop import CHECKS, Facts, Sandbox, firefox_profiles, flatpaks, pipewire_browsers, snaps

WELL = Facts(machines.WELL)
BOTH, ALONE = Facts(replace(machines.WELL, pipewire="1.4.2")), Facts(machines.ROOTLESS)
FEDORA_40, FEDORA_41 = (
    Facts(replace(machines.WELL, distribution=("fedora",), release=release)) for release in ("40", "41")
)
CASES = {
    "firefox": [
        (replace(WELL, firefox=("default", "true")), "warning", "PipeWire", "restart pipewire wireplumber"),
        (replace(WELL, firefox=("default",)), "ok", "without PipeWire", ""),
        (replace(FEDORA_41, firefox=("default",)), "warning", "PipeWire", "restart"),
        (replace(FEDORA_41, firefox=("false",)), "ok", "without PipeWire", ""),
        (replace(FEDORA_40, firefox=("default",)), "ok", "without PipeWire", ""),
        (replace(BOTH, firefox=("true",)), "ok", "sees SegBlur Camera there", ""),
        (replace(BOTH, firefox=("default",)), "ok", "without PipeWire", ""),
        (replace(ALONE, firefox=("default",)), "warning", "allow-pipewire is true", ""),
        (replace(ALONE, firefox=("false", "true")), "ok", "sees SegBlur Camera there", ""),
    ],
    "chrome": [
        (replace(WELL, chromiums={"Brave": True}), "warning", "Brave: ", ""),
        (replace(WELL, chromiums={"Brave": False}), "ok", "no browser like Chrome", ""),
        (replace(BOTH, chromiums={"Brave": True, "Edge": False}), "ok", "Brave: asks PipeWire", ""),
        (replace(ALONE, chromiums={"Brave": True, "Edge": False}), "warning", "Edge: to see SegBlur Camera", ""),
    ],
    "snap, flatpak": [
        (replace(WELL, sandboxes=(Sandbox("us.zoom.Zoom", False, "do this"),)), "warning", "us.zoom.Zoom", "do this"),
        (replace(WELL, sandboxes=(Sandbox("us.zoom.Zoom", True, "do this"),)), "ok", "may use cameras: us.zoom", ""),
    ],
}


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


def test_each_profile_of_firefox_is_read(tmp_path):
    for folder, text in {
        ".mozilla/firefox/a": 'user_pref("media.webrtc.camera.allow-pipewire", true);\n',
        ".mozilla/firefox/b": 'user_pref("browser.x", 1);\n',
        "snap/firefox/common/.mozilla/firefox/c": 'user_pref("media.webrtc.camera.allow-pipewire", false);\n',
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "prefs.js").write_text(text)
    assert sorted(firefox_profiles(tmp_path)) == ["default", "false", "true"]
    assert firefox_profiles(tmp_path / "nobody") == ()


def test_a_flag_of_chrome_counts_only_when_it_is_on(tmp_path):
    for folder, value in ((".config/google-chrome", 1), (".config/chromium", 2)):
        (tmp_path / folder).mkdir(parents=True)
        flags = {"browser": {"enabled_labs_experiments": [f"enable-webrtc-pipewire-camera@{value}"]}}
        (tmp_path / folder / "Local State").write_text(json.dumps(flags))
    assert pipewire_browsers(tmp_path) == {"Chrome": True, "Chromium": False}


def test_flatpaks_need_all_devices(fake):
    fake("flatpak", """case "$*" in
        list*) echo us.zoom.Zoom; echo org.mozilla.firefox; echo org.gnome.Calculator ;;
        *firefox) printf '[Context]\\nshared=network;\\ndevices=dri;\\n' ;;
        *Zoom) printf '[Context]\\ndevices=dri;all;\\n' ;;
        esac""")  # fmt: skip
    assert flatpaks() == (
        Sandbox("us.zoom.Zoom", True, "flatpak override --user --device=all us.zoom.Zoom"),
        Sandbox("org.mozilla.firefox", False, "flatpak override --user --device=all org.mozilla.firefox"),
    )


def test_snaps_need_their_plug_connected(fake):
    fake("snap", """echo 'Interface  Plug  Slot  Notes'
        echo 'camera  chromium:camera  :camera  -'
        echo 'camera  zoom-client:camera  -  -'
        echo 'network  zoom-client:network  :network  -'""")  # fmt: skip
    assert snaps() == (
        Sandbox("chromium", True, "sudo snap connect chromium:camera"),
        Sandbox("zoom-client", False, "sudo snap connect zoom-client:camera"),
    )


def test_a_command_that_fails_or_hangs_counts_as_missing(fake, monkeypatch):
    fake("flatpak", "exit 1")
    fake("snap", "exec sleep 60")
    monkeypatch.setattr("vcam.host.facts.COMMAND_TIMEOUT", 0.2)
    assert (flatpaks(), snaps()) == ((), ())
