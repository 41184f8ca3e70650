"""One window for each user: a second call hands over what it was given to the first, and ends."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from PySide6.QtCore import QLockFile, QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from vcam.control.protocol import socket_path
from vcam.errors import SegBlurError

PATIENCE = 5.0  # seconds that the first one may take to listen
LONGEST = 1 << 20  # bytes of what is handed over


class Handover(NamedTuple):
    """What a call was given."""

    files: tuple[str, ...] = ()
    token: str = ""  # by which Wayland lets a window come to the front
    hidden: bool = False


class Only(QObject):
    """The first call's end, for as long as it lives."""

    called = Signal(object)  # Handover: another call was made

    def __init__(self, lock: QLockFile) -> None:
        """Qt has to be there. Raises SegBlurError."""
        super().__init__()
        self._lock, path = lock, place()
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(str(path))  # what a killed one left; the lock says that nobody listens there
        if not self._server.listen(str(path)):
            raise SegBlurError(f"{path} can't be made: {self._server.errorString()}; see who may write there")
        self._server.newConnection.connect(self._come)

    def _come(self) -> None:
        while (caller := self._server.nextPendingConnection()) is not None:
            caller.disconnected.connect(caller.deleteLater)
            caller.readyRead.connect(lambda caller=caller: self._read(caller))
            self._read(caller)

    def _read(self, caller: QLocalSocket) -> None:
        if caller.canReadLine():
            handover = understood(bytes(caller.readLine(LONGEST).data()))
            caller.write(b"\n")
            caller.flush()
            caller.disconnectFromServer()
            if handover is not None:
                self.called.emit(handover)
        elif caller.bytesAvailable() > LONGEST:
            caller.abort()

    def close(self) -> None:
        """Let another call be the first."""
        self._server.close()
        self._lock.unlock()


def lock() -> QLockFile | None:
    """The right to be the first; None where another call has it. Raises SegBlurError."""
    path = place()
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SegBlurError(f"{path.parent} can't be made: {error.strerror}; see who may write there") from None
    file = QLockFile(str(path.with_name("panel.lock")))
    file.setStaleLockTime(0)  # only that of a process which is no more is stale
    return file if file.tryLock(0) else None


def hand_over(handover: Handover) -> None:
    """Give it to the first. Raises SegBlurError where that does not answer."""
    line, until = json.dumps(handover._asdict()).encode() + b"\n", monotonic() + PATIENCE
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(PATIENCE)
        while link.connect_ex(str(place())):  # it may only just have begun
            if monotonic() > until:
                raise silent()
            sleep(0.05)
        try:
            link.sendall(line)
            if link.recv(1):
                return
        except OSError:
            pass
        raise silent()


def place() -> Path:
    """Where the first listens. Raises as `socket_path`."""
    return socket_path().with_name("panel.sock")


def silent() -> SegBlurError:
    """It may be stopped or hung."""
    return SegBlurError("the window is open already and does not answer; close it, or log out and in again")


def understood(line: bytes) -> Handover | None:
    """What another call handed over; None for anything else."""
    try:
        message = json.loads(line)
        return Handover(tuple(map(str, message["files"])), str(message["token"]), bool(message["hidden"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def absolute(files: Sequence[Path]) -> tuple[str, ...]:
    """Paths that don't depend on this call's current folder."""
    return tuple(str(file.absolute()) for file in files)
