"""Profiles as clients of the service use them: all or nothing, and never the room by the way."""

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.helpers import backgrounds
from tests.helpers.keepers import PATIENCE
from tests.helpers.running import Running, at_home, file, until  # noqa: F401 - a fixture
from tests.service.test_barrier import live_anew, shown_after
from vcam.control import client, config_file
from vcam.errors import SegBlurError
from vcam.settings import config_path


def profile(**what):
    answer = client.ask("profile", timeout=PATIENCE, **what)
    return answer["profiles"], answer["current"]


def shown():
    settings = client.ask("status")["settings"]
    return settings["look"], settings["framing"]


def test_what_holds_is_saved_and_comes_back_here_and_in_the_file():
    config_path().parent.mkdir(parents=True)
    config_path().write_text("# mine\n[camera]\nfps = 15\n\n[look]\nblur = 0.5  # half\n")
    with Running() as running:
        running.live()
        assert profile(list=True) == ([], "")
        assert profile(save="home") == (["home"], "home")
        client.ask("effect", effect="bokeh", blur=0.9)
        client.ask("set", key="framing.mirror", value=True)
        assert profile(save="on stage") == (["home", "on stage"], "on stage")
        assert profile(use="home") == (["home", "on stage"], "home")
        look, framing = shown()
        assert (look["effect"], look["blur"], framing["mirror"]) == ("blur", 0.5, False)
        assert profile(use="on stage") == (["home", "on stage"], "on stage")
        look, framing = shown()
        assert (look["effect"], look["blur"], framing["mirror"]) == ("bokeh", 0.9, True)
        assert (file()["look"]["blur"], file()["framing"]["mirror"], file()["camera"]) == (0.9, True, {"fps": 15})
        assert config_path().read_text().startswith("# mine\n")
        client.ask("set", key="look.blur", value=0.8)
        assert profile(list=True) == (["home", "on stage"], "")
        assert profile(remove="home") == (["on stage"], "")
        running.still_live()


def test_what_a_profile_does_not_cover_is_left_alone():
    with Running() as running:
        running.live()
        profile(save="home")
        client.ask("set", key="idle.network", value=100)
        client.ask("set", key="camera.fps", value=15)
        profile(use="home")
        settings = client.ask("status")["settings"]
        assert (settings["idle"]["network"], settings["camera"]["fps"]) == (100, 15)


@pytest.mark.parametrize("how", ["gone", "damaged", "by hand", "newer"])
def test_a_profile_that_can_not_be_used_changes_nothing(tmp_path, how):
    beach = backgrounds.picture(tmp_path / "beach.png")
    path = config_path().parent / "profiles" / "beach.toml"
    with Running() as running:
        running.live()
        client.ask("effect", effect="picture", picture=str(beach), timeout=PATIENCE)
        profile(save="beach")
        client.ask("set", key="look.effect", value="blur")
        before = shown(), file()
        if how == "gone":
            beach.unlink()
        elif how == "damaged":
            backgrounds.words(beach)
        else:
            path.write_text({"by hand": "[look]\neffect = 'off'\n", "newer": "[look]\nsparkle = 3\n"}[how])
        with pytest.raises(SegBlurError, match={"by hand": "be off", "newer": "look.sparkle"}.get(how, "beach.png")):
            profile(use="beach")
        assert (shown(), file()) == before
        assert profile(list=True) == (["beach"], "")
        running.still_live()


def test_on_a_full_disk_nothing_changes(monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Running() as running:
        running.live()
        profile(save="home")
        client.ask("set", key="look.blur", value=0.9)
        before = shown(), file()
        with monkeypatch.context() as patch:
            patch.setattr(config_file.os, "fsync", full)
            with pytest.raises(SegBlurError, match="No space left on device"):
                profile(use="home")
        assert (shown(), file()) == before
        running.still_live()


def test_a_service_that_dies_after_the_file_is_written_starts_with_the_whole_profile(monkeypatch):
    with Running() as running:
        running.live()
        client.ask("effect", effect="bokeh", blur=0.9)
        client.ask("set", key="framing.mirror", value=True)
        profile(save="stage")
        client.ask("set", key="framing.mirror", value=False)
        client.ask("effect", effect="blur", blur=0.5)
        monkeypatch.setattr(running.service, "_apply", None)  # it ends here
        with pytest.raises(SegBlurError):
            profile(use="stage")
        assert shown()[0]["effect"] == "blur"
    with Running():
        assert profile(list=True) == (["stage"], "stage")


def test_two_clients_at_once_leave_one_profile_whole_here_and_in_the_file():
    with Running() as running:
        running.live()
        client.ask("set", key="framing.mirror", value=True)
        client.ask("effect", effect="bokeh", blur=0.9)
        profile(save="stage")
        client.ask("set", key="framing.mirror", value=False)
        client.ask("effect", effect="grey", blur=0.4)
        profile(save="home")
        with ThreadPoolExecutor(2) as pool:
            for _ in range(5):
                for done in [pool.submit(profile, use=name) for name in ("home", "stage")]:
                    done.result()
                there, current = profile(list=True)
                assert there == ["home", "stage"]
                assert current in there
                look, framing = shown()
                assert (file()["look"]["effect"], file()["framing"]["mirror"]) == (look["effect"], framing["mirror"])
        running.still_live()


def test_while_the_room_is_shown_nothing_is_saved_and_a_profile_hides_it_again():
    with Running() as running:
        running.live()
        profile(save="home")
        client.ask("effect", effect="off")
        with pytest.raises(SegBlurError, match="your room is shown now; hide it, then save"):
            profile(save="room")
        live_anew(running)
        profile(use="home")
        count = len(running.device.kinds)
        running.device.wait_for(lambda kinds: len(kinds) > count + 5)
        running.device.secrets = running.device.secrets[count:]  # before it, the room was to be seen


def test_a_profile_that_shows_the_room_says_so():
    with Running() as running:
        running.live()
        client.ask("effect", on="person")
        profile(save="room")
        client.ask("effect", on="background")
        assert client.ask("profile", use="room")["note"] == "this profile shows the room"
        client.ask("effect", on="background")
        count = len(running.device.kinds)
        running.device.wait_for(lambda kinds: len(kinds) > count + 5)
        running.device.secrets = running.device.secrets[count:]


@pytest.mark.parametrize("before", [{"on": "person"}, {"blur": 0.3}])
def test_with_a_worker_that_is_stopped_a_placeholder_is_shown_before_a_profile_is_answered(before):
    with Running() as running:
        running.live()
        profile(save="home")
        client.ask("effect", **before)
        live_anew(running)
        os.kill(running.supervisor.pid, signal.SIGSTOP)
        profile(use="home")
        count = len(running.device.kinds)
        assert shown_after(running, count) == {"placeholder"}
        os.kill(running.supervisor.pid, signal.SIGKILL)
        running.device.secrets = running.device.secrets[count:]


def test_what_stands_above_the_file_is_said_and_stays(monkeypatch):
    with Running() as running:
        running.live()
        client.ask("set", key="look.blur", value=0.9)
        profile(save="home")
        monkeypatch.setenv("SEGBLUR_LOOK__BLUR", "0.3")
        answer = client.ask("profile", use="home")
        assert answer["note"] == "look.blur: the environment variable SEGBLUR_LOOK__BLUR overrides it"
        assert answer["current"] == ""
        assert shown()[0]["blur"] == 0.3


@pytest.mark.parametrize(
    "what", [{}, {"use": "a", "save": "a"}, {"list": False}, {"list": "true"}, {"use": "a/b"}, {"use": " a"}]
)
def test_exactly_one_thing_can_be_asked(what):
    with Running(), pytest.raises(SegBlurError, match="profile needs"):
        profile(**what)


def test_a_toggle_pauses_and_the_next_resumes(monkeypatch):
    monkeypatch.setattr("vcam.service.service.BOUNCE", 0.0)
    with Running() as running:
        running.live()
        assert client.ask("toggle")["paused"] is True
        assert running.device.kinds[-1] == "placeholder"
        until(lambda: client.ask("status")["camera"] is None)
        assert client.ask("toggle")["paused"] is False
        running.live()
        client.ask("pause")
        assert client.ask("toggle")["paused"] is False


def test_two_toggles_in_a_moment_are_one_press_of_a_key_that_bounces(monkeypatch):
    monkeypatch.setattr("vcam.service.service.BOUNCE", 3600.0)
    with Running() as running:
        running.live()
        assert [client.ask("toggle")["paused"] for _ in range(3)] == [True, True, True]
        assert client.ask("status")["state"] == "paused"
