"""PipeWire as a virtual camera: a node that browsers, OBS and sandboxed programs list, without a kernel module."""

import ctypes
import logging
from typing import Any

from vcam.devices.pipewire_library import PAUSED, STREAMING, Loop, load
from vcam.devices.pipewire_stream import NO_DAEMON, Stream
from vcam.errors import OutputError
from vcam.frame import SafeFrame, size_of
from vcam.settings import OutputSettings

log = logging.getLogger("segblur.output")

STATES = {PAUSED: "paused", STREAMING: "streaming"}


def find_pipewire(settings: OutputSettings) -> list["PipeWire"]:
    """The camera, where the settings ask for it."""
    return [PipeWire(settings)] if settings.pipewire == "auto" else []


class PipeWire:
    """An output (see outputs.py). Programs can do without it where there is another: a daemon that is not there is
    waited for.
    """

    def __init__(self, settings: OutputSettings) -> None:
        """Nothing is opened yet."""
        self.label, self.trouble, self.lingers = settings.label, "", True
        self.readers = Streaming(self)
        self._size = (settings.width, settings.height)
        self._library: ctypes.CDLL | None = None
        self._loop: Loop | None = None
        self._stream: Stream | None = None
        self._silence: SafeFrame | None = None

    @property
    def missing(self) -> bool:
        """See Output. There is nothing else that it could lack."""
        return bool(self.trouble)

    def prime(self, frame: SafeFrame, silence: SafeFrame) -> None:
        """See Output. The library is looked for once."""
        self._silence = silence
        try:
            self._library = load()
            self._loop = Loop(self._library)
        except OutputError as error:
            self.trouble = str(error)
            log.info("%s", error)
            return
        self.check(frame)

    def check(self, frame: SafeFrame) -> None:
        """See Output."""
        if self._loop is None or self._library is None or self._silence is None or self._stream is not None:
            return
        try:
            self._stream = Stream(self._library, self._loop.context, self.label, self._size, self._silence)
        except OutputError as error:
            self._lack(str(error))

    def _lack(self, trouble: str) -> None:
        """Wait for the daemon; it is logged once."""
        if trouble != self.trouble:
            log.info("%s; trying again", trouble)
        self.trouble = trouble

    @property
    def streaming(self) -> bool:
        """Whether a program reads, by what was taken in last."""
        return self._stream is not None and self._stream.streams

    def fileno(self) -> int:
        """Readable when PipeWire has something to tell; -1 without it."""
        return -1 if self._loop is None else self._loop.fileno()

    def streams(self) -> bool:
        """Take in what PipeWire has to tell, then whether a program reads."""
        if self._loop is None:
            return False
        self._loop.run()
        if self._stream is None:
            return False
        if self._stream.lost:  # only now, because nothing may be destroyed while the loop runs
            self._stream.close()
            self._stream = None
            self._lack(NO_DAEMON)
            return False
        if self.trouble and self._stream.state in STATES:
            log.info("PipeWire can be used now")
            self.trouble = ""
        return self._stream.streams

    def send(self, frame: SafeFrame) -> None:
        """See Output. Raises TypeError for what is no SafeFrame."""
        self._accept(frame)
        if self._stream is not None:
            self._stream.send(frame)

    def scrub(self, frame: SafeFrame) -> None:
        """See Output."""
        self._accept(frame)
        if self._stream is not None:
            self._stream.overwrite(frame)
            self._stream.send(frame)

    def _accept(self, frame: SafeFrame) -> None:
        """Raises TypeError."""
        if not isinstance(frame, SafeFrame):
            raise TypeError("only a SafeFrame may be shown")
        assert size_of(frame.pixels) == self._size

    def about(self) -> dict[str, Any] | None:
        """See Output."""
        if self._loop is None:
            return None
        state = "lost" if self._stream is None else STATES.get(self._stream.state, "connecting")
        return {
            "path": "pipewire",
            "label": self.label,
            "viewers": int(self.streaming),
            "size": [*self._size],
            "state": state,
        }

    def close(self) -> None:
        """See Output."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._loop is not None:
            self._loop.close()
            self._loop = None


class Streaming:
    """Readers (see readers.py) by the state of the node, which PipeWire tells."""

    def __init__(self, output: PipeWire) -> None:
        self._output = output

    @property
    def how(self) -> str:
        """By the stream of the node."""
        return "lost" if self._output.missing else "stream"

    @property
    def present(self) -> bool:
        """What `reading` said last."""
        return self._output.streaming

    def fileno(self) -> int:
        """Readable when there may be news."""
        return self._output.fileno()

    def reading(self) -> bool:
        """Whether a program streams; which ones, PipeWire does not tell."""
        return self._output.streams()

    def unsure(self) -> bool:
        """Never: PipeWire tells."""
        return False

    def verify(self) -> None:
        """There is nothing to ask: the state is the daemon's own word."""

    def close(self) -> None:
        """There is nothing to let go of."""
