"""From a small picture to the mask of that very picture."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segnet.architectures import ARCHITECTURES
from segnet.classes import PERSON, kept
from segnet.conversion import Convert, file_sha256
from segnet.engines import (
    Engine,
    EngineError,
    GraphFor,
    OpenVinoEngine,
    TorchEngine,
    choose,
    converted,
    gives_numbers,
)
from segnet.light import UNKNOWN
from segnet.maskmodel import MaskModel
from segnet.weights import WeightsError, WeightsInfo, load_weights, read_info

ENGINES = 4  # sizes that are kept ready; a webcam has one, a folder of pictures has many


def input_size(width: int, height: int, nominal: tuple[int, int] = (256, 144), step: int = 16) -> tuple[int, int]:
    """Width and height at which a picture goes through the network: about the nominal area and the picture's
    own aspect, so that nothing is letterboxed and little is stretched. Very long pictures are squeezed to 4:1.
    """
    aspect = min(4.0, max(0.25, width / height))
    area = nominal[0] * nominal[1]
    columns = max(1, round((area * aspect) ** 0.5 / step))
    rows = max(1, round((area / aspect) ** 0.5 / step))
    return columns * step, rows * step


class Segmenter:
    """A network ready to run: what it finds, on what, and how large pictures are when it sees them."""

    def __init__(
        self,
        network: nn.Module | GraphFor,
        info: WeightsInfo,
        *,
        engine: str = "auto",
        device: str = "auto",
        size: tuple[int, int] | None = None,
        keep: Sequence[str] = (PERSON,),
    ) -> None:
        """`engine`: auto, torch, openvino; `device`: auto, cpu, cuda, intel-gpu, npu; `size`: width and height of a
        picture like the nominal one, by default the weights' first; `keep`: classes that are not background. `network`
        is copied; in its place may stand what makes its graphs, which openvino alone can run. On a CPU, threads are as
        torch.set_num_threads says. Raises EngineError, ClassError.
        """
        self.info = info
        self.threads = torch.get_num_threads()
        self.architecture = ARCHITECTURES[info.architecture]
        self.engine, self.device = choose(engine, device)
        self.size = size or info.input_sizes[0]
        if self.architecture.fixed and self.size not in info.input_sizes:
            sizes = " or ".join(f"{w}×{h}" for w, h in info.input_sizes)
            raise EngineError(f"a {info.architecture} takes pictures of {sizes}, not of {self.size[0]}×{self.size[1]}")
        start = starter(network, info, keep, self.engine, self.device)
        self._engine_for = lru_cache(maxsize=ENGINES)(start)

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that pictures of this size are brought to before they are segmented."""
        return self.size if self.architecture.fixed else input_size(width, height, self.size, self.architecture.step)

    def __call__(self, picture: NDArray[Any], previous: NDArray[Any] | None = None) -> NDArray[Any]:
        """uint8 (H, W, 3) RGB, as size_for has it, and the mask of the frame before, float32 (H, W), if there is one
        → float32 (H, W), share of each pixel that is to be kept, 0 to 1. Raises ValueError, EngineError, and what
        the engine raises.
        """
        height, width = picture.shape[:2]
        step = self.architecture.step
        if picture.shape != (height, width, 3) or picture.dtype != np.uint8 or height % step or width % step:
            raise ValueError(
                f"a picture is uint8, RGB, with sides multiples of {step}; got {picture.dtype} {picture.shape}"
            )
        before = np.full((height, width), UNKNOWN, np.float32) if previous is None else previous
        if before.shape != (height, width) or before.dtype != np.float32:
            raise ValueError(f"the mask before is float32 {(height, width)}; got {before.dtype} {before.shape}")
        # They are each thread's own, and this need not be the one that made us.
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        return self._engine_for(width, height)(picture, before)


def starter(
    network: nn.Module | GraphFor, info: WeightsInfo, keep: Sequence[str], engine: str, device: str
) -> Callable[[int, int], Engine]:
    """What makes the engine for a width and a height. Raises EngineError, ClassError."""
    if isinstance(network, nn.Module):
        on_gpu = device == "cuda"
        model = MaskModel(network, info, keep, dtype=torch.float16 if on_gpu else torch.float32)
        model = model.to("cuda" if on_gpu else "cpu").eval()
        if engine == "torch":
            return partial(TorchEngine, model, device=device)
        return partial(OpenVinoEngine, partial(converted, model), device=device)
    if engine == "torch":
        raise EngineError("torch does not run what was made for OpenVINO; use openvino")
    kept(info.classes, keep)  # the graphs have them already, or say later that they can't
    return partial(OpenVinoEngine, network, device=device)


def load_segmenter(
    path: Path,
    *,
    engine: str = "auto",
    device: str = "auto",
    size: tuple[int, int] | None = None,
    keep: Sequence[str] = (PERSON,),
    convert: Convert | None = None,
) -> Segmenter:
    """The segmenter of a weights file, warmed up and seen to give numbers. `convert`: what gets OpenVINO its graphs,
    segnet.conversion's `here` or `apart`; None makes each in this process and keeps none, which is quickest for sizes
    that come once. The other options are Segmenter's. Raises WeightsError, EngineError, ClassError.
    """
    network: nn.Module | GraphFor
    engine, device = choose(engine, device)
    if engine == "openvino" and convert:
        info, network = read_info(path), partial(convert, path, file_sha256(path), tuple(keep))
    else:
        network, info = load_weights(path)
        if engine == "openvino":  # it makes numbers of what is none, so torch is asked too
            demand_numbers(Segmenter(network, info, engine="torch", device="cpu", size=size, keep=keep), path)
    segmenter = Segmenter(network, info, engine=engine, device=device, size=size, keep=keep)
    demand_numbers(segmenter, path)
    return segmenter


def demand_numbers(segmenter: Segmenter, path: Path) -> None:
    """Raise WeightsError where the network that came from `path` gives what is no number."""
    if not gives_numbers(segmenter, *segmenter.size_for(*segmenter.size)):
        raise WeightsError(f"the network in {path} gives numbers that are not finite")
