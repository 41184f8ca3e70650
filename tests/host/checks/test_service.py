"""What doctor says of systemd and the service."""

from dataclasses import replace

from tests.helpers import machines
from tests.helpers.machines import RUNS
from tests.helpers.verdicts import assert_said, each_case
from vcam.control import client
from vcam.errors import SegBlurError
from vcam.host.checks.service import CHECKS, Facts, ask_service
from vcam.host.facts import Service

WELL = Facts(machines.WELL, {"state": "idle", "sentence": "", "fallback": None})


def on(facts=WELL, **changes):
    return replace(facts, machine=replace(facts.machine, **changes))


def unit(**changes):
    return on(service=replace(RUNS, **changes))


CASES = {
    "systemd": [
        (on(systemd=None), "warning", "no systemd", ""),
        (on(systemd=240), "warning", "240", ""),
        (on(service=None), "unknown", "log in as yourself", ""),
    ],
    "service": [
        (on(service=None), "unknown", "can't be seen", ""),
        (on(service=Service()), "problem", "not installed", "segblur setup"),
        (unit(enabled="masked"), "warning", "masked", "unmask"),
        (unit(active="failed", result="exit-code", code=78), "problem", "invalid settings", "journalctl"),
        (unit(active="failed", result="watchdog"), "problem", "(watchdog", "journalctl"),
        (unit(active="activating", result="exit-code", code=1), "problem", "code 1", "journalctl"),
        (unit(active="activating"), "ok", "activating", ""),
        (unit(active="inactive"), "problem", "not running", "enable --now"),
        (unit(enabled="disabled"), "warning", "not start at login", "enable segblur"),
    ],
    "answer": [
        (replace(WELL, status=None, silence="it is stuck"), "problem", "does not answer (it is stuck)", "restart"),
        (replace(on(service=Service()), status=None), "unknown", "no service", ""),
        (replace(WELL, status={"state": "trouble", "sentence": "no webcam"}), "warning", "trouble: no webcam", ""),
        (replace(WELL, status={"state": "live", "fallback": "on the CPU"}), "warning", "live: on the CPU", ""),
        (replace(WELL, status={}), "ok", "it answers", ""),
    ],
    "lingering": [(replace(WELL, lingers=True), "warning", "logged out", "loginctl disable-linger")],
}


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


def test_a_running_service_is_asked_and_a_silent_one_is_no_error(monkeypatch):
    monkeypatch.setattr(client, "ask", lambda command, timeout: {"state": "live"})
    assert ask_service() == ({"state": "live"}, "")

    def silent(command, timeout):
        raise SegBlurError("it does not answer; do this")

    monkeypatch.setattr(client, "ask", silent)
    assert ask_service() == (None, "it does not answer")
