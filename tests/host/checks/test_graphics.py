"""What doctor says of the NVIDIA GPU."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from segnet.extras import install
from tests.helpers.verdicts import assert_said, each_case
from vcam.host.checks import graphics
from vcam.host.checks.check import Host
from vcam.host.checks.graphics import CHECKS, Driver, Facts, find_driver, look

WELL = Facts()
DRIVER = Driver("550.54", nodes=True, keeps_memory=True)
GPU = Facts(DRIVER, torch=True, cuda_error="")
CASES = {
    "gpu": [
        (GPU, "ok", "550.54, usable by torch", ""),
        (replace(GPU, cuda_error=None), "ok", "550.54", ""),
        (Facts(DRIVER), "warning", "using the NVIDIA GPU of this machine needs torch: the network runs on the CPU",
         install("cuda")),
        (replace(GPU, cuda_error="too old"), "warning", "(too old)", ""),
        (replace(GPU, driver=DRIVER._replace(nodes=False)), "warning", "nvidia-uvm", "sudo nvidia-modprobe -u"),
        (replace(GPU, driver=DRIVER._replace(keeps_memory=False)), "warning", "suspend", "NVreg_Preserve"),
        (replace(GPU, driver=DRIVER._replace(keeps_memory=None)), "ok", "550.54", ""),
    ],
}  # fmt: skip


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)


@pytest.fixture
def nvidia(tmp_path):
    """The root folder of a machine with the NVIDIA driver."""
    for folder in ("proc/driver/nvidia", "dev"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\nGCC version: 12.2.0\n"
    )
    return tmp_path


def test_the_driver_is_known_by_its_files(nvidia):
    assert find_driver(nvidia / "dev") is None
    assert find_driver(nvidia) == Driver("550.54.15", nodes=False, keeps_memory=None)
    params = nvidia / "proc/driver/nvidia/params"
    params.write_text("Mobile: 0\nPreserveVideoMemoryAllocations: 0\n")
    assert find_driver(nvidia) == Driver("550.54.15", nodes=False, keeps_memory=False)
    for name in ("nvidiactl", "nvidia-uvm"):
        (nvidia / "dev" / name).touch()
    params.write_text("PreserveVideoMemoryAllocations: 1\n")
    assert find_driver(nvidia) == Driver("550.54.15", nodes=True, keeps_memory=True)


@pytest.mark.parametrize("quick", [False, True])
def test_that_torch_is_missing_is_seen_also_in_a_quick_look(nvidia, monkeypatch, quick):
    monkeypatch.setattr(graphics, "find_spec", lambda name: None)
    facts = look(Host(root=nvidia, quick=quick))
    assert (facts.torch, facts.cuda_error) == (False, None)
    assert CHECKS["gpu"](facts).remedy == install("cuda")


@pytest.mark.parametrize("quick", [False, True])
def test_whether_torch_is_there_is_seen_without_importing_it(nvidia, quick):
    torch = nvidia / "packages" / "torch"
    torch.mkdir(parents=True)
    (torch / "__init__.py").write_text("raise ImportError('libcudart.so.12 is missing')\n")
    code = (
        "import sys; from pathlib import Path; from vcam.host.checks import check, graphics;"
        f"facts = graphics.look(check.Host(root=Path({str(nvidia)!r}), quick={quick}));"
        "print(facts.torch, facts.cuda_error)"
    )
    environment = {**os.environ, "PYTHONPATH": str(torch.parent)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert out.stdout.strip() == ("True None" if quick else "True it can't be imported: libcudart.so.12 is missing")


def test_without_a_driver_torch_is_not_imported(tmp_path):
    assert look(Host(root=tmp_path)).cuda_error is None
