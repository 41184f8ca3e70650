"""A network under watch: a GPU that was lost, by a suspend or for want of memory, fails at every frame from then on."""

from typing import Any

from numpy.typing import NDArray

from segnet.inference import Segmenter
from vcam.errors import DeviceLostError

FAILURES = 10  # frames in a row that a GPU may fail at; each of them is blurred whole


class Guard:
    """The same network, that gives up its device."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter = segmenter
        self._failures, self._lost = 0, ""

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The network's."""
        return self.segmenter.size_for(width, height)

    def __call__(self, picture: NDArray[Any], previous: NDArray[Any] | None) -> NDArray[Any]:
        """The network's; raises what it raises."""
        try:
            mask = self.segmenter(picture, previous)
        except Exception as error:
            self._failures += 1
            self._lost = f"{type(error).__name__}: {error}"
            raise
        self._failures = 0
        return mask

    def check(self) -> None:
        """Raises DeviceLostError where the device must be taken for lost. On a CPU nothing is."""
        if self.segmenter.device != "cpu" and self._failures >= FAILURES:
            raise DeviceLostError(f"the network fails on {self.segmenter.device} ({self._lost})")
