"""What the person asked for and the service has not confirmed yet."""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal

from vcam.control.client import FullError, StoppedError
from vcam.errors import SegBlurError
from vcam.panel.link import Connection

PACE = 100  # milliseconds between two requests of one kind, so that a slider does not flood the service


class Wish(NamedTuple):
    """A request to the service."""

    do: str
    arguments: dict[str, Any] = {}  # noqa: RUF012 - a default that is never changed
    changes: dict[str, Any] = {}  # noqa: RUF012 - settings as they will be once it is done


def setting(key: str, value: Any) -> Wish:
    """That a setting be this, also tomorrow."""
    return Wish("set", {"key": key, "value": value}, {key: value})


def background(kind: str, path: str) -> Wish:
    """That a "picture" or "video" be the background, also tomorrow: in one request, so that it is looked at once."""
    return Wish("effect", {"effect": kind, kind: path, "keep": True}, {"look.effect": kind, f"look.{kind}": path})


class Lane(QObject):
    """Wishes that are asked one after the other, with the status after the last."""

    changed = Signal()
    answered = Signal(object)  # dict[str, Any]: of each wish but the status
    refused = Signal(str)
    status = Signal(object)  # dict[str, Any]

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._connection: Connection | None = None
        self._waiting: deque[tuple[Wish, ...]] = deque()
        self._asked: tuple[Wish, ...] = ()  # the first of them is under way
        self._confirmed: dict[str, Any] = {}  # done, but no status says so yet
        self._is_second_try = False
        self._pace = QTimer(self, singleShot=True, interval=PACE)
        self._pace.timeout.connect(self._next)

    @property
    def pending(self) -> dict[str, Any]:
        """Settings as they will be."""
        wishes = [*self._asked, *(wish for chain in self._waiting for wish in chain)]
        return self._confirmed | {key: value for wish in wishes for key, value in wish.changes.items()}

    @property
    def is_busy(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._asked or self._waiting)

    def want(self, *chain: Wish) -> None:
        """Ask these, and none after one that is refused. Of changes of one setting the last is enough."""
        keys = [list(wish.changes) for wish in chain]
        self._waiting = deque(old for old in self._waiting if [list(wish.changes) for wish in old] != keys or not keys)
        self._waiting.append(chain)
        self.changed.emit()
        if not self._asked and not self._pace.isActive():
            self._next()

    def forget(self) -> None:
        """Nobody will answer."""
        self._waiting.clear()
        self._asked, self._confirmed = (), {}
        self._pace.stop()
        self._hang_up()
        self.changed.emit()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _next(self) -> None:
        if self._waiting:
            self._asked = self._waiting.popleft()
            self._ask()
        else:
            self._post(Wish("status"))

    def _ask(self) -> None:
        self._post(self._asked[0])

    def _post(self, wish: Wish) -> None:
        if self._connection is None:
            try:
                self._connection = Connection(self)
            except SegBlurError as error:
                self._ended(error)
                return
            self._connection.answered.connect(self._done)
            self._connection.refused.connect(self._no)
            self._connection.ended.connect(self._ended)
        self._connection.post(wish.do, **wish.arguments)

    def _done(self, answer: dict[str, Any]) -> None:
        self._is_second_try = False
        if not self._asked:
            self._settled(answer)
            return
        self._confirmed |= self._asked[0].changes
        self._asked = self._asked[1:]
        self.answered.emit(answer)
        if self._asked:
            self._ask()
        else:
            self._pace.start()

    def _settled(self, status: dict[str, Any]) -> None:
        """The status tells all that was asked for; later ones do, too."""
        if self._waiting:
            self._next()
            return
        self._confirmed = {}
        self._hang_up()
        self.status.emit(status)
        self.changed.emit()

    def _no(self, error: SegBlurError) -> None:
        if isinstance(error, FullError):  # it has closed the connection, which is idle between two wishes
            self._hang_up()
            if not self._is_second_try:
                self._is_second_try = True
                if self._asked:
                    self._waiting.appendleft(self._asked)
                    self._asked = ()
                self._pace.start()
                return
        self._asked = ()
        self.refused.emit(str(error))
        self.changed.emit()
        self._pace.start()

    def _ended(self, error: SegBlurError) -> None:
        self.forget()
        if not isinstance(error, StoppedError):  # that one the strip tells
            self.refused.emit(str(error))


class Wishes(QObject):
    """All wishes, by lanes: in one, the next waits for the last; a picture that is looked at holds up no slider."""

    changed = Signal()
    answered = Signal(str, object)  # lane, dict[str, Any]
    refused = Signal(str, str)  # lane, the service's sentence
    status = Signal(object)  # dict[str, Any], newer than all that was heard before

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lanes: dict[str, Lane] = {}

    def want(self, lane: str, *chain: Wish) -> None:
        """Ask these, one after the other, and none after one that is refused."""
        if lane not in self._lanes:
            new = self._lanes[lane] = Lane(self)
            new.changed.connect(self.changed)
            new.status.connect(self.status)
            new.answered.connect(self._telling(self.answered, lane))
            new.refused.connect(self._telling(self.refused, lane))
        self._lanes[lane].want(*chain)

    def set(self, *changes: tuple[str, Any]) -> None:
        """Ask that settings of one section be so."""
        self.want(changes[0][0].partition(".")[0], *(setting(key, value) for key, value in changes))

    @property
    def pending(self) -> dict[str, Any]:
        """Settings as they will be."""
        return {key: value for lane in self._lanes.values() for key, value in lane.pending.items()}

    def is_busy(self, lane: str) -> bool:
        """Whether an answer is awaited there."""
        return lane in self._lanes and self._lanes[lane].is_busy

    def forget(self) -> None:
        """There is no service that would answer."""
        for lane in self._lanes.values():
            lane.forget()

    @staticmethod
    def _telling(signal: Any, lane: str) -> Callable[[Any], None]:
        return lambda what: signal.emit(lane, what)
