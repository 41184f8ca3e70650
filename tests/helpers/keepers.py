"""A keeper in a thread, with real worker processes and a device that looks at every frame."""

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic

from tests.helpers.faulty_worker import secret_of
from vcam.errors import SettingsError
from vcam.frame import SafeFrame, planes
from vcam.service import keeper
from vcam.service.supervisor import Supervisor
from vcam.settings import IdleSettings, OutputSettings, Settings

SETTINGS = Settings(output=OutputSettings(width=320, height=240))
FAULTY = Path(__file__).with_name("faulty_worker.py")
PATIENCE = 60.0  # seconds after which a test gives up; nothing here takes a tenth of it


class Device:
    """A device that looks at every frame. `wait_for` is told of each."""

    def __init__(self):
        self.kinds, self.secrets, self.gaps, self.last = [], [], [], None
        self.changed = threading.Condition()
        self.scrubbed, self.scrubs = None, 0
        self.readers = Readers()

    trouble = ""
    lingers, missing = True, False

    def prime(self, frame, silence):
        self.silence = silence
        self.send(frame)

    def scrub(self, frame):
        with self.changed:
            self.scrubbed, self.scrubs, self.last = frame, self.scrubs + 1, None
            self.changed.notify_all()

    def check(self, frame):
        pass

    def about(self):
        viewers = int(self.readers.present)
        return {"path": "/dev/video10", "label": "SegBlur Camera", "viewers": viewers, "size": [320, 240]}

    def close(self):
        self.readers.close()

    def send(self, frame):
        assert isinstance(frame, SafeFrame)
        now = monotonic()
        y, _, _ = planes(frame.pixels)
        with self.changed:
            if self.last is not None:
                self.gaps.append(now - self.last)
            self.last = now
            self.kinds.append(kind(frame.pixels))
            self.secrets.append(secret_of(y))
            self.changed.notify_all()

    def wait_for(self, condition):
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.kinds), PATIENCE), f"saw only {self.runs()}"

    def runs(self):
        """The kinds in order, repetitions left out."""
        return [now for now, before in zip(self.kinds, [None, *self.kinds], strict=False) if now != before]


def kind(pixels):
    """What an I420 picture is: placeholder, sharp (of the person) or blurred."""
    y, u, _ = planes(pixels)
    if int(u.max()) == int(u.min()):
        return "placeholder"
    return "sharp" if sharpness(y) > 4 else "blurred"


def sharpness(luma):
    """Mean step between neighbours in the middle, where the man stands."""
    middle = luma[60:180, 125:195].astype(int)
    return abs(middle[:, 1:] - middle[:, :-1]).mean()


def command_of(fault, start):
    return [sys.executable, "-W", "error", str(FAULTY), fault, str(start), "sample"]


class Readers:
    """There are some or none, as the test says."""

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

    def reading(self):
        with suppress(BlockingIOError):
            os.eventfd_read(self._file)
        return self.present

    def unsure(self):
        return False

    def verify(self):
        pass

    def close(self):
        os.close(self._file)


class Listener:
    """Takes every update; reads the settings again as the test says."""

    def __init__(self, state, supervisor):
        self.state, self.supervisor, self.load = state, supervisor, None

    def on_update(self, update, now):
        pass

    def reload(self):
        self.state.settings = self.load()
        self.supervisor.tell(self.state.settings)


class Service:
    """A keeper in a thread, with a worker of a given fault."""

    def __init__(self, fault, start=10, settings=SETTINGS):
        self.screen, self.state = Device(), keeper.State(settings)
        self.supervisor = Supervisor(settings, command_of(fault, start))
        self.listener = Listener(self.state, self.supervisor)
        self.failure = None
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            asyncio.run(keeper.keep(self.state, [self.screen], self.supervisor, self.listener))
        except SettingsError as error:
            self.failure = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.state.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def await_worker(self, there):
        """Until there is a worker, or none."""
        deadline = monotonic() + PATIENCE
        while (self.supervisor.pid is not None) != there:
            assert monotonic() < deadline
            threading.Event().wait(0.01)

    def worker(self):
        """The pid of the worker that is alive."""
        found = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", str(FAULTY)], capture_output=True, text=True, check=True
        )
        return int(found.stdout.split()[-1])


def safe(screen):
    """No frame shows the room."""
    assert max(screen.secrets, default=0) < 0.02, f"seen in frame {screen.secrets.index(max(screen.secrets))}"


def after(kinds, *wanted):
    """Whether these kinds came one after the other, with anything between."""
    rest = iter(kinds)
    return all(kind in rest for kind in wanted)


QUICK = Settings(
    output=OutputSettings(width=320, height=240),
    idle=IdleSettings(webcam=0.0, network=0.0),
)
