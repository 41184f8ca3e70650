"""From a small picture to the mask of that very picture."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segnet.architectures import ARCHITECTURES
from segnet.classes import PERSON
from segnet.configs import UNKNOWN
from segnet.engines import Engine, EngineError, OpenVinoEngine, choose, converted, gives_numbers
from segnet.graph import graph_maker
from segnet.weights import WeightsError, WeightsInfo, load_weights, read_info

if TYPE_CHECKING:
    from torch import nn

ENGINES = 4  # sizes that are kept ready; a webcam has one, a folder of pictures has many
ONLY_OPENVINO = "runs by OpenVINO only, which knows no CUDA GPU"
GREY = 127  # beside a picture that does not fill what the network takes


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
        network: "nn.Module | Path",
        info: WeightsInfo,
        *,
        engine: str = "auto",
        device: str = "auto",
        size: tuple[int, int] | None = None,
        keep: Sequence[str] = (PERSON,),
        threads: int | None = None,
    ) -> None:
        """`engine`: auto, torch, openvino; `device`: auto, cpu, cuda, intel-gpu, npu; `size`: width and height of a
        picture like the nominal one, by default the weights' first; `keep`: classes that are not background; `threads`
        of a CPU, None leaves them to the engine. `network` is copied; in its place may stand its weights file, which
        openvino runs without torch in this process. Raises EngineError, ClassError, WeightsError.
        """
        self.info = info
        self.architecture = ARCHITECTURES[info.architecture]
        self.engine, self.device = choose(engine, device)
        self.size = size or info.input_sizes[0]
        self.fit = getattr(info.config, "fit", None)  # how pictures are brought to the one size that it takes
        if self.architecture.fixed and self.size not in info.input_sizes:
            sizes = " or ".join(f"{w}×{h}" for w, h in info.input_sizes)
            raise EngineError(f"a {info.architecture} takes pictures of {sizes}, not of {self.size[0]}×{self.size[1]}")
        start = starter(network, info, keep, self.engine, self.device, threads, self.size)
        self._engine_for = beside_grey(start(*self.size), self.size) if self.fit else lru_cache(maxsize=ENGINES)(start)

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that pictures of this size are brought to before they are segmented."""
        if self.fit:
            return fitted(width, height, self.size, letterbox=self.fit == "letterbox")
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
        return self._engine_for(width, height)(picture, before)

    def engine_for(self, width: int, height: int) -> Engine:
        """What runs pictures of this size, as size_for has it. Raises EngineError, and what the engine raises."""
        return self._engine_for(width, height)


def fitted(width: int, height: int, size: tuple[int, int], *, letterbox: bool) -> tuple[int, int]:
    """Width and height of the part of `size` that pictures of this width and height fill: all of it, or, with
    `letterbox`, as much as leaves them their aspect, up to 4:1. Both even, as cameras' pictures have to be.
    """
    aspect = min(4.0, max(0.25, width / height)) if letterbox else size[0] / size[1]
    columns, rows = min(size[0], size[1] * aspect), min(size[1], size[0] / aspect)
    return max(2, int(columns / 2 + 1e-9) * 2), max(2, int(rows / 2 + 1e-9) * 2)


def beside_grey(engine: Engine, size: tuple[int, int]) -> Callable[[int, int], Engine]:
    """What gives engines for smaller pictures: they are put top left into grey ones of `size`, and so are the masks
    before.
    """
    width, height = size

    def run(picture: NDArray[Any], previous: NDArray[Any]) -> NDArray[Any]:
        rows, columns = previous.shape
        whole = np.full((height, width, 3), GREY, np.uint8)
        whole[:rows, :columns] = picture
        return np.ascontiguousarray(engine(whole, np.empty(0, np.float32))[:rows, :columns])

    return lambda width, height: run


def starter(
    network: "nn.Module | Path",
    info: WeightsInfo,
    keep: Sequence[str],
    engine: str,
    device: str,
    threads: int | None,
    size: tuple[int, int],
) -> Callable[[int, int], Engine]:
    """What makes the engine for a width and a height, `size` where the network takes only that. Raises EngineError,
    ClassError, WeightsError.
    """
    if isinstance(network, Path):
        if engine == "torch":
            raise EngineError(f"torch does not run {network} as it is; load it first, or use openvino")
        return partial(OpenVinoEngine, graph_maker(network, info, keep, size), device=device, threads=threads)
    import torch

    from segnet.mask_model import MaskModel
    from segnet.torch_engine import TorchEngine

    on_gpu = device == "cuda"
    model = MaskModel(network, info, keep, dtype=torch.float16 if on_gpu else torch.float32)
    model = model.to("cuda" if on_gpu else "cpu").eval()
    if engine == "torch":
        return partial(TorchEngine, model, device=device, threads=threads)
    return partial(OpenVinoEngine, partial(converted, model, *info.input_sizes[0]), device=device, threads=threads)


def load_segmenter(
    path: Path,
    *,
    engine: str = "auto",
    device: str = "auto",
    size: tuple[int, int] | None = None,
    keep: Sequence[str] = (PERSON,),
    threads: int | None = None,
) -> Segmenter:
    """The segmenter of a weights file, warmed up and seen to give numbers. The options are Segmenter's. Raises
    WeightsError, EngineError, ClassError.
    """
    network: nn.Module | Path = path
    info = read_info(path)
    engine, device = choose(*possible(info, engine, device))
    if engine == "torch":
        network, info = load_weights(path)
    segmenter = Segmenter(network, info, engine=engine, device=device, size=size, keep=keep, threads=threads)
    demand_numbers(segmenter, path)
    return segmenter


def possible(info: WeightsInfo, engine: str, device: str) -> tuple[str, str]:
    """Engine and device as asked for, but openvino for "auto" where only that runs the network. Raises EngineError."""
    if ARCHITECTURES[info.architecture].build is not None:
        return engine, device
    if engine == "torch" or device == "cuda":
        raise EngineError(f"a network that came as .tflite or .onnx {ONLY_OPENVINO}; use auto")
    return "openvino", device


def demand_numbers(segmenter: Segmenter, path: Path) -> None:
    """Raise WeightsError where the network that came from `path` gives what is no number."""
    if not gives_numbers(segmenter, *segmenter.size_for(*segmenter.size)):
        raise WeightsError(f"the network in {path} gives numbers that are not finite")
