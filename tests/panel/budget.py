"""What the window costs: `python -m tests.panel.budget` prints the figures of docs/panel.md, measured on a screen that
nobody sees, with the real service at 1280×720 and the sample for a webcam. Nothing else should run meanwhile.
"""

import os
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from tests.helpers.pipewire_session import until
from tests.helpers.running import Running
from tests.helpers.screens import screen, start_panel
from vcam.control import client
from vcam.service.supervisor import WORKER
from vcam.settings import IdleSettings

SIZE = 700, 1000  # of the screen
STARTS, SPAN = 5, 20.0  # seconds for each figure of CPU
TICKS = os.sysconf("SC_CLK_TCK")
HEADER = "| | measured | goal |\n|---|---|---|"


def cpu(pid):
    """Seconds of CPU time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def share(pid):
    """Percent of a core over SPAN."""
    sleep(2.0)
    before, at = cpu(pid), monotonic()
    sleep(SPAN)
    return 100 * (cpu(pid) - before) / (monotonic() - at)


def resident(pid):
    """Megabytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1000


def first_paint(here):
    """Seconds from the start of the program until something of the window is seen."""
    began = monotonic()
    start_panel(here)
    while not here.picture().getbbox():
        sleep(0.01)
    took = monotonic() - began
    here.stop("panel")
    until(lambda: not here.picture().getbbox(), "the window is gone")
    return took


def main():
    with TemporaryDirectory() as folder:
        for part in ("CONFIG_HOME", "DATA_HOME", "RUNTIME_DIR"):
            os.environ[f"XDG_{part}"] = folder
        running = Running(IdleSettings(webcam=0.0, network=600.0), overrides={"camera": {"device": "sample"}})
        running.supervisor._command = WORKER
        with screen(*SIZE) as here, running:
            running.device.readers.leave()
            starts = [first_paint(here) for _ in range(STARTS)]
            pid = start_panel(here)
            until(lambda: client.ask("status")["state"] == "live", "the preview is live")
            preview, memory = share(pid), resident(pid)
            here.run("xdotool", "windowminimize", here.window())
            until(lambda: client.ask("status")["previews"] == 0, "the preview is closed")
            minimised = share(pid)
    print(HEADER)
    print(f"| start to first paint, median of {STARTS} | {median(starts):.2f} s | ≤ 1.5 s |")
    print(f"| resident memory, preview open | {memory:.0f} MB | ≤ 110 MB |")
    print(f"| preview at 1280×720 and 30 fps | {preview:.1f} % of a core | ≤ 10 % |")
    print(f"| minimised | {minimised:.2f} % of a core | ≤ 0.2 % |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
