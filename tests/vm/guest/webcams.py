"""Trials of webcams that fail: the clip, and the kernel's vivid, which can be broken in every way."""

import os
import signal
import subprocess
import time
from pathlib import Path

from acts import CONFIG, cut, fault, film, play, started
from stage import (
    AS_TESTER,
    HOME,
    JOB,
    WEBCAM,
    Recorder,
    ask,
    journal,
    note,
    run,
    systemctl,
    unit,
    until,
    webcam_is_closed,
)


def webcam_stalls() -> None:
    """The webcam delivers nothing for a while: a placeholder and a line in the log, live again by itself."""
    pid = play().process.pid
    fault(
        "webcam stalls",
        lambda: os.kill(pid, signal.SIGSTOP),
        lambda: os.kill(pid, signal.SIGCONT),
        logged="delivers no pictures",
    )


def vivid(number: int) -> Path:
    """Plug it in under this number."""
    run("modprobe", "vivid", "n_devs=1", "node_types=0x1", f"vid_cap_nr={number}")
    run("udevadm", "settle")
    path = Path(f"/dev/video{number}")
    until(path.exists, 30, "vivid")
    return path


def unplug_vivid() -> None:
    """Pull it out, whoever uses it, and see to it that it can come back elsewhere."""
    driver = Path("/sys/bus/platform/drivers/vivid")
    for device in driver.glob("vivid*"):
        (driver / "unbind").write_text(device.name)
    until(lambda: run("modprobe", "-r", "vivid", check=False).returncode == 0, 60, "vivid gone")


def toy(seconds: float = 120) -> Recorder:
    """Live frames of vivid."""
    started()
    reader = film(f"vivid-{sum(1 for _ in JOB.glob('vivid-*.yuv'))}")
    reader.now().wait("live", 5, seconds)
    return reader


def webcam_absent_at_start() -> None:
    """No webcam at the start: a placeholder that says so; it is plugged in: live by itself."""
    cut()
    run("modprobe", "-r", "vivid", check=False)
    path = HOME / ".config/segblur/config.toml"
    path.write_text(CONFIG.replace(str(WEBCAM), "vivid"))
    if unit("ActiveState") == "active":
        systemctl("stop", "segblur")
    started()
    reader = film("vivid-0")
    until(lambda: "there is no webcam named vivid" in ask("status")["sentence"], 60, "the sentence")
    note("fault", "webcam absent at the start")
    reader.now().wait("placeholder", 3)
    note("says", ask("status")["sentence"])
    note("mended")
    vivid(20)
    reader.now().wait("live", 10, 120)
    note("recovered")


def webcam_unplugged_and_back() -> None:
    """The webcam unplugged under a reader and back under another number: found again by its name, live by itself."""
    fault(
        "webcam unplugged, back as another /dev/video",
        unplug_vivid,
        lambda: vivid(21),
        reader=toy(),
        logged="vivid",
    )
    assert ask("status")["camera"]["path"] == "/dev/video21"
    assert ask("status")["figures"]["reconnects"] >= 1


def webcam_disconnects() -> None:
    """The webcam disconnects for a moment (vivid's own fault): a placeholder, live again by itself."""
    fault("webcam disconnects for a moment", lambda: button("disconnect"), reader=toy(), logged="/dev/video21")


def webcam_fails() -> None:
    """The webcam fails while it streams (vivid's fatal error): a placeholder, live again by itself."""
    strike = "inject_fatal_streaming_error"
    fault("webcam's stream breaks", lambda: button(strike), reader=toy(), logged="/dev/video21")


def button(name: str) -> None:
    """Press one of vivid's."""
    run("v4l2-ctl", "-d", "/dev/video21", "-c", f"{name}=1")


def webcam_busy() -> None:
    """Another program has the webcam: a placeholder that says so; it leaves: live by itself."""
    cut()
    until(lambda: webcam_is_closed(Path("/dev/video21")), 60, "the webcam closed")
    words = (*AS_TESTER, "v4l2-ctl", "-d", "/dev/video21", "--stream-mmap", "--stream-count=0")
    other = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)  # nothing tells when it streams
        reader, began = film(f"vivid-{sum(1 for _ in JOB.glob('vivid-*.yuv'))}"), time.time()
        note("fault", "webcam busy")
        until(
            lambda: "used by another" in journal(began - 5) or "in use by" in journal(began - 5), 60, "the log's line"
        )
        reader.now().wait("placeholder", 3)
        note("says", ask("status")["sentence"])
    finally:
        note("mended")
        other.kill()
        other.wait()
    reader.now().wait("live", 10, 120)
    note("recovered")
    cut()
