"""The service as its clients see it: the real keeper, store, settings file and control socket; workers whose network is
whatever the content of its weights file says.
"""

import os
import signal

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.keepers import PATIENCE
from tests.helpers.running import Running, at_home, file, until, weights  # noqa: F401 - fixtures
from vcam.control import client
from vcam.errors import SegBlurError
from vcam.media.films import SAMPLE
from vcam.service import keeper, probe
from vcam.settings import IdleSettings, config_path


def test_the_status_tells_what_is_seen():
    with Running() as running:
        running.live()
        until(lambda: client.ask("status")["figures"]["fps_in"] > 0)
        status = client.ask("status")
        assert status["state"] == "live"
        assert status["camera"]["name"] == "bundled sample"
        assert status["figures"]["worker_starts"] == 1
        assert status["figures"]["frames_out"] > 0
        assert {"delivery", "mask", "compose"} == set(status["figures"]["stages"])
        assert 0 < status["figures"]["mask_age_ms"]["p50"] < 10_000
        assert status["settings"]["output"]["width"] == 320
        assert "segblur_frames_out_total" in client.ask("metrics")["text"]
        running.device.readers.leave()
        until(lambda: client.ask("status")["state"] == "idle")


def test_paused_is_said_on_the_picture_and_in_the_status_and_ends():
    with Running() as running:
        running.live()
        client.ask("pause")
        until(lambda: client.ask("status")["camera"] is None)
        status = client.ask("status")
        assert (status["state"], status["sentence"]) == ("paused", keeper.PAUSED)
        assert running.device.kinds[-1] == "placeholder"
        client.ask("resume")
        running.live()


def test_a_setting_counts_at_once_and_is_written_with_the_comments_left():
    config_path().parent.mkdir(parents=True)
    config_path().write_text("# mine\n[look]\nblur = 0.5  # as I like it\n")
    with Running() as running:
        running.live()
        client.ask("set", key="look.blur", value="0.9")
        assert client.ask("status")["settings"]["look"]["blur"] == 0.9
        assert config_path().read_text() == "# mine\n[look]\nblur = 0.9  # as I like it\n"
        with pytest.raises(SegBlurError, match=r"look.blur can't be"):
            client.ask("set", key="look.blur", value="7")
        with pytest.raises(SegBlurError, match="is not a setting"):
            client.ask("set", key="look.blurr", value="1")
        assert file() == {"look": {"blur": 0.9}}
        assert "next start" in client.ask("set", key="output.label", value="Other")["note"]
        running.still_live()


def test_framing_reaches_the_worker_at_once():
    with Running() as running:
        running.live()
        client.ask("set", key="framing.mirror", value="true")
        assert running.supervisor.settings.framing.mirror
        client.ask("set", key="framing.crop", value="auto")
        assert file() == {"framing": {"mirror": True, "crop": "auto"}}
        with pytest.raises(SegBlurError, match=r"framing.zoom can't be '3'"):
            client.ask("set", key="framing.zoom", value="3")
        assert running.supervisor.settings.framing.zoom == 1.5
        running.still_live()


def test_an_effect_is_for_now_only():
    with Running() as running:
        running.live()
        client.ask("effect", blur=1.0)
        assert client.ask("status")["settings"]["look"]["blur"] == 1.0
        assert file() == {}


def test_an_effect_that_is_kept_is_in_the_file_as_well_and_its_picture_was_looked_at_once(beach, monkeypatch):
    looks, look_at = [], probe.look_at

    async def counted(kind, path):
        looks.append((kind, path))
        await look_at(kind, path)

    monkeypatch.setattr(probe, "look_at", counted)
    with Running() as running:
        running.live()
        client.ask("effect", effect="picture", picture=str(beach), keep=True, timeout=PATIENCE)
        assert looks == [("picture", beach)]
        assert (look()["effect"], look()["picture"]) == ("picture", str(beach))
        assert file() == {"look": {"effect": "picture", "picture": str(beach)}}
        with pytest.raises(SegBlurError, match="segblur effect off shows the room"):
            client.ask("effect", effect="off", keep=True)
        assert look()["effect"] == "picture"
        running.still_live()


def test_what_can_not_be_kept_is_not_shown_either(tmp_path, beach):
    with Running() as running:
        running.live()
        with pytest.raises(SegBlurError, match="No such file or directory"):
            client.ask("effect", effect="picture", picture=str(tmp_path / "none.png"), keep=True, timeout=PATIENCE)
        config_path().parent.mkdir(parents=True)
        config_path().mkdir()
        with pytest.raises(SegBlurError, match="is not a file"):
            client.ask("effect", effect="picture", picture=str(beach), keep=True, timeout=PATIENCE)
        assert (look()["effect"], look()["picture"]) == ("blur", None)
        running.still_live()


@pytest.fixture
def beach(tmp_path):
    path = tmp_path / "beach.png"
    cv2.imwrite(str(path), np.full((60, 80, 3), 200, np.uint8))
    return path


def look():
    return client.ask("status")["settings"]["look"]


def test_what_an_effect_does_not_say_stays(beach):
    with Running() as running:
        running.live()
        client.ask("effect", effect="picture", picture=str(beach), timeout=PATIENCE)
        client.ask("effect", blur=0.7)
        client.ask("set", key="idle.network", value=100)
        client.ask("set", key="look.colour", value="blue")
        assert (look()["effect"], look()["picture"]) == ("picture", str(beach))
        assert (look()["blur"], look()["colour"]) == (0.7, "#0047bb")
        assert file() == {"idle": {"network": 100.0}, "look": {"colour": "#0047bb"}}


def small(tmp_path):
    path = tmp_path / "small.png"
    cv2.imwrite(str(path), np.zeros((1, 1, 3), np.uint8))
    return path


def enormous(tmp_path):
    path = tmp_path / "enormous.png"
    Image.new("1", (20_000, 20_000)).save(path)
    return path


def torn(tmp_path):
    path = tmp_path / "torn.mkv"
    path.write_bytes(SAMPLE.read_bytes()[:3000])
    return path


def words(tmp_path):
    path = tmp_path / "words.mp4"
    path.write_text("no video")
    return path


BAD_FILES = [
    ("picture", lambda folder: folder / "missing.jpg", "can't be read: No such file or directory"),
    ("picture", lambda folder: folder, "can't be read: Is a directory"),
    ("picture", small, "a picture needs at least 16 pixels a side"),
    ("picture", enormous, "scale it down to at most 200 million pixels"),
    ("picture", words, "is not a picture in a known format"),
    ("video", words, "can't be read as a video"),
    ("video", torn, "torn.mkv"),
    ("video", lambda folder: folder / "missing.mp4", "can't be read as a video: No such file or directory"),
]


@pytest.mark.parametrize(("kind", "make", "says"), BAD_FILES, ids=[f"{kind}-{says}" for kind, _, says in BAD_FILES])
def test_a_file_that_can_not_be_shown_is_refused_and_the_effect_before_stays(tmp_path, kind, make, says):
    path = make(tmp_path)
    with Running() as running:
        running.live()
        client.ask("effect", effect="bokeh")
        before = look()
        with pytest.raises(SegBlurError, match=says) as caught:
            client.ask("effect", **{"effect": kind, kind: str(path), "timeout": PATIENCE})
        assert str(path) in str(caught.value)
        with pytest.raises(SegBlurError, match=says):
            client.ask("set", key=f"look.{kind}", value=str(path), timeout=PATIENCE)
        assert look() == before
        assert file() == {}
        running.still_live()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"effect": "sepia"}, "look.effect can't be 'sepia'"),
        ({"effect": "picture"}, "there is no look.picture; name a file"),
        ({"effect": "transparent"}, "only pictures know transparency"),
        ({"effect": "colour", "colour": "bluish"}, "look.colour can't be 'bluish': must be #rrggbb"),
        ({"on": "cat"}, "look.on can't be 'cat'"),
    ],
)
def test_a_look_that_there_is_not_is_refused(values, says):
    with Running():
        before = look()
        with pytest.raises(SegBlurError, match=says):
            client.ask("effect", **values)
        assert look() == before


def test_when_off_ends_the_room_is_hidden_even_if_the_worker_has_no_other_picture():
    with Running() as running:
        running.live()
        client.ask("effect", effect="off")
        running.device.wait_for(lambda _: running.device.secrets[-1] > 0.5)
        os.kill(running.supervisor.pid, signal.SIGSTOP)
        client.ask("effect", effect="blur")
        running.device.secrets.clear()  # what was seen while it was off was wanted
        running.device.wait_for(lambda kinds: kinds[-1] == "placeholder")
        os.kill(running.supervisor.pid, signal.SIGCONT)
        running.live()


def test_off_is_for_now_only_and_never_in_a_file():
    with Running() as running:
        running.live()
        client.ask("effect", effect="off")
        running.device.wait_for(lambda _: running.device.secrets[-1] > 0.5)
        assert look()["effect"] == "off"
        assert "the room is shown" in client.status_text(client.ask("status"))
        client.ask("set", key="idle.network", value=100)
        with pytest.raises(SegBlurError, match="segblur effect off shows the room"):
            client.ask("set", key="look.effect", value="off")
        assert "look" not in file()
        running.state.reload()
        until(lambda: look()["effect"] == "blur")
        running.device.wait_for(lambda _: running.device.secrets[-1] < 0.02)
        running.device.secrets.clear()  # what was seen while it was off was wanted
        running.still_live()


def test_sighup_reads_the_settings_again_and_bad_ones_change_nothing():
    with Running() as running:
        running.live()
        config_path().parent.mkdir(parents=True, exist_ok=True)
        config_path().write_text("[look]\nblur = 0.8\n")
        running.state.reload()
        until(lambda: client.ask("status")["settings"]["look"]["blur"] == 0.8)
        config_path().write_text("[look]\nblur = 8\n")
        running.state.reload()
        until(lambda: not running.state._reload)
        assert client.ask("status")["settings"]["look"]["blur"] == 0.8
        running.still_live()


def test_a_second_service_is_refused():
    with Running() as running:
        running.live()
        with Running() as second:
            second.thread.join(PATIENCE)
        assert "another segblur is running" in str(second.failure)
        running.still_live()


def test_before_the_computer_sleeps_the_webcam_is_closed_and_afterwards_it_is_live_again():
    with Running() as running:
        running.live()
        running.service.sleep(True)
        until(running.service.closed)
        assert client.ask("status")["state"] == "asleep"
        running.service.sleep(False)
        running.live()


def test_idle_settings_change_while_it_runs():
    with Running() as running:
        running.live()
        client.ask("set", key="idle.webcam", value="0")
        running.device.readers.leave()
        until(lambda: client.ask("status")["camera"] is None)
        assert running.state.settings.idle == IdleSettings(webcam=0.0)
