"""Check of the NVIDIA GPU, its driver, and torch, by which the network runs on it."""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from segnet.extras import USING_GPU, install
from vcam.host.checks.check import Host, Verdict
from vcam.host.facts import read

ON_CPU = "the network runs on the CPU"
# What keeps the GPU's memory over suspend, by NVIDIA's own units.
KEEP_MEMORY = (
    "echo options nvidia NVreg_PreserveVideoMemoryAllocations=1 | sudo tee /etc/modprobe.d/nvidia-suspend.conf "
    "&& sudo systemctl enable nvidia-suspend nvidia-resume nvidia-hibernate"
)


class Driver(NamedTuple):
    """The loaded NVIDIA driver."""

    version: str
    nodes: bool  # whether its devices in /dev are there
    keeps_memory: bool | None  # whether it saves the GPU's memory over suspend; None where it doesn't say


@dataclass(frozen=True)
class Facts:
    """What this check judges."""

    driver: Driver | None = None
    torch: bool = False  # whether it is installed
    cuda_error: str | None = None  # why torch can't use the GPU; "" where it can, None where it was not tried


def look(host: Host) -> Facts:
    """The driver, whether torch is installed, and, unless in a quick look, whether it can use the GPU."""
    driver, torch = find_driver(host.root), find_spec("torch") is not None
    tries = driver is not None and torch and not host.quick
    return Facts(driver, torch, try_cuda() if tries else None)


def find_driver(root: Path) -> Driver | None:
    """The NVIDIA driver by its files in /proc; None where it is not loaded."""
    text = read(root / "proc/driver/nvidia/version")
    if not text:
        return None
    number = re.search(r"\s(\d{3,}\.\d+(\.\d+)?)\s", text)
    keeps = re.search(r"PreserveVideoMemoryAllocations: (\d)", read(root / "proc/driver/nvidia/params"))
    nodes = (root / "dev/nvidiactl").exists() and (root / "dev/nvidia-uvm").exists()
    return Driver(number[1] if number else "of an unknown version", nodes, keeps and keeps[1] != "0")


def try_cuda() -> str:
    """Why torch can't use the GPU; "" where it can."""
    try:
        import torch
    except (ImportError, OSError) as error:  # half installed, or without one of its libraries
        return f"it can't be imported: {error}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return ""
    return str(caught[0].message) if caught else "it finds none, or is built without CUDA"


def gpu(facts: Facts) -> Verdict:
    """Whether the network can run on the GPU, also after suspend."""
    driver = facts.driver
    if driver is None:
        return Verdict("ok", f"no NVIDIA driver is loaded: {ON_CPU}")
    if not facts.torch:
        return Verdict("warning", f"{USING_GPU} needs torch: {ON_CPU}", install("cuda"))
    if not driver.nodes:
        sentence = "the GPU's device /dev/nvidia-uvm is missing, and the service has no permission to make it"
        return Verdict("warning", sentence, "sudo nvidia-modprobe -u")
    if facts.cuda_error:
        return Verdict("warning", f"torch can't use the GPU ({facts.cuda_error}): {ON_CPU}")
    if driver.keeps_memory is False:
        sentence = (
            f"NVIDIA {driver.version} loses the GPU's memory in suspend; after this command, restart the computer"
        )
        return Verdict("warning", sentence, KEEP_MEMORY)
    return Verdict("ok", f"NVIDIA driver {driver.version}" + (", usable by torch" if facts.cuda_error == "" else ""))


CHECKS: Mapping[str, Callable[[Facts], Verdict]] = {"gpu": gpu}
