"""Files that are written whole or not at all: what links lead to stays in its place, and names may be long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vcam.errors import OutputError
from vcam.system.atomic_write import whole


def names(folder):
    return [path.name for path in folder.iterdir()]


def put(path, text="new"):
    with whole(path) as beside:
        beside.write_text(text)


def test_a_file_takes_the_place_of_the_old_one_and_nothing_else_is_left(tmp_path):
    (tmp_path / "a.mkv").write_text("old")
    put(tmp_path / "a.mkv")
    assert (tmp_path / "a.mkv").read_text() == "new"
    assert names(tmp_path) == ["a.mkv"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.mkv", tmp_path / "link.mkv"
    if there:
        real.write_text("old")
    link.symlink_to("far/real.mkv")
    put(link)
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert names(tmp_path / "far") == ["real.mkv"]


def test_a_link_to_a_device_is_refused_and_the_device_stays(tmp_path):
    (tmp_path / "link.mkv").symlink_to(os.devnull)
    with pytest.raises(OutputError, match=r"link\.mkv is not a file"):
        put(tmp_path / "link.mkv")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("name", ["x" * 251 + ".mkv", "é" * 125 + ".mkv"])
def test_a_name_as_long_as_the_file_system_takes_is_written_by_a_shorter_one(tmp_path, name):
    with whole(tmp_path / name) as beside:
        assert beside.suffix == ".mkv"
        assert len(os.fsencode(beside.name)) <= 128
        beside.write_text("new")
    assert names(tmp_path) == [name]


def test_two_long_names_that_begin_and_end_alike_do_not_meet(tmp_path):
    paths = [tmp_path / f"{'x' * 100}{middle}{'x' * 100}.mkv" for middle in "ab"]
    with whole(paths[0]) as one, whole(paths[1]) as two:
        assert one != two
        one.touch()
        two.touch()


def test_a_name_that_no_file_can_have_is_refused_before_any_work(tmp_path):
    with (
        pytest.raises(OutputError, match="its name is longer than 255 bytes; shorten it"),
        whole(tmp_path / ("é" * 128)),
    ):
        pytest.fail("work was done")


def test_a_file_is_replaced_in_one_step_or_stays_as_it_was(tmp_path):
    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(target) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    with whole(target) as beside:
        beside.write_text("new")
    assert (target.read_text(), [path.name for path in tmp_path.iterdir()]) == ("new", ["x"])
    with pytest.raises(OutputError, match="can't be written"), whole(tmp_path / "no" / "x") as beside:
        beside.write_text("new")


@pytest.fixture
def gone():
    """The number of a process that is no more."""
    with subprocess.Popen(["true"]) as process:
        return process.pid


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path, gone):
    left = [f".{gone}.segblur.a.mkv", f".{gone}.segblur.other.jpg", f".{gone}.a.mkv"]
    others = [f".{os.getppid()}.segblur.a.mkv", f".{gone}.b.mkv", ".segblur.a.mkv", f"{gone}.segblur.a.mkv"]
    for name in left + others:
        (tmp_path / name).touch()
    put(tmp_path / "a.mkv")
    assert sorted(names(tmp_path)) == sorted([*others, "a.mkv"])


WRITES = """
import sys
from pathlib import Path
from vcam.system.atomic_write import whole
with whole(Path(sys.argv[1])) as beside:
    beside.write_text("half")
    print(beside, flush=True)
    sys.stdin.read()
"""


def test_what_a_living_process_writes_stays_even_if_its_number_is_not_seen(tmp_path, gone):
    with subprocess.Popen(
        [sys.executable, "-c", WRITES, tmp_path / "a.mkv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        beside = Path(writer.stdout.readline().strip())
        put(tmp_path / "a.mkv")
        assert beside.read_text() == "half"
        elsewhere = beside.rename(tmp_path / f".{gone}.segblur.a.mkv")  # as in another container, with its lock
        put(tmp_path / "a.mkv")
        assert elsewhere.read_text() == "half"
        writer.kill()
    put(tmp_path / "b.mkv")
    assert sorted(names(tmp_path)) == ["a.mkv", "b.mkv"]
