"""A worker with a fault, for the keeper to live through: `faulty_worker.py FAULT FROM CAMERA MEMORY SOCKET`.

FAULT begins at frame number FROM. CAMERA is "sample" or "settings" (the webcam that the settings name). The network is
the real one with NETWORK=real, else one that calls a box in the middle a person.
"""

import os
import signal
import sys
import time

import numpy as np

from vcam.devices.sample import SampleCamera
from vcam.devices.webcam import WebCamera
from vcam.errors import DeviceLostError, SettingsError
from vcam.frame import planes
from vcam.pipeline.hot_swap import Networks
from vcam.service.frame_slots import DisconnectedError, Sender
from vcam.service.worker import work
from vcam.system.log import set_up_log

ABOUT = {"weights": "shipped", "sha256": "", "architecture": "box", "engine": "none", "device": "cpu", "size": [64, 48]}
SECRET = 96  # pixels a side


class Box:
    """Calls the middle of every picture a person."""

    def size_for(self, width, height):
        return 64, 48

    def __call__(self, picture, previous=None):
        mask = np.zeros(picture.shape[:2], np.float32)
        mask[8:, 24:40] = 1.0
        return mask


class SecretCamera(SampleCamera):
    """The sample with a chequered secret in the two upper corners, where no mask keeps anything."""

    def read(self):
        frame = super().read()
        paint_secret(planes(frame.pixels)[0])
        return frame


def open_sample(camera, output, known):
    return SecretCamera(camera, output)


def paint_secret(luma):
    """Black and white squares of 4 pixels; `secret_of` finds them again."""
    size = SECRET
    squares = (np.add.outer(np.arange(size) // 4, np.arange(size) // 4) % 2 * 219 + 16).astype(np.uint8)
    luma[:size, :size] = luma[:size, -size:] = squares


def secret_of(luma):
    """How much of the secret a picture shows: contrast between neighbouring squares, 0 to 1."""
    size = SECRET
    squares = np.where(np.add.outer(np.arange(size) // 4, np.arange(size) // 4) % 2, 1.0, -1.0)
    corners = (luma[:size, :size], luma[:size, -size:])
    return max(abs(float((corner * squares).mean())) / 109.5 for corner in corners)


class Faulty:
    """A network that works until frame FROM."""

    def __init__(self, inner, fault, start):
        self.inner, self.fault, self.start, self.calls = inner, fault, start, 0

    def size_for(self, width, height):
        return self.inner.size_for(width, height)

    def __call__(self, picture, previous=None):
        self.calls += 1
        mask = self.inner(picture, previous)
        return mask if self.calls < self.start else FAULTS[self.fault](mask)


def fail(mask):
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def hang(mask):
    time.sleep(3600)


def late(mask):
    time.sleep(1.5)
    return mask


def stop(mask):
    os.kill(os.getpid(), signal.SIGSTOP)
    return mask


def die(mask):
    os.kill(os.getpid(), signal.SIGKILL)


def leave(mask):
    os._exit(3)


def lose_gpu(mask):
    os._exit(DeviceLostError.exit_code)


def hold_the_gil(mask):
    os.read(os.pipe()[0], 1)


FAULTS = {
    "none": lambda mask: mask,
    "raise": fail,
    "nan": lambda mask: np.full_like(mask, np.nan),
    "one-nan": lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) == 7, np.nan, mask).astype(np.float32),
    "constant": np.ones_like,
    "half": lambda mask: np.full_like(mask, 0.6),
    "nearly-all": lambda mask: np.where(mask > 0.5, 1.0, 0.97).astype(np.float32),
    "undecided": lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) == 7, 0.0, 0.5).astype(np.float32),
    "noise": lambda mask: np.random.default_rng().uniform(0.3, 0.7, mask.shape).astype(np.float32),
    "shape": lambda mask: np.ones((7, 9), np.float32),
    "type": lambda mask: mask.astype(np.float64),
    "range": lambda mask: mask * 255,
    "none-at-all": lambda mask: None,
    "late": late,
    "hang": hang,
    "stop": stop,
    "die": die,
    "leave": leave,
    "gpu": lose_gpu,
}


def load(request, faulty):
    """The network of the fault; another where the weights are a file, whose content says what is wrong with it."""
    if request.weights is None:
        return faulty
    what = request.weights.read_text()
    if what.startswith("slow"):
        time.sleep(2)  # while the network before makes its first frames
        raise SettingsError(f"network.weights: {request.weights} is no good")
    if what.startswith("refuse"):
        raise SettingsError(f"network.weights: {request.weights} is no good")
    if what.startswith("crash"):
        os._exit(139)
    return Faulty(Box(), "none" if what.startswith("good") else what.split()[0], 0)


def main():
    fault, start, camera, memory, socket = sys.argv[1:]
    set_up_log()
    try:
        link = Sender(int(memory), int(socket))
        if fault == "settings":
            raise SettingsError("network.weights: the file is damaged")
        if os.environ.get("NETWORK") == "real":
            from vcam.pipeline.network import load_network

            network = load_network(link.settings.network)
        else:
            network = Box()
        if link.settings.network.device == "cpu":
            fault = "none" if fault == "gpu" else fault  # what is wrong with a GPU is not wrong with the CPU
        faulty = Faulty(network, fault, int(start))
        networks = Networks(link.settings.network, lambda request: load(request, faulty), link.tell)
        link.tell({"network": ABOUT})
        work(link, networks, open_sample if camera == "sample" else WebCamera)
    except DisconnectedError:
        return 0
    except (SettingsError, DeviceLostError) as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
