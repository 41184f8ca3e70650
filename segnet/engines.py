"""What runs a MaskModel: torch on the CPU or on a CUDA GPU (torchengine.py), or OpenVINO (here). All take the same and
give the same; each is made for one size of picture. torch costs seconds and hundreds of megabytes: where OpenVINO runs,
it is not imported.

An engine is a call: picture uint8 (H, W, 3) RGB, previous mask float32 (H, W) → float32 (H, W), 0 to 1, a new array.
"""

import ctypes
import sys
import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segnet.configs import UNKNOWN
from segnet.extras import USING_GPU, lacking

if TYPE_CHECKING:
    from segnet.mask_model import MaskModel

Array = NDArray[Any]
Engine = Callable[[Array, Array], Array]
MakeGraph = Callable[[], Any]  # → openvino.Model for pictures of any size, new each time

OPENVINO_DEVICES = {"cpu": "CPU", "intel-gpu": "GPU", "npu": "NPU"}  # ours → OpenVINO's


class EngineError(Exception):
    """What was asked for can't run here; the text says what and why."""


def choose(engine: str, device: str) -> tuple[str, str]:
    """Engine ("torch", "openvino") and device ("cpu", "cuda", "intel-gpu", "npu"), with what is "auto" decided: a CUDA
    GPU if there is one, otherwise OpenVINO on the CPU, or torch where OpenVINO can't be imported. Raises EngineError.
    """
    if engine not in {"auto", "torch", "openvino"} or device not in {"auto", "cuda", *OPENVINO_DEVICES}:
        raise EngineError(f"there is no engine {engine} or no device {device}")
    if device == "auto":
        device = "cuda" if engine != "openvino" and cuda_works() else "cpu"
    elif device == "cuda" and not cuda_works():
        raise EngineError(missing_cuda_torch() or "there is no CUDA GPU that works; use auto or cpu")
    if engine == "auto":
        engine = "torch" if device == "cuda" or (device == "cpu" and not openvino_works()) else "openvino"
    if engine == "torch" and device not in {"cpu", "cuda"}:
        raise EngineError(f"torch does not run on {device}; use openvino, or another device")
    if engine == "torch" and (lack := lacking("the engine torch", "cuda")):
        raise EngineError(lack)
    if engine == "openvino":
        if device == "cuda":
            raise EngineError("OpenVINO does not run on cuda; use torch, or another device")
        find_openvino(OPENVINO_DEVICES[device])
    return engine, device


def cuda_works() -> bool:
    """Whether there is a CUDA GPU that torch can use. torch is not asked where the driver itself finds none."""
    if not driver_finds_gpu() or missing_cuda_torch():
        return False
    import torch

    return torch.cuda.is_available()


def missing_cuda_torch() -> str:
    """Where there is an NVIDIA GPU and no torch that could use it, a sentence with the command that installs it; ""
    otherwise. Imports torch where there is a GPU.
    """
    return lacking(USING_GPU, "cuda") if driver_finds_gpu() else ""


def driver_finds_gpu() -> bool:
    """Whether there is a CUDA driver, and a GPU that it can use."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0


class OpenVinoEngine:
    """OpenVINO."""

    def __init__(self, make_graph: MakeGraph, width: int, height: int, device: str, threads: int | None = None) -> None:
        """`threads` of the CPU; None leaves it to OpenVINO. Raises EngineError, and what `make_graph` raises."""
        core = openvino_core()
        name = OPENVINO_DEVICES[device]
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if name == "CPU":
            # Not pinned to cores: where another program is busy on that core, a pinned thread waits beside an idle one.
            options |= {"ENABLE_CPU_PINNING": False} | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
            # Where the CPU has bfloat16 it takes two thirds of the time, and masks change by less than half a grey
            # level on average, pixels on the contour by up to 32.
            fast = "BF16" in core.get_property(name, "OPTIMIZATION_CAPABILITIES")
            options |= {"INFERENCE_PRECISION_HINT": "bf16" if fast else "f32"}
        graph = shaped(make_graph(), width, height)
        try:
            self.request = core.compile_model(graph, name, options).create_infer_request()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO can't run this network on {device}: {' '.join(str(error).split())}") from None
        self.remembers = len(graph.inputs) > 1

    def __call__(self, picture: Array, previous: Array) -> Array:
        """See above. Raises what OpenVINO raises."""
        inputs = [picture[None], previous[None, None]] if self.remembers else [picture[None]]
        result = self.request.infer(inputs, share_inputs=True, share_outputs=True)
        return np.array(result[0][0, 0])  # a copy: the next frame's mask comes to the same place


def converted(model: "MaskModel", width: int, height: int) -> Any:
    """The model as OpenVINO's, an openvino.Model for pictures of any size; it is traced with one of this. Raises
    EngineError.
    """
    import torch

    import_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    picture = torch.zeros((1, height, width, 3), dtype=torch.uint8)
    inputs = (picture, torch.full((1, 1, height, width), UNKNOWN)) if model.remembers else (picture,)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The successor of torch.jit.trace, torch.export, takes 30 times as long and 160 MB to do the same here.
            warnings.simplefilter("ignore", DeprecationWarning)
            trace = TorchScriptPythonDecoder(model, example_input=inputs, trace_kwargs={"check_trace": False})
        frontend = FrontEndManager().load_by_framework("pytorch")
        return frontend.convert(frontend.load(trace))
    except Exception as error:  # noqa: BLE001 - the frontend has exceptions of its own, of no common kind
        raise EngineError(f"OpenVINO can't take this network: {' '.join(str(error).split())}") from None


def shaped(graph: Any, width: int, height: int) -> Any:
    """The same graph, changed in place: for pictures of this size only."""
    shapes = ([1, height, width, 3], [1, 1, height, width])
    graph.reshape(dict(zip(graph.inputs, shapes, strict=False)))
    return graph


def gives_numbers(engine: Engine, width: int, height: int) -> bool:
    """Whether all is finite that it makes of noise. Raises what the engine raises."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return bool(np.isfinite(engine(noise, np.full((height, width), UNKNOWN, np.float32))).all())


def find_openvino(name: str) -> None:
    """Raises EngineError where OpenVINO is not there, or does not find this device of its names."""
    try:
        found = openvino_core().available_devices
    except ImportError as error:
        raise EngineError(f"OpenVINO can't be imported ({error}); install openvino, or use torch") from None
    if not any(device.split(".")[0] == name for device in found):  # "GPU", or "GPU.0" and "GPU.1"
        raise EngineError(f"OpenVINO finds no {name} here, only {', '.join(found)}")


def openvino_works() -> bool:
    """Whether OpenVINO can be imported."""
    try:
        import_openvino()
    except ImportError:
        return False
    return True


@cache
def openvino_core() -> Any:
    """The one openvino.Core of this process, which lasts as long as that. The CPU plugin that it loads gives its thread
    a stack for signals and takes the memory of it away when it goes, out of turn where there were several: the next
    signal then ended the process (SIGSEGV; OpenVINO 2026.4). Raises ImportError.
    """
    return import_openvino().Core()


def import_opset() -> tuple[Any, Any]:
    """OpenVINO, and the operations that graphs are built of. Raises ImportError."""
    openvino = import_openvino()
    from openvino import opset13

    return openvino, opset13


def import_readers() -> tuple[Any, Any]:
    """openvino.frontend, which reads other programs' networks, and openvino.passes, which simplify them. Raises
    ImportError.
    """
    openvino = import_openvino()
    from openvino import passes

    return openvino.frontend, passes


@cache
def node_factory() -> Any:
    """What makes OpenVINO's operations by their names. Raises ImportError."""
    import_openvino()
    from openvino.utils.node_factory import NodeFactory

    return NodeFactory("opset13")


def import_openvino() -> Any:
    """OpenVINO, without what reports on its use. Nobody else may import it, because `import openvino` alone tells
    Google Analytics that it was imported. Raises ImportError.
    """
    # None makes every import of that name fail, for which OpenVINO is prepared: it takes a stub that does nothing.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino
