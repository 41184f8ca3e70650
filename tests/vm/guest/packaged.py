"""Trials of Debian's package: what the README tells a user of Debian to do, and what apt does later, under a reader."""

import json
import os
from pathlib import Path

from acts import CONFIG, SETTINGS, cut, fault, live, play
from stage import JOB, WEBCAM, camera_listed, keeper, run, unit, until, webcam_is_closed, workers
from watching import shown_by

PACKAGE = JOB / "segblur.deb"
WEIGHTS = Path("/opt/small.safetensors")  # where nobody else may write, as the service demands


def apt(*words: object) -> None:
    """As root, asking nothing. There is no network here, so that nothing can be recommended."""
    options = ("DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q", "--no-install-recommends")
    run("env", *options, *words, seconds=900)


def apt_installs_it() -> None:
    """The package is installed on a bare Debian, the program starts, and no service is started by that."""
    apt("install", PACKAGE)
    assert run("segblur", "--version", user=True).stdout.startswith("segblur ")
    assert (unit("LoadState"), unit("UnitFileState"), unit("ActiveState")) == ("loaded", "disabled", "inactive")


def setup_makes_the_camera() -> None:
    """`segblur setup --yes`: the module is loaded, the package's unit runs, the camera is listed, doctor agrees."""
    run("install", "-m", "644", JOB / "small.safetensors", WEIGHTS)
    run("mkdir", "-p", SETTINGS.parent, user=True)
    SETTINGS.write_text(f'{CONFIG}\n[network]\nweights = "{WEIGHTS}"\n')
    os.chown(SETTINGS, 1000, 1000)
    run("segblur", "setup", "--yes", user=True, seconds=600)
    assert unit("FragmentPath") == "/usr/lib/systemd/user/segblur.service", unit("FragmentPath")
    assert unit("UnitFileState") == "enabled"
    until(camera_listed, 60, "the camera")
    said = json.loads(run("segblur", "doctor", "--json", user=True, check=False).stdout)
    found = {one["name"]: one for one in said["findings"]}
    wrong = [found[name] for name in ("module", "loaded", "camera", "second camera") if found[name]["state"] != "ok"]
    assert not wrong, wrong


def chromium_shows_it() -> None:
    """Chromium finds the camera by its name, opens it and shows it; afterwards the webcam is closed."""
    run("v4l2loopback-ctl", "add", "-n", "USB Webcam", "-x", "1", WEBCAM)
    play()
    shown_by("chromium")
    until(webcam_is_closed, 60, "the webcam closed")


def upgraded_under_a_reader() -> None:
    """The package is installed once more under a reader, as in an upgrade: the reader keeps running, sees placeholders,
    then live frames of another keeper.
    """
    live()
    before = keeper()
    fault("package upgraded", lambda: apt("install", "--reinstall", PACKAGE))
    assert keeper() != before


def removed_under_a_reader() -> None:
    """The package is removed under a reader: service and worker end, the reader keeps running, sees placeholders."""
    reader = live().now()
    processes = [keeper(), *workers()]
    apt("remove", "segblur")
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]
    assert not Path("/usr/lib/segblur").exists()
    assert not Path("/usr/bin/segblur").exists()
    reader.wait("placeholder")
    cut()
