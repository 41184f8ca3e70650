"""Trials of weights files."""

import os
import time
from pathlib import Path

from acts import CONFIG, QUICK, SETTINGS, cut, install, live
from stage import HOME, JOB, ask, full_disk, note, run, segblur, systemctl, until, worker, write_weights

from vcam.errors import SegBlurError

SWAPS = 40
KINDS = ("good", "refuse", "good", "foreign", "open", "good", "raise", "good", "nan", "empty", "watched")
KINDS += ("pipe", "crash", "good", "shape", "folder")


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


def weights_swapped() -> None:
    """Forty swaps, good, refused, hostile and crashing, a second apart: each ends as it should."""
    reader, swaps, wrong = live(), ask("status")["figures"]["swaps"], []
    for number in range(SWAPS):
        kind, began = KINDS[number % len(KINDS)], time.monotonic()
        note("swap", f"{number} {kind}")
        taken, reason = offer(write(number, kind), f"good {number}" if kind == "watched" else "")
        note("swapped", f"{number} {kind} {'taken' if taken else 'refused'} {reason}")
        swaps += taken
        if taken != (kind in ("good", "watched")) or "\n" in reason:
            wrong.append(f"{number} {kind}: {taken} {reason}")
        if kind == "crash":
            reader.now().wait("live", 3, 120)
            note("swap-recovered", number)
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    note("swaps-over")
    assert not wrong, wrong
    assert ask("status")["figures"]["swaps"] == swaps
    reader.now().wait("live", 5)


def write(number: int, kind: str) -> Path:
    """What is to be used next; for "watched", the file that is in use."""
    if kind == "watched":
        return Path(str(ask("status")["settings"]["network"]["weights"]))
    path = HOME / f"{number}-swap.safetensors"
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
    return path


def offer(path: Path, new: str = "") -> tuple[bool, str]:
    """Whether the service takes the file, and why not. It watches the one in use, and finds a new content by itself."""
    if new:
        before = ask("status")["figures"]["swaps"]
        write_weights(path.name, new)
        until(lambda: ask("status")["figures"]["swaps"] > before, 60, "the watched file's swap")
        return True, ""
    try:
        ask("weights", use=str(path))
    except SegBlurError as error:
        return False, str(error)
    return True, ""


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


def real_files_meet_the_real_loader() -> None:
    """The real network and the real loader: hostile, damaged and blind weights are refused, a good file is taken."""
    cut()
    QUICK.unlink()
    systemctl("daemon-reload")
    small = HOME / "small.safetensors"  # at the usual size this machine takes five seconds a frame, as if it hung
    run("install", "-o", "tester", "-m", "600", JOB / small.name, small)
    SETTINGS.write_text(f'{CONFIG}\n[network]\nweights = "{small}"\n')
    systemctl("restart", "segblur")
    wrong = []
    try:
        reader = live(300)  # its graph is made first
        for path in sorted((JOB / "weights").iterdir()):
            kind = path.stem
            copy = HOME / path.name
            run("install", "-o", "tester", "-m", "600", path, copy)
            before = worker()
            note("real-swap", kind)
            taken, reason = offer(copy)
            note("real-swapped", f"{kind} {'taken' if taken else 'refused'} {reason}")
            if taken != (kind == "good") or "\n" in reason or worker() != before:
                wrong.append(f"{kind}: {taken} {reason}, worker {before}, then {worker()}")
            reader.now().wait("live", 3, 120)
        used = Path(str(ask("status")["settings"]["network"]["weights"]))
        assert not wrong, wrong
        assert used == HOME / "good.safetensors", used
    finally:
        cut()
        install()
        systemctl("restart", "segblur")
