"""Where the socket is, and a service behind it."""

import pytest

from tests.control.callers import Service
from vcam.control import server


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    """Short, because a socket's path must be."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(server, "PAUSE", 0.0005)
    return tmp_path / "segblur" / "control.sock"


@pytest.fixture
def service(path):
    with Service(path) as running:
        yield running
