"""A session bus of its own for every test."""

import pytest

from tests.helpers.session_bus import daemon
from vcam.desktop import launch


@pytest.fixture
def bus(monkeypatch):
    with daemon() as one:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", one.address)
        monkeypatch.delenv("INVOCATION_ID", raising=False)
        yield one


@pytest.fixture
def token(monkeypatch, tmp_path):
    """The file in which a program that is started as the window leaves its activation token."""
    path = tmp_path / "token"
    script = f'echo "$XDG_ACTIVATION_TOKEN" > {path}.new && mv {path}.new {path}'
    monkeypatch.setattr(launch, "COMMAND", ("sh", "-c", script))
    return path
