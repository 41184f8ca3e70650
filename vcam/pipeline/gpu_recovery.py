"""A network under watch: a GPU that was lost, by a suspend or for want of memory, fails at every frame from then on."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from segnet.graph import file_sha256
from segnet.weights import DEFAULT
from vcam.errors import DeviceLostError
from vcam.frame import I420
from vcam.masks.mask import told
from vcam.media.raw_frame import RawFrame
from vcam.settings import NetworkSettings

if TYPE_CHECKING:
    from segnet.inference import Segmenter
    from vcam.effects.tones import Tables
    from vcam.pipeline.cuda_graph import Frames, Made

FAILURES = 10  # frames in a row that a GPU may fail at; each of them is blurred whole


class WatchedNetwork:
    """The same network, that gives up its device."""

    def __init__(self, segmenter: "Segmenter", settings: NetworkSettings, frames: "Frames | None" = None) -> None:
        """`frames` makes pictures by this network in one go."""
        self.segmenter, self.frames = segmenter, frames
        self._failures, self._lost = 0, ""
        path = settings.weights or DEFAULT
        self.about = {
            "weights": str(path) if settings.weights else "shipped",
            "sha256": file_sha256(path),
            "architecture": segmenter.info.architecture,
            "engine": segmenter.engine,
            "device": segmenter.device,
            "size": list(segmenter.size),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        }

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """The network's."""
        return self.segmenter.size_for(width, height)

    def __call__(self, picture: NDArray[Any], previous: NDArray[Any] | None) -> NDArray[Any]:
        """The network's; raises what it raises."""
        try:
            mask = self.segmenter(picture, previous)
        except Exception as error:
            self._failures += 1
            self._lost = told(error)
            raise
        self._failures = 0
        return mask

    def make(
        self, frame: RawFrame, strength: float, goes_on: bool, out: I420, tables: "Tables | None" = None
    ) -> "Made":
        """The frame in one go, as Frames has it. Raises DeviceLostError."""
        assert self.frames is not None
        try:
            return self.frames(frame.delivered, strength, goes_on, out, frame.turn, tables)
        except Exception as error:
            reason = f"the picture can't be made on {self.segmenter.device} ({told(error)})"
            raise DeviceLostError(reason) from error

    def check(self) -> None:
        """Raises DeviceLostError where the device must be taken for lost. On a CPU nothing is."""
        if self.segmenter.device != "cpu" and self._failures >= FAILURES:
            raise DeviceLostError(f"the network fails on {self.segmenter.device} ({self._lost})")
