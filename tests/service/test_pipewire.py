"""The whole service with no virtual camera but PipeWire's, in a session of its own; every frame is looked at."""

import json
import sys
from pathlib import Path

import pytest

from tests.helpers.faulty_worker import secret_of
from tests.helpers.keepers import PATIENCE, after, sharpness
from tests.helpers.pipewire_node import HEIGHT, WIDTH, frames_in
from tests.helpers.pipewire_readers import Reader
from tests.helpers.pipewire_session import pipewire_session, until  # noqa: F401 - fixtures
from vcam.control import client
from vcam.errors import SegBlurError

ROOT = Path(__file__).parents[2]
LABEL = "Without a kernel module"
SERVICE = f"""
import asyncio
from tests.helpers.keepers import command_of
from vcam.service.service import serve
from vcam.settings import load_settings
from vcam.system.log import set_up_log

set_up_log()
given = {{"output": {{"width": {WIDTH}, "height": {HEIGHT}, "label": {LABEL!r}}}, "idle": {{"webcam": 0}}}}
asyncio.run(serve(load_settings(given), given, command_of("none", 10**9)))
"""


@pytest.fixture
def service(pipewire_session):
    """Its session; the client asks it by the same XDG_RUNTIME_DIR."""
    pipewire_session.environment |= {"PYTHONPATH": str(ROOT)}
    process = pipewire_session.start("service", sys.executable, "-c", SERVICE)
    until(lambda: process.poll() is not None or state() == "idle", "the service is up")
    assert process.poll() is None, (pipewire_session.folder / "service.log").read_text()
    yield pipewire_session
    pipewire_session.stop("service")


def state():
    try:
        return client.ask("status", timeout=PATIENCE)["state"]
    except SegBlurError:
        return ""


def kinds(path):
    """What is in each frame of a file: placeholder, sharp or blurred; and how much of the secret."""
    seen, secrets = [], []
    for frame in frames_in(path):
        luma, chroma = frame[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH), frame[WIDTH * HEIGHT :].reshape(-1, 2)
        flat = (chroma == chroma[0]).all()
        seen.append("placeholder" if flat else "sharp" if sharpness(luma[::2, ::2]) > 4 else "blurred")
        secrets.append(secret_of(luma))
    return seen, secrets


def test_a_program_sees_the_person_and_never_the_room_and_the_webcam_is_on_only_while_it_looks(service, tmp_path):
    status = client.ask("status")
    assert (status["watched_by"], status["camera"], status["sentence"]) == ("stream", None, "")
    about = {"path": "pipewire", "label": LABEL, "viewers": 0, "size": [WIDTH, HEIGHT], "state": "paused"}
    assert status["outputs"] == [about]
    reader = Reader(service, tmp_path / "frames")
    until(lambda: client.ask("status")["state"] == "live", "live frames")
    assert client.ask("status")["outputs"] == [about | {"viewers": 1, "state": "streaming"}]
    words = [sys.executable, "-m", "vcam", "status", "--waybar"]
    panel = json.loads(service.run(*words))
    assert panel["class"] == "live"
    assert f"{LABEL} (pipewire), {WIDTH}×{HEIGHT}, being read" in panel["tooltip"]
    reader.wait_for(reader.frames() + 30)
    client.ask("pause")
    reader.wait_for(reader.frames() + 10)
    client.ask("resume")
    reader.wait_for(reader.frames() + 30)
    reader.stop()
    until(lambda: state() == "idle" and client.ask("status")["camera"] is None, "the webcam is off")
    seen, secrets = kinds(reader.path)
    assert after(seen, "placeholder", "sharp", "placeholder", "sharp")
    assert max(secrets) < 0.02


def test_a_daemon_that_starts_again_is_found_by_the_service(service, tmp_path):
    service.kill_pipewire()
    until(lambda: state() == "trouble", "it is said")
    assert "PipeWire does not answer" in client.ask("status")["sentence"]
    assert client.ask("status")["watched_by"] == "lost"
    service.start_pipewire()
    until(lambda: state() == "idle", "it is found again")
    reader = Reader(service, tmp_path / "frames")
    until(lambda: client.ask("status")["state"] == "live", "live frames")
    reader.wait_for(reader.frames() + 5)
    reader.stop()
    log = (service.folder / "service.log").read_text()
    assert log.count("PipeWire does not answer") == log.count("PipeWire can be used now") == 1
