"""Weights that are taken into use while the service runs, and those that are not."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.helpers.keepers import PATIENCE, QUICK, after
from tests.helpers.running import Running, at_home, file, until, use, weights  # noqa: F401 - fixtures
from vcam.control import client
from vcam.errors import SegBlurError, SettingsError
from vcam.service import weights_store
from vcam.service.weights_trial import signature
from vcam.settings import config_path


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
