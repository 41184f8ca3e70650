"""The network that the settings ask for, ready to run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from segnet.classes import ClassError
from segnet.engines import EngineError, missing_cuda_torch
from segnet.inference import Segmenter, load_segmenter
from segnet.weights import DEFAULT, WeightsError, read_info
from vcam.errors import SettingsError
from vcam.masks.mask import Segment
from vcam.pipeline.gpu_recovery import WatchedNetwork
from vcam.pipeline.known_answer import check_known_answer, known_answer_difference
from vcam.settings import NetworkSettings, OutputSettings

if TYPE_CHECKING:
    from vcam.pipeline.cuda_graph import Frames

log = logging.getLogger("segblur.network")

MOST_DIFFERENT = 1.0  # grey levels on average; in half precision a GPU's pictures differ by a tenth of that or two
CAPTURE = Lock()  # of CUDA graphs: the beginning of one waits for the whole device, which would break another
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
        check_known_answer(segmenter, settings.keep)
        width, height = segmenter.size_for(output.width, output.height)
        picture, mask = np.full((height, width, 3), 128, np.uint8), None
        for _ in range(WARM_UP):
            mask = segmenter(picture, mask)
    return segmenter


def load_guarded(settings: NetworkSettings, output: OutputSettings) -> WatchedNetwork:
    """The same under watch, and on a CUDA GPU with what makes whole frames of the output's size there."""
    segmenter, size = load_checked(settings, output), (output.width, output.height)
    guard = WatchedNetwork(segmenter, settings, whole_frames(segmenter, size) if segmenter.device == "cuda" else None)
    if segmenter.architecture.build is not None and (lack := missing_for_gpu(settings)):
        guard.about["missing"] = lack
    return guard


def missing_for_gpu(settings: NetworkSettings) -> str:
    """Where an NVIDIA GPU would run the network if only torch were there: a sentence with the command that installs
    it; "" otherwise.
    """
    return missing_cuda_torch() if settings.engine == settings.device == "auto" else ""


def load_by_size(settings: NetworkSettings) -> Callable[[int, int], Segment]:
    """The network for frames of a width and a height; on a CUDA GPU with what makes whole frames of that size there, on
    a stream of the thread that asks. For one thread at a time. Raises as load_network; what it gives raises
    RuntimeError where the GPU can't.
    """
    segmenter = load_network(settings)
    if segmenter.device != "cuda":
        return lambda width, height: segmenter

    @lru_cache(maxsize=1)  # of the GPU's memory no more than one file needs
    def guarded(width: int, height: int) -> WatchedNetwork:
        with CAPTURE:
            return WatchedNetwork(segmenter, settings, whole_frames(segmenter, (width, height)))

    def on_own_stream(width: int, height: int) -> WatchedNetwork:
        from vcam.pipeline.cuda_graph import take_own_stream

        take_own_stream()
        return guarded(width, height)

    return on_own_stream


def whole_frames(segmenter: Segmenter, size: tuple[int, int]) -> "Frames | None":
    """What makes whole frames of a width and a height by the network that torch runs, where it runs it. None, and a
    warning, where its pictures are not those that the network and the compositor make one after the other. Raises
    RuntimeError where the GPU can't.
    """
    from segnet.torch_engine import TorchEngine
    from vcam.pipeline.cuda_graph import Frames

    seen = segmenter.size_for(*size)
    engine = segmenter.engine_for(*seen)
    assert isinstance(engine, TorchEngine)
    frames = Frames(engine.model, engine.model.remembers, seen, size, segmenter.device)
    if (difference := known_answer_difference(frames, segmenter, size)) > MOST_DIFFERENT:
        log.warning("%s makes other pictures than the CPU, by %.1f grey levels: not used", segmenter.device, difference)
        return None
    frames(np.zeros((size[1], size[0], 2), np.uint8), 1.0, False)  # the first YUYV frame of all takes a second longer
    return frames


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
