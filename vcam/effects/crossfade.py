"""From one effect to another, gently."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.effects.blur import Effect
from vcam.frame import I420
from vcam.masks.decontaminate import Replacement


@dataclass(frozen=True)
class Fade:
    """Two effects, both of which hide the room, laid over each other; `share` of the second, 0 to 1."""

    before: Effect
    after: Effect
    share: float

    def __call__(self, pixels: I420, kept: NDArray[Any] | None) -> I420:
        """See Effect."""
        before, after = self.before(pixels, kept), self.after(pixels, kept)
        return np.asarray(cv2.addWeighted(after, self.share, before, 1.0 - self.share, 0.0))

    @property
    def clean(self) -> float:
        """See Replacement."""
        return self._between(*(effect.clean if isinstance(effect, Replacement) else 0.0 for effect in self._both))

    @property
    def wrap(self) -> float:
        """See Replacement."""
        return self._between(*(effect.wrap if isinstance(effect, Replacement) else 0.0 for effect in self._both))

    @property
    def _both(self) -> tuple[Effect, Effect]:
        return self.before, self.after

    def _between(self, before: float, after: float) -> float:
        return before + (after - before) * self.share
