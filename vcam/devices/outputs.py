"""Virtual cameras of every kind: what the service asks of one, and those that the settings ask for."""

from collections.abc import Iterable
from typing import Any, Protocol

from vcam.devices.loopback import find_loopbacks
from vcam.devices.pipewire import find_pipewire
from vcam.devices.readers import Readers
from vcam.frame import SafeFrame
from vcam.settings import OutputSettings


class Output(Protocol):
    """A virtual camera. It takes SafeFrames and nothing else. One that is missing, busy or lost says why in `trouble`
    and is opened as soon as it can be had: no method raises.
    """

    @property
    def trouble(self) -> str:
        """Why nothing can be written at the moment; "" where it can."""
        ...

    @property
    def missing(self) -> bool:
        """Whether the reason is that there is none at the moment: no trouble while there is another."""
        ...

    @property
    def readers(self) -> Readers:
        """Whether a program reads from it."""
        ...

    @property
    def lingers(self) -> bool:
        """Whether the webcam stays on for a while after its last reader, who may be back in a moment."""
        ...

    def prime(self, frame: SafeFrame, silence: SafeFrame) -> None:
        """Open it if it can be had, and overwrite every frame that it holds by `frame`; `silence` is what it shows by
        itself when nothing is written any more, as after a crash.
        """
        ...

    def send(self, frame: SafeFrame) -> None:
        """Write a frame."""
        ...

    def scrub(self, frame: SafeFrame) -> None:
        """Overwrite every frame that it still holds, and undo what its last reader changed."""
        ...

    def check(self, frame: SafeFrame) -> None:
        """See whether it is as it was; open one that was missing or lost, with this frame."""
        ...

    def about(self) -> dict[str, Any] | None:
        """What the status says of it; None where there is nothing to say."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


def trouble_of(outputs: Iterable[Output]) -> str:
    """Why one of them can't be written to; "" where all can that are there. Where there is none, why of each."""
    outputs = list(outputs)
    broken = [output.trouble for output in outputs if output.trouble and not output.missing]
    if broken or any(output.readers.how != "lost" for output in outputs):
        return next(iter(broken), "")
    return "; and ".join(output.trouble for output in outputs if output.trouble)


def open_outputs(settings: OutputSettings) -> list[Output]:
    """Every virtual camera that the settings ask for."""
    return [*find_loopbacks(settings), *find_pipewire(settings)]
