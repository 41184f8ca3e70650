"""Trials of programs that come, watch and go."""

import json
import sys
import time
from pathlib import Path

from acts import EVENT, cut, film, live, play, started
from stage import (
    AS_TESTER,
    CAMERA,
    JOB,
    PROJECT,
    SECOND,
    WEBCAM,
    Recorder,
    ask,
    glance,
    journal,
    keeper,
    note,
    run,
    segblur,
    state,
    systemctl,
    unit,
    until,
    webcam_is_closed,
    who_has,
    worker,
    workers,
)


def lists_without_waking() -> None:
    """Nobody watches: idle, webcam closed, no worker; listing all cameras twenty times changes nothing."""
    started()
    play()
    assert json.loads(segblur("status", "--json").stdout)["state"] == "idle"
    began = time.time()
    for _ in range(10):
        run("v4l2-ctl", "-d", CAMERA, "--all", check=False)
        run("v4l2-ctl", "--list-devices", check=False)
    status = ask("status")
    assert status["figures"]["worker_starts"] == 0, status["figures"]
    assert (status["state"], status["watched_by"]) == ("idle", "event" if EVENT else "inotify"), status
    assert webcam_is_closed(), who_has(WEBCAM)
    assert "live" not in journal(began)


def comes_and_goes() -> None:
    """A program attaches: a placeholder first, then live; it leaves: the webcam is closed, the state is idle."""
    play()
    note("fault", "a program attaches, no worker yet")
    reader = film("first")
    reader.wait("live", 20, 120)
    note("recovered", "a program attaches, no worker yet")
    assert ask("status")["state"] == "live"
    cut()
    note("left")
    until(webcam_is_closed, 60, "the webcam closed")
    note("webcam-closed")
    assert state("idle")["camera"] is None


def two_hundred_glances() -> None:
    """Two hundred programs attach and leave at once: no descriptor is lost, idle again, webcam closed, still works."""

    def watch(name: str) -> int:
        """A program sees live frames and leaves; how many descriptors the keeper has then, with its worker."""
        film(name).wait("live", 10, 120)
        cut()
        state("idle")
        until(webcam_is_closed, 60, "the webcam closed")
        worker()
        return len(list(Path(f"/proc/{keeper()}/fd").iterdir()))

    before, pid = watch("before-glances"), keeper()
    for _ in range(200):
        glance()
    note("glanced")
    after = watch("after-glances")
    assert after <= before, f"{before} descriptors before, {after} after"
    assert keeper() == pid


def two_readers() -> None:
    """Two programs watch at once, both live: two cameras where one serves one program, else the same one."""
    live()
    other = Recorder("second", SECOND if EVENT else CAMERA)
    try:
        other.wait("live", 20, 60)
        live()
        if EVENT:
            devices = [output for output in ask("status")["outputs"] if output["path"] != "pipewire"]
            assert [device["viewers"] for device in devices] == [1, 1], devices
        assert len(workers()) == 1
    finally:
        other.end()
    live()


def nobody_was_disturbed() -> None:
    """The program that read through all of this kept running and got live frames to the end."""
    reader = live()
    assert reader.name == "tape-0", f"it is the {reader.name} by now"
    cut()


def firefox_shows_it() -> None:
    """Firefox finds the camera by its name, opens it and shows it."""
    play()
    started()
    shown_by("firefox")
    until(webcam_is_closed, 60, "the webcam closed")


def shown_by(browser: str) -> None:
    """A browser opens the camera and leaves what it saw in a folder of its name."""
    words = (sys.executable, PROJECT / "tests/vm/guest/browser.py", browser, JOB / browser, 240)
    run("install", "-d", "-o", "tester", JOB / browser)
    run("nice", "-n", "-10", *AS_TESTER, *words, seconds=300)
    note(f"{browser}-left")


def stops_clean() -> None:
    """`systemctl --user stop`: exit code 0, no worker left, nothing but placeholders in the kernel's memory."""
    live()
    cut()
    dumping = (sys.executable, PROJECT / "tests/vm/guest/dump_ring.py", CAMERA)
    run(*dumping, JOB / "ring-live.yuv")
    ours = keeper()
    run("v4l2-ctl", "-d", CAMERA, "-c", "keep_format=1")
    children = workers()
    systemctl("stop", "segblur")
    assert (unit("Result"), unit("ExecMainStatus")) == ("success", "0"), unit("Result")
    assert not any(Path(f"/proc/{pid}").exists() for pid in (ours, *children))
    if run(*dumping, JOB / "ring-ended.yuv", check=False).returncode:
        note("ring-freed")  # 0.12 gives the memory back with the last who has the device open
    run("v4l2-ctl", "-d", CAMERA, "-c", "keep_format=0", check=False)
