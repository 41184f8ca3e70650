"""The graph that OpenVINO runs, of a weights file. Where it can be built of the tensors (segnet.opset_graph), that is
done here and now. Otherwise it is made once, by a process of its own, and kept in the cache.

It takes torch to make one of those, which costs seconds, and hundreds of megabytes for as long as a process lives; and
tracing the network and OpenVINO's frontend hold the interpreter's lock for up to 180 ms at a time: frames would wait.
Who uses the graph has none of that. One graph serves pictures of every size.
"""

import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache as once
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread
from typing import Any

import numpy as np

from segnet import cache, operations
from segnet.architectures import ARCHITECTURES
from segnet.cache import Bytes, read_all, write_all
from segnet.classes import ClassError, kept
from segnet.engines import EngineError, MakeGraph, converted, gives_numbers, import_openvino, openvino_core
from segnet.opset_graph import gives_finite, mask_graph
from segnet.weights import WeightsError, WeightsInfo, load_tensors, load_weights

CHILD = (sys.executable, "-P", "-m", "segnet.graph")  # -P: no module of the folder that happens to be the current
LIMIT = 140.0  # seconds; alone on a machine the shipped weights take 2, large ones 6, all of them in an emulated one 80
NICE = 10  # the frames of the network in use go before
PR_SET_PDEATHSIG = 1  # prctl(2)
SHARED = Path("/dev/shm")  # noqa: S108 - in memory, so that there is room for a folder of two links on a full disk too
TROUBLE = {65: WeightsError, 69: EngineError, 64: ClassError}  # the child's exit codes for what it can put into words
REMEDY = "try again, or use torch"


def graph_maker(path: Path, info: WeightsInfo, keep: Sequence[str], size: tuple[int, int] | None = None) -> MakeGraph:
    """What gives the graph of the weights file, whose header says `info`, for these classes; one of listed operations
    for pictures of `size`, by default the weights' first. Raises WeightsError, ClassError; what it returns also
    EngineError.
    """
    kept(info.classes, keep)  # a graph that is read from the cache has them already
    architecture = ARCHITECTURES[info.architecture]
    if architecture.build is not None and architecture.graph is None:
        return partial(graph_of, path, file_sha256(path), tuple(keep))
    tensors, found = load_tensors(path)
    if found != info:
        raise changed(path)
    if architecture.graph is None:
        pictures = size or info.input_sizes[0]
        model = listed_graph(path, partial(operations.mask_graph, tensors, info, pictures, keep))
    elif gives_finite(tensors, info):
        model = mask_graph(tensors, info)
    else:
        raise WeightsError(f"the network in {path} gives numbers that are not finite")
    return lambda: model.clone()


def listed_graph(path: Path, make_graph: MakeGraph) -> Any:
    """The graph of a network that its weights file lists. Raises WeightsError, which names the file."""
    try:
        return make_graph()
    except WeightsError as error:
        raise WeightsError(f"the network in {path} can't be built: {error}; take another file") from None


def changed(path: Path) -> WeightsError:
    """The error for a file that was written to meanwhile."""
    return WeightsError(f"{path} was changed while it was read; try again")


def graph_of(path: Path, sha256: str, keep: Sequence[str]) -> Any:
    """The graph of the weights file, whose digest that is, for these classes, an openvino.Model for pictures of any
    size: from the cache, or made by another process, and kept if that is possible. Raises WeightsError, EngineError,
    ClassError.
    """
    name = key(sha256, keep)
    content = cache.read(name)
    if content is not None:
        return graph(path, content)
    content = by_child(path, sha256, keep)
    made = graph(path, content)
    cache.write(name, content)  # only now: what can't be read must not be kept
    return made


def key(sha256: str, keep: Sequence[str]) -> str:
    """The name in the cache of what is made of these: it changes with whatever may make it another graph."""
    parts = {name: installed(name) for name in ("openvino", "torch", "torchvision")}
    about = json.dumps([sha256, sorted({*keep}), parts, code()])
    return hashlib.sha256(about.encode()).hexdigest()


def installed(name: str) -> str:
    """The version of a package; "" where it is not there, of which the child will complain."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


@once
def code() -> str:
    """sha256 over this package's own code."""
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """The file's. Raises WeightsError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror}; copy it to another place") from None


def make(path: Path, sha256: str, keep: Sequence[str]) -> Any:
    """The graph, made here and now, of a network that was seen to give numbers. Raises WeightsError, EngineError,
    ClassError.
    """
    network, info = load_weights(path)  # says it where torch is missing
    from segnet.mask_model import MaskModel
    from segnet.torch_engine import TorchEngine

    if file_sha256(path) != sha256:
        raise changed(path)
    model = MaskModel(network, info, keep).eval()
    width, height = info.input_sizes[0]
    # OpenVINO makes numbers of what is none, so torch is asked.
    if not gives_numbers(TorchEngine(model, width, height, "cpu", threads=1), width, height):
        raise WeightsError(f"the network in {path} gives numbers that are not finite")
    return converted(model, width, height)


def serialized(graph: Any) -> Bytes:
    """The graph as bytes: the length of its description (8 bytes), the description, the numbers. Raises OSError, and
    RuntimeError where OpenVINO can't write it.
    """
    files = [os.memfd_create("segblur-graph") for _ in range(2)]
    try:
        with TemporaryDirectory(prefix="segblur-", dir=SHARED if os.access(SHARED, os.W_OK) else None) as folder:
            # OpenVINO writes only to what has a name; this one leads to memory, so that no disk has to have room for
            # it, and a killed process leaves no file that takes any.
            description, numbers = Path(folder) / "graph.xml", Path(folder) / "graph.bin"
            for name, file in zip((description, numbers), files, strict=True):
                name.symlink_to(f"/proc/self/fd/{file}")
            import_openvino().serialize(graph, str(description), str(numbers))
        text, rest = map(read_all, files)
    finally:
        for file in files:
            os.close(file)
    return np.concatenate([np.array([text.size], "<u8").view(np.uint8), text, rest])


def graph(path: Path, content: Bytes) -> Any:
    """The graph that was made of `path`, from its bytes. Raises EngineError."""
    try:
        end = 8 + int(content[:8].view("<u8")[0])
        # A copy, because the tensor does not keep the memory that it would share.
        numbers = import_openvino().Tensor(np.ascontiguousarray(content[end:]), shared_memory=False)
        return openvino_core().read_model(content[8:end].tobytes().decode(), numbers)
    except Exception as error:  # noqa: BLE001 - whatever its readers raise
        reason = " ".join(str(error).split())
        raise EngineError(f"OpenVINO can't read what was made of {path} ({reason}); {REMEDY}") from None


def by_child(path: Path, sha256: str, keep: Sequence[str]) -> Bytes:
    """The graph as bytes, made by a process that ends with this one. Raises WeightsError, EngineError, ClassError: its
    own, and EngineError where it crashes, has no memory or takes too long.
    """
    result = os.memfd_create("segblur-graph")
    # The main thread shows the frames: while it waits here there are none, and somebody waits for the first.
    nice = 0 if current_thread() is main_thread() else NICE
    order = [str(os.getpid()), str(result), str(nice), str(path), sha256, *keep]
    try:
        done = subprocess.run(
            [*CHILD, *order],
            pass_fds=[result],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=LIMIT,
            check=False,
        )
        if done.returncode == 0:
            return read_all(result)
    except subprocess.TimeoutExpired:
        raise EngineError(f"making {path} ready for OpenVINO took more than {LIMIT:g} seconds; {REMEDY}") from None
    except OSError as error:
        raise EngineError(f"{path} can't be made ready for OpenVINO ({error.strerror}); {REMEDY}") from None
    finally:
        os.close(result)
    if done.returncode in TROUBLE:
        raise TROUBLE[done.returncode](done.stdout.decode(errors="replace"))
    code = done.returncode
    how = f"ended with code {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
    memory = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
    raise EngineError(f"the process that made {path} ready for OpenVINO {how}{memory}; {REMEDY}")


def main() -> int:
    """The child: `python -m segnet.graph PARENT DESCRIPTOR NICE PATH SHA256 CLASS...`. It writes what
    `serialized` gives to the descriptor, or a sentence to stdout; the exit code says which.
    """
    parent, descriptor, nice, path, sha256, *keep = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return 1  # it died before that
    os.nice(int(nice))
    output = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print is not what we say
    try:
        write_all(int(descriptor), serialized(make(Path(path), sha256, keep)))
    except tuple(TROUBLE.values()) as error:
        write_all(output, str(error).encode(errors="replace"))
        return next(code for code, kind in TROUBLE.items() if isinstance(error, kind))
    return 0


if __name__ == "__main__":
    ended = main()
    sys.stderr.flush()
    os._exit(ended)  # at once: unloading torch takes its time, in which somebody waits
