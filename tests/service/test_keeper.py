"""The keeper with real worker processes that fail in every way: what reaches the device is always safe.

The worker's webcam is the bundled sample with a chequered secret where no mask keeps anything.
"""

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.faulty_worker import FAULTS
from tests.helpers.keepers import PATIENCE, QUICK, SETTINGS, Service, after, safe
from vcam.frame import planes
from vcam.service import keeper, supervisor
from vcam.service.frame_slots import Update
from vcam.service.placeholder import paint
from vcam.service.screen import READY, Picture
from vcam.settings import IdleSettings, LookSettings

NO_MASK = ["raise", "nan", "one-nan", "constant", "half", "nearly-all", "undecided", "noise", "shape", "type", "range"]
NO_MASK += ["none-at-all"]


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def test_a_good_worker_brings_a_sharp_person_before_a_blurred_room_after_a_placeholder():
    with Service("none") as service:
        service.screen.wait_for(lambda kinds: kinds.count("sharp") > 20)
    assert service.screen.runs()[:2] == ["placeholder", "sharp"]
    safe(service.screen)


@pytest.mark.parametrize("fault", NO_MASK)
def test_whatever_a_network_gives_that_is_no_mask_blurs_the_whole_picture(fault):
    with Service(fault) as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", *["blurred"] * 20))
    assert service.screen.runs()[:3] == ["placeholder", "sharp", "blurred"]
    assert "sharp" not in service.screen.runs()[2:]
    safe(service.screen)


@pytest.mark.parametrize("fault", ["die", "leave"])
def test_a_worker_that_dies_is_replaced_with_placeholders_between(fault):
    with Service(fault) as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp", "placeholder", "sharp"))
    safe(service.screen)
    assert max(service.screen.gaps) < 1.0  # a browser gives up a camera after one second


@pytest.mark.parametrize("fault", ["hang", "stop"])
def test_a_worker_that_hangs_or_is_stopped_is_replaced(fault, monkeypatch):
    monkeypatch.setattr(supervisor, "HUNG", 2.0)
    with Service(fault) as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp"))
    safe(service.screen)
    assert max(service.screen.gaps) < 1.0


def test_a_network_that_takes_too_long_leaves_placeholders_between_its_frames(monkeypatch):
    monkeypatch.setattr("vcam.service.screen.LATE", 1.0)
    with Service("late") as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp", "placeholder"))
    safe(service.screen)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGSTOP, signal.SIGTERM])
def test_a_worker_killed_from_outside_at_any_point_is_replaced(number, monkeypatch):
    monkeypatch.setattr(supervisor, "HUNG", 2.0)
    with Service("none") as service:
        for frames in (1, 7, 20):
            service.screen.wait_for(lambda kinds, n=frames: list(reversed(kinds))[:n].count("sharp") == n)
            count = len(service.screen.kinds)
            os.kill(service.worker(), number)
            service.screen.wait_for(lambda kinds, n=count: after(kinds[n:], "placeholder", "sharp"))
    safe(service.screen)


def test_a_worker_killed_before_its_first_word_is_replaced():
    with Service("none") as service:
        service.screen.wait_for(lambda kinds: len(kinds) > 1)
        os.kill(service.worker(), signal.SIGKILL)
        service.screen.wait_for(lambda kinds: "sharp" in kinds)
    safe(service.screen)


def test_a_worker_that_can_not_even_be_started_is_tried_again(monkeypatch):
    start, tries = subprocess.Popen, []

    def no_memory(*words, **options):
        tries.append(1)
        if len(tries) < 3:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return start(*words, **options)

    monkeypatch.setattr(supervisor.subprocess, "Popen", no_memory)
    with Service("none") as service:
        service.screen.wait_for(lambda kinds: "sharp" in kinds)
    assert service.screen.runs()[:2] == ["placeholder", "sharp"]


def test_workers_come_and_go_without_leaving_anything_behind():
    with Service("leave", start=1) as service:
        service.screen.wait_for(lambda kinds: len(kinds) > 3)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            count = len(service.screen.kinds)
            service.screen.wait_for(lambda kinds, n=count: len(kinds) > n + 8)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_settings_that_the_first_worker_can_not_use_end_the_service_but_not_later_ones():
    with Service("settings") as service:
        service.thread.join(PATIENCE)
    assert service.failure is not None
    assert set(service.screen.kinds) == {"placeholder"}


def test_at_the_end_the_device_is_overwritten():
    with Service("none") as service:
        service.screen.wait_for(lambda kinds: "sharp" in kinds)
    assert service.screen.scrubbed is paint("SegBlur has stopped", 320, 240)


def test_new_settings_take_effect_in_mid_stream():
    with Service("none", start=10**6) as service:
        screen, state = service.screen, service.state
        screen.wait_for(lambda kinds: "sharp" in kinds)
        for number in range(30):
            look = LookSettings(blur=(0.2, 1.0)[number % 2])
            service.listener.load = lambda look=look: SETTINGS.model_copy(update={"look": look})
            state.reload()
            count = len(screen.kinds)
            screen.wait_for(lambda kinds, n=count: len(kinds) > n + 1)
        assert state.settings.look.blur == 1.0
    assert set(screen.kinds[screen.kinds.index("sharp") :]) == {"sharp"}
    safe(screen)


def test_without_readers_there_is_no_worker_and_nothing_is_written():
    service = Service("none")
    service.screen.readers.present = False
    with service:
        service.screen.wait_for(lambda kinds: len(kinds) == 1)
        for _ in range(20):
            service.state.wakeup.notify()
        assert service.supervisor.pid is None
        assert service.screen.kinds == ["placeholder"]
        service.screen.readers.come()
        service.screen.wait_for(lambda kinds: "sharp" in kinds)
    assert service.screen.runs() == ["placeholder", "sharp"]
    assert service.supervisor.starts == 1


def test_a_new_reader_gets_a_placeholder_at_once_and_what_was_seen_is_overwritten_when_it_leaves():
    with Service("none", settings=QUICK) as service:
        screen, seats = service.screen, service.screen.readers
        for visit in range(1, 4):
            before = len(screen.kinds)
            seats.come()
            screen.wait_for(lambda kinds, n=before: after(kinds[n:], "placeholder", "sharp"))
            assert screen.kinds[before] == "placeholder"
            seats.leave()
            with screen.changed:
                assert screen.changed.wait_for(lambda n=visit: screen.scrubs >= n, PATIENCE)
            assert screen.scrubbed is paint(READY, 320, 240)
            service.await_worker(False)
        assert service.supervisor.starts == 3
    safe(screen)


def test_a_reader_that_comes_back_soon_finds_the_webcam_on_and_the_worker_warm():
    settings = QUICK.model_copy(update={"idle": IdleSettings(webcam=60.0, network=60.0)})
    with Service("none", settings=settings) as service:
        screen, seats = service.screen, service.screen.readers
        for visit in range(1, 20):
            screen.wait_for(lambda kinds: kinds[-1:] == ["sharp"])
            seats.leave()
            with screen.changed:
                assert screen.changed.wait_for(lambda n=visit: screen.scrubs >= n, PATIENCE)
                before = len(screen.kinds)
            seats.come()
            screen.wait_for(lambda kinds, n=before: "sharp" in kinds[n:])
        assert service.supervisor.starts == 1
    safe(screen)


def test_paused_the_webcam_is_off_and_a_placeholder_is_shown():
    with Service("none", settings=QUICK) as service:
        screen, state = service.screen, service.state
        screen.wait_for(lambda kinds: "sharp" in kinds)
        state.paused = True
        state.wakeup.notify()
        screen.wait_for(lambda kinds: kinds[-3:] == ["placeholder"] * 3)
        service.await_worker(False)
        assert state.sentence == keeper.PAUSED
        state.paused = False
        state.wakeup.notify()
        count = len(screen.kinds)
        screen.wait_for(lambda kinds: "sharp" in kinds[count:])
    safe(screen)


def test_what_is_shown_after_a_pause_does_not_say_that_it_is_paused():
    picture = Picture(lambda sentence: sentence)
    picture.pause(keeper.PAUSED)
    assert picture.frame() == keeper.PAUSED
    picture.take(Update(), 1.0)
    assert picture.frame() == READY


def test_when_nothing_is_written_any_more_the_device_says_that_the_service_has_stopped():
    with Service("none") as service:
        service.screen.wait_for(lambda kinds: "sharp" in kinds)
    assert np.array_equal(service.screen.silence.pixels, paint(keeper.STOPPED, 320, 240).pixels)


def test_a_gpu_that_fails_is_replaced_by_the_cpu_for_a_while():
    with Service("gpu") as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp"))
        assert "the network runs on the CPU" in service.supervisor.fallback
    safe(service.screen)


def test_every_fault_that_there_is_is_tested():
    assert set(FAULTS) == {*NO_MASK, "none", "late", "hang", "stop", "die", "leave", "gpu"}


def test_a_placeholder_says_its_sentence_and_is_the_same_every_time():
    first = paint("The webcam /dev/video0 is unplugged; plug it in again", 640, 480)
    assert first is paint("The webcam /dev/video0 is unplugged; plug it in again", 640, 480)
    luma = planes(first.pixels)[0]
    assert luma.max() > 200
    assert (luma > 100).mean() < 0.1
