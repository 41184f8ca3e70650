"""All that is done with a GPU, tried without one, and without what such a machine may lack."""

import json
import os
import subprocess
import sys

import pytest

from tests.gpu.speed import ROOT

MISSING = ("openvino",)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_everything_is_measured_and_the_page_has_it(tmp_path):
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    for name in MISSING:
        (lacking / f"{name}.py").write_text("raise ImportError('not here')")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "tests.gpu.speed", str(out), "--device", "cpu", "--toy"]
    there = os.environ | {"PYTHONPATH": str(lacking)}
    done = subprocess.run(words, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (out / "gpu.md").read_text()
    assert page in done.stdout
    assert "Failed" not in page
    assert "| 640×360 " in page
    assert "`vcam/pipeline/gpu_pixels.py:" in page
    assert "passed" in page
    found = json.loads((out / "differences.json").read_text())["found"]
    assert found["320×240"]["mask_max"] == 0
    assert found["320×240"]["picture_max"] <= 6
