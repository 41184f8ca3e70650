"""The window's side of the control socket: nothing here waits, for the window has to answer meanwhile."""

import socket
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from vcam.control import client
from vcam.control.client import ForeignError, StoppedError
from vcam.errors import SegBlurError
from vcam.panel.states import Known

CONNECTING = 0.05  # seconds; a socket of this machine takes longer only where a hung service has many callers waiting
SILENCE = 10.0  # seconds without a word after which the service counts as silent
RETRY = 1000  # milliseconds between two looks for a service that is not there


class Connection(QObject):
    """One connection: requests go out at once, and each answer is told as it comes."""

    answered = Signal(object)  # dict[str, Any]
    refused = Signal(object)  # SegBlurError: the service's reason
    ended = Signal(object)  # SegBlurError: there is no connection any more

    def __init__(self, parent: QObject) -> None:
        """Raises as `client.connect`."""
        super().__init__(parent)
        self._rest = b""
        self._socket: socket.socket | None = client.connect(CONNECTING)
        self._notifier = QSocketNotifier(self._socket.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)

    def post(self, do: str, **arguments: Any) -> None:
        """Send a request."""
        if self._socket is not None:
            with suppress(SegBlurError):  # a service that takes nothing is seen by its silence
                client.post(self._socket, do, arguments)

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._notifier.setEnabled(False)
            self._socket.close()
            self._socket = None
            self.deleteLater()

    def _read(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        if not data:
            self._end(StoppedError())
        elif len(self._rest) > client.LONGEST_ANSWER:
            self._end(ForeignError())

    def _take(self, line: bytes) -> None:
        if self._socket is None:  # what came before made somebody close it
            return
        try:
            answer = client.understood(line)
        except ForeignError as error:
            self._end(error)
        except SegBlurError as error:
            self.refused.emit(error)
        else:
            self.answered.emit(answer)

    def _end(self, error: SegBlurError) -> None:
        if self._socket is not None:
            self.close()
            self.ended.emit(error)


class Watch(QObject):
    """Tells what is known of the service: at once, every so often, and whenever that changes."""

    heard = Signal(object)  # Known

    def __init__(self, parent: QObject, every: float = 1.0) -> None:
        super().__init__(parent)
        self._every = every
        self._connection: Connection | None = None
        self._silence = QTimer(self, singleShot=True)
        self._silence.timeout.connect(self._silent)
        self._retry = QTimer(self, singleShot=True, interval=RETRY)
        self._retry.timeout.connect(self.start)

    def start(self) -> None:
        """Look for the service."""
        self._retry.stop()
        self._drop()
        try:
            self._connection = Connection(self)
        except SegBlurError as error:
            self._failed(error)
            return
        self._connection.answered.connect(self._answered)
        self._connection.refused.connect(self._failed)
        self._connection.ended.connect(self._failed)
        self._ask()

    def slow_down(self, every: float) -> None:
        """Listen so often, in seconds, from now on."""
        if every != self._every:
            self._every = every
            if self._connection is not None:
                self._ask()

    def _ask(self) -> None:
        assert self._connection is not None
        self._connection.post("watch", every=self._every)
        self._listen()

    def _listen(self) -> None:
        self._silence.start(int(SILENCE * 1000))

    def _answered(self, status: dict[str, Any]) -> None:
        self._listen()
        self.heard.emit(Known(status, ""))

    def _silent(self) -> None:
        """It may come to itself, so the connection stays."""
        self.heard.emit(Known(None, "silent"))

    def _failed(self, error: SegBlurError) -> None:
        self._drop()
        self._retry.start()
        if isinstance(error, StoppedError):
            self.heard.emit(Known(None, "stopped"))
        elif isinstance(error, ForeignError):
            self.heard.emit(Known(None, "foreign"))
        else:
            self.heard.emit(Known(None, "silent", str(error)))

    def _drop(self) -> None:
        self._silence.stop()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
