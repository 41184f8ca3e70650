"""The life of the service on a real kernel and systemd: trials.py service|package [NAME...] as root in the guest; all
its trials, or these.

A trial is a function whose docstring is its sentence and whose assertions are what it means. What each came to goes to
/job/trials.jsonl; what was done and seen, with times, to /job/notes; frames are judged on the host.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

sys.path.insert(0, os.environ["PROJECT"])

import barriers
import changing
import failing
import installing
import listing
import packaged
import swapping
import watching
import webcams
from stage import JOB, note

from vcam.errors import SegBlurError

# In this order: one program reads from the first fault on until `nobody_was_disturbed`.
SERVICE: tuple[Callable[[], None], ...] = (
    installing.setup_makes_everything,
    installing.setup_again_does_nothing,
    installing.unit_is_clean,
    installing.module_comes_back,
    listing.listed_once_by_pipewire,
    listing.two_rules_count_together,
    watching.lists_without_waking,
    watching.comes_and_goes,
    watching.two_hundred_glances,
    failing.worker_killed,
    failing.worker_stopped,
    failing.worker_without_memory,
    failing.worker_chosen_by_the_kernel,
    failing.keeper_killed,
    failing.keeper_frozen,
    failing.service_restarted,
    changing.service_reloaded,
    changing.paused_and_resumed,
    changing.settings_set,
    changing.disk_full_for_settings,
    swapping.disk_full_for_weights,
    swapping.weights_swapped,
    swapping.weights_listed_and_rolled_back,
    webcams.webcam_stalls,
    failing.computer_sleeps,
    watching.two_readers,
    watching.nobody_was_disturbed,
    watching.firefox_shows_it,
    swapping.real_files_meet_the_real_loader,
    barriers.worker_stopped_when_the_room_is_to_be_hidden,
    barriers.keeper_killed_while_the_room_is_shown,
    barriers.camera_in_use_at_start,
    barriers.rate_is_restored,
    watching.stops_clean,
    webcams.webcam_absent_at_start,
    webcams.webcam_unplugged_and_back,
    webcams.webcam_disconnects,
    webcams.webcam_fails,
    webcams.webcam_busy,
    installing.setup_removes_everything,
)
PACKAGE: tuple[Callable[[], None], ...] = (
    packaged.apt_installs_it,
    packaged.setup_makes_the_camera,
    packaged.chromium_shows_it,
    packaged.upgraded_under_a_reader,
    packaged.removed_under_a_reader,
)
TRIALS = {"service": SERVICE, "package": PACKAGE}


def main(what: str, names: list[str]) -> int:
    """Run them; 0 where all went well."""
    failed = 0
    for trial in TRIALS[what]:
        if names and trial.__name__ not in names:
            continue
        note("trial", trial.__name__)
        began, error = time.time(), ""
        try:
            trial()
        except (AssertionError, OSError, LookupError, ValueError, SegBlurError, subprocess.SubprocessError) as problem:
            error = f"{type(problem).__name__}: {problem}"
            note("failed", error)
            failed += 1
        record = {"name": trial.__name__, "sentence": str(trial.__doc__).strip(), "began": began, "ended": time.time()}
        with (JOB / "trials.jsonl").open("a") as file:
            file.write(json.dumps({**record, "error": error}) + "\n")
    note("end")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
