"""A session bus of its own for every test."""

import pytest

from tests.helpers.session_bus import daemon


@pytest.fixture
def bus(monkeypatch):
    with daemon() as one:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", one.address)
        monkeypatch.delenv("INVOCATION_ID", raising=False)
        yield one
