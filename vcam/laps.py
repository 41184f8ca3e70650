"""How long each stage of a frame takes, told once a second."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

EVERY = 1.0  # seconds
MOST = 200  # values of a stage in one report


class Laps:
    """Collects milliseconds by stage. `tell` is given {"stages": {stage: [ms, …]}}."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell, self._told = tell, monotonic()
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

    def report(self) -> None:
        """Tell, if it is time to."""
        now = monotonic()
        if now - self._told >= EVERY:
            self._tell({"stages": dict(self._stages)})
            self._told, self._stages = now, defaultdict(list)
