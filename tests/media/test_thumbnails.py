"""Thumbnails: what they show, what is refused, and how many are kept."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import backgrounds
from vcam.errors import OutputError, PictureError
from vcam.media import gallery, thumbnails
from vcam.media.gallery import Entry

RED, GREEN = (200, 60, 30), (30, 160, 60)


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    """The folder of the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "segblur" / "thumbnails"


def entry(path, kind="picture"):
    return Entry(path.stem, path, True, kind)


def pixels(path):
    with Image.open(path) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", thumbnails.SIZE, "RGB")
        return np.asarray(image).astype(int)


def near(found, colour):
    return np.abs(found - colour).max() < 12


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_a_picture_is_shown_by_its_middle(tmp_path, ending, kept):
    path = gallery.thumbnail(entry(backgrounds.picture(tmp_path / f"a{ending}", RED, (900, 300))))
    assert near(pixels(path), RED)
    assert path.parent == kept
    assert kept.stat().st_mode & 0o777 == 0o700


def test_those_that_come_with_segblur_have_thumbnails():
    for one in gallery.entries():
        assert pixels(gallery.thumbnail(one)).std() > 3


def test_a_picture_is_turned_upright(tmp_path):
    image, exif = Image.new("RGB", (600, 1000), GREEN), Image.Exif()
    image.paste(RED, (0, 0, 300, 1000))
    exif[0x0112] = 6  # to be turned clockwise: the left half becomes the upper
    image.save(tmp_path / "a.jpg", exif=exif)
    found = pixels(gallery.thumbnail(entry(tmp_path / "a.jpg")))
    assert near(found[:45], RED)
    assert near(found[-45:], GREEN)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "I;16"])
def test_every_kind_of_png_comes_out(tmp_path, mode):
    level = {"1": 1, "I;16": 200 * 257, "LA": (200, 255), "RGBA": (200, 200, 200, 255)}.get(mode, 200)
    image = Image.new(mode, (300, 200), level)
    if mode == "P":
        image.putpalette([value for level in range(256) for value in (level, level, level)])
    image.save(tmp_path / "a.png")
    assert near(pixels(gallery.thumbnail(entry(tmp_path / "a.png"))), 255 if mode == "1" else 200)


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (300, 200), (200, 0, 0, 0)).save(tmp_path / "a.png")
    assert near(pixels(gallery.thumbnail(entry(tmp_path / "a.png"))), 255)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_video_is_shown_by_a_frame_after_its_beginning(tmp_path, ending):
    path = backgrounds.video(tmp_path / f"a{ending}", ((0, 0, 0), RED), each=25)
    found = pixels(gallery.thumbnail(entry(path, "video")))
    assert near(found, RED)


def test_a_video_of_one_frame_is_shown(tmp_path):
    path = backgrounds.video(tmp_path / "a.mkv", (GREEN,), each=1)
    assert near(pixels(gallery.thumbnail(entry(path, "video"))), GREEN)


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (backgrounds.bomb, "picture", "a is 30000×30000; scale it down to at most 40 million pixels"),
        (backgrounds.many_pixels, "picture", "a is 8000×5200"),
        (backgrounds.half, "picture", "a can't be read"),
        (backgrounds.words, "picture", "a can't be read"),
        (backgrounds.words, "video", "a can't be read as a video"),
        (backgrounds.pipe, "video", "a is no ordinary file"),
        (lambda path: path, "picture", "a can't be read: No such file or directory; remove it"),
    ],
)
def test_what_can_not_be_shown_is_refused_in_one_sentence_and_nothing_is_kept(tmp_path, kept, make, kind, says):
    with pytest.raises(PictureError) as caught:
        gallery.thumbnail(entry(make(tmp_path / "a.png"), kind))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not kept.exists()


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(Image.Image, "draft", lambda *_: pytest.fail("prepared"))
    with pytest.raises(PictureError, match="scale it down"):
        gallery.thumbnail(entry(backgrounds.bomb(tmp_path / "a.png")))


def test_other_formats_of_pillow_are_not_tried(tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "a.tiff")
    with pytest.raises(PictureError, match="can't be read"):
        gallery.thumbnail(entry((tmp_path / "a.tiff").rename(tmp_path / "a.jpg")))


def test_it_is_made_once_and_anew_for_another_file_of_the_name(tmp_path, monkeypatch):
    one = entry(backgrounds.picture(tmp_path / "a.png", RED))
    first = gallery.thumbnail(one)
    with monkeypatch.context() as patch:
        patch.setattr(thumbnails, "of_picture", lambda *_: pytest.fail("made again"))
        assert gallery.thumbnail(one) == first
    backgrounds.picture(tmp_path / "a.png", GREEN)
    os.utime(tmp_path / "a.png", ns=(1, 1))
    assert near(pixels(gallery.thumbnail(one)), GREEN)


def test_of_too_many_those_that_were_not_used_for_longest_go(tmp_path, monkeypatch, kept):
    monkeypatch.setattr(thumbnails, "MOST", 3)
    made = []
    for number in range(3):
        made.append(gallery.thumbnail(entry(backgrounds.picture(tmp_path / f"{number}.png"))))
        os.utime(made[-1], ns=(number, number))
    gallery.thumbnail(entry(tmp_path / "0.png"))  # used again
    last = gallery.thumbnail(entry(backgrounds.picture(tmp_path / "3.png")))
    assert {*kept.iterdir()} == {made[0], made[2], last}


def test_a_cache_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(OutputError, match=r"thumbnails can't be written"):
        gallery.thumbnail(entry(backgrounds.picture(tmp_path / "a.png")))


def test_a_relative_path_of_the_cache_is_ignored(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / "home").mkdir()
    path = gallery.thumbnail(entry(backgrounds.picture(tmp_path / "a.png")))
    assert path.is_relative_to(tmp_path / "home" / ".cache")
