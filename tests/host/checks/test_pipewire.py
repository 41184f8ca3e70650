"""What doctor says of PipeWire and the portal, and that it sees the real ones as they are."""

import os
import subprocess
from dataclasses import replace

import pytest

from tests.helpers import machines
from tests.helpers.machines import BARE, ROOTLESS, RULES
from tests.helpers.pipewire_session import session
from tests.helpers.verdicts import assert_said, each_case
from vcam.host.checks import pipewire
from vcam.host.checks.check import Host
from vcam.host.checks.pipewire import CHECKS, Facts, look, running, why_silent

BOTH = replace(machines.WELL, pipewire="1.4.2", wireplumber=True, files=machines.FILES | RULES)


def status(state, **more):
    """The service's status with a node in this state."""
    return {"outputs": [{"path": "/dev/video10"}, {"path": "pipewire", "state": state}], "uptime_s": 60.0, **more}


WELL = Facts(BOTH, manager="wireplumber", status=status("paused"), portal=True)
WITHOUT_MODULE = replace(WELL, machine=ROOTLESS)
OFF = replace(WELL, machine=replace(BOTH, pipewire="", files=machines.FILES), off=True)
MISSING = replace(WELL, machine=replace(BOTH, pipewire="", files=machines.FILES))
NO_WORD = {"": ["no"], "org.mozilla.firefox": ["yes"], "us.zoom.Zoom": ["no"]}
CASES = {
    "pipewire": [
        (OFF, "ok", "off, by output.pipewire", ""),
        (MISSING, "ok", "programs use the camera of the kernel's module", ""),
        (Facts(BARE), "warning", "missing or older than 0.3.40", "sudo apt-get install -y pipewire wireplumber"),
    ],
    "pipewire daemon": [
        (replace(WELL, silence="Connection refused"), "warning", "(Connection refused)", "start pipewire"),
        (replace(WITHOUT_MODULE, silence="No such file or directory"), "problem", "does not answer", "start pipewire"),
        (replace(OFF, silence="Connection refused"), "ok", "not used", ""),
    ],
    "session manager": [
        (replace(WELL, manager=""), "warning", "nobody links", "start pipewire wireplumber"),
        (replace(WITHOUT_MODULE, manager=""), "problem", "nobody links", "start pipewire wireplumber"),
        (Facts(replace(ROOTLESS, wireplumber=False)), "problem", "nobody links", "apt-get install"),
    ],
    "pipewire camera": [
        (replace(WELL, status=None), "unknown", "no service is running", ""),
        (replace(WELL, status={"outputs": []}), "warning", "started without", "systemctl --user restart segblur"),
        (replace(WELL, status=status("lost", sentence="it is gone")), "warning", "it is gone", "start pipewire"),
        (replace(WELL, status=status("connecting")), "warning", "does not answer the service", "restart pipewire"),
        (replace(WELL, status=status("connecting") | {"uptime_s": 3.0}), "ok", "(connecting)", ""),
        (replace(WELL, status=status("streaming")), "ok", "(streaming)", ""),
    ],
    "listed once": [
        (replace(WELL, machine=replace(BOTH, files=machines.FILES)), "warning", "twice", "segblur setup"),
        (replace(WELL, machine=replace(BOTH, files={})), "warning", "twice", "segblur setup"),
        (replace(OFF, machine=replace(OFF.machine, files=RULES)), "warning", "see no SegBlur", "segblur setup"),
        (WITHOUT_MODULE, "ok", "nothing", ""),
        (replace(WELL, machine=replace(BOTH, files={}, wireplumber=False)), "ok", "nothing", ""),
    ],
    "portal": [
        (replace(WELL, portal=None), "warning", "no portal for cameras", "install -y xdg-desktop-portal-gtk"),
        (replace(WELL, has_bus=False, portal=None), "unknown", "log in as yourself", ""),
    ],
    "permission": [
        (replace(WELL, permissions=NO_WORD), "warning", "no: programs outside a sandbox, us.zoom.Zoom",
         "camera '' 1 yes && busctl"),
        (replace(WELL, permissions={"": ["yes"]}), "ok", "no program", ""),
    ],
    "portal's camera": [
        (replace(WELL, portal=False), "warning", "the portal started before", "restart xdg-desktop-portal"),
        (replace(WELL, portal=False, status=status("lost")), "unknown", "can't be seen", ""),
    ],
}  # fmt: skip


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


@pytest.fixture(scope="module")
def desktop():
    with session(desktop=True) as here:
        yield here


@pytest.fixture
def here(desktop, monkeypatch):
    """The session, with doctor in it."""
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"):
        monkeypatch.setenv(name, desktop.environment[name])
    return desktop


class TestByTheRealOnes:
    """Doctor in a session with PipeWire, WirePlumber and the portal."""

    def test_a_session_that_is_well_is_seen_as_such(self, here):
        here.camera_permission("yes")
        facts = look(Host(BOTH))
        assert (facts.silence, facts.manager, facts.has_bus) == ("", "wireplumber", True)
        assert facts.portal is False  # it started without a camera
        assert facts.permissions == {"": ["yes"]}

    def test_a_no_is_found_and_its_remedy_takes_it_back(self, here):
        here.camera_permission("no")
        verdict = CHECKS["permission"](look(Host(BOTH)))
        assert (verdict.state, "programs outside a sandbox" in verdict.sentence) == ("warning", True)
        subprocess.run(verdict.remedy, shell=True, check=True, env=here.environment)
        assert CHECKS["permission"](look(Host(BOTH))).state == "ok"

    def test_what_has_stopped_is_missed(self, here, monkeypatch):
        here.kill_pipewire()
        try:
            assert look(Host(BOTH)).silence == "Connection refused"
        finally:
            here.start_pipewire()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={here.folder}/nothing")
        facts = look(Host(BOTH))
        assert (facts.has_bus, facts.portal, facts.permissions) == (False, None, {})

    def test_where_there_is_no_folder_nobody_answers(self, tmp_path):
        assert why_silent(tmp_path / "pipewire-0") == "No such file or directory"


def test_the_session_manager_of_another_user_does_not_count(tmp_path, monkeypatch):
    assert running(tmp_path) == ""
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/comm").write_text("wireplumber\n")
    assert running(tmp_path) == "wireplumber"
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert running(tmp_path) == ""


def test_an_answer_of_the_bus_that_is_none_counts_as_none(fake):
    fake("busctl", "echo nonsense")
    assert pipewire.bus("call", "x") is None
