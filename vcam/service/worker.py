"""The process in which everything happens that can go wrong: webcam, network, pixels. The keeper starts it, and starts
another when it dies.

A frame's way: the webcam delivers it, the network finds the person in it, everything else is blurred, and the result,
composed straight into shared memory, is handed to the keeper, which writes it to the virtual camera.
"""

import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any, NoReturn, Protocol

import cv2

from vcam.devices.cameras import LastUsed, may_come_back, open_camera
from vcam.devices.v4l2 import Device
from vcam.errors import CameraLostError, DeviceLostError, SettingsError
from vcam.masks.mask import Segment
from vcam.media.raw_frame import RawFrame
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.pipeline.hot_swap import Networks
from vcam.pipeline.pipeline import Pipeline
from vcam.service.frame_slots import DisconnectedError, Sender
from vcam.settings import CameraSettings, NetworkSettings, OutputSettings
from vcam.system.log import Repeated, keep_no_core, set_up_log
from vcam.system.memory import keep_freed
from vcam.system.stage_timer import StageTimer

log = logging.getLogger("segblur.worker")

PR_SET_PDEATHSIG = 1  # prctl(2)
RETRY = 1.0  # seconds between two tries to open a webcam
BEAT = 2.0  # seconds between two signs of life while the webcam is not wanted
OPENING = 30.0  # seconds that a webcam may take to open; some take seven


class Camera(Protocol):
    """Where raw frames come from."""

    def read(self) -> RawFrame | None:
        """The newest frame that has not been read, at the output's size; None where none came within a second.
        Raises CameraLostError.
        """
        ...


class Webcam(Camera, Protocol):
    """A camera that may be lost and come back."""

    device: Device  # what it is, to find it again
    about: dict[str, Any]  # the same for the status


OpenWebcam = Callable[[CameraSettings, OutputSettings, Device | None], AbstractContextManager[Webcam]]


def main() -> int:
    """The process: `python -m vcam.service.worker MEMORY SOCKET`, two inherited descriptors. The exit code."""
    set_up_log()
    keep_no_core()
    keep_freed()
    # Whatever ends the keeper ends this process too: a webcam must not stay on without a reader.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the keeper's; it ends this process itself
    try:
        link = Sender(int(sys.argv[1]), int(sys.argv[2]))
        link.say("")
        networks = prepare(link)
        link.say("")
        introduce(networks.current(), link)
        work(link, networks, open_camera)
    except DisconnectedError:
        return 0
    except (SettingsError, DeviceLostError) as error:
        log.error("%s", error)
        return error.exit_code
    return 0


def prepare(link: Sender) -> Networks:
    """The network, ready to run. Raises SettingsError for weights that can't be used, DeviceLostError for a GPU."""
    from vcam.pipeline.network import load_guarded  # what runs networks takes its time, so only now

    cv2.setNumThreads(1)
    settings = link.settings

    def load(request: NetworkSettings) -> WatchedNetwork:
        network = load_guarded(request, settings.output)
        if network.frames is not None:
            network.frames.lock(link.memory)
        return network

    try:
        networks = Networks(settings.network, load, link.tell)
    except RuntimeError as error:  # torch's, for want of GPU memory too
        raise DeviceLostError(f"the network can't be made ready ({error})") from None
    # What is there now stays. To look through all of it for what can go took 160 ms, while frames waited.
    gc.collect()
    gc.freeze()
    # A frame that waits for a thread which loads another network shall wait a tenth of the usual 5 ms at a time.
    sys.setswitchinterval(5e-4)
    return networks


def work(link: Sender, networks: Networks, open_camera: OpenWebcam) -> None:
    """Stream whenever the webcam is wanted and there, until the keeper is gone (DisconnectedError)."""
    last: LastUsed | None = None
    lost, warn = False, Repeated(log.warning)
    while True:
        if not link.wanted:
            idle(link, networks)
        settings = link.settings
        link.say("", OPENING)
        wanted = settings.camera.device
        try:
            with open_camera(settings.camera, settings.output, may_come_back(last, wanted, monotonic())) as camera:
                link.tell({"camera": camera.about, "reconnects": int(lost)})
                lost = False
                try:
                    stream(camera, networks, link)
                finally:
                    last = LastUsed(camera.device, wanted, monotonic())
        except CameraLostError as trouble:
            warn(str(trouble))
            lost = last is not None
            link.tell({"camera": None})
            link.say(str(trouble))
            link.listen(RETRY)
        else:
            link.tell({"camera": None})


def introduce(network: Segment, link: Sender) -> None:
    """Tell what the status says of the network."""
    if isinstance(network, WatchedNetwork):
        link.tell({"network": network.about})


def idle(link: Sender, networks: Networks) -> None:
    """Wait until the webcam is wanted, with everything else ready."""
    told = networks.current()
    while not link.wanted:
        link.say("")
        link.listen(BEAT)
        networks.request(link.settings.network)
        if networks.current() is not told:
            told = networks.current()
            introduce(told, link)


def stream(camera: Camera, networks: Networks, link: Sender) -> None:
    """The life of every frame, as long as this webcam is wanted. Raises CameraLostError, DeviceLostError and
    DisconnectedError.
    """
    timer = StageTimer(link.tell)
    pipeline = Pipeline(log.warning, timer)
    network, settings = networks.current(), link.settings
    wanted = settings.camera
    while link.wanted and settings.camera == wanted:
        frame = camera.read()
        with link.slot() as slot:
            settings, revision = link.settings, link.revision
            if settings.camera != wanted:
                break  # this frame is of a webcam that is not to be seen any more
            if frame is None:
                link.say("")
                continue
            if slot is None:
                continue  # the keeper has not taken the last ones: this one is dropped, the next is newer
            timer.since("delivery", frame.captured)
            before, network = network, networks.current()
            if network is not before:
                introduce(network, link)
            link.send(pipeline(frame, network, settings, slot), frame.captured, revision)
        if isinstance(network, WatchedNetwork):
            network.check()
        networks.judge(pipeline.good)
        networks.request(settings.network)
        timer.passed(frame.sequence)


def exit_now(code: int) -> NoReturn:
    """End at once: unloading torch takes a second or two, in which the keeper would wait for the exit code."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    exit_now(main())
