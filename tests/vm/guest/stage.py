"""What the trials act with: the user's commands, the service as it is seen from outside, the webcams, and the programs
that read from the camera.
"""

import fcntl
import os
import select
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vcam.control import client

JOB, HOME, UID = Path("/job"), Path("/home/tester"), 1000
PROJECT, VENV = Path(os.environ["PROJECT"]), Path(os.environ["VENV"])
WEBCAM, CAMERA, SECOND = Path("/dev/video0"), Path("/dev/video10"), Path("/dev/video11")
SEGBLUR = str(VENV / "bin/segblur")
AS_TESTER = ("setpriv", "--reuid=tester", "--regid=tester", "--init-groups", "env", "HOME=/home/tester", "USER=tester")
AS_TESTER += (
    "LOGNAME=tester",
    f"XDG_RUNTIME_DIR=/run/user/{UID}",
    f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{UID}/bus",
)
WIDTH, HEIGHT = 640, 480
FRAME = WIDTH * HEIGHT * 3 // 2
os.environ["XDG_RUNTIME_DIR"] = f"/run/user/{UID}"  # where the client looks for the service


def note(name: str, value: object = "") -> None:
    """Write down that something was done or seen, with the time."""
    line = f"{time.time():.3f} {name} {value}".rstrip()
    print(line, flush=True)
    with (JOB / "notes").open("a") as notes:
        notes.write(f"{line}\n")


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for something; fail where it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} seconds"
        time.sleep(0.1)
    return found


def run(
    *words: object, check: bool = True, seconds: float = 120, user: bool = False
) -> subprocess.CompletedProcess[str]:
    """A command, its output as text; as the ordinary user where wanted."""
    call = [*(AS_TESTER if user else ()), *map(str, words)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=seconds, check=False)
    said = " ".join((done.stdout + done.stderr).split())[-300:]
    assert not check or done.returncode == 0, f"{' '.join(map(str, words))}: exit code {done.returncode}, {said}"
    return done


def systemctl(*words: str, check: bool = True) -> str:
    """Of the user's systemd."""
    return run("systemctl", "--user", *words, check=check, user=True).stdout.strip()


def unit(name: str) -> str:
    """What systemd knows of the service."""
    return systemctl("show", "segblur", "--value", f"--property={name}")


def segblur(*words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The command line, as the user calls it."""
    return run(SEGBLUR, *words, check=check, user=True)


def ask(do: str, **arguments: Any) -> dict[str, Any]:
    """The same without another process, which takes seconds here. Raises SegBlurError."""
    os.seteuid(UID)
    try:
        return client.ask(do, timeout=120, **arguments)
    finally:
        os.seteuid(0)


def state(*wanted: str, seconds: float = 90) -> dict[str, Any]:
    """The status, as soon as it is one of these."""
    last = "no answer"

    def look() -> dict[str, Any] | None:
        nonlocal last
        with suppress(Exception):
            status = ask("status")
            last = f"{status['state']} ({status['sentence']})"
            return status if status["state"] in wanted else None
        return None

    try:
        return until(look, seconds, f"the state {' or '.join(wanted)}")  # type: ignore[no-any-return]
    except AssertionError as error:
        raise AssertionError(f"{error}; it is {last}") from None


def keeper() -> int:
    """Its process."""
    return int(unit("MainPID"))


def workers() -> list[int]:
    """The keeper's children."""
    return [int(pid) for pid in run("pgrep", "-P", keeper(), check=False).stdout.split()]


def worker() -> int:
    """The one that is there."""
    found = until(workers, 30, "a worker")
    assert len(found) == 1, f"{len(found)} workers"
    return int(found[0])


def who_has(device: Path) -> set[str]:
    """Names of the processes that have a device open."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(handle.readlink() == device for handle in (process / "fd").iterdir()):
                found.add((process / "comm").read_text().strip())
    return found


def webcam_is_closed(device: Path = WEBCAM) -> bool:
    """Nobody but the player has it."""
    return not who_has(device) - {"ffmpeg"}


def camera_listed(device: Path = CAMERA) -> bool:
    """Other programs take it for a camera: it captures, and nothing else."""
    said = run("v4l2-ctl", "-d", device, "-D", check=False).stdout.partition("Device Caps")[2]
    return "Video Capture" in said and "Video Output" not in said


def journal(since: float, *options: str) -> str:
    """What the service logged since then."""
    words = ("journalctl", "--no-pager", "-o", "cat", f"--since=@{since:.0f}", "_SYSTEMD_USER_UNIT=segblur.service")
    return run(*words, *options).stdout


class Player:
    """The webcam: a loopback device into which ffmpeg plays the clip."""

    def __init__(self) -> None:
        words = ("ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-f", "rawvideo")
        words += ("-pix_fmt", "yuyv422", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", "8", "-i", "/tmp/clip.yuyv")
        self.process = subprocess.Popen([*AS_TESTER, *words, "-c", "copy", "-f", "v4l2", str(WEBCAM)])
        until(lambda: camera_listed(WEBCAM), 60, "the webcam")

    def end(self) -> None:
        """Pull the plug."""
        self.process.kill()
        self.process.wait()


class Recorder:
    """A program that reads from the camera and keeps every frame, with the time at which it came: what the kernel shows
    by itself while nobody writes bears the time of the last one written.
    """

    def __init__(self, name: str, device: Path = CAMERA) -> None:
        self.name, self.path, self.seen = name, JOB / f"{name}.yuv", 0
        words = ("ffmpeg", "-nostdin", "-loglevel", "warning", "-copyts", "-use_wallclock_as_timestamps", "1")
        words += ("-f", "v4l2", "-i", device)
        words += ("-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "rawvideo", self.path)
        words += ("-map", "0", "-c", "copy", "-flush_packets", "1", "-f", "framecrc", JOB / f"{name}.crc")
        with (JOB / f"{name}.log").open("w") as log:
            self.process = subprocess.Popen([*AS_TESTER, *map(str, words)], stderr=log)
        note("recording", name)
        until(self.path.exists, 60, f"the recording {name}")

    def now(self) -> "Recorder":
        """From here on."""
        self.seen = self.path.stat().st_size // FRAME
        return self

    def kinds(self) -> Iterator[str]:
        """Each frame that is there and was not looked at: live, or placeholder, which has no colours."""
        with self.path.open("rb") as file:
            while self.path.stat().st_size >= (self.seen + 1) * FRAME:
                file.seek(self.seen * FRAME + WIDTH * HEIGHT)
                self.seen += 1
                yield "placeholder" if len(set(file.read(FRAME // 3)[::97])) <= 2 else "live"

    def wait(self, kind: str, count: int = 1, seconds: float = 90) -> None:
        """For so many more frames of a kind."""
        deadline, left = time.monotonic() + seconds, count
        while left > 0:
            assert self.process.poll() is None, f"the reader {self.name} has ended"
            assert time.monotonic() < deadline, f"{left} of {count} {kind} frames did not come in {seconds:.0f} seconds"
            for seen in self.kinds():
                left -= seen == kind
                if left <= 0:
                    return
            time.sleep(0.05)

    def end(self) -> None:
        """It leaves the camera."""
        alive = self.process.poll() is None
        note("recorded" if alive else "reader-died", self.name)
        self.process.send_signal(2)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()
        self.process.wait()
        assert alive, f"the reader {self.name} had ended by itself: {(JOB / f'{self.name}.log').read_text()}"


def glance(device: Path = CAMERA) -> None:
    """Stream one frame and leave, as quickly as a program can."""
    handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    try:
        request = bytearray(struct.pack("=5I", 2, 1, 1, 0, 0))
        fcntl.ioctl(handle, 0xC0145608, request)  # VIDIOC_REQBUFS
        for index in range(struct.unpack_from("=I", request)[0]):
            buffer = bytearray(88)
            struct.pack_into("=2I", buffer, 0, index, 1)
            struct.pack_into("=I", buffer, 60, 1)
            fcntl.ioctl(handle, 0xC058560F, buffer)  # VIDIOC_QBUF
        fcntl.ioctl(handle, 0x40045612, struct.pack("=i", 1))  # VIDIOC_STREAMON
        ready, _, _ = select.select([handle], [], [], 10)
        assert ready, "no frame came"
        fcntl.ioctl(handle, 0x40045613, struct.pack("=i", 1))  # VIDIOC_STREAMOFF
    finally:
        os.close(handle)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A folder on a disk that has no room left, with the files that were in it."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = Path("/tmp") / f"copy-of-{folder.name}"
    run("rm", "-rf", copy)
    run("cp", "-a", folder, copy)
    size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    run("mount", "-t", "tmpfs", "-o", f"size={size // 4096 * 4 + 64}k,uid={UID},gid={UID},mode=700", "full", folder)
    try:
        run("cp", "-a", f"{copy}/.", folder)
        run("dd", "if=/dev/zero", f"of={folder}/filler", "bs=512", check=False)
        run("chown", "tester:", folder / "filler")
        yield
    finally:
        run("umount", "--lazy", folder)


def write_weights(name: str, content: str) -> Path:
    """A weights file of the user's, put in place as an exporter does."""
    path = HOME / name
    new = path.with_suffix(".new")
    new.write_text(content)
    os.chown(new, UID, UID)
    new.chmod(0o600)
    new.replace(path)
    return path
