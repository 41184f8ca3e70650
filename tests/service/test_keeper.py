"""The keeper with real worker processes that fail in every way: what reaches the device is always safe.

The worker's webcam is the bundled sample with a chequered secret where no mask keeps anything.
"""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from tests.helpers.faulty_worker import FAULTS, secret_of
from vcam.errors import SettingsError
from vcam.frame import SafeFrame, planes
from vcam.service import keeper, supervisor
from vcam.service.placeholder import paint
from vcam.service.supervisor import Crew
from vcam.settings import IdleSettings, LookSettings, OutputSettings, Settings

SETTINGS = Settings(output=OutputSettings(width=320, height=240))
FAULTY = Path(__file__).parents[1] / "helpers" / "faulty_worker.py"
NO_MASK = ["raise", "nan", "one-nan", "constant", "half", "nearly-all", "undecided", "noise", "shape", "type", "range"]
NO_MASK += ["none-at-all"]
PATIENCE = 60.0  # seconds after which a test gives up; nothing here takes a tenth of it


class Screen:
    """A device that looks at every frame. `wait_for` is told of each."""

    def __init__(self):
        self.kinds, self.secrets, self.gaps, self.last = [], [], [], None
        self.changed = threading.Condition()
        self.scrubbed, self.scrubs = None, 0
        self.viewers = Audience()

    def prime(self, frame):
        self.send(frame)

    def scrub(self, frame):
        with self.changed:
            self.scrubbed, self.scrubs, self.last = frame, self.scrubs + 1, None
            self.changed.notify_all()

    def check(self, frame):
        pass

    def send(self, frame):
        assert isinstance(frame, SafeFrame)
        now = monotonic()
        y, u, _ = planes(frame.pixels)
        with self.changed:
            if self.last is not None:
                self.gaps.append(now - self.last)
            self.last = now
            flat = int(u.max()) - int(u.min()) == 0
            self.kinds.append("placeholder" if flat else "sharp" if sharpness(y) > 4 else "blurred")
            self.secrets.append(secret_of(y))
            self.changed.notify_all()

    def wait_for(self, condition):
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.kinds), PATIENCE), f"saw only {self.runs()}"

    def runs(self):
        """The kinds in order, repetitions left out."""
        return [kind for kind, before in zip(self.kinds, [None, *self.kinds], strict=False) if kind != before]


def sharpness(luma):
    """Mean step between neighbours in the middle, where the man stands."""
    middle = luma[60:180, 125:195].astype(int)
    return abs(middle[:, 1:] - middle[:, :-1]).mean()


def command_of(fault, start):
    return [sys.executable, "-W", "error", str(FAULTY), fault, str(start), "sample"]


class Audience:
    """Who watches, as the test says."""

    how = "event"

    def __init__(self, present=True):
        self.present = present
        self._file = os.eventfd(0, os.EFD_NONBLOCK)

    def come(self, present=True):
        self.present = present
        os.eventfd_write(self._file, 1)

    def leave(self):
        self.come(False)

    def fileno(self):
        return self._file

    def look(self):
        with suppress(BlockingIOError):
            os.eventfd_read(self._file)
        return self.present

    def unsure(self):
        return False

    def verify(self):
        pass

    def close(self):
        os.close(self._file)


class Ears:
    """Hears what the keeper hears; reads the settings again as the test says."""

    def __init__(self, life, supervisor):
        self.life, self.crew, self.load = life, supervisor, None

    def hear(self, update, now):
        pass

    def reload(self):
        self.life.settings = self.load()
        self.crew.tell(self.life.settings)


class Service:
    """A keeper in a thread, with a worker of a given fault."""

    def __init__(self, fault, start=10, settings=SETTINGS):
        self.screen, self.life = Screen(), keeper.Life(settings)
        self.crew = Crew(settings, command_of(fault, start))
        self.ears = Ears(self.life, self.crew)
        self.failure = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            asyncio.run(keeper.keep(self.life, [self.screen], self.crew, self.ears))
        except SettingsError as error:
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.life.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def await_worker(self, there):
        """Until there is a worker, or none."""
        deadline = monotonic() + PATIENCE
        while (self.crew.pid is not None) != there:
            assert monotonic() < deadline
            threading.Event().wait(0.01)

    def worker(self):
        """The pid of the worker that is alive."""
        found = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", str(FAULTY)], capture_output=True, text=True, check=True
        )
        return int(found.stdout.split()[-1])


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def safe(screen):
    """No frame shows the room."""
    assert max(screen.secrets, default=0) < 0.02, f"seen in frame {screen.secrets.index(max(screen.secrets))}"


def after(kinds, *wanted):
    """Whether these kinds came one after the other, with anything between."""
    rest = iter(kinds)
    return all(kind in rest for kind in wanted)


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
    monkeypatch.setattr(keeper, "LATE", 1.0)
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
        screen, life = service.screen, service.life
        screen.wait_for(lambda kinds: "sharp" in kinds)
        for number in range(30):
            look = LookSettings(blur=(0.2, 1.0)[number % 2])
            service.ears.load = lambda look=look: SETTINGS.model_copy(update={"look": look})
            life.reload()
            count = len(screen.kinds)
            screen.wait_for(lambda kinds, n=count: len(kinds) > n + 1)
        assert life.settings.look.blur == 1.0
    assert set(screen.kinds[screen.kinds.index("sharp") :]) == {"sharp"}
    safe(screen)


QUICK = Settings(
    output=OutputSettings(width=320, height=240),
    idle=IdleSettings(webcam=0.0, network=0.0),
)


def test_while_nobody_watches_there_is_no_worker_and_nothing_is_written():
    service = Service("none")
    service.screen.viewers.present = False
    with service:
        service.screen.wait_for(lambda kinds: len(kinds) == 1)
        for _ in range(20):
            service.life.bell.ring()
        assert service.crew.pid is None
        assert service.screen.kinds == ["placeholder"]
        service.screen.viewers.come()
        service.screen.wait_for(lambda kinds: "sharp" in kinds)
    assert service.screen.runs() == ["placeholder", "sharp"]
    assert service.crew.starts == 1


def test_whoever_comes_is_shown_a_placeholder_at_once_and_what_was_seen_is_overwritten_when_they_leave():
    with Service("none", settings=QUICK) as service:
        screen, seats = service.screen, service.screen.viewers
        for visit in range(1, 4):
            before = len(screen.kinds)
            seats.come()
            screen.wait_for(lambda kinds, n=before: after(kinds[n:], "placeholder", "sharp"))
            assert screen.kinds[before] == "placeholder"
            seats.leave()
            with screen.changed:
                assert screen.changed.wait_for(lambda n=visit: screen.scrubs >= n, PATIENCE)
            assert screen.scrubbed is paint(keeper.READY, 320, 240)
            service.await_worker(False)
        assert service.crew.starts == 3
    safe(screen)


def test_whoever_comes_back_soon_finds_the_webcam_on_and_the_worker_warm():
    settings = QUICK.model_copy(update={"idle": IdleSettings(webcam=60.0, network=60.0)})
    with Service("none", settings=settings) as service:
        screen, seats = service.screen, service.screen.viewers
        for visit in range(1, 20):
            screen.wait_for(lambda kinds: kinds[-1:] == ["sharp"])
            seats.leave()
            with screen.changed:
                assert screen.changed.wait_for(lambda n=visit: screen.scrubs >= n, PATIENCE)
                before = len(screen.kinds)
            seats.come()
            screen.wait_for(lambda kinds, n=before: "sharp" in kinds[n:])
        assert service.crew.starts == 1
    safe(screen)


def test_paused_the_webcam_is_off_and_a_placeholder_is_shown():
    with Service("none", settings=QUICK) as service:
        screen, life = service.screen, service.life
        screen.wait_for(lambda kinds: "sharp" in kinds)
        life.paused = True
        life.bell.ring()
        screen.wait_for(lambda kinds: kinds[-3:] == ["placeholder"] * 3)
        service.await_worker(False)
        life.paused = False
        life.bell.ring()
        count = len(screen.kinds)
        screen.wait_for(lambda kinds: "sharp" in kinds[count:])
    safe(screen)


def test_a_gpu_that_fails_is_replaced_by_the_cpu_for_a_while():
    with Service("gpu") as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp"))
        assert "the network runs on the CPU" in service.crew.fallback
    safe(service.screen)


def test_every_fault_that_there_is_is_tested():
    assert set(FAULTS) == {*NO_MASK, "none", "late", "hang", "stop", "die", "leave", "gpu"}


def test_a_placeholder_says_its_sentence_and_is_the_same_every_time():
    first = paint("The webcam /dev/video0 is unplugged; plug it in again", 640, 480)
    assert first is paint("The webcam /dev/video0 is unplugged; plug it in again", 640, 480)
    luma = planes(first.pixels)[0]
    assert luma.max() > 200
    assert (luma > 100).mean() < 0.1
