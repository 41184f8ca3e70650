"""Trials of what befalls the processes, systemd and the computer."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from acts import fault, live
from stage import ask, journal, keeper, note, run, systemctl, unit, worker, write_weights

from vcam.errors import SegBlurError


def worker_killed() -> None:
    """Worker killed under a reader: a placeholder, another worker, live again."""
    live()
    before = worker()
    fault("worker killed", lambda: os.kill(before, signal.SIGKILL))
    assert worker() != before


def worker_stopped() -> None:
    """Worker stopped (SIGSTOP) under a reader: a placeholder, another worker, live again."""
    live()
    before = worker()
    fault("worker hangs (SIGSTOP)", lambda: os.kill(before, signal.SIGSTOP))
    assert worker() != before


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


def keeper_killed() -> None:
    """Keeper killed under a reader: the reader keeps running, sees placeholders, another is started, live again."""
    live()
    before = keeper()
    fault("keeper killed", lambda: os.kill(before, signal.SIGKILL))
    assert keeper() != before
    assert int(unit("NRestarts")) >= 1


def keeper_frozen() -> None:
    """Keeper frozen (SIGSTOP): a placeholder meanwhile, the watchdog ends it, systemd starts another, live again."""
    live()
    before, began = keeper(), time.time()
    fault("keeper frozen (SIGSTOP)", lambda: os.kill(before, signal.SIGSTOP))
    assert keeper() != before
    said = run("journalctl", "--no-pager", "-o", "cat", f"--since=@{began:.0f}", "_UID=1000").stdout
    assert "atchdog" in said, said[-300:]


def service_restarted() -> None:
    """`systemctl --user restart` under a reader: it keeps running, placeholders, live again."""
    fault("service restarted", lambda: systemctl("restart", "segblur"))


def computer_sleeps() -> None:
    """The computer sleeps (logind, the kernel's freezer): the service hears of both, a placeholder, live again."""
    test, began = Path("/sys/power/pm_test"), time.time()
    assert test.exists(), "this kernel has no pm_test"
    test.write_text("freezer")
    try:
        fault(
            "computer sleeps",
            lambda: run("systemctl", "suspend"),
            lambda: test.write_text("none"),
            logged="is back",
        )
    finally:
        test.write_text("none")
    said = journal(began)
    assert said.index("goes to sleep") < said.index("is back"), said
    assert "frozen" in run("dmesg").stdout or "Freezing user space" in run("dmesg").stdout
