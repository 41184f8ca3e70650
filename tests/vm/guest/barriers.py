"""Trials of what may be seen: less of the room after a change, nothing of it after a crash; and of a camera that
another program has, or has left changed.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from acts import cut, live, play, started
from stage import (
    AS_TESTER,
    CAMERA,
    JOB,
    PROJECT,
    Recorder,
    ask,
    camera_listed,
    keeper,
    note,
    run,
    state,
    systemctl,
    unit,
    until,
    worker,
)

DUMP = (sys.executable, PROJECT / "tests/vm/guest/dump_ring.py", CAMERA)


def reader_of_the_room(name: str) -> Recorder:
    """A program that sees the room, which was asked for."""
    live()
    cut()
    reader = Recorder(name)
    ask("effect", effect="off")
    reader.wait("live", 12, 120)
    return reader


def worker_stopped_when_the_room_is_to_be_hidden() -> None:
    """`effect blur` after `effect off` with the worker stopped: from the answer on no frame of the room is shown."""
    reader, before = reader_of_the_room("room-barrier"), worker()
    os.kill(before, signal.SIGSTOP)
    ask("effect", effect="blur")
    seen = reader.now().seen
    reader.wait("placeholder", 5, 60)
    assert reader.seen == seen + 5, f"{reader.seen - seen - 5} frames of the room after the answer"
    with suppress(ProcessLookupError):
        os.kill(before, signal.SIGKILL)
    reader.now().wait("live", 5, 150)
    reader.end()
    Path(reader.path).unlink()  # the room was to be seen in it


def keeper_killed_while_the_room_is_shown() -> None:
    """Keeper killed after `effect off`: the next one overwrites all that the kernel still holds of the room."""
    reader, before = reader_of_the_room("room-crash"), keeper()
    run(*DUMP, JOB / "ring-room.yuv")
    os.kill(before, signal.SIGKILL)
    until(lambda: keeper() not in (0, before) and unit("ActiveState") == "active", 60, "another keeper")
    run(*DUMP, JOB / "ring-after.yuv")
    reader.now().wait("live", 5, 150)
    reader.end()
    Path(reader.path).unlink()


def camera_in_use_at_start() -> None:
    """Another program holds the camera when the service starts: it says so and waits, and takes it when it can."""
    systemctl("stop", "segblur")
    words = ("ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=640x480:rate=5")
    words += ("-pix_fmt", "yuyv422", "-f", "v4l2", str(CAMERA))
    other = subprocess.Popen([*AS_TESTER, *words])
    until(lambda: camera_listed(CAMERA), 60, "the other program's picture")
    systemctl("start", "segblur")
    said = state("trouble")["sentence"]
    note("says", said)
    assert "ffmpeg" in said, said
    assert unit("ActiveState") == "active"
    assert unit("NRestarts") == "0", unit("NRestarts")
    other.kill()
    other.wait()
    assert state("idle", seconds=120)["sentence"] == ""
    started()
    live()
    cut()


def rate_is_restored() -> None:
    """A program that set 5 frames a second has left: the next one is offered 30 again."""
    started()
    play()
    run("v4l2-ctl", "-d", CAMERA, "--set-parm=5", "--stream-mmap", "--stream-count=5", seconds=240)
    state("idle")
    until(lambda: "30.000" in run("v4l2-ctl", "-d", CAMERA, "--get-parm").stdout, 30, "30 frames a second")
