"""Trials of what may be seen: less of the room after a change, nothing of it after a crash; and of a camera that
another program has, or has left changed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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


@contextmanager
def reader_of_the_room(name: str) -> Iterator[Recorder]:
    """A program that sees the room, which was asked for. It is gone afterwards, whatever happens, so that the next
    trials have the camera, and so is its recording.
    """
    live()
    cut()
    reader = Recorder(name)
    try:
        ask("effect", effect="off")
        reader.wait("live", 12, 120)
        yield reader
    finally:
        reader.process.kill()
        reader.process.wait()
        reader.path.unlink()


def worker_stopped_when_the_room_is_to_be_hidden() -> None:
    """`effect blur` after `effect off` with the worker stopped: from the answer on no frame of the room is shown."""
    with reader_of_the_room("room-barrier") as reader:
        before = worker()
        os.kill(before, signal.SIGSTOP)
        ask("effect", effect="blur")
        seen = reader.now().seen
        reader.wait("placeholder", 5, 60)
        assert reader.seen == seen + 5, f"{reader.seen - seen - 5} frames of the room after the answer"
        with suppress(ProcessLookupError):
            os.kill(before, signal.SIGKILL)
        reader.now().wait("live", 5, 150)


def keeper_killed_while_the_room_is_shown() -> None:
    """Keeper killed after `effect off`: the next one overwrites all that the kernel still holds of the room."""
    held = os.open(CAMERA, os.O_RDWR)  # whoever has the device open keeps its memory
    try:
        with reader_of_the_room("room-crash") as reader:
            before = keeper()
            os.kill(before, signal.SIGSTOP)  # so that it overwrites nothing when its reader goes,
            reader.process.kill()  # which it has to, because only one program at a time may ask for the buffers
            reader.process.wait()
            run(*DUMP, JOB / "ring-room.yuv")
            os.kill(before, signal.SIGKILL)
        until(lambda: keeper() not in (0, before) and unit("ActiveState") == "active", 60, "another keeper")
        run(*DUMP, JOB / "ring-after.yuv")
    finally:
        os.close(held)


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
