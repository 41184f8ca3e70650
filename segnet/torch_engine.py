"""torch as an engine, on the CPU or on a CUDA GPU."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import torch

from segnet.configs import UNKNOWN
from segnet.engines import Array
from segnet.mask_model import MaskModel

DRIVER = Path("/proc/driver/nvidia/version")
CAPTURE = Lock()  # one at a time: the beginning of each waits for the whole device, which would break another
WARM_UP = 3  # runs before a CUDA graph is captured, in which cuDNN chooses its kernels


class TorchEngine:
    """torch. On a GPU the network is one CUDA graph: starting its kernels one by one takes longer than they do."""

    def __init__(self, model: MaskModel, width: int, height: int, device: str, threads: int | None = None) -> None:
        """`model` is on `device` already. `threads` of the CPU; None leaves them as torch has them."""
        torch.backends.nnpack.set_flags(False)  # type: ignore[no-untyped-call]  # it complains on old CPUs, at every convolution
        # Where numpy writes and reads; for a GPU page-locked, and copied. On a CPU the network itself uses them.
        cuda = device == "cuda"
        picture = torch.zeros((1, height, width, 3), dtype=torch.uint8, pin_memory=cuda)
        previous = torch.full((1, 1, height, width), UNKNOWN, pin_memory=cuda)
        mask = torch.zeros((1, 1, height, width), pin_memory=cuda)
        self.model = model
        self.threads = threads
        self.host_inputs = (picture, previous) if model.remembers else (picture,)
        self.host_mask = mask
        self.inputs = tuple(tensor.to(device) for tensor in self.host_inputs)
        self.mask = mask.to(device)
        self.run = captured(self.infer) if cuda else self.infer
        self.cuda = cuda

    @torch.inference_mode()
    def infer(self) -> None:
        """From `inputs` to `mask`, wherever they are."""
        self.mask.copy_(self.model(*self.inputs))

    @torch.inference_mode()
    def __call__(self, picture: Array, previous: Array) -> Array:
        """As every engine. Raises what torch raises."""
        # torch counts its threads for each thread that calls it, and this need not be the one that made us.
        if self.threads is not None and torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        for host, array in zip(self.host_inputs, (picture, previous), strict=False):
            host.numpy()[:] = array.reshape(host.shape)
        for tensor, host in zip(self.inputs, self.host_inputs, strict=True):
            tensor.copy_(host, non_blocking=True)
        self.run()
        self.host_mask.copy_(self.mask, non_blocking=True)
        if self.cuda:
            # This stream alone: to wait for the whole device would break a graph that another thread captures.
            torch.cuda.current_stream().synchronize()
        result: Array = self.host_mask[0, 0].numpy().copy()
        return result


def captured(infer: Callable[[], None]) -> Callable[[], None]:
    """The same work on the same memory as one CUDA graph, warmed up. Raises RuntimeError."""
    torch.backends.cudnn.benchmark = True
    try:
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                infer()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        # What other threads do meanwhile, such as a frame on the network in use, is no error of ours.
        with CAPTURE, torch.cuda.graph(graph, capture_error_mode="thread_local"):
            infer()
    except RuntimeError as error:
        raise RuntimeError(f"the network could not be made a CUDA graph on {torch.cuda.get_device_name()}") from error
    return graph.replay


def gpu_name() -> str:
    """The CUDA GPU and its driver; "" where there is none."""
    if not torch.cuda.is_available():
        return ""
    driver = DRIVER.read_text().splitlines()[0].partition(":")[2].split("  ") if DRIVER.exists() else []
    return ", ".join([torch.cuda.get_device_name(), *(f"driver {part}" for part in driver[1:2])])
