"""Weights files for the real loader to judge: weights_material.py WEIGHTS FOLDER. All are those weights, spoilt in one
way each, but for good.safetensors, which differs from them only in what it says of its training.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from segnet.weights import digest, read_info, save_weights


def write_files(weights: Path, folder: Path) -> None:
    """One of each kind."""
    folder.mkdir(parents=True)
    data, info = weights.read_bytes(), read_info(weights)
    with safe_open(str(weights), framework="pt") as file:
        tensors, header = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    name = next(name for name, tensor in tensors.items() if tensor.dim() == 4)

    def write(kind: str, content: bytes) -> None:
        (folder / f"{kind}.safetensors").write_bytes(content)

    def spoil(kind: str, changes: dict[str, torch.Tensor]) -> None:
        new = tensors | changes
        save_file(new, folder / f"{kind}.safetensors", metadata=header | {"sha256": digest(new)})

    save_weights(folder / "good.safetensors", tensors, replace(info, training=info.training | {"copy": 1}))
    write("cut-in-half", data[: len(data) // 2])
    write("cut-by-one", data[:-1])
    write("longer", data + b"\0")
    write("header-of-exabytes", (2**62).to_bytes(8, "little") + data[8:])
    write("header-of-nothing", (4096).to_bytes(8, "little") + b"{" * 4096)
    write("offsets-beyond", data.replace(b'"data_offsets":[0,', b'"data_offsets":[9,', 1))
    write("one-byte-changed", data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:])
    spoil("not-a-number", {name: torch.full_like(tensors[name], torch.nan)})
    spoil("blind", {key: torch.zeros_like(tensor) for key, tensor in tensors.items()})
    spoil("other-shape", {name: tensors[name][:1].clone()})
    spoil("one-too-many", {"more": torch.zeros(1)})
    torch.save(tensors, folder / "pickle.safetensors")


if __name__ == "__main__":
    write_files(Path(sys.argv[1]), Path(sys.argv[2]))
