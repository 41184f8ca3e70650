"""The network that the settings ask for, ready to run."""

import torch

from segnet.classes import ClassError
from segnet.engines import EngineError
from segnet.inference import Segmenter, load_segmenter
from segnet.weights import DEFAULT, WeightsError, read_info
from vcam.errors import SettingsError
from vcam.settings import NetworkSettings


def load_network(settings: NetworkSettings) -> Segmenter:
    """Raises SettingsError for weights that can't be used, for classes that they don't know, and for an engine or a
    device that is not there.
    """
    torch.set_num_threads(settings.threads)
    torch.backends.nnpack.set_flags(False)  # type: ignore[no-untyped-call]  # it complains on old CPUs, at every convolution
    path = settings.weights or DEFAULT
    try:
        return load_segmenter(
            path,
            engine=settings.engine,
            device=settings.device,
            size=read_info(path).size_named(settings.size),
            keep=settings.keep,
        )
    except WeightsError as error:
        raise SettingsError(f"network.weights: {error}") from None
    except ClassError as error:
        raise SettingsError(f"network.keep can't be {', '.join(settings.keep)}: {error}") from None
    except EngineError as error:
        asked = f"network.engine {settings.engine} with network.device {settings.device}"
        raise SettingsError(f"{asked} can't be had: {error}") from None
