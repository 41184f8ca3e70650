"""What a command may lack around it: standard streams, a reader, a current folder, a home."""

import os
import subprocess
import sys

import cv2
import pytest

from tests.cli.test_main import one_sentence, segblur
from tests.helpers.files import listing, picture
from vcam.media.films import SAMPLE, VideoFile
from vcam.system.atomic_write import LONGEST_NAME

COMMANDS = {
    "devices": 0,
    "doctor --quick": 1,
    "--help": 0,
    "run --help": 0,
    "train --help": 0,
    "status": 1,
    "nonsense": 2,
}
HOMELESS = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]  # a user without an entry, as in containers


def shell(script, *words, **options):
    """Segblur as `"$@"` of a shell script."""
    called = ["bash", "-c", script, "bash", sys.executable, "-P", "-m", "vcam", *map(str, words)]
    return subprocess.run(called, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def me(tmp_path):
    return picture(tmp_path / "me.jpg", 320, 240)


@pytest.mark.parametrize(
    ("words", "closed"),
    [(words, "<&- >&- 2>&-") for words in COMMANDS] + [("devices", "<&-"), ("--help", ">&-"), ("nonsense", "2>&-")],
)
def test_no_command_needs_its_standard_streams(words, closed):
    result = shell(f'"$@" {closed}', *words.split())
    assert (result.returncode, result.stderr) == (COMMANDS[words], "")


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_with_closed_streams_a_result_holds_itself_alone(me, tmp_path, closed):
    result = shell(f'"$@" {closed}', "image", me, "-o", tmp_path / "out")
    assert (result.returncode, result.stderr) == (0, "")
    assert cv2.imread(str(tmp_path / "out" / "me.blurred.jpg")).shape == (240, 320, 3)


@pytest.mark.parametrize("words", ["devices", "doctor --quick", "setup --print", "card", "image {me} -o {me}.out"])
def test_a_pipe_that_nobody_reads_ends_each_command_silently(words, me):
    reader, writer = os.pipe()
    os.close(reader)
    called = [sys.executable, "-P", "-m", "vcam", *words.format(me=me).split()]
    with os.fdopen(writer) as nobody:
        result = subprocess.run(called, stdout=nobody, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (141, "")


@pytest.mark.parametrize("words", ["--help", "run --help", "train --help"])
def test_help_that_nobody_reads_ends_silently(words):
    assert shell('"$@" | exec 0<&-', *words.split()).stderr == ""


def test_a_full_disk_behind_the_output_is_one_sentence():
    one_sentence(shell('"$@" > /dev/full', "devices"), 1, "there is no space left to write to")


GONE = 'mkdir gone; cd gone; rmdir ../gone; "$@"'


@pytest.mark.parametrize(
    "words",
    ["effect picture x.png", "set look.picture x.png", "weights use x", "demo", "evaluate x", "video {} -o x.mp4"],
)
def test_a_relative_name_in_a_folder_that_is_gone_is_one_sentence(words, tmp_path):
    result = shell(GONE, *words.format(SAMPLE).split(), cwd=tmp_path)
    one_sentence(result, 1, "the current folder no longer exists; change to another one with cd")


def test_whole_names_do_in_a_folder_that_is_gone(me, tmp_path):
    result = shell(GONE, "image", me, "-o", tmp_path / "out", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def homeless(*words):
    if subprocess.run([*HOMELESS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine makes no users for us")
    kept = {
        name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    }
    called = [*HOMELESS, sys.executable, "-P", "-m", "vcam", *map(str, words)]
    return subprocess.run(called, capture_output=True, text=True, check=False, env=kept)


def test_a_user_without_an_entry_and_a_home_has_the_default_settings(me, tmp_path):
    result = homeless("image", me, "-o", tmp_path / "out")
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / "me.blurred.jpg").exists()
    one_sentence(
        homeless("image", me, "-o", tmp_path, "--look.effect", "picture", "--look.picture", "~/x.png"), 1, "~/x"
    )


@pytest.mark.parametrize("words", ["set look.blur 0.7", "setup --print"])
def test_what_needs_a_home_says_so(words):
    one_sentence(homeless(*words.split()), 78, "there is no home folder")


def test_a_film_goes_where_a_link_leads_and_may_have_a_long_name(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link.mp4").symlink_to(f"far/{'x' * (LONGEST_NAME - 4)}.mp4")
    result = segblur("video", SAMPLE, "-o", tmp_path / "link.mp4")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "link.mp4").is_symlink()
    with VideoFile(tmp_path / "link.mp4") as video:
        assert video.count == 87
    assert len(list((tmp_path / "far").iterdir())) == 1


def test_a_result_that_can_not_have_its_name_is_told_and_the_others_are_written(me, tmp_path):
    long = picture(tmp_path / f"{'x' * 246}.jpg", 320, 240)
    one_sentence(segblur("image", me, long, "-o", tmp_path / "out"), 1, "its name is longer than 255 bytes; shorten it")
    assert listing(tmp_path / "out") == ["me.blurred.jpg", "me.mask.png", "me.sheet.jpg"]
