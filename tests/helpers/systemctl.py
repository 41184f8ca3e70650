"""A stand-in for systemctl(1) and the user's systemd, for sessions without one; it knows segblur.service alone.

It does with the unit what systemd does: starts its ExecStart, which is no child of who asked for it, and waits until
the service says that it is ready.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

SERVICE = "segblur.service"
PATIENCE = 60.0  # seconds; TimeoutStartSec of the unit is 90


def folder() -> Path:
    """Where it keeps what it knows."""
    path = Path(os.environ["XDG_RUNTIME_DIR"], "systemd")
    path.mkdir(exist_ok=True)
    return path


def install(programs: Path) -> None:
    """Put it into a folder of PATH."""
    path = programs / "systemctl"
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -E -S {shlex.quote(__file__)} "$@"\n')
    path.chmod(0o755)


def is_running(kept: Path) -> bool:
    """Whether the service has a process; one that nobody has waited for yet has ended."""
    try:
        return (kept / "pid").exists() and state_of(int((kept / "pid").read_text())) not in "ZX"
    except FileNotFoundError:
        return False


def state_of(pid: int) -> str:
    """R, S, Z … of proc(5). Raises FileNotFoundError."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def stop(kept: Path) -> None:
    """Ask the service to end; it does so in its time."""
    if is_running(kept):
        os.kill(int((kept / "pid").read_text()), signal.SIGTERM)


def start(kept: Path, unit: Path) -> None:
    """Start the service. Raises TimeoutError where it is not ready in time."""
    (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news, (kept / "log").open("ab") as log:
        (kept / "notify").unlink(missing_ok=True)
        news.bind(str(kept / "notify"))
        news.settimeout(PATIENCE)
        process = subprocess.Popen(
            shlex.split(line.removeprefix("ExecStart=")),
            env=os.environ | {"NOTIFY_SOCKET": str(kept / "notify")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        (kept / "pid").write_text(str(process.pid))
        while b"READY=1" not in news.recv(4096).split(b"\n"):
            pass


def main(words: list[str]) -> int:
    """What a call does; the exit code."""
    if words == ["--version"]:
        print("systemd 252 (a stand-in)")
        return 0
    kept, unit = folder(), Path("~/.config/systemd/user", SERVICE).expanduser()
    match [word for word in words if word not in ("--user", SERVICE)]:
        case ["show", _]:
            print(f"LoadState={'loaded' if unit.exists() else 'not-found'}")
            print(f"UnitFileState={'enabled' if (kept / 'enabled').exists() else 'disabled'}")
            print(f"ActiveState={'active' if is_running(kept) else 'inactive'}")
        case ["daemon-reload"]:
            pass
        case ["enable"]:
            (kept / "enabled").touch()
        case ["restart"] if not is_running(kept):
            start(kept, unit)
        case ["stop"]:
            stop(kept)
        case _:
            print(f"systemctl {shlex.join(words)}: the stand-in does not know this", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
