"""The commands that ask the service, as a person calls them, and a service that answers."""

import json
import os
import tomllib

import cv2
import numpy as np
import pytest

from tests.cli.test_main import one_sentence, segblur
from tests.helpers.running import Running, at_home, until, weights  # noqa: F401 - fixtures
from vcam.control import client
from vcam.settings import config_path


def test_the_status_is_told_to_people_panels_and_programs():
    with Running() as running:
        running.live()
        until(lambda: client.ask("status")["figures"]["fps_in"] > 0)
        text = segblur("status").stdout
        assert text.startswith("state     live\n")
        assert "webcam    bundled sample" in text
        assert json.loads(segblur("status", "--json").stdout)["state"] == "live"
        assert json.loads(segblur("status", "--waybar").stdout)["class"] == "live"
        assert 'segblur_state{state="live"} 1' in segblur("status", "--metrics").stdout


def test_pause_and_resume_and_settings_from_the_command_line():
    with Running() as running:
        running.live()
        assert segblur("pause").returncode == 0
        until(lambda: client.ask("status")["state"] == "paused")
        assert segblur("resume").returncode == 0
        running.live()
        assert segblur("set", "look.blur", "0.9").returncode == 0
        assert client.ask("status")["settings"]["look"]["blur"] == 0.9
        one_sentence(segblur("set", "look.blur", "9"), 1, "look.blur can't be")
        assert segblur("effect", "--blur", "0.3").returncode == 0
        assert client.ask("status")["settings"]["look"]["blur"] == 0.3
        assert tomllib.loads(config_path().read_text()) == {"look": {"blur": 0.9}}


def test_effects_from_the_command_line(tmp_path, monkeypatch):
    def look():
        return client.ask("status")["settings"]["look"]

    monkeypatch.chdir(tmp_path)
    cv2.imwrite("beach.png", np.full((60, 80, 3), 200, np.uint8))
    with Running() as running:
        running.live()
        assert segblur("effect", "picture", "beach.png", "--blur", "0.7", "--on", "background").returncode == 0
        assert (look()["effect"], look()["picture"], look()["blur"]) == ("picture", str(tmp_path / "beach.png"), 0.7)
        assert segblur("effect", "colour", "red").returncode == 0
        assert (look()["effect"], look()["colour"]) == ("colour", "#c00000")
        one_sentence(segblur("effect", "video", "none.mp4"), 1, "none.mp4 can't be read as a video")
        one_sentence(segblur("effect", "video"), 1, "there is no look.video; name a file")
        one_sentence(segblur("effect", "bokeh", "beach.png"), 78, "effect bokeh takes no beach.png")
        one_sentence(segblur("effect", "transparent"), 1, "only pictures know transparency")
        one_sentence(segblur("effect"), 78, "which effect? segblur effect --help")
        for value in ("nan", "inf"):
            one_sentence(segblur("effect", "--blur", value), 2, f"invalid number value: '{value}'")
        assert look()["effect"] == "colour"
        assert not config_path().exists()
        assert segblur("set", "look.picture", "beach.png").returncode == 0
        assert tomllib.loads(config_path().read_text()) == {"look": {"picture": str(tmp_path / "beach.png")}}


def test_without_a_service_too_a_file_that_can_not_be_shown_is_not_written():
    one_sentence(segblur("set", "look.picture", "none.png"), 1, "none.png can't be read: No such file or directory")
    assert not config_path().exists()


def test_weights_are_set_by_a_path_that_holds_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one_sentence(segblur("set", "network.weights", "w.safetensors"), 78, f"no weights file {tmp_path}/w.safetensors")
    assert not config_path().exists()
    (tmp_path / "w.safetensors").touch()
    assert segblur("set", "network.weights", "w.safetensors").returncode == 0
    assert tomllib.loads(config_path().read_text()) == {"network": {"weights": str(tmp_path / "w.safetensors")}}
    assert segblur("set", "network.weights", "").returncode == 0
    assert tomllib.loads(config_path().read_text()) == {"network": {}}


def test_weights_by_a_relative_path_and_their_list(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.environ["PYTHONPATH"])
    with Running() as running:
        running.live()
        weights("mine.safetensors", "good")
        assert segblur("weights", "use", "mine.safetensors").returncode == 0
        until(lambda: str(tmp_path / "mine.safetensors") in segblur("weights", "list").stdout)
        assert segblur("weights", "rollback").returncode == 0
        one_sentence(segblur("weights", "use", "other"), 1, "there is no such file")
        assert segblur("weights", "use", "shipped").returncode == 0


@pytest.mark.parametrize("words", [["status"], ["pause"], ["resume"], ["weights", "list"], ["camera", "auto"]])
def test_without_a_service_each_says_how_to_start_it(words):
    one_sentence(segblur(*words), 1, "the service is not running; start it with: systemctl --user start segblur")


def test_without_a_service_a_panel_is_told_and_a_setting_is_written_for_the_next_start():
    assert json.loads(segblur("status", "--waybar").stdout)["class"] == "stopped"
    result = segblur("set", "look.blur", "0.9")
    assert result.returncode == 0
    assert "the service is not running" in result.stderr
    assert tomllib.loads(config_path().read_text()) == {"look": {"blur": 0.9}}
