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
from segnet.classes import PERSON
from segnet.engines import Engine, EngineError, OpenVinoEngine, TorchEngine, choose
from segnet.light import UNKNOWN
from segnet.maskmodel import MaskModel
from segnet.weights import WeightsError, WeightsInfo, load_weights

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
        network: nn.Module,
        info: WeightsInfo,
        *,
        engine: str = "auto",
        device: str = "auto",
        size: tuple[int, int] | None = None,
        keep: Sequence[str] = (PERSON,),
    ) -> None:
        """`engine`: auto, torch, openvino; `device`: auto, cpu, cuda, intel-gpu, npu; `size`: width and height of a
        picture like the nominal one, by default the weights' first; `keep`: classes that are not background. `network`
        is copied. On a CPU, threads are as torch.set_num_threads says. Raises EngineError, ClassError.
        """
        self.info = info
        self.threads = torch.get_num_threads()
        self.architecture = ARCHITECTURES[info.architecture]
        self.engine, self.device = choose(engine, device)
        self.size = size or info.input_sizes[0]
        if self.architecture.fixed and self.size not in info.input_sizes:
            sizes = " or ".join(f"{w}×{h}" for w, h in info.input_sizes)
            raise EngineError(f"a {info.architecture} takes pictures of {sizes}, not of {self.size[0]}×{self.size[1]}")
        on_gpu = self.device == "cuda"
        model = MaskModel(network, info, keep, dtype=torch.float16 if on_gpu else torch.float32)
        self.model = model.to("cuda" if on_gpu else "cpu").eval()
        start: Callable[..., Engine] = TorchEngine if self.engine == "torch" else OpenVinoEngine
        self._engine_for = lru_cache(maxsize=ENGINES)(partial(start, self.model, device=self.device))

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


def load_segmenter(
    path: Path,
    *,
    engine: str = "auto",
    device: str = "auto",
    size: tuple[int, int] | None = None,
    keep: Sequence[str] = (PERSON,),
) -> Segmenter:
    """The segmenter of a weights file, warmed up and seen to give numbers; the options are Segmenter's. Raises
    WeightsError, EngineError, ClassError.
    """
    network, info = load_weights(path)
    segmenter = Segmenter(network, info, engine=engine, device=device, size=size, keep=keep)
    width, height = segmenter.size_for(*segmenter.size)
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    masks = [segmenter(noise)]
    if segmenter.engine == "openvino":  # it makes numbers of what is none, so torch is asked too
        plain = TorchEngine(segmenter.model, width, height, "cpu")
        masks.append(plain(noise, np.full((height, width), UNKNOWN, np.float32)))
    if not np.isfinite(masks).all():
        raise WeightsError(f"the network in {path} gives numbers that are not finite")
    return segmenter
