"""One setting written into the settings file: everything else in it stays, whatever happens on the way."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import tomlkit

from tests.helpers.config_file import TEXT, refused, write
from tests.helpers.full_disk import full_disk
from vcam.control import config_file
from vcam.control.config_file import overridden, set_setting, unset_setting
from vcam.errors import SettingsError
from vcam.settings import config_path, load_settings


def test_one_value_changes_and_every_other_letter_stays():
    write(TEXT)
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().read_text() == TEXT.replace("0.50 ", "0.7 ")


def test_a_new_key_goes_into_its_section_and_a_new_section_to_the_end():
    write(TEXT)
    set_setting(config_path(), "output.label", "Mine")
    set_setting(config_path(), "network.size", "fine")
    text = config_path().read_text()
    assert text == TEXT + 'label = "Mine"\n\n[network]\nsize = "fine"\n'


def test_without_a_file_one_is_made_that_only_this_user_can_read():
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().read_text() == "[look]\nblur = 0.7\n"
    assert config_path().stat().st_mode & 0o777 == 0o600


def test_a_file_keeps_its_mode():
    write(TEXT)
    config_path().chmod(0o640)
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("look.blur", "0.7", "blur = 0.7"),
        ("look.blur", 1, "blur = 1.0"),
        ("camera.fps", "15", "fps = 15"),
        ("output.label", "15", 'label = "15"'),
        ("output.label", 'a "b" \\ [c] # é', r'label = "a \"b\" \\ [c] # é"'),
        ("network.keep", "person, cat", 'keep = ["person", "cat"]'),
        ("network.keep", ["person"], 'keep = ["person"]'),
        ("network.weights", "/tmp/a b.safetensors", 'weights = "/tmp/a b.safetensors"'),
    ],
)
def test_text_becomes_what_the_setting_is(key, value, line):
    set_setting(config_path(), key, value)
    assert line in config_path().read_text().splitlines()
    section, name = key.split(".")
    wanted = getattr(getattr(load_settings({section: {name: value}}), section), name)
    assert getattr(getattr(load_settings(), section), name) == wanted


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("look.blurr", 1, "look.blurr is not a setting"),
        ("look", 1, "look is not a setting"),
        ("", 1, "is not a setting"),
        ("look.blur.x", 1, "is not a setting"),
        ("look.blur", 7, "look.blur can't be 7"),
        ("look.blur", "much", "look.blur can't be 'much'"),
        ("look.blur", [True], "look.blur can't be"),
        ("output.width", "641", "must be even"),
        ("network.keep", [], "network.keep can't be []"),
        ("output.label", "\udc80", "output.label"),
    ],
)
def test_what_the_settings_refuse_leaves_the_file_alone(key, value, says):
    write(TEXT)
    refused(says, key, value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[look\n", "is not valid TOML"),
        (b"[look]\nblur = \xff\n", "is not valid TOML"),
        ("[look]\nblur = 0.5\nblur = 0.6\n", "is not valid TOML"),
        ("network.keep = ['a']\n[network]\nkeep = 'b'\n", "is not valid TOML"),
        ("[look]\nstrenght = 3\n", "look.strenght is not a setting"),
        ("[camera]\nfps = 1\n", "camera.fps can't be 1"),
        ("look = 3\n", "look in"),
        ("[[look]]\nblur = 0.5\n", "look in"),
    ],
)
def test_a_file_that_is_bad_already_is_refused_in_its_own_words_and_left_alone(text, says):
    write(text)
    refused(says, "look.blur", 0.7)


def test_what_the_library_gets_wrong_leaves_the_file_alone(monkeypatch):
    write(TEXT)
    parse = tomlkit.parse
    monkeypatch.setattr(tomlkit, "parse", lambda text: parse("[camera]\nfps = 15\n"))
    refused("look.blur can't be written into", "look.blur", 0.7)

    def fail(_):
        raise tomlkit.exceptions.KeyAlreadyPresent("look")

    monkeypatch.setattr(tomlkit, "parse", fail)
    refused('Key "look" already exists', "look.blur", 0.7)


def test_any_file_can_be_written_not_only_the_usual_one(tmp_path):
    other = tmp_path / "other.toml"
    write("[camera]\nfps = 1\n")
    set_setting(other, "look.blur", 0.7)
    assert load_settings(path=other).look.blur == 0.7
    assert config_path().read_text() == "[camera]\nfps = 1\n"
    other.write_text("[look]\nstrenght = 3\n")
    with pytest.raises(SettingsError, match=rf"or {other}\)"):
        set_setting(other, "look.blur", 0.7)


def test_a_bad_value_can_be_replaced_or_taken_out():
    write("[look]\nblur = 7 # oh\n")
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().read_text() == "[look]\nblur = 0.7 # oh\n"
    write("[look]\nblur = 7\n")
    unset_setting(config_path(), "look.blur")
    assert load_settings().look.blur == 0.5


def test_a_sentence_names_the_file_that_the_person_knows():
    write("[look]\nblur = 0.5\nstrenght = 3\n")
    with pytest.raises(SettingsError, match=rf"or {config_path()}\)"):
        unset_setting(config_path(), "look.blur")
    assert [path.name for path in config_path().parent.iterdir()] == ["config.toml"]


def test_a_byte_order_mark_and_all_else_stays_when_one_value_changes():
    write(b"\xef\xbb\xbf[look]\r\nblur = 0.8\r\n[output]\r\nwidth = 640\r\n")
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().read_bytes() == b"\xef\xbb\xbf[look]\r\nblur = 0.7\r\n[output]\r\nwidth = 640\r\n"
    assert load_settings().look.blur == 0.7


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("look = {blur = 0.5} # x\n", "look = {blur = 0.7} # x\n"),
        ("look.blur = 0.5 # x\n", "look.blur = 0.7 # x\n"),
        ("['look']\n'blur' = 0.5 # x\n", "['look']\n'blur' = 0.7 # x\n"),
        ("[look]\r\nblur = 0.5\r\n", "[look]\r\nblur = 0.7\r\n"),
        ("[look]\nblur = 0.5", "[look]\nblur = 0.7"),
    ],
)
def test_every_way_to_write_toml_stays_that_way(before, after):
    write(before)
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().read_bytes().decode() == after


def test_taking_a_key_out_brings_its_default_back_and_leaves_the_rest():
    write(TEXT)
    unset_setting(config_path(), "look.blur")
    assert config_path().read_text() == TEXT.replace("blur = 0.50     # as Anna likes it\n", "")
    unset_setting(config_path(), "look.blur")
    unset_setting(config_path(), "network.size")
    assert load_settings().look.blur == 0.5
    with pytest.raises(SettingsError, match="not a setting"):
        unset_setting(config_path(), "look.blurr")


def test_the_last_key_of_a_section_can_be_taken_out_however_it_is_written():
    for text in ("look.blur = 0.6\n", "look = {blur = 0.6}\n", "[look]\nblur = 0.6\n"):
        write(text)
        unset_setting(config_path(), "look.blur")
        assert load_settings().look.blur == 0.5


def test_taking_out_what_is_not_there_still_says_what_is_wrong_with_the_file():
    write("[look]\nstrenght = 3\n")
    with pytest.raises(SettingsError, match=r"look\.strenght is not a setting"):
        unset_setting(config_path(), "look.blur")


def test_taking_out_what_is_not_there_makes_no_file():
    unset_setting(config_path(), "look.blur")
    assert not config_path().exists()


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    target = tmp_path / "dotfiles" / "segblur.toml"
    target.parent.mkdir()
    target.write_text(TEXT)
    config_path().parent.mkdir(parents=True)
    config_path().symlink_to(target)
    set_setting(config_path(), "look.blur", 0.7)
    assert config_path().is_symlink()
    assert "blur = 0.7" in target.read_text()
    target.unlink()
    set_setting(config_path(), "look.blur", 0.8)
    assert target.read_text() == "[look]\nblur = 0.8\n"


@pytest.mark.parametrize("what", ["folder", "pipe", "null"])
def test_what_is_not_a_file_is_neither_read_nor_replaced(what):
    config_path().parent.mkdir(parents=True)
    if what == "folder":
        config_path().mkdir()
    elif what == "pipe":
        os.mkfifo(config_path())  # opening it would wait for ever
    else:
        config_path().symlink_to("/dev/null")
    with pytest.raises(SettingsError, match="is not a file"):
        set_setting(config_path(), "look.blur", 0.7)


def test_a_disk_that_is_full_in_mid_write_leaves_the_old_file_and_nothing_beside_it():
    write(TEXT)
    with full_disk(20):
        refused("config.toml can't be written: File too large", "look.blur", 0.7)


def test_a_disk_that_finds_out_late_leaves_the_old_file(monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write(TEXT)
    monkeypatch.setattr(config_file.os, "fsync", full)
    refused("config.toml can't be written: No space left on device", "look.blur", 0.7)


def test_a_folder_that_can_not_be_written_is_named(monkeypatch):
    def read_only(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    write(TEXT)
    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    refused("config.toml can't be written: Read-only file system", "look.blur", 0.7)


def test_a_file_that_its_owner_made_read_only_stays_as_it_is(monkeypatch):
    write(TEXT)
    monkeypatch.setattr(config_file.os, "access", lambda path, mode: mode != os.W_OK)  # root would be let through
    refused("config.toml can't be written: Permission denied", "look.blur", 0.7)


def test_the_new_file_is_on_the_disk_before_it_takes_the_place_of_the_old(monkeypatch):
    calls, fsync, replace = [], os.fsync, Path.replace
    monkeypatch.setattr(config_file.os, "fsync", lambda file: (calls.append("fsync"), fsync(file)))
    monkeypatch.setattr(config_file.Path, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    set_setting(config_path(), "look.blur", 0.7)
    assert calls == ["fsync", "replace", "fsync"]


def test_what_beats_the_file_is_named(monkeypatch):
    assert overridden("look.blur") == ""
    assert overridden("look.blur", {"look": {"blur": "0.3"}}).startswith("the option --look.blur")
    assert overridden("camera.fps", {"look": {"blur": "0.3"}}) == ""
    monkeypatch.setenv("SEGBLUR_LOOK__BLUR", "0.4")
    assert overridden("look.blur") == "the environment variable SEGBLUR_LOOK__BLUR overrides it"
    set_setting(config_path(), "look.blur", 0.7)  # it is written all the same
    assert load_settings().look.blur == 0.4
    with pytest.raises(SettingsError, match="not a setting"):
        overridden("look.blurr")


def test_a_bad_value_is_refused_even_where_the_environment_beats_it(monkeypatch):
    write(TEXT)
    monkeypatch.setenv("SEGBLUR_LOOK__BLUR", "0.4")
    refused("look.blur can't be 7", "look.blur", 7)


def test_tomlkit_is_loaded_only_when_something_is_written():
    code = "import sys, vcam.control.config_file; print('tomlkit' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
