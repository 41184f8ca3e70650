"""The worker as the keeper sees it, by a clock that the test turns."""

import os
import signal
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
import pytest

from tests.helpers.keepers import PATIENCE, SETTINGS, command_of
from vcam.frame import planes
from vcam.service import supervisor
from vcam.service.supervisor import Supervisor
from vcam.settings import changed_look


@pytest.fixture
def staff(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    staff = Supervisor(SETTINGS, command_of("none", 10**9))
    yield staff
    staff.stop()


def test_of_two_changes_at_once_the_first_decides_that_the_room_was_shown(staff):
    for look in ({"effect": "off"}, {"effect": "blur"}, {"blur": 0.9}):
        staff.tell(SETTINGS.model_copy(update={"look": changed_look(staff.settings.look, look)}))
    assert staff.showed_room
    assert staff.revision == 3


def test_a_worker_is_not_blamed_for_a_silence_in_which_the_keeper_itself_was_frozen(staff):
    now = monotonic()
    while not staff.update(True, now).frame:
        pass
    worker = staff.pid
    os.kill(worker, signal.SIGSTOP)
    while staff.update(True, now).alive:
        pass
    now += 3600
    assert not staff.update(True, now).trouble
    assert staff.pid == worker
    for _ in range(int(supervisor.HUNG / 0.2) + 2):
        now += 0.2
        staff.update(True, now)
    assert staff.pid != worker


def test_a_worker_goes_home_when_it_was_not_needed_for_long(staff):
    now = monotonic()
    staff.update(True, now)
    worker = staff.pid
    staff.update(False, now + SETTINGS.idle.network - 1)
    assert staff.pid == worker
    staff.update(False, now + SETTINGS.idle.network + 1)
    assert staff.pid is None


def test_a_command_given_again_brings_a_picture_that_was_replaced_meanwhile(staff, tmp_path):
    path = tmp_path / "behind.png"
    wanted = SETTINGS.model_copy(
        update={"look": changed_look(SETTINGS.look, {"effect": "picture", "picture": path})}, deep=True
    )
    for level in (250, 30):
        cv2.imwrite(str(path), np.full((48, 64, 3), level, np.uint8))
        staff.tell(wanted)
        end, corner = monotonic() + PATIENCE, None
        while corner is None or abs(corner - (16 + level * 219 / 255)) > 3:
            assert monotonic() < end, f"{corner} is shown, not {level}"
            frame = staff.update(True, monotonic()).frame
            corner = corner if frame is None else float(planes(frame.pixels)[0][:20, :20].mean())
