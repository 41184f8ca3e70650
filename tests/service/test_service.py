"""The service as its clients see it: the real keeper, store, settings file and control socket; workers whose network is
whatever the content of its weights file says.
"""

import asyncio
import os
import signal
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.keepers import PATIENCE, QUICK, Device, after, command_of, safe
from vcam.control import client, server
from vcam.control.protocol import socket_path
from vcam.errors import SegBlurError, SettingsError
from vcam.media.films import SAMPLE
from vcam.service import keeper, weights_store, weights_trial
from vcam.service.service import Service
from vcam.service.supervisor import Supervisor
from vcam.service.weights_trial import signature
from vcam.settings import IdleSettings, config_path, load_settings

SIZE = {"output": {"width": 320, "height": 240}}


class Running:
    """The service in a thread."""

    def __init__(self, idle=None):
        settings = load_settings(SIZE)
        self.settings = settings.model_copy(update={"idle": idle}) if idle else settings
        self.state = keeper.State(self.settings)
        self.supervisor = Supervisor(self.settings, command_of("none", 10**9))
        self.device = Device()
        self.failure = None
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))

    async def run(self):
        try:
            async with AsyncExitStack() as stack:
                self.service = Service(self.state, self.supervisor, [self.device], SIZE)
                await stack.enter_async_context(server.serve(socket_path(), self.service.answer, self.service.status))
                await self.service.network.begin()
                stack.callback(asyncio.ensure_future(self.service.network.watch()).cancel)
                self.ready.set()
                await keeper.keep(self.state, [self.device], self.supervisor, self.service)
        except SegBlurError as error:
            self.failure = error
        finally:
            self.ready.set()

    def __enter__(self):
        self.thread.start()
        self.ready.wait(PATIENCE)
        return self

    def __exit__(self, *_):
        self.state.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        safe(self.device)

    def live(self):
        self.device.wait_for(lambda kinds: kinds[-1:] == ["sharp"])

    def still_live(self):
        """Ten more frames, all of them live."""
        count = len(self.device.kinds)
        self.device.wait_for(lambda kinds: len(kinds) > count + 10)
        assert set(self.device.kinds[count:]) == {"sharp"}


@pytest.fixture(autouse=True)
def at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(weights_trial, "WATCH", 0.05)


@pytest.fixture
def weights(tmp_path):
    def write(name, content):
        path = tmp_path / name
        new = path.with_suffix(".new")
        new.write_text(content)
        new.chmod(0o600)
        new.replace(path)
        return path

    return write


def use(path):
    return client.ask("weights", use=str(path), timeout=PATIENCE)


def file():
    return tomllib.loads(config_path().read_text()) if config_path().exists() else {}


def until(condition):
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        threading.Event().wait(0.02)


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
    Image.new("1", (10_000, 10_000)).save(path)
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
    ("picture", enormous, "scale it down to at most 40 million pixels"),
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


def test_good_weights_are_taken_into_use_without_a_gap_remembered_and_written_to_the_settings(weights):
    with Running() as running:
        running.live()
        before = len(running.device.kinds)
        path = weights("mine.safetensors", "good 1")
        assert use(path) == {"segblur": 1, "ok": True}
        running.still_live()
        assert set(running.device.kinds[before:]) == {"sharp"}
        assert file()["network"]["weights"] == str(path)
        assert client.ask("status")["figures"]["swaps"] == 1
        until(lambda: [one["source"] for one in client.ask("weights", use="list")["weights"]][:1] == [str(path)])
    assert running.supervisor.starts == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [("refuse", "is no good"), ("raise", "no mask that can be used"), ("nan", "no mask"), ("crash", "worker ended")],
)
def test_bad_weights_change_nothing(weights, content, says):
    with Running() as running:
        running.live()
        path = weights("bad.safetensors", content)
        with pytest.raises(SegBlurError, match=says):
            use(path)
        running.live()
        running.still_live()
        assert file() == {}
        assert client.ask("status")["figures"]["swaps"] == 0
        with pytest.raises(SegBlurError, match=says):  # nor are they taken at a second try
            use(path)
        running.live()
        assert all(one["sha256"] == "" for one in client.ask("weights", use="list")["weights"])


def test_the_first_good_frame_of_the_old_network_does_not_count_for_the_one_on_trial(weights):
    with Running() as running:
        with pytest.raises(SegBlurError, match="is no good"):
            use(weights("bad.safetensors", "slow"))
        running.live()
        assert running.supervisor.settings.network.weights is None
        assert file() == {}


def test_a_file_that_others_can_write_is_refused(weights):
    with Running() as running:
        running.live()
        path = weights("open.safetensors", "good")
        path.chmod(0o666)
        with pytest.raises(SegBlurError, match="can be changed by other users"):
            use(path)
        with pytest.raises(SegBlurError, match="there is no such file"):
            use("/nowhere")
        running.still_live()


def test_rollback_goes_back_one_by_one_and_shipped_to_the_beginning(weights):
    with Running() as running:
        running.live()
        one, two = weights("one.safetensors", "good 1"), weights("two.safetensors", "good 2")
        use(one)
        use(two)
        until(lambda: len(client.ask("weights", use="list")["weights"]) == 3)
        one.unlink()
        client.ask("weights", use="rollback", timeout=PATIENCE)
        used = Path(file()["network"]["weights"])
        assert used.parent == weights_store.store_path()
        assert used.read_text() == "good 1"
        client.ask("weights", use="shipped", timeout=PATIENCE)
        assert "weights" not in file().get("network", {})
        running.still_live()


def test_another_file_in_the_place_of_the_one_in_use_is_taken_by_itself_and_a_bad_one_is_not(weights):
    with Running() as running:
        running.live()
        use(weights("mine.safetensors", "good 1"))
        weights("mine.safetensors", "good 2")
        until(lambda: client.ask("status")["figures"]["swaps"] == 2)
        weights("mine.safetensors", "refuse")
        until(lambda: running.service.network.seen == signature(running.state.settings.network.weights))
        running.still_live()
        assert client.ask("status")["figures"]["swaps"] == 2


def test_weights_are_tried_while_nobody_watches_too(weights):
    with Running(idle=QUICK.idle) as running:
        running.device.readers.leave()
        until(lambda: client.ask("status")["state"] == "idle")
        use(weights("mine.safetensors", "good"))
        assert client.ask("status")["camera"] is None
        with pytest.raises(SegBlurError, match="is no good"):
            use(weights("bad.safetensors", "refuse"))
        running.device.readers.come()
        running.live()


def test_at_the_start_weights_that_went_bad_give_way_to_the_last_that_were_good(weights):
    path = weights("mine.safetensors", "good")
    with Running() as running:
        running.live()
        use(path)
        until(lambda: any(one["source"] == str(path) for one in client.ask("weights", use="list")["weights"]))
    path.unlink()
    with Running() as running:
        running.live()
        assert running.supervisor.settings.network.weights.read_text() == "good"


def test_at_the_start_weights_that_never_were_good_end_the_service(weights):
    config_path().parent.mkdir(parents=True)
    config_path().write_text('[network]\nweights = "/nowhere.safetensors"\n')
    with Running() as running:
        running.thread.join(PATIENCE)
    assert isinstance(running.failure, SettingsError)


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


def test_a_worker_killed_under_a_swap_leaves_the_old_network(weights):
    with Running() as running:
        running.live()
        path = weights("mine.safetensors", "good")
        os.kill(running.supervisor.pid, signal.SIGSTOP)  # so that it can't be done before it is killed
        with ThreadPoolExecutor() as pool:
            trial = pool.submit(use, path)
            until(lambda: running.service.network._on_trial)
            os.kill(running.supervisor.pid, signal.SIGKILL)
            with pytest.raises(SegBlurError, match="the worker ended while it tried the network"):
                trial.result(PATIENCE)
        running.device.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp"))
        assert running.supervisor.settings.network.weights is None
        use(path)
        assert running.supervisor.settings.network.weights.read_text() == "good"


def test_idle_settings_change_while_it_runs():
    with Running() as running:
        running.live()
        client.ask("set", key="idle.webcam", value="0")
        running.device.readers.leave()
        until(lambda: client.ask("status")["camera"] is None)
        assert running.state.settings.idle == IdleSettings(webcam=0.0)
