"""The keeper with real worker processes that fail in every way: what reaches the device is always safe.

The worker's webcam is the bundled sample with a chequered secret where no mask keeps anything.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from tests.faulty_worker import FAULTS, secret_of
from vcam import keeper
from vcam.errors import SettingsError
from vcam.frame import SafeFrame, planes
from vcam.placeholder import paint
from vcam.settings import LookSettings, OutputSettings, Settings

SETTINGS = Settings(output=OutputSettings(width=320, height=240))
FAULTY = Path(__file__).parent / "faulty_worker.py"
NO_MASK = ["raise", "nan", "one-nan", "constant", "half", "nearly-all", "undecided", "noise", "shape", "type", "range"]
NO_MASK += ["none-at-all"]
PATIENCE = 60.0  # seconds after which a test gives up; nothing here takes a tenth of it


class Screen:
    """A device that looks at every frame. `wait_for` is told of each."""

    def __init__(self):
        self.kinds, self.secrets, self.gaps, self.last = [], [], [], None
        self.changed = threading.Condition()
        self.scrubbed = None

    def prime(self, frame):
        self.send(frame)

    def scrub(self, frame):
        self.scrubbed = frame

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


class Service:
    """A keeper in a thread, with a worker of a given fault."""

    def __init__(self, fault, start=10, settings=SETTINGS):
        self.screen, self.life = Screen(), keeper.Life(settings)
        command = [sys.executable, "-W", "error", str(FAULTY), fault, str(start), "sample"]
        self.failure = None
        self.thread = threading.Thread(target=self._run, args=(command,))

    def _run(self, command):
        try:
            keeper.run(self.life, self.screen, command)
        except SettingsError as error:
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.life.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def worker(self):
        """The pid of the worker that is alive."""
        found = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", str(FAULTY)], capture_output=True, text=True, check=True
        )
        return int(found.stdout.split()[-1])


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))


def safe(screen):
    """No frame shows the room."""
    assert max(screen.secrets) < 0.02, f"the room was seen in frame {screen.secrets.index(max(screen.secrets))}"


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
    monkeypatch.setattr(keeper, "HUNG", 2.0)
    with Service(fault) as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp"))
    safe(service.screen)
    assert max(service.screen.gaps) < 1.0


def test_a_network_that_takes_too_long_leaves_placeholders_between_its_frames():
    with Service("late") as service:
        service.screen.wait_for(lambda kinds: after(kinds, "sharp", "placeholder", "sharp", "placeholder"))
    safe(service.screen)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGSTOP, signal.SIGTERM])
def test_a_worker_killed_from_outside_at_any_point_is_replaced(number, monkeypatch):
    monkeypatch.setattr(keeper, "HUNG", 2.0)
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

    monkeypatch.setattr(keeper.subprocess, "Popen", no_memory)
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


def test_new_settings_take_effect_in_mid_stream_and_bad_ones_change_nothing():
    with Service("none", start=10**6) as service:
        screen, life = service.screen, service.life
        screen.wait_for(lambda kinds: "sharp" in kinds)
        for number in range(30):
            look = LookSettings(blur=(0.2, 1.0)[number % 2])
            life.load = lambda look=look: SETTINGS.model_copy(update={"look": look})
            life.reload()
            count = len(screen.kinds)
            screen.wait_for(lambda kinds, n=count: len(kinds) > n + 1)
        assert life.settings.look.blur == 1.0

        def refuse():
            raise SettingsError("look.blur can't be 7")

        life.load = refuse
        life.reload()
        count = len(screen.kinds)
        screen.wait_for(lambda kinds: len(kinds) > count + 3)
        assert life.settings.look.blur == 1.0
    assert set(screen.kinds[screen.kinds.index("sharp") :]) == {"sharp"}
    safe(screen)


def test_every_fault_that_there_is_is_tested():
    assert set(FAULTS) == {*NO_MASK, "none", "late", "hang", "stop", "die", "leave"}


def test_a_placeholder_says_its_sentence_and_is_the_same_every_time():
    first = paint("The webcam /dev/video0 is unplugged; plug it in again", 640, 480)
    assert first is paint("The webcam /dev/video0 is unplugged; plug it in again", 640, 480)
    luma = planes(first.pixels)[0]
    assert luma.max() > 200
    assert (luma > 100).mean() < 0.1
