"""A short one of tests/helpers/soak.py, which see; python -m tests.helpers.soak is the hour."""

import asyncio

from tests.helpers.soak import soak


def test_nothing_grows_while_everything_changes_all_the_time(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert asyncio.run(soak(1500, lambda *_: None)) == []
