"""Checks of systemd and the service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vcam.errors import SegBlurError
from vcam.host.checks.check import RESTART, SETUP, Host, State, Verdict
from vcam.host.facts import Machine, user

JOURNAL = "journalctl --user -u segblur -n 20"
SETTINGS_CODE = 78  # SettingsError.exit_code
OLDEST_SYSTEMD = 249


@dataclass(frozen=True)
class Facts:
    """What these checks judge."""

    machine: Machine
    status: Mapping[str, object] | None = None  # the running service's answer to `status`
    silence: str = ""  # why there is none
    lingers: bool = False  # whether this user's services run without a login


def look(host: Host) -> Facts:
    """The service's status, and whether the user lingers."""
    status, silence = ask_service()
    lingers = (host.root / "var/lib/systemd/linger" / (user() or "-")).exists()
    return Facts(host.machine, status, silence, lingers)


def ask_service() -> tuple[dict[str, object] | None, str]:
    """The running service's status, or why there is none."""
    from vcam.control.client import ask

    try:
        return ask("status", timeout=3.0), ""
    except SegBlurError as error:
        return None, str(error).split(";")[0]


def systemd(facts: Facts) -> Verdict:
    """Whether there is a systemd that can run the service."""
    machine = facts.machine
    if machine.systemd is None:
        return Verdict("warning", "there is no systemd: have your session start `segblur run`")
    if machine.systemd < OLDEST_SYSTEMD:
        return Verdict("warning", f"systemd {machine.systemd} is older than those that SegBlur was tested with")
    if machine.service is None:
        return Verdict("unknown", "systemd does not answer for your user, as after su or sudo: log in as yourself")
    return Verdict("ok", f"systemd {machine.systemd}")


def service(facts: Facts) -> Verdict:
    """Whether the service is enabled and runs."""
    unit = facts.machine.service
    if unit is None:
        return Verdict("unknown", "whether the service runs can't be seen where systemd does not answer")
    if not unit.exists:
        return Verdict("problem", "the service is not installed", SETUP)
    if unit.enabled.startswith("masked"):
        return Verdict("warning", "the service is masked and never starts", "systemctl --user unmask segblur")
    if unit.active == "failed" and unit.code == SETTINGS_CODE:
        return Verdict("problem", "the service stopped because of invalid settings; its log says which", JOURNAL)
    if unit.active == "failed" or (unit.active == "activating" and unit.result not in ("", "success")):
        sentence = f"the service fails ({unit.result}, exit code {unit.code}); its log says why"
        return Verdict("problem", sentence, JOURNAL)
    if unit.active not in ("active", "reloading", "activating"):
        return Verdict("problem", "the service is not running", "systemctl --user enable --now segblur")
    if unit.enabled != "enabled":
        return Verdict("warning", "the service runs, but does not start at login", "systemctl --user enable segblur")
    return Verdict("ok", f"the service is {unit.active} and starts at login")


def answer(facts: Facts) -> Verdict:
    """Whether the running service reports trouble."""
    if facts.status is not None:
        parts = [str(facts.status.get(key) or "") for key in ("state", "sentence", "fallback")]
        state: State = "warning" if parts[0] == "trouble" or parts[2] else "ok"
        return Verdict(state, f"it reports: {': '.join(filter(None, parts))}" if any(parts) else "it answers")
    unit = facts.machine.service
    if unit is not None and unit.active == "active":
        sentence = f"the service does not answer ({facts.silence or 'it has no control socket'})"
        return Verdict("problem", sentence, RESTART)
    return Verdict("unknown", "no service is running that could answer")


def lingering(facts: Facts) -> Verdict:
    """Whether the service runs while its user is logged out."""
    if facts.lingers:
        sentence = "your services, and with them the camera, also run while you are logged out (lingering)"
        return Verdict("warning", sentence, "loginctl disable-linger")
    return Verdict("ok", "your services end when you log out")


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {
    "systemd": systemd,
    "service": service,
    "answer": answer,
    "lingering": lingering,
}
