"""`segblur run` as a process of its own."""

import os
import signal
import subprocess
import sys

import pytest

from vcam.control import client

PATIENCE = 60.0  # seconds


def test_a_camera_that_is_not_there_is_waited_for_and_said_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    called = [sys.executable, "-m", "vcam", "run", "--output.label", "Nowhere", "--output.pipewire", "off"]
    with subprocess.Popen(called, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        first = process.stderr.readline()
        status = client.ask("status", timeout=PATIENCE)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(PATIENCE) == 0
    assert "there is no virtual camera 'Nowhere'; make one with: sudo modprobe" in first
    assert "there is no virtual camera" not in rest
    assert status["state"] == "trouble"
    assert "there is no virtual camera 'Nowhere'" in status["sentence"]
    assert (status["outputs"], status["watched_by"]) == ([], "lost")


def test_a_second_service_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    called = [sys.executable, "-m", "vcam", "run", "--output.label", "Nowhere"]
    with subprocess.Popen(called, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        try:
            process.stderr.readline()
            second = subprocess.run(called, capture_output=True, text=True, timeout=PATIENCE, check=False)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()
    assert second.returncode == 1
    assert len(second.stderr.splitlines()) == 1, second.stderr
    assert "another segblur is running" in second.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_success_when_it_is_asked_to(number, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    called = [sys.executable, "-m", "vcam", "run", "--output.label", "Nowhere"]
    with subprocess.Popen(called, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        process.stderr.readline()
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
