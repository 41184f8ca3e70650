"""The process that does everything that can go wrong: webcam, network, pixels. The keeper starts it, and starts
another when it dies.

A frame's way: the webcam delivers it, the network finds the person in it, everything else is blurred, and the result,
composed straight into shared memory, is handed to the keeper, which writes it to the virtual camera.
"""

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol

import cv2

from vcam.camera import WebCamera
from vcam.compositor import compose
from vcam.errors import CameraLostError, SettingsError
from vcam.frame import RawFrame
from vcam.log import keep_no_core, set_up_log
from vcam.mask import Complaints, Segment, mask_or_none
from vcam.settings import Settings
from vcam.slots import EndedError, Sender

log = logging.getLogger("segblur.worker")

PR_SET_PDEATHSIG = 1  # prctl(2)
RETRY = 1.0  # seconds between two tries to open a webcam


class Camera(Protocol):
    """Where raw frames come from."""

    def read(self) -> RawFrame | None:
        """The newest frame that has not been read, at the output's size; None where none came within a second.
        Raises CameraLostError.
        """
        ...


def main() -> int:
    """The process: `python -m vcam.worker MEMORY SOCKET`, two inherited descriptors. The exit code."""
    set_up_log()
    keep_no_core()
    # Whatever ends the keeper ends this process too: a webcam must not stay on for nobody.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the keeper's; it ends this process itself
    try:
        link = Sender(int(sys.argv[1]), int(sys.argv[2]))
        link.say("")
        segment, open_camera = prepare(link.settings)
        link.say("")
        work(link, segment, open_camera)
    except EndedError:
        return 0
    except SettingsError as error:
        log.error("%s", error)
        return error.exit_code
    return 0


def prepare(
    settings: Settings,
) -> tuple[Segment, Callable[[], AbstractContextManager[Camera]]]:
    """The network, ready to run, and how to open the webcam. Raises SettingsError for weights that can't be used."""
    from vcam.network import load_network  # torch: seconds, so only now

    cv2.setNumThreads(1)
    return load_network(settings.network), lambda: WebCamera(settings.camera, settings.output)


def work(
    link: Sender,
    segment: Segment,
    open_camera: Callable[[], AbstractContextManager[Camera]],
) -> None:
    """Stream whenever there is a webcam, until the keeper is gone (EndedError)."""
    while True:
        try:
            with open_camera() as camera:
                stream(camera, segment, link)
        except CameraLostError as trouble:
            log.warning("%s", trouble)
            link.say(str(trouble))
            link.listen(RETRY)


def stream(camera: Camera, segment: Segment, link: Sender) -> None:
    """The life of every frame. Ends by CameraLostError or EndedError."""
    complain, mask = Complaints(log.warning), None
    while True:
        frame = camera.read()
        if frame is None:
            link.say("")
            continue
        with link.slot() as slot:
            if slot is None:
                continue  # the keeper has not taken the last ones: this one is dropped, the next is newer
            look = link.settings.look
            mask = mask_or_none(frame, segment, complain, last=mask)
            link.send(compose(frame, mask, look.blur, out=slot))


def leave(code: int) -> NoReturn:
    """End at once: unloading torch takes a second or two, in which the keeper would wait for the exit code."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
