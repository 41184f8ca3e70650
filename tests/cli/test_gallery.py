"""`segblur gallery`, `profile` and `toggle`, as a person calls them."""

import json
import os
import tomllib

import pytest

from tests.cli.test_main import one_sentence, segblur
from tests.helpers import backgrounds
from tests.helpers.keepers import PATIENCE
from tests.helpers.running import Running, at_home  # noqa: F401 - a fixture
from vcam.control import client
from vcam.media import gallery
from vcam.settings import config_path


def look():
    return client.ask("status")["settings"]["look"]


def test_files_are_added_listed_and_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backgrounds.picture(tmp_path / "beach.png")
    backgrounds.video(tmp_path / "waves.mkv")
    result = segblur("gallery", "add", "beach.png", (tmp_path / "waves.mkv").as_uri())
    assert (result.returncode, result.stdout, result.stderr) == (0, "beach\nwaves\n", "")
    rows = segblur("gallery", "list").stdout.splitlines()
    assert sorted(rows[:2]) == ["beach      picture  own", "waves      video    own"]
    assert rows[2:4] == ["dawn       picture  comes with SegBlur", "bookshelf  picture  comes with SegBlur"]
    first = json.loads(segblur("gallery", "list", "--json").stdout)[0]
    assert first == {"name": first["name"], "path": str(gallery.own()[0].path), "own": True, "kind": first["kind"]}
    assert segblur("gallery", "remove", "beach").returncode == 0
    assert [entry.name for entry in gallery.own()] == ["waves"]
    one_sentence(segblur("gallery", "remove", "sea"), 1, "sea comes with SegBlur")


def test_of_many_files_the_good_ones_are_added_and_each_bad_one_is_named(tmp_path):
    good = [backgrounds.picture(tmp_path / f"{red}.png", (red, 0, 0)) for red in (10, 200)]
    bad = [backgrounds.words(tmp_path / "words.png"), tmp_path / "none.png", "https://example.org/a.png"]
    result = segblur("gallery", "add", good[0], *bad, good[1])
    assert (result.returncode, result.stdout) == (1, "10\n200\n")
    assert [line.split()[:2] for line in result.stderr.splitlines()] == [
        ["segblur:", "words.png"],
        ["segblur:", "none.png"],
        ["segblur:", "https://example.org/a.png"],
    ]


def test_the_folder_is_opened_by_the_file_manager(tmp_path):
    program = tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\n')
    program.chmod(0o755)
    assert segblur("gallery", "open", PATH=f"{program.parent}:{os.environ['PATH']}").returncode == 0
    assert (tmp_path / "opened").read_text() == str(gallery.own_folder())
    assert gallery.own_folder().is_dir()
    result = segblur("gallery", "open", PATH="/nowhere")
    one_sentence(result, 1, f"there is no xdg-open here; your own pictures and videos are in {gallery.own_folder()}")


def test_an_effect_takes_a_name_of_the_gallery_and_a_file_here_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gallery.own_folder().mkdir(parents=True)
    waves = backgrounds.video(gallery.own_folder() / "waves.mkv")
    with Running() as running:
        running.live()
        assert segblur("effect", "picture", "sea").returncode == 0
        assert look()["picture"] == str(gallery.DRAWN / "sea.jpg")
        own = backgrounds.picture(gallery.own_folder() / "sea.png")
        assert segblur("effect", "picture", "sea").returncode == 0
        assert look()["picture"] == str(own)
        assert segblur("effect", "video", "waves").returncode == 0
        assert (look()["effect"], look()["video"]) == ("video", str(waves))
        one_sentence(segblur("effect", "picture", "waves"), 1, "waves can't be read")
        assert segblur("set", "look.picture", "sea").returncode == 0
        assert tomllib.loads(config_path().read_text()) == {"look": {"picture": str(own)}}
        here = backgrounds.picture(tmp_path / "plain.png").rename(tmp_path / "sea")
        assert segblur("effect", "picture", "sea").returncode == 0
        assert look()["picture"] == str(here)


@pytest.mark.parametrize("shown", [True, False])
def test_what_is_shown_gives_way_to_the_blur_before_it_is_removed(tmp_path, shown):
    beach = gallery.add(backgrounds.picture(tmp_path / "beach.png"))
    with Running() as running:
        running.live()
        client.ask("set", key="look.picture", value=str(beach.path), timeout=PATIENCE)
        client.ask("set", key="look.effect", value="picture" if shown else "bokeh", timeout=PATIENCE)
        assert segblur("gallery", "remove", "beach").returncode == 0
        assert look()["effect"] == ("blur" if shown else "bokeh")
        assert tomllib.loads(config_path().read_text())["look"]["effect"] == look()["effect"]
        assert gallery.own() == []


def test_profiles_from_the_command_line():
    with Running() as running:
        running.live()
        assert segblur("profile", "save", "home").returncode == 0
        assert segblur("effect", "bokeh").returncode == 0
        assert segblur("profile", "save", "work").returncode == 0
        assert segblur("profile", "list").stdout == "  home\n* work\n"
        assert segblur("profile", "use", "home").returncode == 0
        assert look()["effect"] == "blur"
        assert segblur("profile", "remove", "work").returncode == 0
        assert segblur("profile", "list").stdout == "* home\n"
        one_sentence(segblur("profile", "use", "work"), 1, "there is no profile work; segblur profile list")
        one_sentence(segblur("profile", "save", "a/b"), 1, "profile needs save: 1 to 40 letters")


def test_a_toggle_says_what_came_of_it(monkeypatch):
    monkeypatch.setattr("vcam.service.service.BOUNCE", 0.0)
    with Running() as running:
        running.live()
        assert segblur("toggle").stdout == "paused\n"
        assert segblur("toggle").stdout == "live again\n"


@pytest.mark.parametrize("words", [["toggle"], ["profile", "list"], ["profile", "use", "home"]])
def test_without_a_service_each_says_how_to_start_it(words):
    one_sentence(segblur(*words), 1, "the service is not running; start it with: systemctl --user start segblur")
