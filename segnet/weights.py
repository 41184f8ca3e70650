"""Weights files that explain themselves: safetensors whose header says what network the tensors belong to,
how pictures are prepared for it, and where it comes from. Never a pickle.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, TypeAdapter, ValidationError
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from segnet.network import NetworkConfig, SegNet

SCHEMA = 1
ARCHITECTURE = "segnet"
MAX_BYTES = 64 * 1024 * 1024  # a light network is under 2 MB; nothing this loader knows comes near the limit
DEFAULT = Path(__file__).parent / "weights" / "person.safetensors"


Side = Annotated[int, Field(ge=32, le=1024)]
Mean = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(gt=0, le=10)]


class WeightsError(Exception):
    """A weights file that can't be used; the text says which and why."""


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says of itself."""

    config: NetworkConfig
    classes: tuple[Literal["person"]] = ("person",)
    input_size: tuple[Side, Side] = (
        256,
        144,
    )  # width, height it was trained for; other shapes keep the area
    mean: tuple[Mean, Mean, Mean] = (0.5, 0.5, 0.5)  # of RGB from 0 to 1
    std: tuple[Spread, Spread, Spread] = (0.25, 0.25, 0.25)
    metrics: dict[str, Any] = field(default_factory=dict)  # set → figures
    training: dict[str, Any] = field(default_factory=dict)  # the run's settings, step, data and code identity


ABOUT = TypeAdapter(WeightsInfo)


def digest(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, types, shapes and bytes of the tensors, sorted by name."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()


def save_weights(path: Path, tensors: Mapping[str, Tensor], info: WeightsInfo) -> None:
    """Write the file in one step: a reader sees the old one or the new one, never a half."""
    # Flattened and shaped again, because a channels-last tensor of 1×1 kernels only looks contiguous.
    kept = {name: tensor.detach().cpu().reshape(-1).reshape(tensor.shape) for name, tensor in tensors.items()}
    header = {
        "segblur.schema": str(SCHEMA),
        "architecture": ARCHITECTURE,
        "sha256": digest(kept),
        "info": ABOUT.dump_json(info).decode(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(save(kept, metadata=header))
    beside.replace(path)


def load_weights(path: Path) -> tuple[SegNet, WeightsInfo]:
    """The network on the CPU, ready for inference, and what its file says. Raises WeightsError: a file is
    taken whole, with every name, shape, type and value as it must be, or not at all.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise OSError("it is not a file")
        if size > MAX_BYTES:
            raise OSError(f"it has {size} bytes, more than the {MAX_BYTES} that a weights file may have")
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {path}") from None
    except Exception as error:  # noqa: BLE001 - the reader of a hostile file raises more than it promises
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from None
    info = read_header(path, header)
    with torch.device("meta"):  # takes no memory, whatever the header claims
        network = SegNet(info.config)
    expected = network.state_dict()
    if {name: (t.shape, t.dtype) for name, t in tensors.items()} != {
        name: (t.shape, t.dtype) for name, t in expected.items()
    }:
        raise WeightsError(f"the tensors in {path} are not those of the network that its header describes")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise WeightsError(f"{path} holds numbers that are not finite")
    if digest(tensors) != header["sha256"]:
        raise WeightsError(f"the tensors in {path} do not have the sha256 that its header names: it is damaged")
    network.load_state_dict(tensors, assign=True)
    return network.eval(), info


def read_header(path: Path, header: Mapping[str, str]) -> WeightsInfo:
    """The header's promises, checked. Raises WeightsError."""
    if header.get("segblur.schema") != str(SCHEMA) or header.get("architecture") != ARCHITECTURE:
        raise WeightsError(
            f"{path} is not a weights file of this program: its header lacks segblur.schema {SCHEMA} "
            f"and architecture {ARCHITECTURE}"
        )
    if "sha256" not in header:
        raise WeightsError(f"the header of {path} names no sha256")
    try:
        info = ABOUT.validate_json(header.get("info", ""))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "info"
        raise WeightsError(f"the header of {path} does not describe a network: {where}: {first['msg']}") from None
    return info
