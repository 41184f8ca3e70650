"""Frames from worker to keeper through shared memory, without a copy, a queue or a lock.

Three slots in a memfd; each is owned by one side at any time. A message over a socket hands a slot over, so a slot
is never written while it is read, whatever happens to either process: killed, stopped or crashed. The memory and
the socket belong to one pair of processes; a new worker gets new ones, so an old one can't disturb it. What the
keeper takes is the newest frame that is there; it hands older ones back at once.

Messages are JSON. Worker to keeper: {"frame": slot, "sequence": n, "captured": seconds, "revision": of the settings
that it was made by}, {"say": text, "patience": seconds} and {"tell": facts}; keeper to worker: {"free": slot},
{"settings": tree, "revision": n} and {"stream": whether the webcam is wanted}.
"""

import fcntl
import json
import mmap
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcam.frame import I420, SafeFrame, seal
from vcam.settings import Settings

SLOTS = 3  # one shown, one on its way, one being written
LONGEST = 65536  # bytes of a message
MOST_MESSAGES = 64  # taken in one go
LONGEST_SENTENCE = 200  # characters that a placeholder shows
LONGEST_PATIENCE = 60.0  # seconds that a worker may ask for


class DisconnectedError(Exception):
    """The other side is gone, or speaks nonsense, or does not listen."""


@dataclass(frozen=True)
class Update:
    """What came from the worker: a fresh frame, or a sentence about trouble, or neither; and facts."""

    frame: SafeFrame | None = None
    trouble: str = ""
    alive: bool = False
    facts: tuple[dict[str, Any], ...] = ()  # what it knows: of the webcam, the network, its own times
    captured: float = 0.0  # time.monotonic() when the webcam's driver handed the frame's original over, in seconds
    dropped: int = 0  # frames that a newer one overtook
    patience: float = 0.0  # seconds that it may now be silent for


def views(memory: mmap.mmap, width: int, height: int) -> list[I420]:
    """One I420 array for each slot."""
    shape = (SLOTS, height * 3 // 2, width)
    return list(np.frombuffer(memory, np.uint8).reshape(shape))


def send(link: socket.socket, message: dict[str, Any]) -> None:
    """One message. Raises DisconnectedError where the other side is gone or has stopped reading."""
    try:
        link.send(json.dumps(message).encode())
    except OSError as error:
        raise DisconnectedError(str(error)) from None


def receive(link: socket.socket) -> Iterator[dict[str, Any]]:
    """The messages that are there, but not more than a few: one side that floods must not hold the other up. Raises
    DisconnectedError at the end of the connection and on nonsense.
    """
    for _ in range(MOST_MESSAGES):
        try:
            data = link.recv(LONGEST, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise DisconnectedError(str(error)) from None
        if not data:
            raise DisconnectedError("the connection is closed")
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise DisconnectedError(f"{data[:60]!r} is not a message")
        yield message


class Receiver:
    """The keeper's end."""

    def __init__(self, width: int, height: int) -> None:
        self._file = os.memfd_create("segblur-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self._file, SLOTS * width * height * 3 // 2)
        # Reading memory that the other side has cut off would kill this process.
        fcntl.fcntl(self._file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        self._slots = views(mmap.mmap(self._file, 0), width, height)
        self._link, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.setblocking(False)  # a worker that doesn't listen must not hold the keeper up
        self._shown: int | None = None
        self._newest = -1
        self._revision = 0  # of the settings that the worker was last told

    def descriptors(self) -> tuple[int, int]:
        """The files that the worker is to inherit: memory, socket."""
        return self._file, self._theirs.fileno()

    def started(self) -> None:
        """The worker has its copies; drop ours, so that its death is seen as the end of the connection."""
        os.close(self._file)
        self._theirs.close()

    def tell(self, settings: Settings, revision: int) -> None:
        """Give the worker its settings, or new ones; from now on no frame of an earlier revision is taken. Raises
        DisconnectedError.
        """
        self._revision = revision
        send(self._link, {"settings": settings.model_dump(mode="json"), "revision": revision})

    def want(self, stream: bool) -> None:
        """Tell the worker whether the webcam is wanted. Raises DisconnectedError."""
        send(self._link, {"stream": stream})

    def fileno(self) -> int:
        """Readable when there is something to take."""
        return self._link.fileno()

    def take(self) -> Update:
        """The newest frame, the latest trouble and all facts that are there. The frame stays untouched until the next
        one is taken. Frames by settings of an earlier revision are left out. Raises DisconnectedError.
        """
        fresh: int | None = None
        trouble, alive, dropped = "", False, 0
        when = patience = 0.0
        facts: tuple[dict[str, Any], ...] = ()
        for message in receive(self._link):
            alive, patience = True, 0.0
            if "say" in message:
                trouble = str(message["say"])[:LONGEST_SENTENCE]
                wanted = message.get("patience")
                patience = min(LONGEST_PATIENCE, wanted) if type(wanted) is float else 0.0
                continue
            if isinstance(message.get("tell"), dict):
                facts += (message["tell"],)
                continue
            slot, sequence, captured = message.get("frame"), message.get("sequence"), message.get("captured")
            if type(slot) is not int or type(sequence) is not int or type(captured) is not float:
                raise DisconnectedError(f"{message} is not a frame")
            revision = message.get("revision")
            if slot not in range(SLOTS) or type(revision) is not int or revision > self._revision:
                raise DisconnectedError(f"{message} is not a frame")
            if slot in (fresh, self._shown):
                raise DisconnectedError(f"{message} is not a frame that can be taken")
            if sequence <= self._newest:
                raise DisconnectedError(f"frame {sequence} comes after frame {self._newest}")
            self._newest = sequence
            if revision < self._revision:
                self._free(slot)
                dropped += 1
                continue
            self._free(fresh)
            dropped += fresh is not None
            fresh, trouble, when = slot, "", captured
        if fresh is None:
            return Update(None, trouble, alive, facts, dropped=dropped, patience=patience)
        self._free(self._shown)
        self._shown = fresh
        return Update(seal(self._slots[fresh]), trouble, alive, facts, when, dropped)

    def _free(self, slot: int | None) -> None:
        if slot is not None:
            send(self._link, {"free": slot})

    def close(self) -> None:
        """End the connection. Frames that were taken stay valid as long as they are referenced."""
        self._link.close()


class Sender:
    """The worker's end."""

    def __init__(self, memory: int, link: int) -> None:
        self._link = socket.socket(fileno=link)
        self._memory = mmap.mmap(memory, 0)
        os.close(memory)
        self._slots: list[I420] = []
        self._free: set[int] = set()
        self._sequence = 0
        self.wanted = False  # whether the webcam is, as the keeper last said
        self._told: list[tuple[Settings, int]] = []  # the newest tree and its revision, once there is one
        while not self._told:
            self.listen(None)
        self._slots = views(self._memory, self.settings.output.width, self.settings.output.height)
        self._free = set(range(SLOTS))

    @property
    def memory(self) -> NDArray[Any]:
        """All slots, as bytes."""
        return np.frombuffer(self._memory, np.uint8)

    @property
    def settings(self) -> Settings:
        """The tree as the keeper last sent it; to be read once for each frame."""
        return self._told[0][0]

    @property
    def revision(self) -> int:
        """That of the settings, to be read together with them."""
        return self._told[0][1]

    def listen(self, timeout: float | None) -> None:
        """Take in what the keeper says, waiting up to `timeout` seconds for it. Raises DisconnectedError."""
        select.select([self._link], [], [], timeout)
        for message in receive(self._link):
            if "free" in message:
                self._free.add(message["free"])
            if "stream" in message:
                self.wanted = bool(message["stream"])
            if "settings" in message:
                self._told = [(Settings.model_validate(message["settings"]), int(message["revision"]))]

    @contextmanager
    def slot(self) -> Iterator[I420 | None]:
        """A slot to compose into, for the length of the block; None while the keeper has not handed one back."""
        self.listen(0)
        number = min(self._free, default=None)
        yield None if number is None else self._slots[number]

    def send(self, frame: SafeFrame, captured: float, revision: int) -> None:
        """Hand over a frame that was composed in a slot by settings of this revision, its original `captured` at that
        time.monotonic(). Raises DisconnectedError; TypeError for what is not a SafeFrame.
        """
        if not isinstance(frame, SafeFrame):
            raise TypeError("only a SafeFrame may leave the worker")
        number = next(n for n in self._free if self._slots[n] is frame.pixels)
        self._free.remove(number)
        self._sequence += 1
        facts = {"sequence": self._sequence, "captured": captured, "revision": revision}
        send(self._link, {"frame": number, **facts})

    def tell(self, facts: dict[str, Any]) -> None:
        """Report facts for the keeper's status. Raises DisconnectedError."""
        send(self._link, {"tell": facts})

    def say(self, sentence: str, patience: float = 0.0) -> None:
        """Report trouble, shown until the next frame; "" only says that the worker is alive. The next message comes in
        `patience` seconds at the latest. Raises DisconnectedError.
        """
        send(self._link, {"say": sentence, "patience": patience})
