"""Profiles as files: what goes in comes out, and what can't be used is refused by name."""

import errno
import os
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.helpers.config_file import TEXT, write
from vcam.control import config_file, profiles
from vcam.control.config_file import set_sections
from vcam.errors import SettingsError
from vcam.settings import Settings, config_path, fields, load_settings

same_folder = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

names = st.from_regex(r"[\w-][\w -]{0,39}", fullmatch=True)
files = st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30).map(
    lambda text: Path("/home/anna") / text
)


def values(name, field):
    """Any good value of a setting."""
    if get_origin(field.annotation) is Literal:
        return st.sampled_from([value for value in get_args(field.annotation) if value not in ("off", "transparent")])
    if field.annotation is bool:
        return st.booleans()
    if name == "colour":
        return st.from_regex("#[0-9a-f]{6}", fullmatch=True)
    if field.annotation is float:
        ends = {end: getattr(part, end) for part in field.metadata for end in ("ge", "le") if hasattr(part, end)}
        return st.floats(ends["ge"], ends["le"])
    return files


@st.composite
def trees(draw):
    """Any settings of a profile's sections."""
    tree = {section: {} for section in profiles.SECTIONS}
    for section, name, field in fields():
        if section in tree:
            tree[section][name] = draw(values(name, field))
    effect = tree["look"]["effect"]
    if effect in ("picture", "video"):
        tree["look"][effect] = tree["look"][effect] or Path("/home/anna/beach.jpg")
    return Settings(**tree)


@same_folder
@given(names, trees())
def test_any_settings_come_out_as_they_went_in(name, settings):
    profiles.save(name, settings)
    assert name in profiles.names()
    assert profiles.read(name) == profiles.of(settings)
    assert profiles.current(settings, name) == name
    profiles.remove(name)
    assert name not in profiles.names()


@same_folder
@given(trees(), trees())
def test_in_the_settings_file_a_profile_is_whole_whatever_was_there(before, after):
    for settings in (before, after):
        set_sections(config_path(), profiles.values(profiles.of(settings)))
        assert profiles.of(load_settings()) == profiles.of(settings)


def test_what_does_not_belong_to_a_profile_stays_in_the_settings_file_with_all_comments():
    write(TEXT)
    profiles.save("home", Settings(look={"blur": 0.9}))
    set_sections(config_path(), profiles.values(profiles.read("home")))
    text = config_path().read_text()
    assert "blur = 0.9     # as Anna likes it" in text
    for line in TEXT.splitlines():
        assert line in text or "blur" in line


def test_what_is_in_the_settings_file_already_stays_as_it_is_written():
    write("[look]\nblur = 0.50  # half\n")
    set_sections(config_path(), {"look": {"blur": 0.5, "on": "background"}})
    assert config_path().read_text() == '[look]\nblur = 0.50  # half\non = "background"\n'


def test_a_profile_is_a_settings_file_that_only_this_user_can_read():
    profiles.save("home", Settings(look={"blur": 0.9}))
    path = config_path().parent / "profiles" / "home.toml"
    assert load_settings(path=path).look.blur == 0.9
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["", " home", "a/b", "..", "a.b", "x" * 41, "a\nb", "\udcff", "a\0b"])
def test_what_can_be_no_name_is_refused_before_a_file_is_touched(name):
    for do in (profiles.read, profiles.remove, lambda name: profiles.save(name, Settings())):
        with pytest.raises(SettingsError, match="can't be the name of a profile") as caught:
            do(name)
        assert "\n" not in str(caught.value)
    assert not config_path().parent.exists()


def hand_written(text, name="home"):
    path = config_path().parent / "profiles" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[look]\nsparkle = 3\n", "look.sparkle is not a setting"),
        ("[look]\nblur = 7\n", "look.blur can't be 7"),
        ("[look]\neffect = 'off'\n", "can't be off"),
        ("[look]\neffect = 'picture'\n", "there is no look.picture; name a file"),
        ("[camera]\nfps = 15\n", "camera is no part of a profile"),
        ("[hologram]\n", "hologram is no part of a profile"),
        ("look = 3\n", "look in"),
        ("[look\n", "is not valid TOML"),
        (b"\xff", "is not valid TOML"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_by_what_is_wrong_in_it(text, says):
    path = hand_written(text)
    with pytest.raises(SettingsError, match=says) as caught:
        profiles.read("home")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value) or "look." in str(caught.value)
    assert profiles.names() == ["home"]
    assert profiles.current(Settings()) == ""


def test_what_a_file_does_not_say_is_as_by_default():
    hand_written("\ufeff[look]\nblur = 0.9\n")
    assert profiles.read("home") == profiles.of(Settings(look={"blur": 0.9}))


def test_only_files_with_good_names_are_listed():
    hand_written("", "work")
    hand_written("", "home")
    hand_written("", "a.b")
    (hand_written("", "x").parent / "notes.txt").touch()
    (hand_written("", "x").parent / "folder.toml").mkdir()
    assert profiles.names() == ["home", "work", "x"]


def test_what_is_not_there_is_said():
    for do in (profiles.read, profiles.remove):
        with pytest.raises(SettingsError, match="there is no profile home; segblur profile list"):
            do("home")


def test_while_the_room_is_shown_nothing_is_saved():
    with pytest.raises(SettingsError, match="your room is shown now; hide it, then save"):
        profiles.save("home", Settings(look={"effect": "off"}))
    assert profiles.names() == []


def test_there_are_fifty_at_most_and_one_of_them_can_be_saved_anew():
    for number in range(50):
        hand_written("", str(number))
    with pytest.raises(SettingsError, match="there are 50 profiles; remove one"):
        profiles.save("home", Settings())
    profiles.save("7", Settings(look={"blur": 0.9}))
    profiles.remove("8")
    profiles.save("home", Settings())
    assert len(profiles.names()) == 50


def test_on_a_full_disk_the_old_profile_stays(monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    profiles.save("home", Settings(look={"blur": 0.9}))
    with monkeypatch.context() as patch:
        patch.setattr(config_file.os, "fsync", full)
        for name in ("home", "work"):
            with pytest.raises(SettingsError, match=f"{name}.toml can't be written: No space left on device"):
                profiles.save(name, Settings(look={"blur": 0.3}))
    assert [path.name for path in (config_path().parent / "profiles").iterdir()] == ["home.toml"]
    assert profiles.look_of(profiles.read("home")).blur == 0.9


def test_a_picture_whose_name_is_no_text_is_named_as_the_reason():
    look = {"effect": "picture", "picture": Path(os.fsdecode(b"/home/anna/\xff.jpg"))}
    with pytest.raises(SettingsError, match="is no text"):
        profiles.save("home", Settings(look=look))


def test_of_two_that_say_the_same_the_one_that_was_used_is_current():
    for name in ("home", "work"):
        profiles.save(name, Settings())
    assert profiles.current(Settings(), "work") == "work"
    assert profiles.current(Settings(), "gone") == "home"
    assert profiles.current(Settings(look={"blur": 0.9}), "work") == ""
