"""The network that the settings ask for, ready to run."""

import torch

from segnet.inference import Segmenter, load_segmenter
from segnet.weights import DEFAULT, WeightsError
from vcam.errors import SettingsError
from vcam.settings import NetworkSettings


def load_network(settings: NetworkSettings) -> Segmenter:
    """Raises SettingsError for weights that can't be used and for a device that is not there."""
    torch.set_num_threads(settings.threads)
    torch.backends.nnpack.set_flags(False)  # type: ignore[no-untyped-call]  # it complains on old CPUs, at every convolution
    cuda = torch.cuda.is_available()
    if settings.device == "cuda" and not cuda:
        raise SettingsError("network.device can't be cuda: there is no CUDA GPU that works; use auto or cpu")
    try:
        return load_segmenter(
            settings.weights or DEFAULT,
            "cuda" if cuda and settings.device != "cpu" else "cpu",
        )
    except WeightsError as error:
        raise SettingsError(f"network.weights: {error}") from None
