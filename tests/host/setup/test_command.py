"""The command, on a machine that is made of files and fake commands."""

import argparse
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.machines import FILES
from vcam.errors import SegBlurError
from vcam.host import carry_out, facts, setup
from vcam.host.facts import snapshot
from vcam.host.setup.options import MODPROBE
from vcam.host.setup.udev import UDEV
from vcam.host.setup.unit import UNIT
from vcam.settings import config_path


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


def test_setup_makes_everything_a_second_call_nothing_and_removal_leaves_nothing(world, capfd):
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


def test_without_root_the_service_is_set_up_and_removed_and_nothing_else_is_touched(world, monkeypatch, capfd):
    monkeypatch.setattr(facts, "pipewire_version", lambda: "1.4.2")
    before = files_of(world / "etc")
    assert call("--no-root", "--yes", root=world) == 0
    assert made(world) == [
        f"systemctl --user {words}" for words in ("daemon-reload", "enable segblur.service", "restart segblur.service")
    ]
    assert "allow-pipewire to true" in capfd.readouterr().out
    assert call("--no-root", "--yes", root=world) == 0
    assert call("--remove", "--yes", root=world) == 0
    assert made(world) == [f"systemctl --user {words}" for words in ("disable --now segblur.service", "daemon-reload")]
    assert files_of(world / "etc") == before


def test_without_root_there_is_no_camera_where_the_settings_turn_pipewire_off(world, monkeypatch):
    monkeypatch.setattr(facts, "pipewire_version", lambda: "1.4.2")
    config_path().parent.mkdir(parents=True)
    config_path().write_text('[output]\npipewire = "off"\n')
    with pytest.raises(SegBlurError, match=r"output\.pipewire is off"):
        call("--no-root", "--yes", root=world)
    config_path().write_text("nonsense")  # which must not keep setup from its work
    assert call("--no-root", "--yes", root=world) == 0


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


def test_with_a_yes_it_is_carried_out(world, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert call(root=world) == 0
    assert snapshot(world).loaded == "0.15.0"


def test_a_command_that_fails_stops_setup_and_the_next_call_continues_from_there(world):
    (world / "refuse").touch()
    with pytest.raises(SegBlurError, match=r"`sudo modprobe v4l2loopback` failed with exit code 1: .* segblur doctor"):
        call("--yes", root=world)
    assert not any("systemctl --user enable" in line for line in made(world))
    (world / "refuse").unlink()
    assert call("--yes", root=world) == 0
    again = made(world)
    assert again[0] == "sudo modprobe v4l2loopback"


def test_called_with_sudo_it_asks_to_be_called_without(world, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "me")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SegBlurError, match="without sudo"):
        call(root=world)


def test_where_there_is_no_sudo_nothing_is_changed(world, monkeypatch):
    monkeypatch.setattr(carry_out, "find_program", lambda program: "")
    with pytest.raises(SegBlurError, match="setup --print as root"):
        call("--yes", root=world)
    assert made(world) == []
