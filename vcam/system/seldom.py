"""What may come thirty times a second, reported at most once a minute."""

from collections.abc import Callable
from time import monotonic

EVERY = 60.0  # seconds


class Seldom:
    """Reports one kind of trouble when it comes, and at most once a minute, with how often it came meanwhile."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._reported, self._count = float("-inf"), 0

    def __call__(self, sentence: str) -> None:
        """Report it, or count it."""
        self._count += 1
        now = monotonic()
        if now - self._reported >= EVERY:
            self._report(sentence if self._count == 1 else f"{sentence} ({self._count} times since the last report)")
            self._reported, self._count = now, 0
