"""Made-up machines, for the tests of setup and doctor."""

from dataclasses import replace
from pathlib import Path

from vcam.devices.v4l2 import CAPTURE, OUTPUT
from vcam.host.facts import LABELS, Machine, Node, Options, Service
from vcam.host.setup import desktop
from vcam.host.setup.files import shipped
from vcam.host.setup.module import LOAD
from vcam.host.setup.options import MODPROBE
from vcam.host.setup.udev import UDEV
from vcam.host.setup.unit import UNIT, unit_text
from vcam.host.setup.wireplumber import LIST_ONCE
from vcam.system.marks import COMMENTS, marked

PROGRAM = ("/home/me/.local/bin/segblur",)
RUNS = Service(exists=True, enabled="enabled", active="active", result="success")
NODES = tuple(Node(Path(f"/dev/video{10 + n}"), label, OUTPUT, "output") for n, label in enumerate(LABELS))
WRITTEN = tuple(replace(node, capabilities=CAPTURE, state="capture", format="YU12:1280x720@30") for node in NODES)
OF_DESKTOP = {
    path: marked(desktop.text_of(path.removeprefix(f"{desktop.SHARE}/"), PROGRAM), COMMENTS.get(Path(path).suffix, "#"))
    for path in desktop.WRITTEN
}
FILES = {
    MODPROBE: marked(shipped("modprobe.conf")),
    LOAD: marked(shipped("modules-load.conf")),
    UDEV: marked(shipped("udev.rules")),
    UNIT: marked(unit_text(PROGRAM)),
} | OF_DESKTOP
RULES = {path: marked(shipped(name), "--" if path.endswith(".lua") else "#") for path, name in LIST_ONCE.items()}
OWN_LINE = Options(MODPROBE, 'devices=2 video_nr=10,11 card_label="SegBlur Camera,SegBlur Camera 2" exclusive_caps=1,1')
OBS = Options("/etc/modprobe.d/obs.conf", 'video_nr=10 card_label="OBS Virtual Camera" exclusive_caps=1')
BARE = Machine(program=PROGRAM)  # nothing is installed
DONE = replace(  # all is installed, but nothing writes to the cameras yet
    BARE,
    headers=True,
    on_disk="0.15.0",
    loaded="0.15.0",
    nodes=NODES,
    numbers=(0, 1, 10, 11),
    options=(OWN_LINE,),
    files=FILES,
    ctl="/usr/bin/v4l2loopback-ctl",
    service=RUNS,
)
BOOKWORM = replace(DONE, release="12", kernel="6.1.0-37-amd64", on_disk="0.12.7", loaded="0.12.7", ctl="")
WELL = replace(DONE, nodes=WRITTEN)  # the service runs
# As a desktop is before setup, and after setup without root.
DESKTOP = replace(BARE, pipewire="1.4.2", wireplumber=True)
ROOTLESS = replace(DESKTOP, files=OF_DESKTOP | {UNIT: FILES[UNIT]}, service=RUNS)

# Commands that a machine made of files needs: each writes down how it was called, and does what the real one would.
FAKES = (
    "sudo",
    "systemctl",
    "modprobe",
    "modinfo",
    "udevadm",
    "apt-get",
    "v4l2loopback-ctl",
    "snap",
    "flatpak",
    "busctl",
)
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$(basename "$0") $*" in
  sudo*) exec "$@" ;;
  "modinfo -F version v4l2loopback") [ -e "$ROOT/installed" ] && echo 0.15.0 ;;
  apt-get*) touch "$ROOT/installed" ;;
  "modprobe v4l2loopback")
    [ -e "$ROOT/refuse" ] && { echo "Key was rejected by service" >&2; exit 1; }
    [ -e "$ROOT/die" ] && kill -9 "$(cat "$ROOT/shell")"
    mkdir -p "$ROOT/sys/module/v4l2loopback"; echo 0.15.0 >"$ROOT/sys/module/v4l2loopback/version"
    for n in 0 1; do
      dir="$ROOT/sys/class/video4linux/video1$n"; mkdir -p "$dir"; touch "$dir/max_openers"
      [ $n = 0 ] && echo "SegBlur Camera" >"$dir/name" || echo "SegBlur Camera 2" >"$dir/name"
    done ;;
  "modprobe -r v4l2loopback") rm -rf "$ROOT/sys/module/v4l2loopback" "$ROOT"/sys/class/video4linux/* ;;
  "systemctl --version") echo "systemd 252 (252.38-1~deb12u1)" ;;
  "systemctl --user enable"*) echo enabled >"$ROOT/enabled" ;;
  "systemctl --user restart"*) echo active >"$ROOT/active" ;;
  "systemctl --user disable --now"*) rm "$ROOT/enabled" "$ROOT/active" ;;
  "systemctl --user show"*)
    [ -e "$HOME/.config/systemd/user/segblur.service" ] && echo LoadState=loaded || echo LoadState=not-found
    echo "UnitFileState=$(cat "$ROOT/enabled" 2>/dev/null)"
    echo "ActiveState=$(cat "$ROOT/active" 2>/dev/null || echo inactive)" ;;
esac
"""


def write_program(path: Path, text: str) -> None:
    """A program of this text."""
    path.write_text(text)
    path.chmod(0o755)
