"""What several trials do: the service, the webcam, and the program that reads."""

import os
import time
from collections.abc import Callable
from contextlib import suppress

from stage import (
    HOME,
    JOB,
    PROJECT,
    VENV,
    WEBCAM,
    Player,
    Recorder,
    ask,
    camera_listed,
    journal,
    note,
    run,
    systemctl,
    unit,
    until,
)

LINGER = 2  # seconds: the setting idle.webcam
CONFIG = f"""# my settings
[camera]
device = "{WEBCAM}"  # the clip

[output]
width = 640
height = 480

[idle]
webcam = {LINGER}.0
network = 60.0
"""
UNIT = HOME / ".config/systemd/user/segblur.service"
SETTINGS = HOME / ".config/segblur/config.toml"
QUICK = UNIT.with_suffix(".service.d") / "quick.conf"
DROP_IN = f"""[Service]
ExecStart=
ExecStart={VENV}/bin/python3 {PROJECT}/tests/vm/guest/quick_service.py
"""
EVENT = bool(run("modinfo", "-F", "version", "v4l2loopback").stdout.strip())  # it tells who streams; 0.12 says nothing

player: Player | None = None
tape: Recorder | None = None


def install() -> None:
    """The quick worker and the settings, for the unit that is there."""
    for path, text in ((QUICK, DROP_IN), (SETTINGS, CONFIG)):
        run("mkdir", "-p", path.parent, user=True)
        path.write_text(text)
        os.chown(path, 1000, 1000)
    systemctl("daemon-reload")


def plug_in() -> None:
    """The webcam and two cameras, from one module. udev starts the service where its rule is there."""
    names = "USB Webcam,SegBlur Camera,SegBlur Camera 2"
    settings = ("devices=3", "video_nr=0,10,11", f"card_label={names}", "exclusive_caps=1,1,1", "max_buffers=4")
    run("modprobe", "v4l2loopback", *settings)
    run("udevadm", "settle")


def play() -> Player:
    """The webcam delivers."""
    global player
    if player is None:
        player = Player()
    return player


def unplay() -> None:
    """The webcam is pulled out."""
    global player
    if player is not None:
        player.end()
    player = None


def film(name: str) -> Recorder:
    """A program reads from the camera from now on, if none does."""
    global tape
    if tape is None:
        tape = Recorder(name)
    return tape


def cut() -> None:
    """It leaves."""
    global tape
    done, tape = tape, None
    if done is not None:
        done.end()


def started() -> None:
    """The service runs, whatever was before."""
    if unit("ActiveState") != "active":
        systemctl("reset-failed", "segblur", check=False)
        systemctl("start", "segblur")
    until(camera_listed, 60, "the camera")


def live(seconds: float = 120) -> Recorder:
    """The service runs, and a program records live frames."""
    started()
    play()
    reader = film(f"tape-{sum(1 for _ in JOB.glob('tape-*.yuv'))}")
    reader.now().wait("live", 5, seconds)
    return reader


def fault(
    name: str,
    strike: Callable[[], object],
    mend: Callable[[], object] | None = None,
    *,
    reader: Recorder | None = None,
    calm: bool = False,
    logged: str = "",
) -> None:
    """Under a reader something is done to the service: a placeholder is seen, then live frames again. `mend` is what
    the world does so that it can; `calm` says that a placeholder need not be seen; `logged` stands in the log then.
    """
    systemctl("reset-failed", "segblur", check=False)
    reader, began = (reader or live()).now(), time.time()
    note("fault", name)
    strike()
    if not calm:
        reader.wait("placeholder", 1, 90)
    if logged:
        until(lambda: logged in journal(began), 60, f"{logged!r} in the log")
    if not calm:
        with suppress(Exception):
            note("says", ask("status")["sentence"])
    if mend is not None:
        note("mended")
        mend()
    reader.now().wait("live", 10, 150)
    note("recovered", name)
