"""The process that owns the virtual camera and never dies. It holds no raw frame, and imports neither torch nor cv2.

Everything that can go wrong happens in the worker; here that is seen as silence or as the end of a connection, and
answered with a placeholder and another worker.
"""

import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Protocol

from vcam.errors import SettingsError
from vcam.frame import SafeFrame
from vcam.placeholder import paint
from vcam.settings import Settings
from vcam.slots import EndedError, Receiver, Update

log = logging.getLogger("segblur.keeper")

WORKER = (sys.executable, "-P", "-m", "vcam.worker")  # -P: no module of the folder that happens to be the current
TICK = 0.2  # seconds; a reader gets a frame at least this often, because browsers give up after one second
LATE = 1.0  # after so long without a fresh frame a placeholder takes the place of the last one
HUNG = 5.0  # after so long without a word the worker is killed
LOADING = 180.0  # the same before its first frame or trouble: importing torch from a cold disk takes its time
BACK_OFF = (0.0, 0.5, 2.0, 5.0, 10.0)  # seconds before the next worker, by how many in a row never showed a frame


class Output(Protocol):
    """Where frames go."""

    def prime(self, frame: SafeFrame) -> None:
        """Write the first frame and check what the device made of it. Raises OutputError."""
        ...

    def send(self, frame: SafeFrame) -> None:
        """Write a frame."""
        ...

    def scrub(self, frame: SafeFrame) -> None:
        """Overwrite all old frames."""
        ...


class Life:
    """The two wishes from outside: to stop, and to read the settings again.

    Plain flags that signal handlers set: an Event's lock may be held by the very code that the signal interrupted.
    """

    def __init__(self, settings: Settings, load: Callable[[], Settings] | None = None) -> None:
        self.settings, self.load = settings, load
        self._stop = self._reload = False

    def stop(self, *_: object) -> None:
        """A signal handler's whole work."""
        self._stop = True

    def reload(self, *_: object) -> None:
        """A signal handler's whole work."""
        self._reload = True

    def ends(self) -> bool:
        """Whether to stop."""
        return self._stop

    def reloads(self) -> bool:
        """Whether to read the settings again; asked once for each wish."""
        if not self._reload:
            return False
        self._reload = False
        return True


def run(life: Life, output: Output, worker: Sequence[str] = WORKER) -> None:
    """Keep frames coming until told to stop; workers come and go. `worker` is the command that starts one.
    Raises SettingsError where the first worker finds that it can't work with them.
    """
    width, height = life.settings.output.width, life.settings.output.height

    def say(sentence: str) -> SafeFrame:
        return paint(sentence, width, height)

    output.prime(say("SegBlur is starting"))
    why, failures, ever = "SegBlur is starting", 0, False
    dying: list[Worker] = []
    try:
        while not life.ends():
            wait(life, output, say(why), BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            dying = [dead for dead in dying if not dead.gone()]
            try:
                process = Worker(life.settings, worker)
            except OSError as error:
                log.error("no worker can be started (%s); trying again", error)
                failures += 1
                continue
            with process:
                lived = show(life, output, process, say, why)
            dying.append(process)
            failures, ever = (0, True) if lived else (failures + 1, ever)
            if life.ends():
                break
            if process.code == SettingsError.exit_code and not ever:
                raise SettingsError("")  # the worker has said why
            log.warning("%s; starting another", process.epitaph)
            why = "SegBlur is starting again"
    finally:
        output.scrub(say("SegBlur has stopped"))


def show(life: Life, output: Output, worker: "Worker", say: Callable[[str], SafeFrame], why: str) -> bool:
    """Take, write, tell, until the worker ends; whether it ever showed a frame."""
    frame, fresh, heard, lived = say(why), monotonic(), monotonic(), False
    while not life.ends():
        try:
            update = worker.take(TICK)
        except EndedError as reason:
            worker.mourn(str(reason))
            return lived
        now = monotonic()
        heard = now if update.heard else heard
        if update.frame is not None:
            if not lived:
                log.info("live frames flow")
            frame, fresh, lived = update.frame, now, True
        elif update.trouble:
            frame, fresh = say(update.trouble), now + HUNG
        elif lived and now - fresh > LATE:
            frame = say("The picture is late")
        output.send(frame)
        if now - heard > (HUNG if worker.spoke else LOADING):
            worker.mourn(f"silent for {now - heard:.0f} s")
            return lived
        if life.reloads():
            reload(life, worker)
    return lived


def wait(life: Life, output: Output, frame: SafeFrame, seconds: float) -> None:
    """Show one frame for a while."""
    until = monotonic() + seconds
    while monotonic() < until and not life.ends():
        output.send(frame)
        sleep(TICK)


def reload(life: Life, worker: "Worker") -> None:
    """Read the settings again; what can't be used, or not without another start, changes nothing."""
    if life.load is None:
        return
    try:
        wanted = life.load()
    except SettingsError as error:
        log.error("%s; the settings stay as they are", error)
        return
    if wanted.model_copy(update={"look": life.settings.look}) != life.settings:
        log.warning("only the section look changes without a new start; the rest stays as it is")
    life.settings = life.settings.model_copy(update={"look": wanted.look})
    worker.tell(life.settings)
    log.info("settings read again")


class Worker:
    """One worker process and the connection to it. Leaving the `with` block ends it, whatever state it is in."""

    def __init__(self, settings: Settings, command: Sequence[str]) -> None:
        """Start it. Raises OSError where the machine has no memory, process or descriptor left."""
        self._link = Receiver(settings.output.width, settings.output.height)
        try:
            files = self._link.descriptors()
            self._process = subprocess.Popen(
                [*command, *map(str, files)], pass_fds=files, stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError:
            self._link.close()
            raise
        finally:
            self._link.started()
        self.spoke = False
        self.code: int | None = None
        self.epitaph = "the worker was stopped"
        self.tell(settings)

    def tell(self, settings: Settings) -> None:
        """Tell it the settings; a worker that is gone is noticed at the next `take`."""
        with suppress(EndedError):
            self._link.tell(settings)

    def take(self, timeout: float) -> Update:
        """What it has to tell. Raises EndedError."""
        update = self._link.take(timeout)
        self.spoke = self.spoke or update.frame is not None or bool(update.trouble)
        return update

    def mourn(self, reason: str) -> None:
        """Note how it ended: by itself, which its exit code tells, or by being silent."""
        try:
            self.code = self._process.wait(TICK)
            self.epitaph = f"the worker ended with code {self.code}"
        except subprocess.TimeoutExpired:
            self.epitaph = f"the worker had to be killed ({reason})"

    def gone(self) -> bool:
        """Whether the process has ended altogether."""
        return self._process.poll() is not None

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        # A stopped one would hear nothing else. One that hangs in a driver dies late or never: see `gone`.
        self._link.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(TICK)
