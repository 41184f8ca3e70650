"""Networks that are loaded when a test says so."""

import threading
from collections import Counter

import numpy as np
import pytest

from vcam.pipeline.hot_swap import Networks
from vcam.settings import NetworkSettings

OLD = NetworkSettings()
ONE, TWO, THREE = (NetworkSettings(weights=f"/{name}.safetensors") for name in ("one", "two", "three"))


class Network:
    """Calls the middle of every picture a person, or what it is told to; counts its frames."""

    def __init__(self, settings, fails=False):
        self.settings, self.fails, self.ready, self.previous = settings, fails, False, []

    def size_for(self, width, height):
        return 64, 48

    def __call__(self, picture, previous):
        assert self.ready, "a network was used before it was loaded"
        self.previous.append(previous)
        mask = np.zeros(picture.shape[:2], np.float32)
        mask[8:, 24:40] = np.nan if self.fails else 1.0
        return mask


class Loader:
    """Loads what it is asked for, when it is let: by default at once."""

    def __init__(self):
        self.threads, self.began, self.may, self.does = [], Counter(), {}, {}

    def hold(self, settings):
        """From now on these settings are loaded only when the event is set."""
        self.may[settings.weights] = threading.Event()
        return self.may[settings.weights]

    def __call__(self, settings):
        self.threads.append(threading.current_thread())
        self.began[settings.weights] += 1
        network = Network(settings)
        if settings.weights in self.may:
            assert self.may[settings.weights].wait(60)
        self.does.get(settings.weights, lambda network: None)(network)
        network.ready = True
        return network


class Here:
    """Networks with a loader, what they told, and from which thread."""

    def __init__(self):
        self.load, self.told, self.tellers = Loader(), [], set()
        self.networks = Networks(OLD, self.load, self.on_update)

    def on_update(self, fact):
        assert fact.keys() == {"swap"}
        self.tellers.add(threading.current_thread())
        self.told.append(tuple(fact["swap"].values()))
        assert list(fact["swap"]) == ["state", "weights", "reason"]

    def loaded(self):
        """Wait until the thread has ended, and what it loaded is in use or refused."""
        self.networks._loading.thread.join(60)
        return self.networks.current()

    def states(self):
        return [(state, weights) for state, weights, _ in self.told]


def broken(error):
    def load(network):
        raise error

    return load


@pytest.fixture
def here():
    return Here()
