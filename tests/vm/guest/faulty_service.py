"""The service with a worker whose segmentation goes wrong in every way, one after the other.

Without arguments it is the service: the real keeper on the real device. With two it is the worker that it starts: the
real webcam and compositor, and a network that is right for a few frames, wrong for a few, and so on.
"""

import asyncio
import signal
import sys
from itertools import chain, cycle, repeat
from typing import Any

from numpy.typing import NDArray

from tests.helpers.faulty_worker import FAULTS, Box
from vcam.devices.outputs import open_outputs
from vcam.devices.webcam import WebCamera
from vcam.pipeline.hot_swap import Networks
from vcam.service.frame_slots import DisconnectedError, Sender
from vcam.service.keeper import State, keep
from vcam.service.supervisor import Supervisor
from vcam.service.worker import work
from vcam.settings import CameraSettings, OutputSettings, Settings
from vcam.system.log import set_up_log

GOOD, BAD = 4, 3  # frames
WRONG = ["raise", "nan", "one-nan", "constant", "half", "nearly-all", "undecided", "noise", "shape", "type", "range"]
WRONG += ["none-at-all"]


class Faulty(Box):
    """Says of the middle of each picture that it is a person, until it is to fail."""

    def __init__(self) -> None:
        faults = chain.from_iterable([*repeat("none", GOOD), *repeat(fault, BAD)] for fault in WRONG)
        self._plan = cycle(faults)

    def __call__(self, picture: NDArray[Any], previous: NDArray[Any] | None = None) -> Any:
        return FAULTS[next(self._plan)](super().__call__(picture, previous))


class Deaf:
    """Nobody asks what goes on."""

    def on_update(self, update: object, now: float) -> None:
        pass

    def reload(self) -> None:
        pass


def serve() -> None:
    """The service, until SIGTERM."""
    settings = Settings(camera=CameraSettings(device="/dev/video0"), output=OutputSettings(width=640, height=480))
    state = State(settings)
    signal.signal(signal.SIGTERM, state.stop)
    supervisor = Supervisor(settings, (sys.executable, __file__))
    asyncio.run(keep(state, open_outputs(settings.output), supervisor, Deaf()))


def fail(memory: int, link: int) -> None:
    """The worker, until the keeper is gone."""
    sender = Sender(memory, link)
    work(sender, Networks(sender.settings.network, lambda request: Faulty(), sender.tell), WebCamera)


if __name__ == "__main__":
    set_up_log()
    try:
        serve() if len(sys.argv) == 1 else fail(int(sys.argv[1]), int(sys.argv[2]))
    except DisconnectedError:
        sys.exit(0)
