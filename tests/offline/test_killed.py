"""A run that is ended leaves nothing half-written; one that is killed leaves it to the next, which removes it."""

import signal
import subprocess
import sys

import pytest
from inotify_simple import INotify, flags

from tests.helpers.faulty_worker import Box
from tests.helpers.files import listing
from tests.helpers.films import film
from vcam.offline.video import blur_video
from vcam.settings import LookSettings

PATIENCE = 300_000  # milliseconds


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """So long that its result is never finished here."""
    return film(tmp_path_factory.mktemp("films") / "long.mkv", 3000)


def started(source, folder, *words):
    """A run whose first bytes are written."""
    with INotify() as watch:
        watch.add_watch(folder, flags.MODIFY)
        # In the background of a shell the signal of Ctrl-C is ignored, here not.
        called = ["env", "--default-signal=INT", sys.executable, "-m", "vcam", "video", source, *words]
        run = subprocess.Popen(list(map(str, called)), stderr=subprocess.PIPE, text=True)
        assert watch.read(PATIENCE)
    return run


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_leaves_nothing_to_be_found_by_the_next(long, tmp_path, number):
    with started(long, tmp_path, "-o", tmp_path / "a.mkv") as run:
        assert [name.split(".", 2)[2] for name in listing(tmp_path)] == ["segblur.a.mkv"]
        run.send_signal(number)
        code, said = run.wait(), run.stderr.read()
    if number == signal.SIGKILL:
        assert len(listing(tmp_path)) == 1
        blur_video(film(tmp_path.parent / "short.mkv", 3), tmp_path / "b.mkv", Box(), LookSettings())
        assert listing(tmp_path) == ["b.mkv"]
    else:
        assert (code, said, listing(tmp_path)) == (130, "", [])


def test_of_many_films_an_ended_run_leaves_nothing_either(long, tmp_path):
    (tmp_path / "again.mkv").symlink_to(long)
    (tmp_path / "out").mkdir()
    with started(long, tmp_path / "out", tmp_path / "again.mkv", "-o", tmp_path / "out", "--at-once", 2) as run:
        run.send_signal(signal.SIGHUP)
        assert (run.wait(), listing(tmp_path / "out")) == (130, [])
