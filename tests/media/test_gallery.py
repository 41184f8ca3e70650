"""The gallery: what it lists, takes, and refuses, with a file for each."""

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.helpers import backgrounds
from tests.helpers.full_disk import full_disk
from vcam.errors import OutputError, PictureError, SegBlurError
from vcam.media import admit, gallery

PNG, MP4 = b"\x89PNG\r\n\x1a\n", b"\0\0\0\x20ftypisom"


def names():
    return [entry.name for entry in gallery.own()]


def stored():
    """Every file in the folder, listed or not."""
    folder = gallery.own_folder()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def refused(path, *says, error=PictureError):
    """One sentence that names the file; nothing is left in the folder."""
    before = stored()
    with pytest.raises(error) as caught:
        gallery.add(path)
    for part in says:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert stored() == before


def test_importing_it_loads_no_decoder_and_no_settings():
    heavy = "{'PIL', 'numpy', 'cv2', 'av', 'pydantic', 'torch'}"
    code = f"import sys; from vcam.media import gallery; gallery.entries(); print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_without_own_ones_there_are_those_that_come_with_segblur():
    found = gallery.entries()
    assert [entry.name for entry in found] == ["dawn", "bookshelf", "studio", "paper", "sea", "night"]
    assert all(entry.path.is_file() and not entry.own and entry.kind == "picture" for entry in found)


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".JPG", ".png", ".webp"])
def test_a_picture_is_copied_and_stays_when_the_download_is_cleared_away(tmp_path, ending):
    path = backgrounds.picture(tmp_path / f"beach{ending}")
    data = path.read_bytes()
    entry = gallery.add(path)
    path.unlink()
    assert (entry.name, entry.own, entry.kind) == ("beach", True, "picture")
    assert entry.path.read_bytes() == data
    assert gallery.entries()[0] == entry
    assert gallery.own_folder().stat().st_mode & 0o777 == 0o700
    assert entry.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".m4v", ".mkv", ".webm"])
def test_a_video_is_copied(tmp_path, ending):
    entry = gallery.add(backgrounds.video(tmp_path / f"waves{ending}"))
    assert (entry.name, entry.kind, entry.path.suffix) == ("waves", "video", ending)
    assert gallery.own() == [entry]


@pytest.mark.parametrize(("ending", "becomes"), [(".txt", ".png"), ("", ".png"), (".mp4", ".png"), (".jpg", ".jpg")])
def test_what_a_file_is_is_told_by_its_content_not_by_its_name(tmp_path, ending, becomes):
    path = backgrounds.picture(tmp_path / "beach.png").rename(tmp_path / f"beach{ending}")
    entry = gallery.add(path)
    assert (entry.kind, entry.path.suffix) == ("picture", becomes)


@pytest.mark.parametrize(
    ("head", "size", "name", "says"),
    [
        (MP4, 812_000_000, "beach.mp4", "beach.mp4 is 812 MB; take one of at most 500 MB"),
        (PNG, 100_000_001, "beach.png", "beach.png is 101 MB; take one of at most 100 MB"),
    ],
)
def test_a_file_that_is_too_large_is_refused_before_it_is_copied(tmp_path, head, size, name, says):
    refused(backgrounds.large(tmp_path / name, head, size), says)


BAD = {
    "words.jpg": (backgrounds.words, "words.jpg is no picture or video of a kind that the gallery takes"),
    "empty.png": (backgrounds.empty, "empty.png is empty"),
    "half.png": (backgrounds.half, "half.png can't be read"),
    "torn.mkv": (backgrounds.torn_video, "torn.mkv"),
    "tiny.png": (lambda path: backgrounds.picture(path, size=(8, 8)), "a picture needs at least 16 pixels a side"),
    "many.png": (backgrounds.many_pixels, "many.png is 8000×5200; scale it down to at most 40 million pixels"),
    "bomb.png": (backgrounds.bomb, "bomb.png is 30000×30000; scale it down to at most 40 million pixels"),
    "pipe.jpg": (backgrounds.pipe, "pipe.jpg is no ordinary file"),
    "none.jpg": (lambda path: path, "none.jpg can't be read: No such file or directory"),
    "a\nb.jpg": (backgrounds.words, "a_b.jpg is no picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_can_not_be_shown_is_refused_in_one_sentence(tmp_path, name):
    make, says = BAD[name]
    refused(make(tmp_path / name), says)


def test_a_folder_and_a_device_are_not_even_opened(tmp_path):
    refused(tmp_path, f"{tmp_path.name} is a folder; add the files in it")
    refused(Path("/dev/zero"), "zero is no ordinary file")


def test_a_file_that_grows_while_it_is_copied_is_refused(tmp_path, monkeypatch):
    path = backgrounds.picture(tmp_path / "beach.png")
    monkeypatch.setitem(admit.MOST_BYTES, "picture", path.stat().st_size)
    demand = gallery.demand_bytes

    def grow(*about):
        demand(*about)
        with path.open("ab") as file:
            file.write(bytes(2_000_000))

    monkeypatch.setattr(gallery, "demand_bytes", grow)
    refused(path, "beach.png is")


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.org/beach.jpg",
        "data:image/png;base64,AA",
        "file://server/a.jpg",
        "beach.jpg",
        "file:",
        "http://[",
    ],
)
def test_what_is_dragged_out_of_a_browser_is_to_be_saved_first(uri):
    with pytest.raises(PictureError, match="save it first, then add the file"):
        gallery.local(uri)


def test_a_file_that_is_dropped_is_found_whatever_it_is_called():
    assert gallery.local("file:///home/anna/my%20beach%23.jpg") == Path("/home/anna/my beach#.jpg")
    assert os.fsencode(gallery.local("file://localhost/%FF.jpg")) == b"/\xff.jpg"


def test_the_same_content_is_kept_once_and_the_one_that_is_there_is_given(tmp_path):
    first = gallery.add(backgrounds.picture(tmp_path / "beach.png"))
    assert gallery.add(backgrounds.picture(tmp_path / "other.png")) == first
    assert gallery.add(first.path) == first
    assert stored() == ["beach.png"]


def test_another_of_the_same_name_gets_a_number(tmp_path):
    for red in (10, 20, 30):
        gallery.add(backgrounds.picture(tmp_path / "beach.png", (red, 0, 0)))
    gallery.add(backgrounds.picture(tmp_path / "beach.webp"))
    assert stored() == ["beach 2.png", "beach 3.png", "beach 4.webp", "beach.png"]


def test_on_a_full_disk_nothing_is_left_but_a_sentence(tmp_path):
    path = backgrounds.picture(tmp_path / "beach.png", size=(640, 480))
    with full_disk(100):
        refused(path, "there is no room for beach.png", error=OutputError)
    assert gallery.add(path).name == "beach"


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    gallery.own_folder().parent.parent.mkdir()
    gallery.own_folder().parent.write_text("in the way")
    with pytest.raises(OutputError, match=r"gallery can't be written"):
        gallery.add(backgrounds.picture(tmp_path / "beach.png"))


def test_five_hundred_are_all_listed_the_newest_first(tmp_path):
    gallery.own_folder().mkdir(parents=True)
    for number in range(500):
        path = gallery.own_folder() / f"{number}.jpg"
        path.touch()
        os.utime(path, ns=(0, number))
    assert names() == [str(number) for number in reversed(range(500))]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"two\nlines\x1b[2J.png", "two_lines_[2J"),
        (b"\xff\xfe.png", "__"),
        (b"x" * 251 + b".png", "x" * 200),
        ("é".encode() * 125 + b".png", "é" * 100),
        (b".hidden.png", "hidden"),
        (b" .png", "background"),
        (b"-rf.png", "-rf"),
    ],
)
def test_a_copy_has_a_name_that_a_settings_file_and_a_request_can_hold(tmp_path, name, kept):
    entry = gallery.add(backgrounds.picture(tmp_path / "plain.png").rename(tmp_path / os.fsdecode(name)))
    assert entry.name == kept
    assert entry.path.stem == kept
    assert gallery.own() == [entry]


def test_a_file_put_into_the_folder_by_hand_counts_and_its_name_is_shown_cleaned(tmp_path):
    gallery.own_folder().mkdir(parents=True)
    backgrounds.picture(tmp_path / "x.png").rename(gallery.own_folder() / os.fsdecode(b"a\n\xff.png"))
    backgrounds.words(gallery.own_folder() / "notes.txt")
    (gallery.own_folder() / "folder.png").mkdir()
    (gallery.own_folder() / "gone.png").symlink_to("/nowhere")
    backgrounds.pipe(gallery.own_folder() / "pipe.png")
    assert names() == ["a__"]
    gallery.remove("a__")
    assert names() == []


def test_two_adds_at_once_keep_both_or_what_is_the_same_once(tmp_path):
    paths = []
    for number, colour in enumerate([(9, 9, 9), (9, 9, 9), (200, 0, 0), (0, 200, 0)]):
        (tmp_path / str(number)).mkdir()
        paths.append(backgrounds.picture(tmp_path / str(number) / "beach.png", colour))
    with ThreadPoolExecutor(4) as pool:
        found = [entry.path for entry in pool.map(gallery.add, paths)]
    assert found[0] == found[1]
    assert len({*found}) == 3
    assert stored() == ["beach 2.png", "beach 3.png", "beach.png"]


def test_while_a_name_is_chosen_for_one_no_other_can_choose_it(tmp_path, monkeypatch):
    choose = gallery.free

    def free(folder, *about):
        descriptor = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
        return choose(folder, *about)

    monkeypatch.setattr(gallery, "free", free)
    assert gallery.add(backgrounds.picture(tmp_path / "beach.png")).name == "beach"


KILLED = """
import os, signal, sys
from pathlib import Path
from vcam.media import gallery

gallery.write = lambda descriptor, data: (os.write(descriptor, data[:100]), os.kill(os.getpid(), signal.SIGKILL))
gallery.add(Path(sys.argv[1]))
"""


def test_who_is_killed_in_mid_copy_leaves_nothing_that_is_listed_and_the_next_removes_it(tmp_path):
    path = backgrounds.picture(tmp_path / "beach.png")
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -9
    assert len(stored()) == 1  # something was written
    assert names() == []
    gallery.add(path)
    assert stored() == ["beach.png"]


def test_of_one_name_the_own_one_is_found():
    assert not gallery.find("sea").own
    gallery.own_folder().mkdir(parents=True)
    own = backgrounds.picture(gallery.own_folder() / "sea.png")
    backgrounds.video(gallery.own_folder() / "night.mkv")
    assert gallery.find("sea").path == own
    assert gallery.find("sea.png").path == own
    assert gallery.find("sea.jpg").path == gallery.DRAWN / "sea.jpg"
    assert not gallery.find("night", "picture").own
    assert gallery.find("night", "video").own
    assert gallery.find("river") is None


def test_own_ones_can_be_removed_and_others_not(tmp_path):
    gallery.add(backgrounds.picture(tmp_path / "beach.png"))
    gallery.remove("beach")
    assert stored() == []
    with pytest.raises(SegBlurError, match="there is no picture or video beach"):
        gallery.remove("beach")
    with pytest.raises(SegBlurError, match="sea comes with SegBlur"):
        gallery.remove("sea")
    assert gallery.find("sea")


def test_without_a_home_there_are_only_those_that_come_with_segblur(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home directory")))
    assert len(gallery.entries()) == 6
    with pytest.raises(SegBlurError, match="set HOME to one"):
        gallery.add(backgrounds.picture(tmp_path / "beach.png"))
