"""When to notify of what. Pure: no clock, no bus; notifications.py shows what is due."""

from math import inf
from typing import Literal, NamedTuple

from vcam.desktop.seen import Seen

Kind = Literal["watched", "trouble", "room", "paused"]
Wanted = Literal["all", "important", "none"]  # the setting desktop.notify

HELD = {"watched": 2.0, "trouble": 5.0, "room": 0.0, "paused": 2.0}  # seconds that it has to last
AGAIN = {"room": 600.0}  # seconds after which it is said again
APART = 60.0  # seconds between two of one kind at least


class Notice(NamedTuple):
    """What a notification says, and offers: (action, label)."""

    summary: str
    body: str
    urgency: int  # 0 low, 1 normal, 2 critical
    actions: tuple[tuple[str, str], ...]
    by_hand: str  # what is added to the body where there are no actions
    passes: bool = False  # not kept once it was seen


OPEN = ("default", "Open SegBlur")
NOTICES: dict[Kind, Notice] = {
    "watched": Notice(
        "Your webcam is on",
        "A program is showing SegBlur Camera.",
        0,
        (("pause", "Pause"), OPEN),
        "segblur toggle pauses it.",
        passes=True,
    ),
    "trouble": Notice("SegBlur can't show you", "", 1, (OPEN,), "segblur doctor knows more."),
    "room": Notice(
        "Your room is shown",
        "Everybody who watches can see it.",
        2,
        (("hide", "Hide it"), OPEN),
        "segblur effect blur --on background hides it.",
    ),
    "paused": Notice(
        "SegBlur is paused", "Others see a notice.", 1, (("resume", "Resume"),), "segblur toggle resumes it."
    ),
}


class Due(NamedTuple):
    """What has to be done now, and when to look again if nothing happens before."""

    show: list[Kind]
    close: list[Kind]
    next: float


class Schedule:
    """Remembers since when something is so, and when it was said."""

    def __init__(self) -> None:
        self._since: dict[Kind, float] = {}
        self._shown: set[Kind] = set()
        self._announced: dict[Kind, float] = {}
        self._watch: Kind | None = None  # what the program that watches now began with
        self._watched = False

    def look(self, seen: Seen | None, now: float) -> Due:
        """What is due; `now` is in seconds, of any clock that never goes back."""
        holds = self._holds(seen)
        over = [kind for kind in self._since if kind not in holds]
        close = [kind for kind in over if kind in self._shown]
        for kind in over:
            del self._since[kind]
            self._shown.discard(kind)
        show, later = [], inf
        for kind in holds:
            due = self._due(kind, self._since.setdefault(kind, now))
            if now >= due:
                show.append(kind)
                self._shown.add(kind)
                self._announced[kind] = now
                due = now + AGAIN.get(kind, inf)
            later = min(later, due)
        return Due(show, close, later)

    def _due(self, kind: Kind, since: float) -> float:
        """When to say it, for the first time or again."""
        last = self._announced.get(kind, -inf)
        if kind in self._shown:
            return last + AGAIN.get(kind, inf)
        return max(since + HELD[kind], last + APART)

    def _holds(self, seen: Seen | None) -> list[Kind]:
        """The kinds that hold now."""
        if seen is None:
            self._watch, self._watched = None, False
            return []
        if not seen.watched:
            self._watch = None
        elif not self._watched:
            self._watch = "paused" if seen.paused else "watched"
        elif (self._watch == "paused") != seen.paused:
            self._watch = None  # somebody has paused or resumed it, and so knows
        self._watched = seen.watched
        kinds: dict[Kind, bool] = {
            "room": seen.room_shown,
            "trouble": seen.watched and seen.state == "trouble",
            "paused": self._watch == "paused",
            "watched": self._watch == "watched",
        }
        return [kind for kind, holds in kinds.items() if holds]


def wanted(kind: Kind, notify: Wanted) -> bool:
    """Whether the setting lets it through."""
    return notify == "all" or (notify == "important" and kind != "watched")
