"""Settings from file, environment and command line, and sentences for what can't be used."""

import os
import pwd
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vcam.errors import SettingsError
from vcam.settings import Settings, config_path, fields, load_settings


def write(text):
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(text)


def test_without_any_source_the_defaults_hold():
    assert load_settings() == Settings()
    assert (load_settings().output.width, load_settings().output.height) == (1280, 720)


def test_the_command_line_beats_the_environment_and_that_the_file(monkeypatch):
    write("[look]\nblur = 0.3\n[output]\nwidth = 640\nheight = 480\n[camera]\nfps = 15\n")
    monkeypatch.setenv("SEGBLUR_LOOK__BLUR", "0.4")
    monkeypatch.setenv("SEGBLUR_OUTPUT__HEIGHT", "360")
    settings = load_settings({"look": {"blur": "0.6"}})
    assert (settings.look.blur, settings.output.height, settings.output.width, settings.camera.fps) == (
        0.6,
        360,
        640,
        15,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[look]\nstrenght = 3\n", "look.strenght is not a setting"),
        ("[lok]\nblur = 0.5\n", "lok is not a setting"),
        ("blur = 0.5\n", "blur is not a setting"),
        ("[look]\nblur = 0\n", "look.blur can't be 0"),
        ("[look]\nblur = 'much'\n", "look.blur can't be 'much'"),
        ("[look]\nblur = nan\n", "look.blur can't be nan"),
        ("[look]\nblur = true\n", "look.blur can't be true: must be a number"),
        ("[network]\nthreads = true\n", "network.threads can't be true: must be a number"),
        ("[picture]\nrotate = false\n", "picture.rotate can't be false: must be a number"),
        ("[look]\ncolour = true\n", "look.colour can't be true: input should be a valid string"),
        ("[output]\nwidth = 641\n", "output.width can't be 641: must be even"),
        ("[output]\nwidth = 10\n", "output.width can't be 10"),
        ("look = 3\n", "look can't be 3"),
        ("[look]\neffect = 'sepia'\n", "look.effect can't be 'sepia'"),
        ("[look]\neffect = 'video'\n", "look.effect can't be 'video': there is no look.video; name a file"),
        ("[look]\ncolour = '#12'\n", "look.colour can't be '#12': must be #rrggbb"),
        ("[network]\nkeep = []\n", "network.keep can't be []"),
        ("[network]\nkeep = 'person,'\n", "network.keep.1 can't be ''"),
        ("[network]\nsize = 'huge'\n", "network.size can't be 'huge'"),
        ("[look\n", "is not valid TOML"),
    ],
)
def test_each_bad_file_gives_one_sentence_with_the_key(text, says):
    write(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("name", ["SEGBLUR_LOOK__BLURR", "SEGBLUR_BLUR", "SEGBLUR_LOOK"])
def test_an_unknown_environment_variable_is_named(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_a_file_that_is_not_text_is_named():
    config_path().parent.mkdir(parents=True)
    config_path().write_bytes(b"[look]\nblur = \xff\n")
    with pytest.raises(SettingsError, match=r"config\.toml is not valid TOML"):
        load_settings()


def test_a_byte_order_mark_before_the_file_is_skipped():
    config_path().parent.mkdir(parents=True)
    config_path().write_bytes(b"\xef\xbb\xbf[look]\r\nblur = 0.8\r\n")
    assert load_settings().look.blur == 0.8


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_stands_in_the_place_of_the_file_but_is_none_is_named(make):
    config_path().parent.mkdir(parents=True)
    make(config_path())
    with pytest.raises(SettingsError, match=r"config\.toml is not a file; move it away"):
        load_settings()


def test_a_link_to_dev_null_stands_for_no_file():
    config_path().parent.mkdir(parents=True)
    config_path().symlink_to(os.devnull)
    assert load_settings() == Settings()


def test_a_relative_folder_of_settings_is_ignored(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "rel")
    (tmp_path / "rel" / "segblur").mkdir(parents=True)
    (tmp_path / "rel" / "segblur" / "config.toml").write_text("[look]\nblur = 0.9\n")
    assert config_path() == tmp_path / "home" / ".config" / "segblur" / "config.toml"
    assert load_settings() == Settings()


def test_a_user_without_a_home_has_the_defaults_and_no_file_to_write(monkeypatch):
    def no_entry(_):
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    assert load_settings() == Settings()
    with pytest.raises(SettingsError, match="blurr is not a setting"):
        load_settings({"look": {"blurr": 1}})
    with pytest.raises(SettingsError, match="there is no home folder for the settings file; set HOME"):
        config_path()


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("é" * 16, "must be at most 31 bytes long"),
        ("x" * 32, "must be at most 31 bytes long"),
        ("One, two", "must hold no comma"),
        ("One\ntwo", "no control character"),
        ("  ", "must hold more than blanks"),
        ("", "must hold more than blanks"),
    ],
)
def test_a_name_that_the_kernel_can_not_hold_is_refused(label, says):
    with pytest.raises(SettingsError, match=says):
        load_settings({"output": {"label": label}})
    assert load_settings({"output": {"label": "é" * 15 + "x"}}).output.label == "é" * 15 + "x"


def test_weights_of_no_name_are_the_shipped_ones():
    assert load_settings({"network": {"weights": ""}}).network.weights is None


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_no_file_whatever_ends_in_anything_but_settings_or_one_sentence(text):
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_settings()
    except SettingsError as error:
        assert str(error)


def test_the_tree_is_frozen():
    with pytest.raises(ValidationError):
        load_settings().look.blur = 1.0


def test_the_blur_can_not_be_switched_off():
    for blur in (0.0, 0.19, -1.0, 1.01):
        with pytest.raises(SettingsError):
            load_settings({"look": {"blur": blur}})


def test_no_file_variable_or_option_shows_the_room(monkeypatch):
    with pytest.raises(SettingsError, match=r"look\.effect can't be off: segblur effect off shows the room"):
        load_settings({"look": {"effect": "off"}})
    write("[look]\neffect = 'off'\n")
    with pytest.raises(SettingsError, match=r"look\.effect can't be off"):
        load_settings()
    write("")
    monkeypatch.setenv("SEGBLUR_LOOK__EFFECT", "off")
    with pytest.raises(SettingsError, match=r"look\.effect can't be off"):
        load_settings()


def test_what_to_keep_is_a_list_in_the_file_and_has_commas_elsewhere(monkeypatch):
    assert load_settings().network.keep == ("person",)
    write("[network]\nkeep = ['dog', 'cat']\n")
    assert load_settings().network.keep == ("dog", "cat")
    monkeypatch.setenv("SEGBLUR_NETWORK__KEEP", "person, chair")
    assert load_settings().network.keep == ("person", "chair")
    assert load_settings({"network": {"keep": "tvmonitor"}}).network.keep == ("tvmonitor",)


def test_every_setting_says_what_it_is():
    assert all(field.description for _, _, field in fields())


def test_a_tree_survives_the_way_to_the_worker():
    settings = load_settings(
        {
            "network": {"weights": "/tmp/some.safetensors", "keep": "person,cat"},
            "look": {"blur": 0.7, "colour": "blue", "picture": "/a b.png", "effect": "picture"},
        }
    )
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings
