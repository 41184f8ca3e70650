"""The command line's side of the control socket, with services that answer, refuse, lie, or are not there."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from itertools import islice

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.control.callers import PATIENCE, Service
from tests.control.test_page import PAGE
from tests.service.test_metrics import status
from vcam.control import client, server
from vcam.control.client import StoppedError, ask, duration, follow, status_text, watch, waybar
from vcam.control.protocol import LONGEST_PATH, refusal
from vcam.errors import SegBlurError
from vcam.service.metrics import STATES, Figures, prometheus


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "segblur" / "control.sock"


@contextmanager
def liar(path, data):
    """Something that says this to whoever calls, whatever is asked; nothing for None."""
    path.parent.mkdir(exist_ok=True)
    over = threading.Event()

    def speak():
        with suppress(OSError), listener.accept()[0] as link:
            link.recv(65536)
            if data is not None:
                link.sendall(data)
            else:
                over.wait(PATIENCE)

    with socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=speak)
        thread.start()
        yield
        over.set()
        with socket.socket(socket.AF_UNIX) as last, suppress(OSError):
            last.connect(str(path))
        thread.join(PATIENCE)


def one_sentence(error, says):
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_question_is_answered(path):
    with Service(path) as service:
        assert ask("status")["state"] == "live"
        assert ask("set", key="look.blur", value="0.7")["ok"]
        assert ask("metrics")["text"].startswith("# HELP segblur_info")
    assert service.asked[1] == ("set", {"key": "look.blur", "value": "0.7"})


def test_a_refusal_is_raised_with_its_sentence(path):
    with Service(path), pytest.raises(SegBlurError) as caught:
        ask("set", key="look.blur", value=7)
    one_sentence(caught, "look.blur can't be 7")
    assert caught.value.exit_code == 1


def test_without_a_service_the_sentence_says_how_to_start_it(path):
    with pytest.raises(StoppedError) as caught:
        ask("status")
    one_sentence(caught, "the service is not running; start it with: systemctl --user start segblur")
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(StoppedError):
        ask("status")


def test_a_service_that_is_silent_or_too_busy_to_take_calls_is_not_waited_for(path):
    with liar(path, None), pytest.raises(SegBlurError) as caught:
        ask("status", timeout=0.2)
    one_sentence(caught, "the service does not answer; see: journalctl --user -u segblur")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        with pytest.raises(SegBlurError) as caught:
            ask("status", timeout=0.2)
    one_sentence(caught, "the service does not answer")


def test_a_service_that_has_many_waiting_is_waited_for(path, monkeypatch):
    monkeypatch.setattr(server, "WAITING", 0)
    with Service(path):
        results = []
        threads = [threading.Thread(target=lambda: results.append(ask("status")["state"])) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert results == ["live"] * 20


def test_an_answer_that_takes_long_is_waited_for_where_that_was_asked(path):
    async def answer(do, arguments):
        await asyncio.sleep(0.5)
        return {}

    with Service(path, answer):
        with pytest.raises(SegBlurError, match="does not answer"):
            ask("weights", timeout=0.1, use="rollback")
        assert ask("weights", timeout=60, use="rollback")["ok"]


LIES = {
    b"hello\n": "of another version",
    b"[]\n": "of another version",
    b'{"segblur": 2, "ok": true}\n': "of another version",
    b'{"segblur": 1}\n': "None",
    b"\xff\n": "of another version",
    b"[" * 90000 + b"\n": "of another version",
    b"x" * 2_000_000: "of another version",
    b'{"segblur": 1, "ok": tr': "the service is not running",
    b"": "the service is not running",
}


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_what_is_no_answer_is_one_sentence(path, lie):
    with liar(path, lie), pytest.raises(SegBlurError) as caught:
        ask("status")
    one_sentence(caught, LIES[lie])


def test_somebody_elses_service_is_not_asked(path, monkeypatch):
    monkeypatch.setattr(client, "peer_uid", lambda link: os.geteuid() + 1)
    with Service(path), pytest.raises(SegBlurError) as caught:
        ask("status")
    one_sentence(caught, "another user's program listens at")


def test_a_client_that_is_turned_away_says_why(path, monkeypatch):
    monkeypatch.setattr(server, "MOST_CLIENTS", 0)
    with Service(path), pytest.raises(SegBlurError) as caught:
        ask("status")
    one_sentence(caught, "clients are being served")


def test_what_the_service_said_before_it_hung_up_is_heard_though_the_question_did_not_arrive():
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(refusal("there is no room", "full"))
        theirs.close()
        client.post(ours, "status", {})
        with pytest.raises(SegBlurError, match="there is no room"):
            next(client.answers(ours, PATIENCE))


def test_a_path_too_long_for_a_socket_is_named(monkeypatch, tmp_path):
    folder = tmp_path / ("x" * LONGEST_PATH)
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    with pytest.raises(SegBlurError) as caught:
        ask("status")
    one_sentence(caught, "is too long for a socket")


def test_watching_gives_status_after_status_until_the_service_stops(path):
    with Service(path):
        watching = watch(0.2)
        assert [found["state"] for found in islice(watching, 3)] == ["live"] * 3
    with pytest.raises(StoppedError):
        list(watching)


def test_following_outlives_the_service(path, monkeypatch):
    monkeypatch.setattr(client, "sleep", lambda seconds: None)
    following = follow(0.2)
    assert next(following) is None
    with Service(path):
        assert next(found for found in following if found)["state"] == "live"
    assert None in islice(following, 3)
    with Service(path):
        assert next(found for found in following if found)["state"] == "live"


def test_the_client_is_light():
    heavy = {"numpy", "pydantic", "asyncio", "tomlkit", "cv2", "torch", "tomllib", "dataclasses", "subprocess"}
    code = f"import sys, vcam.control.client; print({heavy!r} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


TEXT = """\
state     live
output    SegBlur Camera (/dev/video10), 1280×720, being read
output    SegBlur Camera 2 (/dev/video11), 1280×720, no readers
output    SegBlur Camera (pipewire), 1280×720, no readers
webcam    HD Pro Webcam C920 (/dev/video0), mjpeg 1280×720 at 30 fps
network   person.safetensors (1f1f1f1f1f1f), light 256×144 by openvino on cpu
frames    30.0 fps in, 29.0 fps out, 13.4 ms after the webcam's (99 of 100 within 14.8)
stages    delivery 1.1, mask 2.5 ms
so far    drops 10, reconnects 0, swaps 0, worker starts 1
memory    keeper 53 MB, worker 299 MB
service   SegBlur 0.1.0, process 4711, up 1 d 2 h"""


def test_a_status_reads_well():
    assert status_text(status()) == TEXT


def test_the_page_shows_what_people_panels_and_prometheus_see():
    page = PAGE.read_text()
    assert f"```\n{TEXT}\n```" in page
    assert f"```json\n{waybar(status())}\n```" in page
    lines = re.search(r"```text\n(.*?)```", page, re.DOTALL).group(1).splitlines()
    assert len(lines) > 5
    assert set(lines) <= set(prometheus(status()).splitlines())


def resting():
    """A service that has just started and has nothing."""
    outputs = [{"path": "/dev/video10", "label": "SegBlur Camera", "viewers": None, "size": [1280, 720]}]
    return status() | {
        "state": "trouble",
        "sentence": "the webcam /dev/video0 is unplugged; plug it in again",
        "fallback": "the GPU failed; on the CPU until 12:03",
        "outputs": outputs,
        "camera": None,
        "network": None,
        "figures": Figures().snapshot(0.0, os.getpid(), None),
        "uptime_s": 0.2,
    }


@pytest.mark.parametrize(
    ("state", "text"),
    [("streaming", "being read"), ("connecting", "waiting for PipeWire"), ("lost", "waiting for PipeWire")],
)
def test_it_is_said_whether_pipewire_has_the_camera(state, text):
    output = {"path": "pipewire", "label": "SegBlur Camera", "viewers": 1, "size": [1280, 720], "state": state}
    assert f"output    SegBlur Camera (pipewire), 1280×720, {text}\n" in status_text(status() | {"outputs": [output]})


def test_a_status_without_webcam_or_network_reads_well_too():
    lines = status_text(resting()).splitlines()
    assert lines[:6] == [
        "state     trouble: the webcam /dev/video0 is unplugged; plug it in again",
        "fallback  the GPU failed; on the CPU until 12:03",
        "output    SegBlur Camera (/dev/video10), 1280×720, readers can't be known",
        "webcam    closed",
        "network   not loaded",
        "frames    0.0 fps in, 0.0 fps out",
    ]
    assert lines[-1] == "service   SegBlur 0.1.0, process 4711, up 0 s"
    assert not any(line.startswith("stages") for line in lines)


def test_a_webcams_name_can_not_write_to_the_terminal():
    named = status()
    named["camera"]["name"] = "C920\x1b[2J\n\x07\u202e"
    assert "webcam    C920?[2J??? (/dev/video0)" in status_text(named)


@pytest.mark.parametrize("state", STATES)
def test_waybar_gets_one_line_in_every_state(state):
    line = waybar(status() | {"state": state})
    assert "\n" not in line
    module = json.loads(line)
    assert (module["text"], module["alt"], module["class"]) == (state, state, state)
    assert module["tooltip"].splitlines()[0] == f"state     {state}"


def test_waybar_gets_a_line_without_a_service_too():
    module = json.loads(waybar(None))
    assert module["class"] == "stopped"
    assert "not running" in module["tooltip"]


def test_a_name_is_no_markup_in_waybar():
    named = status()
    named["camera"]["name"] = "<b>Fish & Chips</b>"
    assert "&lt;b&gt;Fish &amp; Chips&lt;/b&gt;" in json.loads(waybar(named))["tooltip"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3725, "1 h 2 min"), (90000, "1 d 1 h"), (86405, "1 d 5 s")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, words):
    assert duration(seconds) == words


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=200))
def test_whatever_a_service_says_is_an_answer_or_one_sentence(path, data):
    with liar(path, data):
        try:
            assert ask("status")["segblur"] == 1
        except SegBlurError as error:
            assert str(error)
