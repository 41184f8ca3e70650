"""The worker as the keeper sees it, by a clock that the test turns."""

import os
import signal
from pathlib import Path
from time import monotonic

import pytest

from tests.service.test_keeper import SETTINGS, command_of
from vcam.service import supervisor
from vcam.service.supervisor import Crew


@pytest.fixture
def staff(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    staff = Crew(SETTINGS, command_of("none", 10**9))
    yield staff
    staff.dismiss()


def test_a_worker_is_not_blamed_for_a_silence_in_which_the_keeper_itself_was_frozen(staff):
    now = monotonic()
    while not staff.turn(True, now).frame:
        pass
    worker = staff.pid
    os.kill(worker, signal.SIGSTOP)
    while staff.turn(True, now).heard:
        pass
    now += 3600
    assert not staff.turn(True, now).trouble
    assert staff.pid == worker
    for _ in range(int(supervisor.HUNG / 0.2) + 2):
        now += 0.2
        staff.turn(True, now)
    assert staff.pid != worker


def test_a_worker_goes_home_when_it_was_not_needed_for_long(staff):
    now = monotonic()
    staff.turn(True, now)
    worker = staff.pid
    staff.turn(False, now + SETTINGS.idle.network - 1)
    assert staff.pid == worker
    staff.turn(False, now + SETTINGS.idle.network + 1)
    assert staff.pid is None
