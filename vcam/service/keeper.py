"""The process that owns the virtual camera and never dies. It holds no raw frame, and imports neither torch nor cv2.

Everything that can go wrong happens in the worker; here that is seen as silence or as the end of a connection, and
answered with a placeholder and another worker. While there are no readers there is nothing to do.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Protocol

from vcam.devices.outputs import Output
from vcam.frame import SafeFrame
from vcam.service.frame_slots import Update
from vcam.service.placeholder import paint
from vcam.service.screen import CHECK, GRACE, READY, TICK, Picture, Screen
from vcam.service.supervisor import Supervisor
from vcam.service.wakeup import Wakeup
from vcam.settings import Settings
from vcam.system.sd_notify import notify, watchdog_interval

REST = 1.0  # seconds between two looks at a worker while there are no readers
IDLE = 15.0  # seconds between two looks at everything while there is nothing to do

STARTING, STOPPED = "SegBlur is starting", "SegBlur has stopped"
PAUSED, ASLEEP = "SegBlur is paused", "The computer goes to sleep"


class Listener(Protocol):
    """What wants to know what goes on."""

    def on_update(self, update: Update, now: float) -> None:
        """What came from the worker."""
        ...

    def reload(self) -> None:
        """The settings are to be read again."""
        ...


class State:
    """Requests from outside, plain flags that signal handlers and clients set before they wake the keeper; and what the
    keeper is at.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.paused = self.asleep = False
        self.has_readers = self.live = False  # whether a program reads, and gets live frames
        self.read: Sequence[bool] = ()  # whether each output has readers
        self.sentence = STARTING  # what it gets otherwise
        self.wakeup = Wakeup()
        self.settled = asyncio.Event()  # set while nothing is shown that was made by settings before the newest
        self._stop = self._reload = False

    def stop(self, *_: object) -> None:
        """A signal handler's whole work."""
        self._stop = True
        self.wakeup.notify()

    def reload(self, *_: object) -> None:
        """A signal handler's whole work."""
        self._reload = True
        self.wakeup.notify()

    def ends(self) -> bool:
        """Whether to stop."""
        return self._stop

    def reloads(self) -> bool:
        """Whether to read the settings again; asked once for each request."""
        requested, self._reload = self._reload, False
        return requested


async def keep(state: State, outputs: Sequence[Output], supervisor: Supervisor, listener: Listener) -> None:
    """Keep frames coming for every reader, until told to stop. Raises SettingsError where the first worker finds that
    it can't work with them.
    """
    width, height = state.settings.output.width, state.settings.output.height

    def placeholder(sentence: str) -> SafeFrame:
        return paint(sentence, width, height)

    screen, picture = Screen(outputs), Picture(placeholder)
    idle = min(IDLE, (watchdog_interval() or IDLE) / 3)
    read_at, revision = -inf, supervisor.revision
    screen.prime(placeholder(STARTING), placeholder(STOPPED))
    notify("READY=1")
    try:
        while not state.ends():
            now = monotonic()
            read = screen.readers(placeholder(READY), now)
            read_at = now if screen.lingers() else read_at
            off = PAUSED if state.paused else ASLEEP if state.asleep else ""
            wanted = not off and (read or now - read_at <= state.settings.idle.webcam)
            update = supervisor.update(wanted, now)
            if supervisor.revision != revision:
                revision = supervisor.revision
                picture.outdate(now if supervisor.showed_room else now + GRACE)
                if supervisor.turned:
                    picture.cut()
                    update = replace(update, frame=None)  # even of one that was turned already: it is a cut
                supervisor.showed_room = supervisor.turned = False
            if wanted:
                picture.take(update, now)
            else:
                picture.pause(off or READY)
            if read:
                screen.show(picture.frame(), now)
            state.has_readers, state.live, state.sentence = read, read and not picture.sentence, picture.sentence
            state.read = screen.read()
            if picture.deadline is None:
                state.settled.set()
            listener.on_update(update, now)
            if state.reloads():
                listener.reload()
            notify("WATCHDOG=1")
            pause = (
                TICK if read or screen.unsure() else REST if supervisor.pid else CHECK if screen.incomplete() else idle
            )
            await state.wakeup.wait(min(pause, picture.patience(now)), [*screen.files(), *supervisor.files()])
    finally:
        state.settled.set()
        supervisor.stop()
        screen.scrub(placeholder(STOPPED))
