"""Weights files that explain themselves: safetensors whose header says what network the tensors belong to, what it
tells apart, how pictures are prepared for it, and where it comes from. Never a pickle. Headers are read without torch,
and so are the tensors of networks whose shapes are known without it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import safe_open

from segnet.architectures import ARCHITECTURES
from segnet.classes import BACKGROUND, PERSON
from segnet.configs import TORCHVISION
from segnet.extras import lacking
from segnet.opset_layers import Array, Shapes

if TYPE_CHECKING:
    from torch import Tensor, nn

SCHEMA = 2
MAX_BYTES = 2 * 1024**3  # the largest network known here, DeconvNet at full width, has 1.01 GB
MAX_HEADER = 1024 * 1024  # the names of the longest network and a run's settings are a tenth of this
DEFAULT = Path(__file__).parent / "weights" / "person.safetensors"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of networks that began with its pictures
REMEDY = "take the file that ships with this version, or make one with `segblur train` or `segblur export`"
# As safetensors calls them; no network here has others.
TYPES = {"float32": "F32", "float16": "F16", "int8": "I8", "uint8": "U8", "int32": "I32", "int64": "I64"}

Side = Annotated[int, Field(ge=32, le=1024)]
Mean = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(gt=0, le=10)]
Name = Annotated[str, Field(pattern=r"^\w[\w -]{0,31}$")]


class WeightsError(Exception):
    """A weights file that can't be used; the text says which, why, and what to do."""


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says of itself."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    architecture: str  # a name in ARCHITECTURES
    config: Any  # an instance of that architecture's config
    classes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=256)] = (PERSON,)
    # ("person",): one logit, and its sigmoid; otherwise the first is "background", and the softmax over all of them.
    input_sizes: Annotated[tuple[tuple[Side, Side], ...], Field(min_length=1, max_length=16)] = ((256, 144), (320, 192))
    # Width and height; the first is the one to use where nobody asks for another.
    mean: tuple[Mean, Mean, Mean] = (0.5, 0.5, 0.5)  # of RGB from 0 to 1
    std: tuple[Spread, Spread, Spread] = (0.25, 0.25, 0.25)
    metrics: dict[str, Any] = field(default_factory=dict)  # set → figures
    training: dict[str, Any] = field(default_factory=dict)  # the run's settings, step, data and code identity

    def size_named(self, name: str) -> tuple[int, int]:
        """The input size of a name: "fast" is the first, "fine" the last."""
        return {"fast": self.input_sizes[0], "fine": self.input_sizes[-1]}[name]


ABOUT = TypeAdapter(WeightsInfo)


def build(info: WeightsInfo) -> "nn.Module":
    """A network of the kind and size that `info` describes, with random weights. Raises WeightsError."""
    make = ARCHITECTURES[info.architecture].build
    if make is None:
        raise WeightsError("a network that came as .tflite or .onnx runs by OpenVINO only, and torch can't take it")
    return make(info.config, len(info.classes))


def save_weights(path: Path, tensors: Mapping[str, "Tensor"], info: WeightsInfo) -> None:
    """Write the file in one step: a reader sees the old one or the new one, never a half. Raises WeightsError, and
    leaves what was there, for what load_weights would refuse for its description, names, types or shapes.
    """
    from safetensors.torch import save_file

    # Flattened and shaped again, because a channels-last tensor of 1×1 kernels only looks contiguous.
    held = {name: tensor.detach().cpu().reshape(-1).reshape(tensor.shape) for name, tensor in tensors.items()}
    about = ABOUT.dump_json(info).decode()
    expected = shapes(described(path, about))
    compare(path, expected, widened({name: kind(tensor) for name, tensor in held.items()}, expected))
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.touch()
        # As the owner's umask has it, where safetensors would keep the file to its owner; but nobody else may write to
        # it, whatever the umask, because the service takes no such file.
        mode = beside.stat().st_mode & ~0o022
        save_file(held, beside, metadata={"segblur.schema": str(SCHEMA), "sha256": digest(held), "info": about})
        beside.chmod(mode)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_weights(path: Path) -> tuple["nn.Module", WeightsInfo]:
    """The network on the CPU, ready for inference, and what its file says. Raises WeightsError, as load_tensors, and
    where torch is not there.
    """
    tensors, info = load_tensors(path)
    network = outline(info)
    import torch

    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, assign=True)
    return network.eval(), info


def load_tensors(path: Path) -> tuple[dict[str, Array], WeightsInfo]:
    """The network's tensors, and what their file says. Raises WeightsError: a file is taken whole, with every name,
    type, shape and value as it must be, or not at all.
    """
    with opened(path) as (file, header):
        info = described(path, header["info"])
        expected = shapes(info)
        parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        # Compared before a single number is read.
        stored = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in parts.items()}
        compare(path, expected, widened(stored, expected))
        tensors: dict[str, Array] = {name: file.get_tensor(name) for name in parts}
    whole = spelt_out(tensors, {name for name in expected if stored[name] != expected[name]})
    if not all(finite(tensor) for tensor in whole.values()):
        raise WeightsError(f"{path} holds numbers that are not finite: its training went wrong; take an earlier file")
    if digest(tensors) != header["sha256"]:
        raise WeightsError(
            f"the tensors in {path} do not have the sha256 that its header names: it is damaged; copy it again"
        )
    return whole, info


def read_info(path: Path) -> WeightsInfo:
    """What the file says of itself, from its header alone. Raises WeightsError."""
    with opened(path) as (_, header):
        return described(path, header["info"])


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """The file, of a size that may be read, and its header, which has all that it must. Raises WeightsError, also for
    whatever the reader of a hostile file raises inside the with.
    """
    try:
        if not path.exists():
            raise WeightsError(f"there is no weights file {path}")
        if not path.is_file():
            raise WeightsError(f"{path} is not a file; name the weights file itself")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise WeightsError(f"{path} has {size} bytes, more than the {MAX_BYTES} that a weights file may have")
        with path.open("rb") as start:
            length = int.from_bytes(start.read(8), "little")
        if length > MAX_HEADER:
            raise OSError(f"its header has {length} bytes, more than the {MAX_HEADER} that it may have")
        with safe_open(str(path), framework="numpy") as file:
            header = file.metadata() or {}
            check(path, header)
            yield file, header
    except WeightsError:
        raise
    except Exception as error:  # noqa: BLE001 - the reader of a hostile file raises more than it promises
        raise WeightsError(f"{path} is not a readable safetensors file: {error}; {REMEDY}") from None


def check(path: Path, header: Mapping[str, str]) -> None:
    """Whether the header is one of this program and version. Raises WeightsError."""
    schema = header.get("segblur.schema")
    if schema is None:
        raise WeightsError(f"{path} is not a weights file of this program: its header lacks segblur.schema; {REMEDY}")
    if schema == "1":
        raise WeightsError(
            f"{path} was made for an older version of this program (its schema is 1, not {SCHEMA}); {REMEDY}"
        )
    if schema != str(SCHEMA):
        raise WeightsError(
            f"{path} was made for another version of this program (its schema is {schema!s:.20}, not {SCHEMA}): "
            "update this program, or take a file made for this version"
        )
    for key in ("sha256", "info"):
        if key not in header:
            raise WeightsError(f"the header of {path} has no {key}: something else wrote it; {REMEDY}")


def described(path: Path, text: str) -> WeightsInfo:
    """What a header's `info` says, if all of it makes sense. Raises WeightsError."""
    info: WeightsInfo = valid(path, "info", ABOUT.validate_json, text)
    architecture = ARCHITECTURES.get(info.architecture)
    if architecture is None:
        raise nonsense(path, f"architecture: {info.architecture!r:.40} is not one of {', '.join(ARCHITECTURES)}")
    config = valid(path, "config", TypeAdapter(architecture.config).validate_python, info.config)
    if strange := set(info.config) - {part.name for part in fields(architecture.config)}:
        raise nonsense(path, f"config: {info.architecture} has no {min(strange)!r:.40}")
    if info.classes != (PERSON,) and (len(info.classes) < 2 or info.classes[0] != BACKGROUND):
        raise nonsense(path, "classes: they are neither person alone nor background and others")
    if len(set(info.classes)) < len(info.classes):
        raise nonsense(path, "classes: one is named twice")
    if architecture.single and len(info.classes) > 1:
        raise nonsense(path, f"classes: {info.architecture} can tell only person from the rest")
    step, least = architecture.step, architecture.least(config)
    for width, height in info.input_sizes:
        if width % step or height % step or min(width, height) < least:
            takes = f"multiples of {step} from {least} up, which {info.architecture} takes"
            raise nonsense(path, f"input_sizes: {width}×{height} is not of {takes}")
    return replace(info, config=config)


def valid(path: Path, name: str, validate: Callable[[Any], Any], value: Any) -> Any:
    """What pydantic makes of the value. Raises WeightsError, which begins with the place in `name` that is wrong."""
    try:
        return validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise nonsense(path, f"{'.'.join(map(str, (name, *first['loc'])))}: {first['msg']}") from None


def nonsense(path: Path, what: str) -> WeightsError:
    """The error for a header that says something that can't be."""
    return WeightsError(f"the header of {path} does not describe a network that this version knows: {what}; {REMEDY}")


def shapes(info: WeightsInfo) -> Shapes:
    """Every tensor of the network that `info` describes. Raises WeightsError where only torch knows them, and is not
    there.
    """
    known = ARCHITECTURES[info.architecture].shapes
    if known is not None:
        return known(info.config)
    return {name: kind(tensor) for name, tensor in outline(info).state_dict().items()}


def outline(info: WeightsInfo) -> "nn.Module":
    """The network that `info` describes, without numbers: it takes no memory, whatever the header claims. Raises
    WeightsError where torch can't build it, or is not there.
    """
    parts = ("torch", "torchvision") if info.architecture in TORCHVISION else ("torch",)
    if lack := lacking(f"a {info.architecture}", "cuda", parts):
        raise WeightsError(lack)
    import torch

    from segnet.uninitialised import Uninitialised

    with torch.device("meta"), Uninitialised():
        return build(info)


def compare(path: Path, expected: Shapes, found: Shapes) -> None:
    """Whether the tensors found are the network's own. Raises WeightsError."""
    if found == expected:
        return
    wrong = min(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    has, wants = (type_and_shape(tensors.get(wrong)) for tensors in (found, expected))
    raise WeightsError(
        f"the tensors in {path} are not those of the network that its header describes: "
        f"for {wrong!r:.80} it has {has}, the network {wants}; {REMEDY}"
    )


def widened(stored: Shapes, expected: Shapes) -> Shapes:
    """What tensors are once they are read: 32-bit floats may be stored as bytes, and beside them, as NAME.scale, what
    one step is worth in each of the first dimension's rows.
    """
    small = {
        name
        for name, (bits, sides) in stored.items()
        if (bits, expected.get(name), stored.get(scale(name))) == ("I8", ("F32", sides), ("F32", sides[:1]))
        and scale(name) not in expected
    }
    scales = {scale(name) for name in small}
    return {name: expected[name] if name in small else stored[name] for name in stored.keys() - scales}


def spelt_out(tensors: dict[str, Array], small: set[str]) -> dict[str, Array]:
    """The tensors, those named in `small` as what their bytes and scales stand for."""
    whole = {name: tensors[name] for name in tensors.keys() - {scale(name) for name in small}}
    for name in small:
        rows = (-1, *[1] * (whole[name].ndim - 1))
        whole[name] = whole[name].astype(np.float32) * tensors[scale(name)].reshape(rows)
    return whole


def scale(name: str) -> str:
    """The name of the tensor that says what a step of this one's bytes is worth."""
    return f"{name}.scale"


def kind(tensor: "Tensor") -> tuple[str, tuple[int, ...]]:
    """Type, as safetensors calls it, and shape."""
    name = str(tensor.dtype).removeprefix("torch.")
    return TYPES.get(name, name), tuple(tensor.shape)


def type_and_shape(tensor: tuple[str, tuple[int, ...]] | None) -> str:
    """Type and shape in words."""
    return "none" if tensor is None else f"{tensor[0]} {'×'.join(map(str, tensor[1])) or 'scalar'}"


def finite(tensor: Array) -> bool:
    """No NaN and no infinity. The extremes tell it, as NaN is passed on, and cost no second copy of the tensor."""
    return not tensor.size or bool(np.isfinite(tensor.min()) and np.isfinite(tensor.max()))


def digest(tensors: "Mapping[str, Array | Tensor]") -> str:
    """sha256 over names, types (as torch calls them), shapes and bytes of the tensors, on the CPU, sorted by name."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        total.update(f"{name} torch.{tensor.dtype} {tuple(tensors[name].shape)}\n".encode())
        total.update(tensor.reshape(-1).view(np.uint8).data)
    return total.hexdigest()
