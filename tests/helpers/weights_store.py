"""Files for the store of weights."""

import hashlib

import pytest
from hypothesis import strategies as st

from vcam.service.weights_store import remember, store_path

CONTENT = b"weights " * 400_000  # some chunks, and a part of one


def write(path, content):
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def names(store):
    return sorted(path.name for path in store.iterdir())


def kept(store, content, source="/there", now=1.0):
    """A copy of the content in the store and in its history."""
    path = store / f"{hashlib.sha256(content).hexdigest()}.safetensors"
    path.write_bytes(content)
    remember(store, path, source, now)
    return path


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return store_path()


@pytest.fixture
def source(tmp_path):
    """A file that may be admitted."""
    return write(tmp_path / "new.safetensors", CONTENT)


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
