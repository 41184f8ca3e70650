"""Whether a program streams from the virtual camera. Three ways to know, the best that the kernel offers:

- event: v4l2loopback from 0.13 on says when a stream starts and ends. Opening the device alone, as a browser does to
  list cameras, is no stream.
- inotify: it says when the device was opened or closed; which processes have it open is then counted. One that holds
  it for a moment only has listed the cameras.
- always: it can't be known; a program is assumed to read.
"""

import errno
import fcntl
import os
import select
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from inotify_simple import INotify, flags

SUBSCRIBE, DEQUEUE = 0x4020565A, 0x80885659  # VIDIOC_SUBSCRIBE_EVENT, VIDIOC_DQEVENT
EVENT_BYTES, SEND_INITIAL = 136, 1  # struct v4l2_event, V4L2_EVENT_SUB_FL_SEND_INITIAL
CLIENT_USAGE = 0x10E00001  # V4L2_EVENT_PRI_CLIENT_USAGE
# The same in Ubuntu's 0.12.7. What it says there is not documented, so that it is only a reason to look.
CLIENT_USAGE_UBUNTU = 0x08000000
REFERENCES = Path("/sys/module/v4l2loopback/refcnt")  # how many files of all its devices are open
GLANCE = 0.3  # seconds; who holds the device for less only looked at the list
RESCAN = 1.0  # seconds between two looks at all processes, which take milliseconds
ABSENT = 2  # looks in a row without a reader before a stream that was announced is taken to have ended


class Readers(Protocol):
    """One device's."""

    @property
    def how(self) -> str:
        """One of event, inotify, stream (see pipewire.py) and always; lost where the device is."""
        ...

    @property
    def present(self) -> bool:
        """What `reading` said last. Other threads ask this: who takes a sign must act on it."""
        ...

    def fileno(self) -> int:
        """What becomes readable when there is a reason to look; -1 where nothing ever does."""
        ...

    def reading(self) -> bool:
        """Whether a program streams. Never raises: where that can't be seen, a program is assumed to read."""
        ...

    def unsure(self) -> bool:
        """Whether to look again soon, because this may change without a sign."""
        ...

    def verify(self) -> None:
        """Ask the kernel anew, in case a sign was lost; the next look tells."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def find_readers(device: Path) -> Readers:
    """The best way to know that this device's driver has."""
    for make in (ClientEvents, Holders):
        with suppress(OSError):
            readers: Readers = make(device)
            return readers
    return ALWAYS


class ClientEvents:
    """Told by the driver."""

    how = "event"

    def __init__(self, device: Path) -> None:
        """Raises OSError where the driver has no such event."""
        self._device = device
        self._handle = subscribe(device, CLIENT_USAGE)
        self._epoll = select.epoll()  # events come as POLLPRI, which others can't wait for
        self._epoll.register(self._handle, select.EPOLLPRI)
        self.present, self._absent = False, 0

    def fileno(self) -> int:
        """Readable when an event is waiting."""
        return self._epoll.fileno()

    def reading(self) -> bool:
        """What the last event said."""
        with suppress(OSError):
            for count in events(self._handle):
                self.present = count > 0
        return self.present

    def unsure(self) -> bool:
        """Never: an event will come."""
        return False

    def verify(self) -> None:
        """By a fresh descriptor: subscribing twice by the same one does nothing."""
        try:
            handle = subscribe(self._device, CLIENT_USAGE)
        except OSError:
            return  # too many have it open: what was known stays
        try:
            counts = list(events(handle))
        except OSError:
            return
        finally:
            os.close(handle)
        if not counts:
            return
        self._absent = 0 if counts[-1] else self._absent + 1
        if counts[-1] or self._absent >= ABSENT:
            self.present = counts[-1] > 0

    def close(self) -> None:
        """Unsubscribe."""
        self._epoll.close()
        os.close(self._handle)


class Holders:
    """Found among the processes, and by the number of open files that the kernel counts."""

    how = "inotify"

    def __init__(self, device: Path) -> None:
        """Raises OSError where the kernel does not let the device be watched."""
        self._device = device
        self._ubuntu = -1
        with suppress(OSError):
            self._ubuntu = subscribe(device, CLIENT_USAGE_UBUNTU)
        self._inotify = INotify()
        try:
            self._inotify.add_watch(device, flags.OPEN | flags.CLOSE_WRITE | flags.CLOSE_NOWRITE)
        except OSError:
            self._inotify.close()
            raise
        self.present = False
        self._since: float | None = None
        self._looked = 0.0

    def fileno(self) -> int:
        """Readable when the device was opened or closed."""
        handle: int = self._inotify.fileno()
        return handle

    def reading(self) -> bool:
        """Whether another process has had the device open for longer than a glance."""
        now = monotonic()
        if list(self._inotify.read(timeout=0)) or now - self._looked > RESCAN:
            self._looked = now
            self._since = (self._since or now) if held_by_others(self._device) else None
        self.present = self._since is not None and now - self._since >= GLANCE
        return self.present

    def unsure(self) -> bool:
        """While another process may only be listing cameras."""
        return self._since is not None and monotonic() - self._since < GLANCE

    def verify(self) -> None:
        """Each look does."""

    def close(self) -> None:
        """Stop watching."""
        self._inotify.close()
        if self._ubuntu >= 0:
            os.close(self._ubuntu)


@dataclass(frozen=True)
class Assumed:
    """It can't be known: a program is assumed to read, or, where the device is lost, none until it is back."""

    how: str
    present: bool

    def fileno(self) -> int:
        """No sign will come."""
        return -1

    def reading(self) -> bool:
        """As assumed."""
        return self.present

    def unsure(self) -> bool:
        """It does not change by itself."""
        return False

    def verify(self) -> None:
        """Nothing can be asked."""

    def close(self) -> None:
        """There is nothing to let go of."""


ALWAYS, NO_READERS = Assumed("always", True), Assumed("lost", False)


def subscribe(device: Path, event: int) -> int:
    """A new descriptor that is told of the event, first of how things are now. Raises OSError."""
    handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(handle, SUBSCRIBE, struct.pack("=III5I", event, 0, SEND_INITIAL, 0, 0, 0, 0, 0))
    except OSError:
        os.close(handle)
        raise
    return handle


def events(handle: int) -> Iterable[int]:
    """The count that each waiting event brought. Raises OSError."""
    event = bytearray(EVENT_BYTES)  # type at 0, the count at 8
    while True:
        try:
            fcntl.ioctl(handle, DEQUEUE, event)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return
            raise
        yield struct.unpack_from("=I", event, 8)[0]


def held_by_others(device: Path, proc: Path = Path("/proc"), references: Path = REFERENCES) -> bool:
    """Whether another process has the device open. Those of other users and in sandboxes can't be looked into; that
    an unseen one is there shows in the number of files that the kernel knows to be open, and counts as yes.
    """
    try:
        known = int(references.read_text())
    except (OSError, ValueError):
        known = -1
    ours = opened_by(proc / "self", is_loopback)
    if known == len(ours):
        return False
    me, seen = os.getpid(), len(ours)
    for process in proc.iterdir():
        if process.name.isdigit() and int(process.name) != me:
            theirs = opened_by(process, is_loopback)
            if str(device) in theirs:
                return True
            seen += len(theirs)
    return known > seen


def is_loopback(path: str) -> bool:
    """Whether this is a node of v4l2loopback's."""
    return path.startswith("/dev/video") and Path(f"/sys/devices/virtual/video4linux/{path[5:]}/max_openers").exists()


def opened_by(process: Path, wanted: Callable[[str], bool]) -> list[str]:
    """The files that a process has open and that are wanted, each as often as it is; none where it can't be seen."""
    found = []
    with suppress(OSError):
        for handle in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if wanted(path := str(handle.readlink())):
                    found.append(path)
    return found
