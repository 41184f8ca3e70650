"""What setup would do on many machines, and what it does on one that is made of files and fake commands."""

import argparse
import os
import shlex
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.devices.v4l2 import CAPTURE, OUTPUT
from vcam.errors import SegBlurError
from vcam.host import setup, steps
from vcam.host.facts import LABELS, LOAD, MODPROBE, UDEV, UNIT, Machine, Node, Options, Service, look, version
from vcam.host.setup import is_ours, is_untouched, marked, merged, plan, removal, shipped
from vcam.host.steps import Remove, Run, Write, calls

PROGRAM = ("/home/me/.local/bin/segblur",)
RUNS = Service(exists=True, enabled="enabled", active="active", result="success")
NODES = tuple(Node(Path(f"/dev/video{10 + n}"), label, OUTPUT, "output") for n, label in enumerate(LABELS))
FILES = {
    MODPROBE: marked(shipped("modprobe.conf")),
    LOAD: marked(shipped("modules-load.conf")),
    UDEV: marked(shipped("udev.rules")),
    UNIT: marked(setup.unit_text(PROGRAM)),
}
OWN_LINE = Options(MODPROBE, 'devices=2 video_nr=10,11 card_label="SegBlur Camera,SegBlur Camera 2" exclusive_caps=1,1')
OBS = Options("/etc/modprobe.d/obs.conf", 'video_nr=10 card_label="OBS Virtual Camera" exclusive_caps=1')
BARE = Machine()
DONE = Machine(
    headers=True,
    on_disk="0.15.0",
    loaded="0.15.0",
    nodes=NODES,
    taken=(0, 1, 10, 11),
    options=(OWN_LINE,),
    files=FILES,
    ctl="/usr/bin/v4l2loopback-ctl",
    service=RUNS,
)
BOOKWORM = replace(DONE, release="12", kernel="6.1.0-37-amd64", on_disk="0.12.7", loaded="0.12.7", ctl="")


def lines(what):
    """Every command and file name of a plan, as one reads them."""
    return [
        f"{'sudo ' if step.root else ''}{shown(action)}"
        for step in what.steps
        for action in step.actions
    ]  # fmt: skip


def shown(action):
    return shlex.join(action.words) if isinstance(action, Run) else f"{type(action).__name__} {action.path}"


def written(what, path):
    (text,) = [a.text for s in what.steps for a in s.actions if isinstance(a, Write) and a.path == path]
    return text


def planned(machine):
    return lines(plan(machine, PROGRAM))


def test_a_bare_machine_gets_everything_in_an_order_that_works():
    assert planned(BARE) == [
        "sudo apt-get install -y v4l2loopback-dkms linux-headers-6.12.48+deb13-amd64 linux-headers-amd64",
        f"sudo Write {MODPROBE}",
        f"sudo Write {LOAD}",
        f"sudo Write {UDEV}",
        "sudo udevadm control --reload",
        "sudo modprobe v4l2loopback",
        "sudo udevadm settle",
        f"Write {UNIT}",
        "systemctl --user daemon-reload",
        "systemctl --user enable segblur.service",
        "systemctl --user restart segblur.service",
    ]


@pytest.mark.parametrize("machine", [DONE, BOOKWORM, replace(BOOKWORM, nodes=NODES[:1])])
def test_where_all_is_there_nothing_is_done_and_nothing_is_said(machine):
    assert plan(machine, PROGRAM) == steps.Plan()


@pytest.mark.parametrize(
    ("machine", "command"),
    [
        ({"release": "12", "kernel": "6.1.0-37-cloud-amd64"}, "apt-get install -y v4l2loopback-dkms "
         "linux-headers-6.1.0-37-cloud-amd64 linux-headers-cloud-amd64"),
        ({"kernel": "6.17.0-mine"}, "apt-get install -y v4l2loopback-dkms"),
        ({"distribution": ("ubuntu", "debian"), "release": "24.04", "kernel": "6.8.0-45-generic"},
         "apt-get install -y v4l2loopback-dkms linux-headers-6.8.0-45-generic"),
        ({"distribution": ("ubuntu", "debian"), "release": "26.04", "kernel": "7.0.0-12-generic"},
         "apt-get install -y linux-modules-v4l2loopback-generic"),
        ({"distribution": ("linuxmint", "ubuntu", "debian"), "release": "22", "kernel": "6.8.0-45-generic"},
         "apt-get install -y v4l2loopback-dkms linux-headers-6.8.0-45-generic"),
        ({"distribution": ("arch",), "kernel": "6.17.1-arch1-1"},
         "pacman -S --needed --noconfirm v4l2loopback-dkms linux-headers"),
        ({"distribution": ("manjaro", "arch"), "kernel": "6.12.1-lts-1"},
         "pacman -S --needed --noconfirm v4l2loopback-dkms linux-lts-headers"),
        ({"distribution": ("fedora",), "release": "43", "kernel": "6.17.1-300.fc43.x86_64", "rpmfusion": True},
         "dnf install -y akmod-v4l2loopback kernel-devel-6.17.1-300.fc43.x86_64"),
    ],
)  # fmt: skip
def test_each_distribution_has_its_package(machine, command):
    assert planned(replace(BARE, **machine))[0] == f"sudo {command}"


def test_fedora_gets_its_other_repository_first_and_builds_the_module():
    fedora = replace(BARE, distribution=("fedora",), release="43", kernel="6.17.1-300.fc43.x86_64")
    first, _, third, *_ = planned(fedora)
    assert first.endswith("/rpmfusion-free-release-43.noarch.rpm")
    assert third == "sudo akmods --kernels 6.17.1-300.fc43.x86_64"


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        ({"distribution": ("nixos",), "title": "NixOS"}, "how NixOS calls its packages"),
        ({"distribution": ("rhel", "fedora"), "title": "RHEL"}, "how RHEL calls"),
        ({"distribution": ("fedora",), "image_based": True}, "rpm-ostree install akmod-v4l2loopback"),
    ],
)
def test_what_only_a_person_can_install_is_a_sentence(machine, says):
    with pytest.raises(SegBlurError, match=says):
        plan(replace(BARE, **machine), PROGRAM)


@pytest.mark.parametrize(
    ("on", "release", "said"), [(True, "24.04", True), (False, "24.04", False), (True, "26.04", False)]
)
def test_secure_boot_is_explained_before_the_module_is_refused(on, release, said):
    machine = replace(BARE, distribution=("ubuntu",), release=release, kernel="7.0.0-1-generic", secure_boot=on)
    assert any("Enroll MOK" in remark for remark in plan(machine, PROGRAM).remarks) == said


class TestOptionsOfOthers:
    """Another program has a line of options."""

    def test_then_udev_adds_our_cameras_and_there_is_no_second_line(self):
        machine = replace(BARE, on_disk="0.15.0", options=(OBS,))
        what = plan(machine, PROGRAM)
        assert not any(MODPROBE in line for line in lines(what))
        assert lines(what)[0] == "sudo apt-get install -y v4l2loopback-utils"
        rules = written(what, UDEV)
        for label, number in zip(LABELS, (11, 12), strict=True):  # 10 is OBS's
            assert f"v4l2loopback-ctl add -n '{label}' -x 1 -b 4 /dev/video{number}\"" in rules
        assert "obs.conf has options of another program" in " ".join(what.remarks)

    def test_then_a_second_call_finds_all_there(self):
        machine = replace(DONE, options=(OBS,), files={}, nodes=(), taken=())
        rules = written(plan(machine, PROGRAM), UDEV)
        nodes = tuple(replace(node, path=Path(f"/dev/video{node.number + 1}")) for node in NODES)
        files = {path: text for path, text in FILES.items() if path != MODPROBE} | {UDEV: rules}
        after = replace(machine, files=files, nodes=nodes, taken=(10, 11, 12))
        assert planned(after) == []

    def test_our_own_line_gives_way_to_one_that_came_later(self):
        what = plan(replace(DONE, options=(OWN_LINE, OBS)), PROGRAM)
        assert f"sudo Remove {MODPROBE}" in lines(what)

    @pytest.mark.parametrize(
        "machine",
        [BOOKWORM, replace(BARE, release="12"), replace(BARE, distribution=("ubuntu", "debian"), release="24.04")],
    )
    def test_with_0_12_the_line_to_write_is_said(self, machine):
        with pytest.raises(SegBlurError) as error:
            plan(replace(machine, options=(OBS,), nodes=(), files={}, taken=()), PROGRAM)
        line = 'devices=2 video_nr=10,11 card_label="OBS Virtual Camera,SegBlur Camera" exclusive_caps=1,1'
        assert f"`options v4l2loopback {line}`" in str(error.value)
        assert "\n" not in str(error.value)

    def test_and_once_it_is_written_it_is_enough(self):
        line = Options(OBS.path, merged([OBS], 11).removeprefix("options v4l2loopback "))
        what = plan(
            replace(BOOKWORM, options=(line,), nodes=NODES[:1], files=FILES | {MODPROBE: FILES[MODPROBE]}), PROGRAM
        )
        assert lines(what) == [f"sudo Remove {MODPROBE}"]

    @pytest.mark.parametrize(
        ("given_lines", "wanted"),
        [
            (["exclusive_caps=1"], 'devices=2 video_nr=-1,10 card_label="Virtual Camera,SegBlur Camera" '
             "exclusive_caps=1,1"),
            (["devices=2", "max_buffers=2"], 'devices=3 video_nr=-1,-1,10 card_label="Virtual Camera,Virtual Camera,'
             'SegBlur Camera" exclusive_caps=0,0,1 max_buffers=2'),
            (["video_nr=5 card_label=A", "video_nr=6,7"], "devices=3 video_nr=6,7,10 "
             'card_label="A,Virtual Camera,SegBlur Camera" exclusive_caps=0,0,1'),
        ],
    )  # fmt: skip
    def test_lines_are_merged_as_modprobe_reads_them(self, given_lines, wanted):
        assert merged([Options("/x", text) for text in given_lines], 10) == f"options v4l2loopback {wanted}"

    def test_a_line_that_a_person_copied_by_hand_is_enough(self):
        text = "options v4l2loopback video_nr=10 card_label='SegBlur Camera' exclusive_caps=1\n"
        machine = replace(
            DONE,
            files=FILES | {MODPROBE: text},
            options=(Options(MODPROBE, text.removeprefix("options v4l2loopback ")),),
        )
        what = plan(machine, PROGRAM)
        assert lines(what) == []
        assert "stand in /etc/modprobe.d/segblur.conf already" in what.remarks[0]


class TestLoadedWithOtherOptions:
    """The module is in the kernel, but our cameras are not."""

    def test_since_0_13_they_are_added_without_touching_the_others(self):
        other = Node(Path("/dev/video10"), "OBS Virtual Camera")
        what = plan(replace(DONE, nodes=(other,), taken=(0, 10)), PROGRAM)
        assert lines(what) == [
            "sudo /usr/bin/v4l2loopback-ctl add -n 'SegBlur Camera' -x 1 -b 4 /dev/video11",
            "sudo /usr/bin/v4l2loopback-ctl add -n 'SegBlur Camera 2' -x 1 -b 4 /dev/video12",
            "sudo udevadm settle",
        ]

    def test_the_tool_for_that_is_installed_first(self):
        assert planned(replace(DONE, nodes=(), ctl=""))[0] == "sudo apt-get install -y v4l2loopback-utils"

    def test_a_camera_without_exclusive_caps_is_made_again_while_the_service_rests(self):
        wrong = replace(NODES[0], capabilities=CAPTURE | OUTPUT)
        what = plan(replace(DONE, nodes=(wrong, NODES[1])), PROGRAM)
        assert lines(what) == [
            "systemctl --user stop segblur.service",
            "sudo /usr/bin/v4l2loopback-ctl delete /dev/video10",
            "sudo /usr/bin/v4l2loopback-ctl add -n 'SegBlur Camera' -x 1 -b 4 /dev/video10",
            "sudo udevadm settle",
            "systemctl --user restart segblur.service",
        ]

    def test_before_0_13_it_is_loaded_again_if_nobody_uses_it(self):
        what = plan(replace(BOOKWORM, nodes=(), service=replace(RUNS, active="failed")), PROGRAM)
        assert lines(what) == [
            "sudo modprobe -r v4l2loopback",
            "sudo modprobe v4l2loopback",
            "sudo udevadm settle",
            "systemctl --user reset-failed segblur.service",
            "systemctl --user restart segblur.service",
        ]

    def test_before_0_13_somebody_elses_camera_is_not_taken_away(self):
        other = Node(Path("/dev/video0"), "Fake Webcam")
        with pytest.raises(SegBlurError, match=r"'Fake Webcam' .* close it, or restart"):
            plan(replace(BOOKWORM, nodes=(other,), users=1, service=Service()), PROGRAM)


class TestService:
    """The user's unit."""

    @pytest.mark.parametrize(
        ("service", "wanted"),
        [
            (replace(RUNS, active="inactive"), ["restart"]),
            (replace(RUNS, enabled="disabled"), ["enable"]),
            (replace(RUNS, active="failed"), ["reset-failed", "restart"]),
            (replace(RUNS, active="activating"), []),
        ],
    )
    def test_only_what_is_missing_is_done(self, service, wanted):
        done = planned(replace(DONE, service=service))
        assert done == [f"systemctl --user {word} segblur.service" for word in wanted]

    @pytest.mark.parametrize(
        ("machine", "says"),
        [
            ({"systemd": None}, "no systemd here"),
            ({"service": None}, "log in as yourself"),
            ({"service": replace(RUNS, enabled="masked")}, "unmask"),
        ],
    )
    def test_where_it_can_not_run_that_is_said(self, machine, says):
        what = plan(replace(DONE, files={}, **machine), PROGRAM)
        assert not any("systemctl" in line or UNIT in line for line in lines(what))
        assert says in what.remarks[-1]

    def test_a_unit_that_a_package_brought_is_not_covered_by_ours(self):
        files = {path: text for path, text in FILES.items() if path != UNIT}
        assert planned(replace(DONE, files=files)) == []

    @pytest.mark.parametrize(
        ("program", "line"),
        [
            (PROGRAM, "ExecStart=/home/me/.local/bin/segblur run"),
            (("/home/me too/segblur",), 'ExecStart="/home/me too/segblur" run'),
            (("/opt/100%/segblur",), "ExecStart=/opt/100%%/segblur run"),
            (("/usr/bin/python3", "-P", "-m", "vcam"), "ExecStart=/usr/bin/python3 -P -m vcam run"),
            (("/a\\1/segblur",), 'ExecStart="/a\\\\1/segblur" run'),
        ],
    )
    def test_it_starts_the_very_program_that_ran_setup(self, program, line):
        unit = setup.unit_text(program)
        assert [text for text in unit.splitlines() if text.startswith("ExecStart=")] == [line]

    def test_a_program_that_moved_is_found_again(self):
        what = plan(DONE, ("/opt/segblur/bin/segblur",))
        assert lines(what) == [
            f"Write {UNIT}",
            "systemctl --user daemon-reload",
            "systemctl --user restart segblur.service",
        ]


@given(st.text(alphabet=st.characters(exclude_characters="\r", codec="utf-8")), st.text(min_size=1))
def test_a_file_of_ours_is_known_as_long_as_nobody_changes_it(text, more):
    assert is_untouched(marked(text))
    changed = marked(text) + more
    assert is_ours(changed)
    assert not is_untouched(changed)
    assert not is_ours(text) or text.startswith(setup.MARK)


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_was_changed_by_hand_stays_in_setup_and_in_removal(path):
    machine = replace(DONE, files=FILES | {path: FILES[path] + "# mine\n"})
    for what in (plan(machine, PROGRAM), removal(machine)):
        assert not any(path in line for line in lines(what))
        assert f"{path} was changed by hand: it stays as it is." in what.remarks


@pytest.mark.parametrize("path", FILES)
def test_an_older_file_of_ours_is_brought_up_to_date(path):
    machine = replace(DONE, files=FILES | {path: marked("# of an older version\n")})
    assert written(plan(machine, PROGRAM), path) == FILES[path]


class TestRemoval:
    """Setup, undone."""

    def test_it_removes_what_setup_made(self):
        assert lines(removal(DONE)) == [
            "systemctl --user disable --now segblur.service",
            f"Remove {UNIT}",
            "systemctl --user daemon-reload",
            "sudo modprobe -r v4l2loopback",
            *(f"sudo Remove {path}" for path in (MODPROBE, LOAD, UDEV)),
            "sudo udevadm control --reload",
        ]

    def test_of_a_bare_machine_it_removes_nothing(self):
        assert removal(BARE) == steps.Plan()
        assert not removal(replace(DONE, files={})).steps

    def test_the_cameras_of_others_stay(self):
        other = Node(Path("/dev/video0"), "OBS Virtual Camera")
        assert [line for line in lines(removal(replace(DONE, nodes=(other, *NODES)))) if "loopback-ctl" in line] == [
            "sudo /usr/bin/v4l2loopback-ctl delete /dev/video10",
            "sudo /usr/bin/v4l2loopback-ctl delete /dev/video11",
        ]
        what = removal(replace(BOOKWORM, nodes=(other, *NODES)))
        assert not any("modprobe" in line and "Remove" not in line for line in lines(what))
        assert "next start" in what.remarks[0]

    def test_cameras_that_somebody_elses_line_makes_stay(self):
        files = {path: text for path, text in FILES.items() if path != MODPROBE}
        assert not any("modprobe -r" in line for line in lines(removal(replace(DONE, files=files))))


FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$(basename "$0") $*" in
  sudo*) exec "$@" ;;
  "modinfo -F version v4l2loopback") [ -e "$ROOT/installed" ] && echo 0.15.0 ;;
  apt-get*) touch "$ROOT/installed" ;;
  "modprobe v4l2loopback")
    [ -e "$ROOT/refuse" ] && { echo "Key was rejected by service" >&2; exit 1; }
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


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A machine made of files, with fake commands that write down how they are called. Returns what reads them."""
    root, home, fakes = tmp_path / "root", tmp_path / "home", tmp_path / "bin"
    for folder in (root / "etc", root / "sys/class/video4linux", home, fakes):
        folder.mkdir(parents=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    for name in (
        "sudo",
        "systemctl",
        "modprobe",
        "modinfo",
        "udevadm",
        "apt-get",
        "v4l2loopback-ctl",
        "snap",
        "flatpak",
    ):
        (fakes / name).write_text(FAKE)
        (fakes / name).chmod(0o755)
    segblur = fakes / "segblur"
    segblur.write_text("#!/bin/sh\n")
    segblur.chmod(0o755)
    log = tmp_path / "log"
    monkeypatch.setenv("PATH", f"{fakes}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ROOT", str(root))
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", [str(segblur)])
    return root


def made(root):
    """What the fake commands were asked to change, and forgets it."""
    log = Path(os.environ["LOG"])
    words = ("sudo", "systemctl --user ")
    said = [line for line in log.read_text().splitlines() if line.startswith(words) and " show " not in line]
    log.unlink()
    return said


def call(*words, root):
    parser = argparse.ArgumentParser()
    setup.add_arguments(parser)
    return setup.run(parser.parse_args(words), root=root)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_setup_makes_all_a_second_call_nothing_and_removal_leaves_nothing(world, capfd):
    before = files_of(world / "etc")
    assert call("--yes", root=world) == 0
    done = made(world)
    assert done[0].startswith("sudo apt-get install -y v4l2loopback-dkms")
    assert done[-1] == "systemctl --user restart segblur.service"
    assert Path(world / MODPROBE[1:]).read_text() == FILES[MODPROBE]
    unit = Path(UNIT).expanduser().read_text()
    assert f"ExecStart={sys.argv[0]} run\n" in unit
    assert stat.S_IMODE((world / UDEV[1:]).stat().st_mode) & 0o444 == 0o444
    assert "All is set up" in capfd.readouterr().out

    assert call(root=world) == 0  # it has nothing to ask
    assert made(world) == []
    assert "All is set up" in capfd.readouterr().out

    assert call("--remove", "--yes", root=world) == 0
    assert files_of(world / "etc") == before
    assert not Path(UNIT).expanduser().exists()
    assert not (world / "sys/module/v4l2loopback").exists()
    made(world)

    assert call("--remove", root=world) == 0
    assert made(world) == []


def test_what_print_prints_does_the_same_as_a_shell_script(world, capfd):
    assert call("--print", root=world) == 0
    assert made(world) == []  # printing changes nothing
    text = capfd.readouterr().out
    subprocess.run(["/bin/sh"], input=text, text=True, check=True)
    by_script = made(world), files_of(world / "etc"), Path(UNIT).expanduser().read_text()
    call("--remove", "--yes", root=world)
    (world / "installed").unlink()
    made(world)
    call("--yes", root=world)
    by_setup = made(world), files_of(world / "etc"), Path(UNIT).expanduser().read_text()
    assert by_script[1:] == by_setup[1:]
    assert [line for line in by_script[0] if "mkdir" not in line] == [
        line for line in by_setup[0] if "mkdir" not in line
    ]


@pytest.mark.parametrize("answer", ["", "n\n", "no\n", "x\n"])
def test_without_a_yes_nothing_is_changed(world, capfd, monkeypatch, answer):
    reader = iter(answer.splitlines())

    def read(question):
        try:
            return next(reader)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", read)
    assert call(root=world) == 1
    assert made(world) == []
    out = capfd.readouterr().out
    assert "sudo apt-get install" in out  # but it was shown
    assert "Nothing was changed" in out


def test_with_a_yes_it_begins(world, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert call(root=world) == 0
    assert look(world).loaded == "0.15.0"


def test_a_command_that_fails_ends_it_and_the_next_call_goes_on_from_there(world):
    (world / "refuse").touch()
    with pytest.raises(SegBlurError, match=r"`sudo modprobe v4l2loopback` failed with code 1: .* segblur doctor"):
        call("--yes", root=world)
    assert not any("systemctl --user enable" in line for line in made(world))
    (world / "refuse").unlink()
    assert call("--yes", root=world) == 0
    again = made(world)
    assert again[0] == "sudo modprobe v4l2loopback"


def test_called_with_sudo_it_says_not_to(world, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "me")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SegBlurError, match="without sudo"):
        call(root=world)


def test_root_needs_no_sudo():
    step = plan(BARE, PROGRAM).steps[0]
    assert next(calls(step)).words[0] == "sudo"
    assert next(calls(step, as_root=True)).words[0] == "apt-get"


def test_without_sudo_nothing_is_begun(world, monkeypatch):
    monkeypatch.setattr(steps, "find", lambda program: "")
    with pytest.raises(SegBlurError, match="setup --print as root"):
        call("--yes", root=world)
    assert made(world) == []


def test_options_are_found_wherever_modprobe_finds_them(world):
    for path, text in {
        "etc/modprobe.d/a.conf": "# options v4l2loopback devices=9\noptions v4l2loopback \\\n  devices=2\n",
        "usr/lib/modprobe.d/a.conf": "options v4l2loopback devices=3\n",  # hidden by the one above
        "usr/lib/modprobe.d/b.conf": "\toptions\tv4l2loopback\tvideo_nr=5\n",
        "etc/modprobe.d/c.txt": "options v4l2loopback devices=4\n",
    }.items():
        (world / path).parent.mkdir(parents=True, exist_ok=True)
        (world / path).write_text(text)
    assert look(world).options == (
        Options("/etc/modprobe.d/a.conf", "devices=2"),
        Options("/usr/lib/modprobe.d/b.conf", "video_nr=5"),
    )


def test_a_module_that_does_not_tell_its_version_is_0_12(world):
    Path(os.environ["PATH"].split(":")[0], "modinfo").write_text("#!/bin/sh\necho\n")  # as of 0.12.7, seen on Debian 12
    (world / "sys/module/v4l2loopback").mkdir(parents=True)
    assert (look(world).on_disk, look(world).loaded) == ("0.12", "0.12")
    (world / "var/lib/dkms/v4l2loopback/0.12.7").mkdir(parents=True)
    assert (look(world).on_disk, look(world).loaded) == ("0.12.7", "0.12.7")
    (world / "var/lib/dkms/v4l2loopback/0.15.0").mkdir()  # updated, but the old one still in the kernel
    assert (look(world).on_disk, look(world).loaded) == ("0.15.0", "0.12")
    (world / "sys/class/misc/v4l2loopback").mkdir(parents=True)  # which 0.12 doesn't have
    assert look(world).loaded == "0.15.0"


@pytest.mark.parametrize(
    ("text", "numbers"), [("0.12.7-2ubuntu5", (0, 12, 7)), ("252 (252.38)", (252,)), ("", ()), ("6.18.1-x", (6, 18, 1))]
)
def test_versions_are_numbers(text, numbers):
    assert version(text) == numbers


class TestShippedFiles:
    """What lies in systemd/."""

    def test_the_options_make_both_cameras_where_firefox_looks(self):
        (line,) = [x for x in shipped("modprobe.conf").splitlines() if not x.startswith("#")]
        given = setup.arguments_of([Options("", line.removeprefix("options v4l2loopback "))])
        assert given["card_label"].split(",") == list(LABELS)
        assert all(int(number) <= setup.LAST for number in given["video_nr"].split(","))
        assert given["exclusive_caps"] == "1,1"
        assert given["devices"] == "2"

    @pytest.mark.parametrize("hardened", [False, True])
    def test_systemd_understands_the_unit(self, tmp_path, hardened):
        if not Path("/usr/bin/systemd-analyze").exists():
            pytest.skip("there is no systemd-analyze")
        (tmp_path / "segblur.service").write_text(setup.unit_text(("/bin/true",)))
        if hardened:
            (tmp_path / "segblur.service.d").mkdir()
            (tmp_path / "segblur.service.d/hardening.conf").write_text(shipped("hardening.conf"))
        result = subprocess.run(
            ["/usr/bin/systemd-analyze", "--user", "--man=no", "verify", str(tmp_path / "segblur.service")],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")

    @pytest.mark.parametrize(
        "line",
        ["Type=notify", "WatchdogSec=20", "Restart=on-failure", "RestartPreventExitStatus=78", "LimitCORE=0",
         "RestrictAddressFamilies=AF_UNIX AF_NETLINK"],
    )  # fmt: skip
    def test_the_unit_keeps_its_promises(self, line):
        assert line in shipped("segblur.service").splitlines()

    def test_the_unit_has_nothing_that_only_seems_to_protect_or_breaks_cuda(self):
        for word in (
            "IPAddressDeny",
            "DevicePolicy",
            "ProtectControlGroups",
            "MemoryDenyWriteExecute",
            "PrivateDevices",
        ):
            assert f"\n{word}=" not in shipped("segblur.service") + shipped("hardening.conf")

    def test_a_copy_without_its_files_says_what_to_do(self, monkeypatch, tmp_path):
        monkeypatch.setattr(setup, "FOLDERS", (tmp_path,))
        with pytest.raises(SegBlurError, match=r"lacks its file modprobe\.conf: install it again"):
            shipped("modprobe.conf")


@pytest.mark.parametrize("action", [Remove("~/x y"), Write("~/x y", "text\n"), Run(("a", "b c"))])
def test_what_is_printed_is_quoted_for_the_shell(action):
    for one in calls(steps.Step("why", (action,))):
        assert shlex.split(str(one).split(" >")[0]) == list(one.words)
