"""How many frames come, and how long each stage of one takes, told once a second."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

EVERY = 1.0  # seconds
MOST = 200  # values of a stage in one report


class StageTimer:
    """Collects milliseconds by stage. `tell` is given {"stages": {stage: [ms, …]}, "frames_in": number of frames that
    the webcam delivered, "drops": how many of them were not passed on}.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell, self._told = tell, monotonic()
        self._sequence = self._counted = self._passed = 0
        self._stages: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what happens in the block."""
        began = monotonic()
        yield
        self.since(stage, began)

    def since(self, stage: str, began: float) -> None:
        """Note the time that has gone by since `began`, of time.monotonic()."""
        if len(self._stages[stage]) < MOST:
            self._stages[stage].append(round(1000 * (monotonic() - began), 2))

    def passed(self, sequence: int) -> None:
        """Note that the webcam's frame of this number was passed on, and tell, if it is time to."""
        self._sequence, self._passed = sequence, self._passed + 1
        now = monotonic()
        if now - self._told >= EVERY:
            came = self._sequence - self._counted
            self._tell({"stages": dict(self._stages), "frames_in": came, "drops": max(0, came - self._passed)})
            self._told, self._stages, self._counted, self._passed = now, defaultdict(list), self._sequence, 0
