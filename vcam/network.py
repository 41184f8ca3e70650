"""The network that the settings ask for, ready to run."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from segnet.classes import ClassError
from segnet.engines import EngineError
from segnet.inference import Segmenter, load_segmenter
from segnet.weights import DEFAULT, WeightsError, read_info
from vcam.errors import SettingsError
from vcam.golden import check_golden
from vcam.settings import NetworkSettings, OutputSettings

WARM_UP = 3  # frames: the first at a size makes the engine for it, the next ones find its memory


def load_network(settings: NetworkSettings) -> Segmenter:
    """Without torch, where OpenVINO runs it. Raises SettingsError for weights that can't be used, for classes that they
    don't know, and for an engine or a device that is not there.
    """
    path = settings.weights or DEFAULT
    with translated(settings):
        return load_segmenter(
            path,
            engine=settings.engine,
            device=settings.device,
            size=read_info(path).size_named(settings.size),
            keep=settings.keep,
            threads=settings.threads,
        )


def load_checked(settings: NetworkSettings, output: OutputSettings) -> Segmenter:
    """The same, seen to find a man in a picture, and warmed up for frames of the output's size: the first of them
    takes no longer than the others. Raises SettingsError, and whatever the engine raises.
    """
    segmenter = load_network(settings)
    with translated(settings):
        check_golden(segmenter, settings.keep)
        width, height = segmenter.size_for(output.width, output.height)
        picture, mask = np.full((height, width, 3), 128, np.uint8), None
        for _ in range(WARM_UP):
            mask = segmenter(picture, mask)
    return segmenter


@contextmanager
def translated(settings: NetworkSettings) -> Iterator[None]:
    """What goes wrong with the network inside, as a SettingsError that names the setting."""
    try:
        yield
    except WeightsError as error:
        raise SettingsError(f"network.weights: {error}") from None
    except ClassError as error:
        raise SettingsError(f"network.keep can't be {', '.join(settings.keep)}: {error}") from None
    except EngineError as error:
        asked = f"network.engine {settings.engine} with network.device {settings.device}"
        raise SettingsError(f"{asked} can't be had: {error}") from None
