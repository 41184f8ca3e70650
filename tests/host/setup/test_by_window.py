"""Setup as a window calls it: the steps as JSON, then all of them behind one pkexec, on a machine made of files."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.machines import BARE, DONE
from tests.host.setup.test_command import call, files_of, made
from vcam.errors import SegBlurError
from vcam.host import facts
from vcam.host.carry_out import only_in_terminal
from vcam.host.setup.command import as_if_running
from vcam.host.setup.plan import plan
from vcam.host.setup.unit import UNIT

DO = ("--yes", "--by", "pkexec", "--progress-json")


@pytest.fixture
def spoken(capfd):
    """The lines of JSON that were printed."""
    return lambda: [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def log():
    return Path(os.environ["LOG"]).read_text().splitlines()


class TestSteps:
    """`setup --steps-json`."""

    def test_every_step_is_told_and_nothing_is_changed(self, world, pkexec, spoken):
        before = files_of(world)
        assert call("--steps-json", root=world) == 0
        (answer,) = spoken()
        assert answer["segblur"] == 1
        first, second, *_, last = answer["steps"]
        assert (first["root"], last["root"]) == (True, False)
        assert first["commands"][0].startswith("apt-get install -y v4l2loopback-dkms")
        assert second["files"][0]["path"] == str(world / "etc/modprobe.d/segblur.conf")
        assert "options v4l2loopback" in second["files"][0]["text"]
        assert last["commands"][-1] == "systemctl --user restart segblur.service"
        assert (answer["terminal"], answer["reboot"], answer["set_up"]) == ("", False, False)
        assert files_of(world) == before
        assert made(world) == []

    def test_once_all_is_done_there_is_none(self, world, pkexec, spoken):
        call(*DO, root=world)
        spoken()
        assert call("--steps-json", root=world) == 0
        (answer,) = spoken()
        assert (answer["steps"], answer["set_up"]) == ([], True)

    def test_a_service_that_was_stopped_is_set_up(self, world, pkexec, spoken):
        call(*DO, root=world)
        (world / "active").unlink()
        spoken()
        call("--steps-json", root=world)
        (answer,) = spoken()
        assert (len(answer["steps"]), answer["set_up"]) == (1, True)

    def test_without_root_no_step_needs_it(self, world, monkeypatch, no_pkexec, spoken):
        monkeypatch.setattr(facts, "pipewire_version", lambda: "1.4.2")
        assert call("--steps-json", "--no-root", root=world) == 0
        (answer,) = spoken()
        assert answer["steps"]
        assert not any(step["root"] for step in answer["steps"])
        assert answer["terminal"] == ""
        assert "allow-pipewire" in answer["remarks"][0]

    def test_what_only_a_person_can_do_is_an_error(self, world, monkeypatch, spoken):
        (world / "etc/os-release").write_text("ID=plan9\nPRETTY_NAME=Plan 9\n")
        assert call("--steps-json", root=world) == 1
        (answer,) = spoken()
        assert answer.keys() == {"segblur", "error"}
        assert "doesn't know the packages of Plan 9" in answer["error"]

    def test_without_pkexec_it_is_said_that_a_terminal_is_needed(self, world, no_pkexec, spoken):
        call("--steps-json", root=world)
        assert "no pkexec" in spoken()[0]["terminal"]

    def test_the_new_password_of_secure_boot_needs_a_terminal(self, pkexec):
        assert "Secure Boot" in only_in_terminal(plan(replace(BARE, secure_boot=True)))
        assert only_in_terminal(plan(replace(BARE, secure_boot=False))) == ""
        assert only_in_terminal(plan(replace(DONE, secure_boot=True))) == ""

    def test_where_only_the_start_is_missing_nothing_else_is(self):
        stopped = replace(DONE, service=replace(DONE.service, active="inactive"))
        assert plan(stopped).steps
        assert not plan(as_if_running(stopped)).steps
        assert as_if_running(replace(DONE, service=None)).service is None


class TestProgress:
    """`setup --yes --by pkexec --progress-json`."""

    def test_all_is_done_with_one_password_and_every_step_is_told(self, world, pkexec, spoken):
        call("--steps-json", root=world)
        (offer,) = spoken()
        assert call(*DO, root=world) == 0
        events = spoken()
        steps = [event for event in events if "state" in event]
        count = len(offer["steps"])
        assert [event["why"] for event in steps[::2]] == [step["why"] for step in offer["steps"]]
        assert [(event["step"], event["state"], event["of"]) for event in steps] == [
            (number, state, count) for number in range(1, count + 1) for state in ("running", "done")
        ]
        assert sum(line.startswith("pkexec") for line in log()) == 1
        assert not any(line.startswith("sudo") for line in log())
        assert Path(UNIT).expanduser().exists()
        assert (world / "sys/module/v4l2loopback").exists()

    def test_it_does_the_same_as_setup_in_a_terminal(self, world, pkexec):
        call(*DO, root=world)
        by_window = files_of(world / "etc"), files_of(Path.home())
        call("--remove", *DO, root=world)
        (world / "installed").unlink()
        call("--yes", root=world)
        assert (files_of(world / "etc"), files_of(Path.home())) == by_window

    def test_what_commands_print_is_passed_on(self, world, pkexec, fake, spoken):
        fake("apt-get", 'echo "Unpacking"; touch "$ROOT/installed"')
        call(*DO, root=world)
        assert {"step": 1, "text": "Unpacking"} in spoken()

    @pytest.mark.parametrize(
        ("what", "says"), [("dismissed", "did not give the password"), ("refused", "in a terminal")]
    )
    def test_without_the_password_nothing_is_changed(self, world, pkexec, spoken, what, says):
        pkexec(what)
        before = files_of(world), files_of(Path.home())
        with pytest.raises(SegBlurError, match=says):
            call(*DO, root=world)
        (event,) = spoken()
        assert says in event["error"]
        assert (files_of(world), files_of(Path.home())) == before
        assert made(world) == []

    def test_not_even_a_step_of_the_user_that_comes_first(self, world, pkexec, spoken, monkeypatch):
        """The service would be stopped for nothing."""
        call(*DO, root=world)
        made(world)
        wrong = facts.Node(Path("/dev/video10"), "SegBlur Camera", 0x3)
        real = facts.snapshot
        monkeypatch.setattr(
            "vcam.host.setup.command.snapshot", lambda *a: replace(real(*a), nodes=(wrong,), ctl="/x/ctl")
        )
        pkexec("dismissed")
        with pytest.raises(SegBlurError, match="did not give"):
            call(*DO, root=world)
        assert not any("stop" in line for line in made(world))

    def test_without_pkexec_nothing_is_changed(self, world, no_pkexec, spoken):
        with pytest.raises(SegBlurError, match=r"no pkexec.*run segblur setup in a terminal"):
            call(*DO, root=world)
        assert made(world) == []

    def test_a_step_that_fails_is_told_and_the_next_call_goes_on_from_there(self, world, pkexec, spoken):
        (world / "refuse").touch()
        with pytest.raises(SegBlurError):
            call(*DO, root=world)
        *_, text, failed, last = spoken()
        assert text["text"] == "Key was rejected by service"
        assert (failed["state"], failed["step"]) == ("failed", text["step"])
        assert failed["error"].startswith("`modprobe v4l2loopback` failed with exit code 1")
        assert last == {"segblur": 1, "error": failed["error"]}
        (world / "refuse").unlink()
        call(*DO, root=world)
        assert spoken()[0]["why"] == failed["why"]

    def test_a_shell_that_dies_in_the_middle_is_a_step_that_failed(self, world, pkexec, spoken):
        (world / "die").touch()
        with pytest.raises(SegBlurError, match="the shell of root ended"):
            call(*DO, root=world)
        *_, failed, _ = spoken()
        assert (failed["state"], failed["why"]) == ("failed", "make the cameras")
        assert not any("enable" in line for line in log())
        (world / "die").unlink()
        assert call(*DO, root=world) == 0

    def test_without_root_no_password_is_asked_for(self, world, pkexec, monkeypatch, spoken):
        monkeypatch.setattr(facts, "pipewire_version", lambda: "1.4.2")
        assert call(*DO, "--no-root", root=world) == 0
        assert not any(line.startswith("pkexec") for line in log())
        assert Path(UNIT).expanduser().exists()

    def test_it_never_begins_without_a_yes(self, world, pkexec, spoken):
        with pytest.raises(SegBlurError, match="call it with --yes"):
            call("--by", "pkexec", "--progress-json", root=world)
        assert not Path(os.environ["LOG"]).exists()

    def test_in_a_terminal_pkexec_can_take_the_place_of_sudo(self, world, pkexec, capfd):
        assert call("--yes", "--by", "pkexec", root=world) == 0
        out = capfd.readouterr().out
        assert "==> make the cameras" in out
        assert "All is set up" in out
        assert not any(line.startswith("sudo") for line in log())


def test_root_starts_no_program_that_only_the_user_could_have_put_there(world, fake):
    fake("v4l2loopback-ctl", "id")
    assert not facts.snapshot(world).ctl.startswith(str(world.parent))
