"""The process that owns the virtual camera and never dies. It holds no raw frame, and imports neither torch nor cv2.

Everything that can go wrong happens in the worker; here that is seen as silence or as the end of a connection, and
answered with a placeholder and another worker. While nobody watches there is nothing to do.
"""

import logging
from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import Protocol

from vcam.devices.readers import Viewers
from vcam.frame import SafeFrame
from vcam.service.frame_slots import Update
from vcam.service.placeholder import paint
from vcam.service.supervisor import Crew
from vcam.service.wakeup import Bell
from vcam.settings import Settings
from vcam.system.sd_notify import notify, watchdog_interval

log = logging.getLogger("segblur.keeper")

TICK = 0.2  # seconds; a reader gets a frame at least this often, because browsers give up after one second
REST = 1.0  # seconds between two looks at a worker whose pictures nobody watches
IDLE = 15.0  # seconds between two looks at everything while there is nothing to do
CHECK = 2.0  # seconds between two looks at what the kernel made of the devices, while there is something to do
VERIFY = 20.0  # seconds after which it is asked anew who watches, in case a sign was lost
LATE = 2.0  # after so long without a fresh frame a placeholder takes the place of the last one

STARTING, STOPPED = "SegBlur is starting", "SegBlur has stopped"
PAUSED, ASLEEP, LATE_TEXT = "SegBlur is paused", "The computer goes to sleep", "The picture is late"
READY = "One moment, the webcam is being switched on"


class Output(Protocol):
    """Where frames go. Only `prime` raises: a device that is lost later is opened again by itself."""

    @property
    def viewers(self) -> Viewers:
        """Who watches."""
        ...

    def prime(self, frame: SafeFrame) -> None:
        """Write the first frame and check what the device made of it. Raises OutputError."""
        ...

    def send(self, frame: SafeFrame) -> None:
        """Write a frame."""
        ...

    def scrub(self, frame: SafeFrame) -> None:
        """Overwrite all old frames."""
        ...

    def check(self, frame: SafeFrame) -> None:
        """See whether the device is as it was, and open one that was lost again, with this frame."""
        ...


class Ears(Protocol):
    """Who wants to know what goes on."""

    def hear(self, update: Update, now: float) -> None:
        """What the worker had to tell."""
        ...

    def reload(self) -> None:
        """Somebody wishes the settings to be read again."""
        ...


class Life:
    """The wishes from outside, plain flags that signal handlers and clients set, with a bell that they ring; and what
    the service is at.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.paused = self.asleep = False
        self.watched = self.live = False  # whether somebody watches, and sees live frames
        self.sentence = STARTING  # what they see otherwise
        self.bell = Bell()
        self._stop = self._reload = False

    def stop(self, *_: object) -> None:
        """A signal handler's whole work."""
        self._stop = True
        self.bell.ring()

    def reload(self, *_: object) -> None:
        """A signal handler's whole work."""
        self._reload = True
        self.bell.ring()

    def ends(self) -> bool:
        """Whether to stop."""
        return self._stop

    def reloads(self) -> bool:
        """Whether to read the settings again; asked once for each wish."""
        wished, self._reload = self._reload, False
        return wished


class Screen:
    """The virtual cameras that show one picture. Nothing is written to one that nobody watches."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = outputs
        self._watched = [False] * len(outputs)
        self._shown: SafeFrame | None = None
        self._at = self._checked = self._verified = 0.0

    def files(self) -> list[int]:
        """What becomes readable when somebody comes or goes."""
        return [file for output in self._outputs if (file := output.viewers.fileno()) >= 0]

    def unsure(self) -> bool:
        """Whether to look again soon."""
        return any(output.viewers.unsure() for output in self._outputs)

    def look(self, rest: SafeFrame, now: float) -> bool:
        """Whether somebody watches any of them. `rest` takes the place of all frames of one that was just left."""
        if now - self._checked > CHECK:
            self._checked = now
            for output in self._outputs:
                output.check(rest)
        if now - self._verified > VERIFY:
            self._verified = now
            for output in self._outputs:
                output.viewers.verify()
        for number, output in enumerate(self._outputs):
            watched = output.viewers.look()
            if self._watched[number] and not watched:
                output.scrub(rest)
            elif watched and not self._watched[number]:
                self._shown = None  # whoever comes gets a frame at once
            self._watched[number] = watched
        return any(self._watched)

    def show(self, frame: SafeFrame, now: float) -> None:
        """Write a frame that is new, and an old one before anybody loses patience."""
        if frame is self._shown and now - self._at < TICK / 2:
            return
        self._shown, self._at = frame, now
        for output, watched in zip(self._outputs, self._watched, strict=True):
            if watched:
                output.send(frame)

    def everywhere(self, frame: SafeFrame) -> None:
        """Overwrite all frames of all cameras, watched or not."""
        for output in self._outputs:
            output.scrub(frame)

    def prime(self, frame: SafeFrame) -> None:
        """Make cameras of them that other programs list. Raises OutputError."""
        for output in self._outputs:
            output.prime(frame)


class Picture:
    """What is to be shown: a live frame, or a placeholder that says why there is none."""

    def __init__(self, say: Callable[[str], SafeFrame]) -> None:
        self._say = say
        self.rest(READY)

    def rest(self, sentence: str) -> None:
        """The webcam is not wanted; what comes next is live, or a reason."""
        self.sentence, self._fresh = sentence, 0.0
        self._frame: SafeFrame | None = None

    def take(self, update: Update, now: float) -> None:
        """What the worker had to tell."""
        if update.frame is not None:
            if self.sentence not in ("", LATE_TEXT):
                log.info("live frames flow")
            self.sentence, self._frame, self._fresh = "", update.frame, now
        elif update.trouble:
            self.sentence = update.trouble
        elif not self.sentence and now - self._fresh > LATE:
            self.sentence = LATE_TEXT

    def frame(self) -> SafeFrame:
        """The one to show now."""
        return self._say(self.sentence) if self.sentence or self._frame is None else self._frame


async def keep(life: Life, outputs: Sequence[Output], crew: Crew, ears: Ears) -> None:
    """Keep frames coming for whoever watches, until told to stop. Raises OutputError where a device can't be had, and
    SettingsError where the first worker finds that it can't work with them.
    """
    width, height = life.settings.output.width, life.settings.output.height

    def say(sentence: str) -> SafeFrame:
        return paint(sentence, width, height)

    screen, picture = Screen(outputs), Picture(say)
    idle = min(IDLE, (watchdog_interval() or IDLE) / 3)
    watched_at, off = -inf, False
    screen.prime(say(STARTING))
    notify("READY=1")
    try:
        while not life.ends():
            now = monotonic()
            watched = screen.look(say(READY), now)
            watched_at = now if watched else watched_at
            wanted = not (life.paused or life.asleep) and now - watched_at <= life.settings.idle.webcam
            update = crew.turn(wanted, now)
            before, off = off, crew.settings.look.effect == "off"
            if before and not off:
                picture.rest(READY)  # the last frame shows the room, and nobody knows when the next one comes
            if wanted:
                picture.take(update, now)
            else:
                picture.rest(PAUSED if life.paused else ASLEEP if life.asleep else READY)
            if watched:
                screen.show(picture.frame(), now)
            life.watched, life.live, life.sentence = watched, watched and not picture.sentence, picture.sentence
            ears.hear(update, now)
            if life.reloads():
                ears.reload()
            notify("WATCHDOG=1")
            pause = TICK if watched or screen.unsure() else REST if crew.pid else idle
            await life.bell.wait(pause, [*screen.files(), *crew.files()])
    finally:
        crew.dismiss()
        screen.everywhere(say(STOPPED))
