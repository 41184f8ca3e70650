"""The worker process, and the next one when it fails: seen from the keeper."""

import logging
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from vcam.errors import DeviceLostError, SettingsError
from vcam.service.frame_slots import DisconnectedError, Receiver, Update
from vcam.settings import Settings

log = logging.getLogger("segblur.keeper")

# -P: no module of the folder that happens to be the current
WORKER = (sys.executable, "-P", "-m", "vcam.service.worker")
PARTING = 2.0  # seconds that a worker which has closed its connection may take to end, and to leave its exit code
HUNG = 5.0  # after so long without a message the worker is killed
LOADING = 180.0  # the same before its first frame or trouble: importing torch from a cold disk takes its time
BACK_OFF = (0.0, 0.5, 2.0, 5.0, 10.0)  # seconds before the next worker, by how many in a row never showed a frame
FAREWELL = 0.2  # seconds that are given to one that is killed; it is looked at again later
SILENT, AGAIN = "it was silent", "SegBlur is starting again"
REQUIRED = 150.0  # seconds: a worker that has to load two networks takes its time
ON_CPU = 600.0  # seconds for which the CPU takes the place of a GPU that was lost


def visible(settings: Settings) -> tuple[object, ...]:
    """What decides which part of the room may be seen: where it changes, frames made before may show more of it."""
    return settings.camera, settings.look, settings.framing, settings.picture, settings.network.keep


class Supervisor:
    """One worker at a time, started when the webcam is wanted, replaced when it fails, stopped when it has not been
    needed for long.

    `revision` counts the changes of what may be seen: no frame that was made by an earlier one is taken from a worker.
    `showed_room` is whether settings before one of those that the keeper has not seen yet showed the room as it is,
    `turned` whether the picture has been turned since.
    """

    def __init__(self, settings: Settings, command: Sequence[str] = WORKER) -> None:
        """`command` is what starts a worker."""
        self.settings, self.starts, self.fallback = settings, 0, ""
        self.revision, self.showed_room, self.turned = 0, False, False
        self._command = command
        self._worker: Worker | None = None
        self._dying: list[Worker] = []
        self._failures, self._ever = 0, False
        self._not_before = self._needed = self._required_until = 0.0
        self._gpu_again = 0.0

    def files(self) -> list[int]:
        """What becomes readable when there is something to take."""
        return [self._worker.fileno()] if self._worker and self._worker.parting is None else []

    @property
    def pid(self) -> int | None:
        """The worker's, while there is one."""
        return self._worker.pid if self._worker else None

    def require(self, now: float) -> None:
        """See to it that there is a worker for a while, even if the webcam is not wanted."""
        self._required_until = now + REQUIRED

    def update(self, wanted: bool, now: float) -> Update:
        """What came from the worker, which is started if the webcam is wanted. Raises SettingsError where the first
        worker finds that it can't work with them.
        """
        self._dying = [dead for dead in self._dying if dead.code() is None]
        needed = wanted or now < self._required_until
        if needed:
            self._needed = now
        if self._worker is None:
            if needed and now >= self._not_before:
                self._start(now)
            return Update()
        if now - self._needed > self.settings.idle.network:
            log.info("no readers; stopping the worker")
            self.stop()
            return Update()
        if self._worker.parting is None:
            try:
                return self._worker.update(wanted, now)
            except DisconnectedError as reason:
                self._worker.parting = (str(reason), now)
        return self._lost(self._worker, now)

    def _start(self, now: float) -> None:
        settings = self.settings
        if now < self._gpu_again:
            on_cpu = settings.network.model_copy(update={"device": "cpu"})
            settings = settings.model_copy(update={"network": on_cpu})
        else:
            self.fallback = ""
        try:
            self._worker = Worker(settings, self.revision, self._command, now)
            self.starts += 1
        except OSError as error:
            log.error("no worker can be started (%s); trying again", error)
            self._failures += 1
            self._wait(now)

    def _lost(self, worker: "Worker", now: float) -> Update:
        """The worker has ended, or hangs."""
        assert worker.parting is not None
        reason, since = worker.parting
        code = worker.code()
        if code is None and reason != SILENT and now - since < PARTING:
            return Update(trouble=AGAIN)
        epitaph = f"the worker had to be killed ({reason})" if code is None else f"the worker ended with code {code}"
        self._failures = 0 if worker.lived else self._failures + 1
        self._ever = self._ever or worker.lived
        self.stop()
        if code == SettingsError.exit_code and not self._ever:
            raise SettingsError("")  # the worker has said why
        if code == DeviceLostError.exit_code and self.settings.network.device == "auto":
            self._gpu_again = now + ON_CPU
            self.fallback = f"the GPU failed; the network runs on the CPU for {ON_CPU / 60:.0f} minutes"
            log.warning(self.fallback)
        log.warning("%s; starting another", epitaph)
        self._wait(now)
        return Update(trouble=AGAIN)

    def _wait(self, now: float) -> None:
        self._not_before = now + BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]

    def tell(self, settings: Settings) -> None:
        """New settings, for this worker and the next ones."""
        if visible(settings) != visible(self.settings):
            self.revision += 1
            self.showed_room = self.showed_room or self.settings.look.shows_room
            self.turned = self.turned or settings.picture.rotate != self.settings.picture.rotate
        self.settings = settings
        self.propose(settings)

    def propose(self, settings: Settings) -> None:
        """New settings for this worker only, which tells whether it can work with them."""
        if self._worker is not None:
            self._worker.tell(settings, self.revision)

    def stop(self) -> None:
        """End the worker; the next one starts when it is wanted."""
        if self._worker is not None:
            self._worker.end()
            self._dying.append(self._worker)
            self._worker = None


class Worker:
    """One worker process and the connection to it."""

    def __init__(self, settings: Settings, revision: int, command: Sequence[str], now: float) -> None:
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
        self.pid = self._process.pid
        self.spoke = self.lived = self._streams = False
        self.parting: tuple[str, float] | None = None  # why and when its connection ended
        self._last_alive = self._turned = now
        self._patience = 0.0
        self.tell(settings, revision)

    def fileno(self) -> int:
        """Readable when it has something to tell."""
        return self._link.fileno()

    def tell(self, settings: Settings, revision: int) -> None:
        """Tell it the settings; a worker that is gone is noticed at the next update."""
        with suppress(DisconnectedError):
            self._link.tell(settings, revision)

    def update(self, wanted: bool, now: float) -> Update:
        """Tell it whether the webcam is wanted, and take what it has sent. Raises DisconnectedError."""
        if wanted != self._streams:
            self._link.want(wanted)
            self._streams = wanted
        update = self._link.take()
        if update.alive or now - self._turned > HUNG:  # it was not silent if it was us who were away, as in a suspend
            self._last_alive, self._patience = now, update.patience
        elif now - self._last_alive > max(self._patience, HUNG if self.spoke else LOADING):
            raise DisconnectedError(SILENT)
        self._turned = now
        self.lived = self.lived or update.frame is not None
        self.spoke = self.spoke or self.lived or bool(update.trouble)
        return update

    def code(self) -> int | None:
        """Its exit code; None while it is there."""
        return self._process.poll()

    def end(self) -> None:
        """End it, whatever state it is in."""
        # Nothing else reaches one that is stopped. One that hangs in a driver dies late or never.
        self._link.close()
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL)
