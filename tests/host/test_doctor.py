"""What the doctor says of many machines, and that it can be shown to anybody."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devices.test_v4l2 import INFRARED, METADATA, OTHER, WEBCAM
from tests.host.test_setup import BARE, BOOKWORM, DONE, FAKE, NODES, OBS, RUNS
from vcam.devices.v4l2 import CAPTURE, OUTPUT, Device
from vcam.errors import SegBlurError
from vcam.host import doctor
from vcam.host.checks import CHECKS, Facts, Finding, Nvidia, Sandbox, examine
from vcam.host.facts import LABELS, LOAD, Node, Service

LIVE = tuple(replace(node, capabilities=CAPTURE, state="capture", format="YU12:1280x720@30") for node in NODES)
WELL = Facts(
    machine=replace(DONE, nodes=LIVE),
    webcams=(WEBCAM, METADATA),
    weights="",
    network="selfie, as shipped",
    answer={"state": "idle", "sentence": "", "fallback": None},
)


def found(facts, name):
    return next(finding for finding in examine(facts) if finding.name == name)


def on(facts=WELL, **machine):
    return replace(facts, machine=replace(facts.machine, **machine))


def test_on_a_machine_where_all_is_well_every_check_says_so():
    assert {finding.state for finding in examine(WELL)} == {"ok"}
    assert doctor.summary(examine(WELL)) == "All is well."


def test_on_a_bare_machine_only_the_cause_is_a_problem_and_setup_mends_it():
    problems = [finding for finding in examine(Facts(machine=BARE)) if finding.state == "problem"]
    assert [(finding.name, finding.remedy) for finding in problems] == [
        ("module", "segblur setup"),
        ("service", "segblur setup"),
    ]


NVIDIA = Nvidia("550.54", True, True)
PROC = {str(LIVE[0].path): ("segblur", "zoom")}
# check → (facts, state, a part of the sentence, a part of the remedy)
CASES = {
    "module": [
        (on(on_disk=None, loaded=None), "problem", "not installed for 6.12.48", "segblur setup"),
        (on(on_disk=None, loaded=None, dkms=True, headers=False), "problem", "headers are missing",
         "sudo apt-get install linux-headers-6.12.48+deb13-amd64 && sudo dkms autoinstall"),
        (on(on_disk=None, loaded=None, dkms=True), "problem", "not built for", "sudo dkms autoinstall"),
        (on(on_disk=None, loaded="0.15.0"), "ok", "0.15.0", ""),
    ],
    "loaded": [
        (on(loaded=None), "problem", "not loaded", "sudo modprobe v4l2loopback"),
        (on(loaded=None, files={}), "problem", "not loaded", "segblur setup"),
        (on(loaded="0.12.4", on_disk="0.12.4"), "problem", "too old", ""),
        (on(loaded="0.12.5", on_disk="0.12.5"), "warning", "does not tell who watches", ""),
        (on(kernel="6.18.2-amd64", loaded="0.15.2"), "problem", "0.15.3 or newer", ""),
        (on(kernel="6.18.2-amd64", loaded="0.15.3", on_disk="0.15.3"), "ok", "0.15.3", ""),
        (on(kernel="6.17.9-amd64", loaded="0.15.2", on_disk="0.15.2"), "ok", "0.15.2", ""),
        (on(loaded="0.12.7", on_disk="0.15.0"), "warning", "0.15.0 is installed, but 0.12.7", "modprobe -r"),
        (Facts(machine=BOOKWORM), "warning", "does not tell who watches", "bookworm-backports"),
        (on(distribution=("ubuntu", "debian"), loaded="0.12.7", on_disk="0.12.7"), "ok", "0.12.7", ""),
        (on(loaded="0.12", on_disk="0.12"), "warning", "does not tell who watches", ""),
    ],
    "options": [
        (on(options=(*DONE.options, OBS)), "warning", "/etc/modprobe.d/obs.conf, /etc/", "setup"),
        (on(options=(OBS,)), "ok", "another program's camera", ""),
        (on(options=()), "ok", "no file", ""),
    ],
    "secure boot": [
        (on(secure_boot=True), "ok", "loaded all the same", ""),
        (on(secure_boot=True, loaded=None), "warning", "Enroll MOK", "sudo mokutil --import /var/lib/dkms/mok.pub"),
        (on(secure_boot=True, loaded=None, distribution=("fedora",)), "warning", "Enroll", "/etc/pki/akmods/certs"),
        (on(secure_boot=None), "unknown", "doesn't tell", ""),
    ],
    "camera": [
        (on(nodes=()), "problem", "no camera is named 'SegBlur Camera'", "segblur setup"),
        (replace(on(nodes=()), label="Mine"), "problem", "output.label", ""),
        (on(nodes=(replace(NODES[0], trouble="Permission denied"),)), "problem", "log in again", "usermod -aG video"),
        (on(nodes=(replace(NODES[0], trouble="Device or resource busy"),)), "problem", "can't be opened", "modprobe"),
        (on(nodes=(replace(NODES[0], path=Path("/dev/video64")),)), "warning", "/dev/video63", "setup"),
        (on(nodes=(replace(NODES[0], path=Path("/dev/video63")),)), "ok", "is /dev/video63", ""),
    ],
    "exclusive": [
        (on(nodes=(replace(NODES[0], capabilities=CAPTURE | OUTPUT),)), "problem", "exclusive_caps=1", "segblur setup"),
        (on(nodes=(replace(NODES[0], capabilities=None),)), "unknown", "can't be seen", ""),
        (on(Facts(machine=BOOKWORM), exclusive="Y,Y,N,N"), "ok", "as Chrome wants", ""),
        (on(Facts(machine=BOOKWORM), exclusive="N,N,N,N"), "problem", "don't list it", "segblur setup"),
        (on(Facts(machine=BOOKWORM), exclusive="N,Y,N,N"), "unknown", "whose", ""),
    ],
    "second camera": [
        (on(nodes=LIVE[:1]), "warning", "only one program", "segblur setup"),
        (on(nodes=LIVE[:1], loaded="0.12.7"), "ok", "several programs", ""),
    ],
    "picture": [
        (on(nodes=NODES), "problem", "nobody writes", "systemctl --user restart segblur"),
        (on(nodes=NODES, service=Service()), "problem", "nobody writes", "segblur setup"),
        (replace(WELL, holders=PROC), "ok", "(YU12:1280x720@30); open in segblur, zoom", ""),
        (on(nodes=(replace(NODES[0], state="", capabilities=CAPTURE),)), "ok", "delivers", ""),
        (on(nodes=(replace(NODES[0], state=""),)), "problem", "nobody writes", ""),
    ],
    "webcam": [
        (replace(WELL, webcams=()), "warning", "plug one in", ""),
        (replace(WELL, webcams=(METADATA,)), "warning", "no webcam", ""),
        (replace(WELL, webcams=(INFRARED,)), "problem", "neither MJPEG nor YUYV", ""),
        (replace(WELL, webcams=(OTHER,)), "warning", "no MJPEG of 1280×720", ""),
        (replace(WELL, webcams=(Device(Path("/dev/video0"), "Cam", trouble="Permission denied"),)), "problem",
         "Permission denied", "usermod"),
        (replace(WELL, holders={"/dev/video2": ("zoom",)}), "ok", "1280×720); open in zoom", ""),
        (replace(WELL, holders={"/dev/video2": ("segblur",)}), "ok", "MJPG 1280×720)", ""),
    ],
    "settings": [
        (replace(WELL, settings="look.blurr is not a setting"), "problem", "look.blurr", ""),
        (replace(WELL, size=(960, 540)), "warning", "960×540", ""),
    ],
    "weights": [
        (replace(WELL, weights="x is damaged; copy it again"), "problem", "damaged", ""),
        (replace(WELL, weights=None), "unknown", "quick", ""),
    ],
    "gpu": [
        (replace(WELL, nvidia=NVIDIA, cuda=""), "ok", "550.54, usable by torch", ""),
        (replace(WELL, nvidia=NVIDIA, cuda="too old"), "warning", "(too old)", ""),
        (replace(WELL, nvidia=NVIDIA._replace(nodes=False)), "warning", "nvidia-uvm", "sudo nvidia-modprobe -u"),
        (replace(WELL, nvidia=NVIDIA._replace(preserves=False), cuda=""), "warning", "suspend", "NVreg_Preserve"),
        (replace(WELL, nvidia=NVIDIA._replace(preserves=None)), "ok", "550.54", ""),
    ],
    "systemd": [
        (on(systemd=None), "warning", "no systemd", ""),
        (on(systemd=240), "warning", "240", ""),
        (on(service=None), "unknown", "log in as yourself", ""),
    ],
    "service": [
        (on(service=Service()), "problem", "not installed", "segblur setup"),
        (on(service=replace(RUNS, enabled="masked")), "warning", "masked", "unmask"),
        (on(service=replace(RUNS, active="failed", result="exit-code", code=78)), "problem", "settings", "journalctl"),
        (on(service=replace(RUNS, active="failed", result="watchdog")), "problem", "(watchdog", "journalctl"),
        (on(service=replace(RUNS, active="activating", result="exit-code", code=1)), "problem", "code 1", "journalctl"),
        (on(service=replace(RUNS, active="activating")), "ok", "activating", ""),
        (on(service=replace(RUNS, active="inactive")), "problem", "not running", "enable --now"),
        (on(service=replace(RUNS, enabled="disabled")), "warning", "not start at login", "enable segblur"),
    ],
    "answer": [
        (replace(WELL, answer=None, silence="the service does not answer"), "problem", "does not answer", "restart"),
        (replace(on(service=Service()), answer=None), "unknown", "no service", ""),
        (replace(WELL, answer={"state": "trouble", "sentence": "no webcam"}), "warning", "trouble: no webcam", ""),
        (replace(WELL, answer={"state": "live", "fallback": "on the CPU"}), "warning", "live: on the CPU", ""),
        (replace(WELL, answer={}), "ok", "it answers", ""),
    ],
    "lingering": [(replace(WELL, linger=True), "warning", "logged out", "loginctl disable-linger")],
    "firefox": [
        (replace(WELL, firefox=("default", "true")), "warning", "PipeWire", "restart pipewire wireplumber"),
        (replace(WELL, firefox=("default",)), "ok", "by itself", ""),
        (replace(on(distribution=("fedora",), release="41"), firefox=("default",)), "warning", "PipeWire", "restart"),
        (replace(on(distribution=("fedora",), release="41"), firefox=("false",)), "ok", "by itself", ""),
        (replace(on(distribution=("fedora",), release="40"), firefox=("default",)), "ok", "by itself", ""),
    ],
    "chrome": [(replace(WELL, pipewire=("Brave",)), "warning", "Brave: ", "")],
    "snap, flatpak": [
        (replace(WELL, sandboxes=(Sandbox("us.zoom.Zoom", False, "mend it"),)), "warning", "us.zoom.Zoom", "mend it"),
        (replace(WELL, sandboxes=(Sandbox("us.zoom.Zoom", True, "mend it"),)), "ok", "may use cameras: us.zoom", ""),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "facts", "state", "says", "remedy"),
    [(name, *case) for name, cases in CASES.items() for case in cases],
    ids=[f"{name}-{case[2]}" for name, cases in CASES.items() for case in cases],
)
def test_each_fault_has_its_sentence_and_its_remedy(name, facts, state, says, remedy):
    finding = found(facts, name)
    assert finding.state == state, finding
    assert says in finding.sentence
    assert remedy in finding.remedy if remedy else not finding.remedy or state == "problem"


def test_every_check_was_seen_to_fail():
    assert set(CASES) == set(CHECKS)


ANY_NODE = st.builds(
    Node,
    st.integers(0, 99).map(lambda number: Path(f"/dev/video{number}")),
    st.sampled_from([*LABELS, "OBS Virtual Camera"]),
    st.sampled_from([None, 0, CAPTURE, OUTPUT, CAPTURE | OUTPUT]),
    st.sampled_from(["", "capture", "output"]),
)
ANY_MACHINE = st.builds(
    replace,
    st.sampled_from([BARE, DONE, BOOKWORM]),
    on_disk=st.sampled_from([None, "", "0.12.7", "0.15.0"]),
    loaded=st.sampled_from([None, "", "0.12.7", "0.15.0", "nonsense"]),
    nodes=st.lists(ANY_NODE, max_size=3).map(tuple),
    exclusive=st.sampled_from(["", "Y", "N,N", "Y,N,N,N"]),
    secure_boot=st.sampled_from([None, True, False]),
    systemd=st.sampled_from([None, 240, 257]),
    service=st.sampled_from([None, Service(), RUNS]),
    kernel=st.sampled_from(["", "6.18.44-fc", "6.1.0-37-amd64"]),
    files=st.sampled_from([{}, {LOAD: ""}]),
)


@given(ANY_MACHINE)
def test_whatever_is_found_each_check_has_a_sentence_of_one_line(machine):
    for finding in examine(Facts(machine=machine)):
        assert finding.state in ("ok", "warning", "problem", "unknown")
        assert finding.sentence
        assert "\n" not in finding.sentence + finding.remedy
        assert "None" not in finding.sentence


class TestSafeToPaste:
    """Nothing of the person, the computer or the webcam's serial number."""

    @pytest.fixture(autouse=True)
    def person(self, monkeypatch):
        monkeypatch.setenv("HOME", "/home/jane")
        monkeypatch.setattr(doctor, "user", lambda: "jane")
        monkeypatch.setattr(doctor.platform, "node", lambda: "janes-laptop.example.org")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("/home/jane/.config/x", "~/.config/x"),
            ("'/home/jane'", "'~'"),
            ("/home/janet/x", "/home/janet/x"),
            ("/media/jane/stick", "/media/USER/stick"),
            ("on janes-laptop or janes-laptop.example.org", "on HOST or HOST"),
            ("janet and mary-jane", "janet and mary-jane"),
            ("can't be '/dev/v4l/by-id/usb-046d_C920_8A1B2C3D-video-index0'", "can't be '/dev/v4l/by-id/…'"),
            ("evil\x1b[31m\nname", "evil?[31m name"),
        ],
    )
    def test_names_are_replaced_and_nothing_else(self, text, shown):
        assert doctor.scrub(text) == shown

    @given(st.text(), st.text())
    def test_the_home_folder_never_shows(self, before, after):
        assert "/home/jane/" not in doctor.scrub(f"{before}/home/jane/{after}")

    @pytest.mark.parametrize("name", ["video", "segblur", "root", ""])
    def test_a_name_that_anybody_has_does_not_spoil_commands(self, monkeypatch, name):
        monkeypatch.setattr(doctor, "user", lambda: name)
        text = 'sudo usermod -aG video "$USER" && segblur setup'
        assert doctor.scrub(text) == text


class TestReport:
    """What the person sees."""

    ABOUT = dict.fromkeys(("segblur", "python", "system", "kernel", "processor"), "x")
    FOUND = (
        Finding("module", "problem", "it is not there, and this is a long sentence about it", "do this"),
        Finding("webcam", "ok", "fine"),
    )

    def test_it_has_a_line_for_each_check_and_one_for_each_remedy(self):
        text = doctor.report(self.ABOUT, self.FOUND)
        assert text.splitlines()[2:] == [
            "problem  module  it is not there, and this is a long sentence about it",
            "                 → do this",
            "ok       webcam  fine",
            "",
            "1 problem.",
        ]

    def test_a_narrow_terminal_gets_narrow_lines_but_whole_commands(self):
        lines = doctor.report(self.ABOUT, [self.FOUND[0]._replace(remedy="x" * 90)], width=50).splitlines()[2:]
        assert all(len(line) <= 50 for line in lines if "→" not in line)
        assert any(line.endswith("x" * 90) for line in lines)

    def test_colours_change_no_letter(self):
        plain = doctor.report(self.ABOUT, self.FOUND)
        coloured = doctor.report(self.ABOUT, self.FOUND, colour=True)
        assert coloured != plain
        assert doctor.re.sub(r"\033\[\d+m", "", coloured) == plain

    @pytest.mark.parametrize(
        ("states", "says"),
        [
            (("ok", "unknown"), "All is well."),
            (("warning",), "1 warning."),
            (("problem", "warning", "warning"), "1 problem and 2 warnings."),
            (("problem", "problem"), "2 problems. Begin with the first"),
        ],
    )
    def test_the_last_line_counts(self, states, says):
        assert doctor.summary(Finding("x", state, "x") for state in states).startswith(says)


def call(*words):
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(words))


@pytest.mark.parametrize(("facts", "code"), [(WELL, 0), (replace(WELL, linger=True), 0), (Facts(), 1)])
def test_the_exit_code_says_whether_there_is_a_problem(monkeypatch, capsys, facts, code):
    monkeypatch.setattr(doctor, "gather", lambda quick: facts)
    assert call() == code
    assert call("--json") == code
    text = capsys.readouterr().out
    told = json.loads(text[text.index("\n{") :])
    assert [finding["name"] for finding in told["findings"]] == list(CHECKS)
    assert set(told["findings"][0]) == {"name", "state", "sentence", "remedy"}


def test_settings_that_can_not_be_used_are_a_finding_and_stop_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "segblur").mkdir()
    (tmp_path / "segblur" / "config.toml").write_text("[look]\nblurr = 1\n")
    assert call("--quick", "--json") == 1
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["settings"]["state"] == "problem"
    assert "look.blurr is not a setting" in findings["settings"]["sentence"]


def test_a_quick_look_costs_no_torch():
    code = "import sys; from vcam.host import doctor; doctor.gather(True); print({'torch', 'cv2'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_the_weights_are_read_whole(tmp_path):
    from vcam.settings import load_settings

    assert doctor.read_weights(load_settings()) == ("", "selfie, as shipped: whole, by its sha256; it knows person")
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nonsense")
    trouble, _ = doctor.read_weights(load_settings({"network": {"weights": str(bad)}}))
    assert "bad.safetensors is not a readable" in trouble


def test_a_running_service_is_asked_and_a_silent_one_is_no_error(monkeypatch):
    from vcam.control import client

    monkeypatch.setattr(client, "ask", lambda do, timeout: {"state": "live"})
    assert doctor.ask_service() == ({"state": "live"}, "")

    def silent(do, timeout):
        raise SegBlurError("it does not answer; do this")

    monkeypatch.setattr(client, "ask", silent)
    assert doctor.ask_service() == (None, "it does not answer")


class TestBrowsers:
    """What programs have in their files."""

    def test_each_profile_of_firefox_is_read(self, tmp_path):
        for folder, text in {
            ".mozilla/firefox/a": 'user_pref("media.webrtc.camera.allow-pipewire", true);\n',
            ".mozilla/firefox/b": 'user_pref("browser.x", 1);\n',
            "snap/firefox/common/.mozilla/firefox/c": 'user_pref("media.webrtc.camera.allow-pipewire", false);\n',
        }.items():
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "prefs.js").write_text(text)
        assert sorted(doctor.firefox_profiles(tmp_path)) == ["default", "false", "true"]
        assert doctor.firefox_profiles(tmp_path / "nobody") == ()

    def test_a_flag_of_chrome_counts_only_when_it_is_on(self, tmp_path):
        for folder, value in ((".config/google-chrome", 1), (".config/chromium", 2)):
            (tmp_path / folder).mkdir(parents=True)
            flags = {"browser": {"enabled_labs_experiments": [f"enable-webrtc-pipewire-camera@{value}"]}}
            (tmp_path / folder / "Local State").write_text(json.dumps(flags))
        assert doctor.pipewire_browsers(tmp_path) == ("Chrome",)

    @pytest.fixture
    def fakes(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

        def fake(name, script):
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)

        return fake

    def test_flatpaks_need_all_devices(self, fakes):
        fakes("flatpak", """case "$*" in
            list*) echo us.zoom.Zoom; echo org.mozilla.firefox; echo org.gnome.Calculator ;;
            *firefox) printf '[Context]\\nshared=network;\\ndevices=dri;\\n' ;;
            *Zoom) printf '[Context]\\ndevices=dri;all;\\n' ;;
            esac""")  # fmt: skip
        assert doctor.flatpaks() == (
            Sandbox("us.zoom.Zoom", True, "flatpak override --user --device=all us.zoom.Zoom"),
            Sandbox("org.mozilla.firefox", False, "flatpak override --user --device=all org.mozilla.firefox"),
        )

    def test_snaps_need_their_plug_connected(self, fakes):
        fakes("snap", """echo 'Interface  Plug  Slot  Notes'
            echo 'camera  chromium:camera  :camera  -'
            echo 'camera  zoom-client:camera  -  -'
            echo 'network  zoom-client:network  :network  -'""")  # fmt: skip
        assert doctor.snaps() == (
            Sandbox("chromium", True, "sudo snap connect chromium:camera"),
            Sandbox("zoom-client", False, "sudo snap connect zoom-client:camera"),
        )

    def test_a_command_that_fails_or_hangs_is_as_if_it_were_not_there(self, fakes, monkeypatch):
        fakes("flatpak", "exit 1")
        fakes("snap", "exec sleep 60")
        monkeypatch.setattr("vcam.host.facts.PATIENCE", 0.2)
        assert (doctor.flatpaks(), doctor.snaps()) == ((), ())


def test_the_nvidia_driver_is_known_by_its_files(tmp_path):
    assert doctor.look_for_nvidia(tmp_path) is None
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "dev").mkdir()
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\nGCC version: 12.2.0\n"
    )
    (tmp_path / "proc/driver/nvidia/params").write_text("Mobile: 0\nPreserveVideoMemoryAllocations: 0\n")
    assert doctor.look_for_nvidia(tmp_path) == Nvidia("550.54.15", False, False)
    for name in ("nvidiactl", "nvidia-uvm"):
        (tmp_path / "dev" / name).touch()
    (tmp_path / "proc/driver/nvidia/params").write_text("PreserveVideoMemoryAllocations: 1\n")
    assert doctor.look_for_nvidia(tmp_path) == Nvidia("550.54.15", True, True)


def test_looking_changes_nothing(tmp_path, monkeypatch):
    log = tmp_path / "log"
    for name in ("sudo", "systemctl", "modprobe", "modinfo", "udevadm", "apt-get", "snap", "flatpak"):
        (tmp_path / name).write_text(FAKE)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("ROOT", str(tmp_path))
    doctor.gather(quick=True)
    asked = {" ".join(line.split()[:3]) for line in log.read_text().splitlines()}
    assert asked <= {
        *("modinfo -F version", "systemctl --version", "systemctl --user show"),
        *("flatpak list --app", "snap connections --all"),
    }
