"""The life of the service on a real kernel and systemd: trials.py [NAME...] as root in the guest; all trials, or these.

A trial is a function whose docstring is its sentence and whose assertions are what it means. What each came to goes to
/job/trials.jsonl; what was done and seen, with times, to /job/notes; frames are judged on the host.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, os.environ["PROJECT"])

from stage import (
    AS_TESTER,
    CAMERA,
    HOME,
    JOB,
    PROJECT,
    SECOND,
    VENV,
    WEBCAM,
    Player,
    Recorder,
    ask,
    camera_listed,
    full_disk,
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
    write_weights,
)

from vcam.errors import SegBlurError

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
DROP_IN = f"""[Service]
ExecStart=
ExecStart={VENV}/bin/python3 {PROJECT}/tests/vm/guest/quick_service.py
"""
MADE = ("/etc/modprobe.d/segblur.conf", "/etc/modules-load.d/segblur.conf", "/etc/udev/rules.d/61-segblur.rules")
EVENT = bool(run("modinfo", "-F", "version", "v4l2loopback").stdout.strip())  # it tells who streams; 0.12 says nothing
SWAPS = 40

Trial = Callable[[], None]
TRIALS: dict[str, Trial] = {}
player: Player | None = None
tape: Recorder | None = None


def trial(what: Trial) -> Trial:
    """One of them, in the order of this file."""
    TRIALS[what.__name__] = what
    return what


# What several trials do


def install() -> None:
    """The quick worker and the settings, for the unit that is there."""
    folder = UNIT.with_suffix(".service.d")
    for path, text in ((folder / "quick.conf", DROP_IN), (HOME / ".config/segblur/config.toml", CONFIG)):
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


def play() -> None:
    """The webcam delivers."""
    global player
    if player is None and "ffmpeg" not in who_has(WEBCAM):
        player = Player()


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


def live() -> Recorder:
    """The service runs, and a program records live frames."""
    started()
    play()
    reader = film(f"tape-{sum(1 for _ in JOB.glob('tape-*.yuv'))}")
    reader.now().wait("live", 5, 120)
    return reader


def fault(
    name: str, strike: Callable[[], object], mend: Callable[[], object] | None = None, calm: bool = False
) -> None:
    """Under a reader something is done to the service: a placeholder is seen, then live frames again. `mend` is what
    the world does so that it can; `calm` says that a placeholder need not be seen.
    """
    systemctl("reset-failed", "segblur", check=False)
    reader = live().now()
    note("fault", name)
    strike()
    if not calm:
        reader.wait("placeholder", 1, 90)
        with suppress(Exception):
            note("says", ask("status")["sentence"])
    if mend is not None:
        note("mended")
        mend()
    reader.now().wait("live", 10, 150)
    note("recovered", name)


# The trials


@trial
def setup_makes_everything() -> None:
    """`segblur setup --yes` on a bare system: module, two cameras, files and the service, which runs and is enabled."""
    run("modprobe", "-r", "v4l2loopback", check=False)
    segblur("setup", "--yes")
    assert all(Path(path).exists() for path in (*MADE, UNIT))
    assert (unit("ActiveState"), unit("UnitFileState")) == ("active", "enabled")
    names = [Path(f"/sys/class/video4linux/video{n}/name").read_text().strip() for n in (10, 11)]
    assert names == ["SegBlur Camera", "SegBlur Camera 2"], names
    until(camera_listed, 60, "the camera")


@trial
def setup_again_does_nothing() -> None:
    """Called again it finds all there, and asks nothing."""
    said = segblur("setup").stdout
    assert said.startswith("All is set up"), said


@trial
def unit_is_clean() -> None:
    """`systemd-analyze --user verify` has nothing to say about the unit."""
    said = run("systemd-analyze", "--user", "verify", UNIT, user=True)
    assert not (said.stdout + said.stderr).strip(), said.stdout + said.stderr


@trial
def module_comes_back() -> None:
    """Stopped, module removed and loaded again: udev starts the service, and the camera is listed."""
    systemctl("stop", "segblur")
    run("modprobe", "-r", "v4l2loopback")
    install()
    systemctl("reset-failed", "segblur", check=False)
    plug_in()
    until(lambda: unit("ActiveState") == "active", 60, "the service")
    assert camera_listed()
    if EVENT:
        assert camera_listed(SECOND)


@trial
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


@trial
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


@trial
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


@trial
def worker_killed() -> None:
    """Worker killed under a reader: a placeholder, another worker, live again."""
    live()
    before = worker()
    fault("worker killed", lambda: os.kill(before, signal.SIGKILL))
    assert worker() != before


@trial
def worker_stopped() -> None:
    """Worker stopped (SIGSTOP) under a reader: a placeholder, another worker, live again."""
    live()
    before = worker()
    fault("worker hangs (SIGSTOP)", lambda: os.kill(before, signal.SIGSTOP))
    assert worker() != before


@trial
def worker_without_memory() -> None:
    """No memory for the worker any more (RLIMIT_AS): new weights are refused, or another worker comes; live."""
    live()
    before = worker()

    def starve() -> None:
        run("prlimit", "--pid", before, "--as=1048576")
        with suppress(SegBlurError):
            ask("weights", use=str(write_weights("starved.safetensors", "good starved")))
            raise AssertionError("they were taken")

    fault("worker gets no memory", starve, calm=True)
    note("same-worker", worker() == before)
    with suppress(ProcessLookupError):
        os.kill(before, signal.SIGKILL)


@trial
def worker_chosen_by_the_kernel() -> None:
    """The kernel's out-of-memory killer takes the worker: the keeper stays, another worker, live again."""
    live()
    before, ours = worker(), keeper()

    def kill() -> None:
        Path(f"/proc/{before}/oom_score_adj").write_text("1000")
        Path("/proc/sysrq-trigger").write_text("f")

    fault("worker killed by the kernel, out of memory", kill)
    assert keeper() == ours, "the keeper went with it"
    assert worker() != before


@trial
def keeper_killed() -> None:
    """Keeper killed under a reader: the reader keeps running, sees placeholders, another is started, live again."""
    live()
    before = keeper()
    fault("keeper killed", lambda: os.kill(before, signal.SIGKILL))
    assert keeper() != before
    assert int(unit("NRestarts")) >= 1


@trial
def keeper_frozen() -> None:
    """Keeper frozen (SIGSTOP): a placeholder meanwhile, the watchdog ends it, systemd starts another, live again."""
    live()
    before, began = keeper(), time.time()
    fault("keeper frozen (SIGSTOP)", lambda: os.kill(before, signal.SIGSTOP))
    assert keeper() != before
    said = run("journalctl", "--no-pager", "-o", "cat", f"--since=@{began:.0f}", "_UID=1000").stdout
    assert "atchdog" in said, said[-300:]


@trial
def service_reloaded() -> None:
    """`systemctl --user reload` reads the settings again and disturbs nobody."""
    reader, path = live(), HOME / ".config/segblur/config.toml"
    note("calm", "reload")
    path.write_text(CONFIG + "[look]\nblur = 0.7\n")
    systemctl("reload", "segblur")
    until(lambda: ask("status")["settings"]["look"]["blur"] == 0.7, 30, "the setting")
    path.write_text(CONFIG + "[look]\nblur = 7\n")
    systemctl("reload", "segblur")
    until(lambda: "can't be" in journal(time.time() - 60), 30, "a sentence in the log")
    assert ask("status")["settings"]["look"]["blur"] == 0.7
    path.write_text(CONFIG)
    systemctl("reload", "segblur")
    reader.now().wait("live", 5)
    note("calm-over", "reload")
    assert unit("ActiveState") == "active"


@trial
def service_restarted() -> None:
    """`systemctl --user restart` under a reader: it keeps running, placeholders, live again."""
    fault("service restarted", lambda: systemctl("restart", "segblur"))


@trial
def paused_and_resumed() -> None:
    """`segblur pause` under a reader: a placeholder and the webcam closed; `segblur resume`: live again."""
    reader = live().now()
    note("fault", "paused, resumed after the webcam was closed")
    segblur("pause")
    reader.wait("placeholder")
    note("says", state("paused")["sentence"])
    until(webcam_is_closed, 30, "the webcam closed")
    note("mended")
    segblur("resume")
    reader.now().wait("live", 10)
    note("recovered")


@trial
def settings_set() -> None:
    """`segblur set` counts at once and is written with the comments left; a bad value is refused in one sentence."""
    reader, path = live(), HOME / ".config/segblur/config.toml"
    note("calm", "set")
    segblur("set", "look.blur", "0.9")
    assert ask("status")["settings"]["look"]["blur"] == 0.9
    text = path.read_text()
    assert "# my settings" in text and "# the clip" in text and "blur = 0.9" in text, text
    refused = segblur("set", "look.blur", "9", check=False)
    assert refused.returncode and len(refused.stderr.splitlines()) == 1, refused
    assert path.read_text() == text
    reader.now().wait("live", 5)
    note("calm-over", "set")


@trial
def disk_full_for_settings() -> None:
    """Disk full: `segblur set` is refused in one sentence, and the settings file is as it was."""
    reader, folder = live(), HOME / ".config/segblur"
    note("calm", "disk full for settings")
    with full_disk(folder):
        text = (folder / "config.toml").read_text()
        refused = segblur("set", "look.blur", "0.33", check=False)
        assert refused.returncode and len(refused.stderr.splitlines()) == 1, refused
        note("sentence", refused.stderr)
        assert (folder / "config.toml").read_text() == text
        assert {path.name for path in folder.iterdir()} == {"config.toml", "filler"}, list(folder.iterdir())
    segblur("set", "look.blur", "0.5")
    reader.now().wait("live", 5)
    note("calm-over", "disk full for settings")


@trial
def disk_full_for_weights() -> None:
    """Disk full for the store: new weights are refused in one sentence, the old ones go on, nothing half lies about."""
    reader, folder = live(), HOME / ".local/state/segblur/weights"
    run("mkdir", "-p", folder, user=True)
    path = write_weights("large.safetensors", "good large " + "x" * 200_000)
    note("calm", "disk full for weights")
    with full_disk(folder):
        before = {file.name for file in folder.iterdir()}
        refused = segblur("weights", "use", path, check=False)
        assert refused.returncode and len(refused.stderr.splitlines()) == 1, refused
        note("sentence", refused.stderr)
        assert {file.name for file in folder.iterdir()} == before
    segblur("weights", "use", path)
    reader.now().wait("live", 5)
    note("calm-over", "disk full for weights")


def await_swap(count: int) -> None:
    """Until the service has made so many."""
    until(lambda: ask("status")["figures"]["swaps"] == count, 60, "the watched file's swap")


@trial
def weights_swapped() -> None:
    """Forty swaps, good, refused, hostile and crashing, a second apart: each ends as it should."""
    reader = live()
    stem, wrong = "swap.safetensors", []
    kinds = ("good", "refuse", "good", "foreign", "open", "good", "raise", "good", "nan", "empty", "watched")
    kinds += ("pipe", "crash", "good", "shape", "folder")
    swaps = ask("status")["figures"]["swaps"]
    for number in range(SWAPS):
        kind, began = kinds[number % len(kinds)], time.monotonic()
        path = HOME / f"{number}-{stem}"
        expected = kind in ("good", "watched")
        note("swap", f"{number} {kind}")
        if kind == "watched":
            path = Path(str(ask("status")["settings"]["network"]["weights"]))
            write_weights(path.name, f"good {number}")
            await_swap(swaps + 1)
            taken, reason = True, ""
        else:
            if kind == "folder":
                path.mkdir()
            elif kind == "pipe":
                os.mkfifo(path)
            else:
                write_weights(path.name, "" if kind == "empty" else f"{kind} {number}")
            if kind == "foreign":
                os.chown(path, 2000, 2000)
                path.chmod(0o644)
            if kind == "open":
                path.chmod(0o664)
            try:
                ask("weights", use=str(path))
                taken, reason = True, ""
            except SegBlurError as error:
                taken, reason = False, str(error)
        note("swapped", f"{number} {kind} {'taken' if taken else 'refused'} {reason}")
        swaps += taken
        if taken != expected or (not taken and "\n" in reason):
            wrong.append(f"{number} {kind}: {taken} {reason}")
        if kind == "crash":
            reader.now().wait("live", 3, 120)
            note("swap-recovered", number)
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    note("swaps-over")
    assert not wrong, wrong
    assert ask("status")["figures"]["swaps"] == swaps
    reader.now().wait("live", 5)


@trial
def weights_listed_and_rolled_back() -> None:
    """`segblur weights list` names those that were good; `rollback` takes the ones before."""
    live()
    sources = [entry["source"] for entry in ask("weights", use="list")["weights"]]
    assert len(sources) >= 2, sources
    said = segblur("weights", "list").stdout
    assert all(Path(source).name in said for source in sources[:2]), said
    segblur("weights", "rollback")
    used = Path(ask("status")["settings"]["network"]["weights"])
    assert used.read_text() == Path(sources[1]).read_text(), used
    segblur("weights", "use", "shipped")


@trial
def webcam_stalls() -> None:
    """The webcam delivers nothing for a while: a placeholder and a line in the log, live again by itself."""
    live()
    assert player is not None
    pid, began = player.process.pid, time.time()
    fault("webcam stalls", lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT))
    assert "delivers no pictures" in journal(began)


@trial
def computer_sleeps() -> None:
    """The computer sleeps (logind, the kernel's freezer): the service hears of both, a placeholder, live again."""
    test = Path("/sys/power/pm_test")
    reader = live().now()
    assert test.exists(), "this kernel has no pm_test"
    test.write_text("freezer")
    began = time.time()
    note("fault", "computer sleeps")
    try:
        run("systemctl", "suspend")
        reader.wait("placeholder", 1, 90)
        until(lambda: "is back" in journal(began), 90, "the wakening")
    finally:
        test.write_text("none")
    note("mended")
    reader.now().wait("live", 10, 120)
    note("recovered")
    said = journal(began)
    assert said.index("goes to sleep") < said.index("is back"), said
    assert "frozen" in run("dmesg").stdout or "Freezing user space" in run("dmesg").stdout


@trial
def two_readers() -> None:
    """Two programs watch at once, both live: two cameras where one serves one program, else the same one."""
    live()
    other = Recorder("second", SECOND if EVENT else CAMERA)
    try:
        other.wait("live", 20, 60)
        live()
        if EVENT:
            assert [output["viewers"] for output in ask("status")["outputs"]] == [1, 1]
        assert len(workers()) == 1
    finally:
        other.end()
    live()


@trial
def nobody_was_disturbed() -> None:
    """The program that read through all of this kept running and got live frames to the end."""
    assert tape is not None
    assert tape.name == "tape-0", f"it is the {tape.name} by now"
    live()
    cut()


@trial
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


# With a webcam that can be broken in every way: the kernel's vivid


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


def toy_fault(name: str, strike: Callable[[], object], mend: Callable[[], object] | None, says: str) -> None:
    """As `fault`, with vivid; `says` stands in the log and on the picture."""
    reader, began = toy().now(), time.time()
    note("fault", name)
    strike()
    reader.wait("placeholder", 1, 90)
    until(lambda: says in journal(began), 60, f"{says!r} in the log")
    with suppress(Exception):
        note("says", ask("status")["sentence"])
    if mend is not None:
        note("mended")
        mend()
    reader.now().wait("live", 10, 150)
    note("recovered")


@trial
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


@trial
def webcam_unplugged_and_back() -> None:
    """The webcam unplugged under a reader and back under another number: found again by its name, live by itself."""
    toy_fault("webcam unplugged, back as another /dev/video", unplug_vivid, lambda: vivid(21), "vivid")
    assert ask("status")["camera"]["path"] == "/dev/video21"
    assert ask("status")["figures"]["reconnects"] >= 1


@trial
def webcam_disconnects() -> None:
    """The webcam disconnects for a moment (vivid's own fault): a placeholder, live again by itself."""
    toy_fault("webcam disconnects for a moment", lambda: button("disconnect"), None, "/dev/video21")


@trial
def webcam_fails() -> None:
    """The webcam fails while it streams (vivid's fatal error): a placeholder, live again by itself."""
    toy_fault("webcam's stream breaks", lambda: button("inject_fatal_streaming_error"), None, "/dev/video21")


def button(name: str) -> None:
    """Press one of vivid's."""
    run("v4l2-ctl", "-d", "/dev/video21", "-c", f"{name}=1")


@trial
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


@trial
def setup_removes_everything() -> None:
    """`segblur setup --remove --yes` leaves no file, no service and no camera of ours."""
    cut()
    if player is not None:
        player.end()
    (UNIT.with_suffix(".service.d") / "quick.conf").unlink()
    said = segblur("setup", "--remove", "--yes").stdout
    assert not [path for path in (*MADE, UNIT) if Path(path).exists()]
    assert unit("LoadState") == "not-found", unit("LoadState")
    names = [path.read_text().strip() for path in Path("/sys/class/video4linux").glob("*/name")]
    # 0.12 can't take away some of its cameras: beside the one that plays the webcam ours stay, and setup says so.
    assert not [name for name in names if "SegBlur" in name] or (not EVENT and "next start" in said), names


def main(names: list[str]) -> int:
    """Run them; 0 where all went well."""
    failed = 0
    for name, what in TRIALS.items():
        if names and name not in names:
            continue
        note("trial", name)
        began, error = time.time(), ""
        try:
            what()
        except (AssertionError, OSError, LookupError, ValueError, SegBlurError, subprocess.SubprocessError) as problem:
            error = f"{type(problem).__name__}: {problem}"
            note("failed", error)
            failed += 1
        record = {"name": name, "sentence": str(what.__doc__).strip(), "began": began, "ended": time.time()}
        with (JOB / "trials.jsonl").open("a") as file:
            file.write(json.dumps({**record, "error": error}) + "\n")
    note("end")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
