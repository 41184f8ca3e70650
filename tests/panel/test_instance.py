"""One window a user."""

from pathlib import Path

import pytest

from vcam.errors import SegBlurError
from vcam.panel import instance
from vcam.panel.instance import Handover, Only, absolute, hand_over, lock, place, understood


@pytest.mark.usefixtures("application")
def test_what_a_second_call_was_given_reaches_the_first():
    from concurrent.futures import ThreadPoolExecutor

    from tests.panel.looks import spin

    mine = lock()
    only, called = Only(mine), []
    only.called.connect(called.append)
    assert lock() is None
    given = Handover(absolute([Path("beach.jpg"), Path("/a b/\udcff.png")]), "token-1")
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(hand_over, given)
        spin(lambda: called and done.done(), "the call")
    done.result()
    assert called == [given]
    only.close()
    again = lock()
    assert again is not None
    again.unlock()


def test_a_first_one_that_does_not_listen_is_told(monkeypatch):
    monkeypatch.setattr(instance, "PATIENCE", 0.2)
    with pytest.raises(SegBlurError, match="does not answer"):
        hand_over(Handover())


@pytest.mark.usefixtures("application")
def test_the_place_that_a_killed_window_left_is_taken():
    place().parent.mkdir(mode=0o700)
    place().touch()
    only = Only(lock())
    assert place().is_socket()
    only.close()


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"[]\n", b"{}\n", b'{"files": 3, "token": "", "hidden": false}\n', b"[" * 9999]
)
def test_rubbish_is_no_call(line):
    assert understood(line) is None
