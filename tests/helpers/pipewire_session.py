"""A login session of its own, with folders of its own: D-Bus, PipeWire and WirePlumber; where a test asks for it also
a screen that nobody sees and the portal, as browsers need them. No device, no root and no systemd are needed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

PATIENCE = 60.0  # seconds after which a test gives up; nothing here takes a tenth of it
REQUIRED = "DESKTOP_TESTS"  # the environment variable that makes a missing part a failure, where it is "required"
PORTAL = "/usr/libexec/xdg-desktop-portal"
# Programs → their packages in Debian.
PARTS = {
    "dbus-daemon": "dbus",
    "pipewire": "pipewire",
    "pw-dump": "pipewire-bin",
    "wireplumber": "wireplumber",
}
DESKTOP_PARTS = {
    "Xvfb": "xvfb",
    "gdbus": "libglib2.0-bin",
    PORTAL: "xdg-desktop-portal",
    "/usr/libexec/xdg-desktop-portal-gtk": "xdg-desktop-portal-gtk",
}
OUTER = ("XDG_", "DBUS_", "PIPEWIRE_", "WAYLAND_", "SEGBLUR_", "DISPLAY")  # of the session that the tests run in


def need(parts: dict[str, str]) -> None:
    """Skip the test where one of these programs is missing, or fail it where CI says that all must be there."""
    if missing := sorted({package for program, package in parts.items() if not shutil.which(program)}):
        sentence = f"this test needs apt-get install --no-install-recommends {' '.join(missing)}"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(sentence)
        pytest.skip(sentence)


class Session:
    """The programs of a session, and what starts others in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # XDG_RUNTIME_DIR and HOME
        outer = {name: value for name, value in os.environ.items() if not name.startswith(OUTER)}
        self.environment = outer | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}  # in the order of their starts

    def start(self, name: str, *words: str, **more: Any) -> subprocess.Popen[bytes]:
        """A program that runs until it is stopped, or until the session ends; what it prints is in NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            words = words or (name,)
            process = subprocess.Popen(words, env=self.environment, stdout=log, stderr=log, **more)
        self.processes[name] = process
        return process

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """End a program that was started here, and wait for its end."""
        process = self.processes.pop(name)
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def run(self, *words: str) -> str:
        """What a command prints; "" where it fails."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.stdout if done.returncode == 0 else ""

    def start_pipewire(self) -> None:
        """The daemon, and the session manager, without which nothing is linked. WirePlumber ends with the daemon."""
        self.start("pipewire")
        until(self.answers, "PipeWire answers")
        self.start_wireplumber()

    def start_wireplumber(self) -> None:
        """The session manager alone, which may have been stopped."""
        self.start("wireplumber")
        # It makes this table as one of its last parts; pw-dump of 0.3.65 doesn't show it while it is empty.
        until(lambda: "Found" in self.run("pw-metadata", "-n", "default"), "WirePlumber is ready")

    def kill_pipewire(self) -> None:
        """Both ended without mercy, as in a crash."""
        self.stop("pipewire", signal.SIGKILL)
        self.stop("wireplumber", signal.SIGKILL)

    def answers(self) -> bool:
        """Whether the daemon takes connections."""
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(str(self.folder / "pipewire-0")) == 0

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """PipeWire's objects of a type (Node, Client, Link …) as pw-dump shows them."""
        found = json.loads(self.run("pw-dump") or "[]")
        return [one for one in found if one["type"] == f"PipeWire:Interface:{kind}"]

    def nodes(self, **wanted: str) -> list[dict[str, Any]]:
        """The nodes with these properties, in whose names _ stands for a dot: `nodes(media_class="Video/Source")`."""
        asked = {name.replace("_", "."): value for name, value in wanted.items()}
        return [node for node in self.objects("Node") if asked.items() <= node["info"]["props"].items()]

    def camera_permission(self, answer: str) -> None:
        """What the person is taken to have said when asked for the camera: yes or no, for all programs without a
        sandbox.
        """
        store = "org.freedesktop.impl.portal.PermissionStore"
        words = ("gdbus", "call", "--session", "--dest", store, "--object-path", "/" + store.replace(".", "/"))
        said = self.run(*words, "--method", f"{store}.SetPermission", "devices", "true", "camera", "", f"['{answer}']")
        assert said, "the permission store does not answer"


# What a session has no business with: the sound cards, webcams and headsets of the machine that runs the tests. The
# first file is for WirePlumber 0.4, the second for later versions.
NO_DEVICES = {
    "main.lua.d/60-no-devices.lua": "".join(
        f"{name}_monitor.enabled = false\n" for name in ("alsa", "v4l2", "libcamera")
    ),
    "bluetooth.lua.d/60-no-devices.lua": "bluez_monitor.enabled = false\n",
    "wireplumber.conf.d/60-no-devices.conf": "wireplumber.profiles = { main = { "
    + " ".join(f"hardware.{name} = disabled" for name in ("audio", "video-capture", "bluetooth"))
    + " } }\n",
}


@contextmanager
def session(desktop: bool = False) -> Iterator[Session]:
    """A session with PipeWire; as a desktop also with a screen and the portal, which lets programs have the camera."""
    need(PARTS | (DESKTOP_PARTS if desktop else {}))
    # Not pytest's folder, whose name may be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="session-", ignore_cleanup_errors=True) as folder:
        here = Session(Path(folder))
        for name, text in NO_DEVICES.items():
            path = here.folder / ".config/wireplumber" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        try:
            if desktop:
                # Else the screen begins anew whenever its last program leaves, and whoever comes just then is refused.
                words = ("Xvfb", "-noreset", "-displayfd", "{}", "-nolisten", "tcp", "-screen", "0", "1280x1024x24")
                screen = started(here, "Xvfb", *words)
                here.environment |= {"DISPLAY": f":{screen}", "XDG_CURRENT_DESKTOP": "gnome"}
            bus = here.environment["DBUS_SESSION_BUS_ADDRESS"]
            started(
                here,
                "dbus",
                "dbus-daemon",
                "--session",
                f"--address={bus}",
                "--nofork",
                "--nopidfile",
                "--print-address={}",
            )
            here.start_pipewire()
            if desktop:
                here.start("portal", PORTAL)
                waiting = (
                    "gdbus",
                    "wait",
                    "--session",
                    "--timeout",
                    str(int(PATIENCE)),
                    "org.freedesktop.portal.Desktop",
                )
                subprocess.run(waiting, env=here.environment, check=True)
                here.camera_permission("yes")
            yield here
        finally:
            for name in reversed(list(here.processes)):
                here.stop(name)


@pytest.fixture
def pipewire_session() -> Iterator[Session]:
    """PipeWire, which the test's own process reaches as well."""
    with session() as here, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(here.folder))
        yield here


def started(here: Session, name: str, *words: str) -> str:
    """Start a program, and wait for the first line that it writes to the descriptor whose number stands for {}."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as lines:
        here.start(name, *(word.format(writer) for word in words), pass_fds=(writer,))
        os.close(writer)
        line = lines.readline().strip()
    assert line, (here.folder / f"{name}.log").read_text()
    return line


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that nobody reports."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, f"not within {PATIENCE:.0f} seconds: {what}"
        threading.Event().wait(0.02)
