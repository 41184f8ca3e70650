"""Frames from worker to keeper through shared memory, without a copy, a queue or a lock.

Three slots in a memfd; each is owned by one side at any time. A message over a socket hands a slot over, so a slot
is never written while it is read, whatever happens to either process: killed, stopped or crashed. The memory and
the socket belong to one pair of processes; a new worker gets new ones, so an old one can't disturb it. What the
keeper takes is the newest frame that is there; it hands older ones back at once.

Messages are JSON. Worker to keeper: {"frame": slot, "sequence": n, "captured": seconds, "off": whether it is one of
`segblur effect off`}, {"say": text} and {"tell": facts}; keeper to worker: {"free": slot}, {"settings": tree} and
{"stream": whether the webcam is wanted}.
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


class EndedError(Exception):
    """The other side is gone, or speaks nonsense, or does not listen."""


@dataclass(frozen=True)
class Update:
    """What the worker had to tell: a fresh frame, or a sentence about trouble, or neither; and facts."""

    frame: SafeFrame | None = None
    trouble: str = ""
    heard: bool = False
    facts: tuple[dict[str, Any], ...] = ()  # what it knows: of the webcam, the network, its own times
    captured: float = 0.0  # time.monotonic() when the webcam's driver handed the frame's original over, in seconds
    dropped: int = 0  # frames that a newer one overtook


def views(memory: mmap.mmap, width: int, height: int) -> list[I420]:
    """One I420 array for each slot."""
    shape = (SLOTS, height * 3 // 2, width)
    return list(np.frombuffer(memory, np.uint8).reshape(shape))


def send(link: socket.socket, message: dict[str, Any]) -> None:
    """One message. Raises EndedError where the other side is gone or has stopped reading."""
    try:
        link.send(json.dumps(message).encode())
    except OSError as error:
        raise EndedError(str(error)) from None


def receive(link: socket.socket) -> Iterator[dict[str, Any]]:
    """The messages that are there, but not more than a few: whoever floods does not hold the other side up. Raises
    EndedError at the end of the connection and on nonsense.
    """
    for _ in range(MOST_MESSAGES):
        try:
            data = link.recv(LONGEST, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            raise EndedError(str(error)) from None
        if not data:
            raise EndedError("the connection is closed")
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise EndedError(f"{data[:60]!r} is not a message")
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
        self._off = False  # whether the room may be shown, as the worker was last told

    def descriptors(self) -> tuple[int, int]:
        """The files that the worker is to inherit: memory, socket."""
        return self._file, self._theirs.fileno()

    def started(self) -> None:
        """The worker has its copies; drop ours, so that its death is seen as the end of the connection."""
        os.close(self._file)
        self._theirs.close()

    def tell(self, settings: Settings) -> None:
        """Give the worker its settings, or new ones. Raises EndedError."""
        self._off = settings.look.effect == "off"
        send(self._link, {"settings": settings.model_dump(mode="json")})

    def want(self, stream: bool) -> None:
        """Tell the worker whether the webcam is wanted. Raises EndedError."""
        send(self._link, {"stream": stream})

    def fileno(self) -> int:
        """Readable when there is something to take."""
        return self._link.fileno()

    def take(self) -> Update:
        """The newest frame, the latest trouble and all facts that are there. The frame stays untouched until the next
        one is taken. One of `off` that comes when the room is to be hidden again is left out. Raises EndedError.
        """
        fresh: int | None = None
        trouble, heard, dropped = "", False, 0
        when = 0.0
        facts: tuple[dict[str, Any], ...] = ()
        for message in receive(self._link):
            heard = True
            if "say" in message:
                trouble = str(message["say"])[:LONGEST_SENTENCE]
                continue
            if isinstance(message.get("tell"), dict):
                facts += (message["tell"],)
                continue
            slot, sequence, captured = message.get("frame"), message.get("sequence"), message.get("captured")
            if type(slot) is not int or type(sequence) is not int or type(captured) is not float:
                raise EndedError(f"{message} is not a frame")
            if slot not in range(SLOTS):
                raise EndedError(f"{message} is not a frame")
            if slot in (fresh, self._shown):
                raise EndedError(f"{message} is not a frame that can be taken")
            if sequence <= self._newest:
                raise EndedError(f"frame {sequence} comes after frame {self._newest}")
            self._newest = sequence
            if message.get("off") is not False and not self._off:
                self._free(slot)
                dropped += 1
                continue
            self._free(fresh)
            dropped += fresh is not None
            fresh, trouble, when = slot, "", captured
        if fresh is None:
            return Update(None, trouble, heard, facts, dropped=dropped)
        self._free(self._shown)
        self._shown = fresh
        return Update(seal(self._slots[fresh]), trouble, heard, facts, when, dropped)

    def _free(self, slot: int | None) -> None:
        if slot is not None:
            send(self._link, {"free": slot})

    def close(self) -> None:
        """End the connection. Frames that were taken stay valid as long as somebody holds them."""
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
        self.wanted = False  # whether somebody watches, as the keeper last said
        self._told: list[Settings] = []  # the newest tree, once there is one
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
        return self._told[0]

    def listen(self, timeout: float | None) -> None:
        """Take in what the keeper says, waiting up to `timeout` seconds for it. Raises EndedError."""
        select.select([self._link], [], [], timeout)
        for message in receive(self._link):
            if "free" in message:
                self._free.add(message["free"])
            if "stream" in message:
                self.wanted = bool(message["stream"])
            if "settings" in message:
                self._told = [Settings.model_validate(message["settings"])]

    @contextmanager
    def slot(self) -> Iterator[I420 | None]:
        """A slot to compose into, for the length of the block; None while the keeper has not handed one back."""
        self.listen(0)
        number = min(self._free, default=None)
        yield None if number is None else self._slots[number]

    def send(self, frame: SafeFrame, captured: float) -> None:
        """Hand over a frame that was composed in a slot, and tell when its original was captured. Raises EndedError;
        TypeError for what is not a SafeFrame.
        """
        if not isinstance(frame, SafeFrame):
            raise TypeError("only a SafeFrame may leave the worker")
        number = next(n for n in self._free if self._slots[n] is frame.pixels)
        self._free.remove(number)
        self._sequence += 1
        off = self.settings.look.effect == "off"
        send(self._link, {"frame": number, "sequence": self._sequence, "captured": captured, "off": off})

    def tell(self, facts: dict[str, Any]) -> None:
        """Tell the keeper something that its status is to know. Raises EndedError."""
        send(self._link, {"tell": facts})

    def say(self, sentence: str) -> None:
        """Tell the keeper of trouble, shown until the next frame; "" only says: still alive. Raises EndedError."""
        send(self._link, {"say": sentence})
