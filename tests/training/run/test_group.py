"""Runs of several processes."""

import subprocess
import sys

import pytest

from segnet.weights import load_weights


@pytest.mark.timeout(300)
def test_a_run_of_two_processes_ends_with_the_figures_of_a_run_of_one(data, tmp_path):
    """Not the same bits: each process normalises its own half of the batch."""
    options = [
        "--data", str(data), "--sets", '{"train/discs": 1}', "--validation", '["val/discs"]', "--batch", "8",
        "--steps", "40", "--warmup", "5", "--workers", "0", "--evaluate-every", "40", "--ema", "0.8", "--device", "cpu",
    ]  # fmt: skip
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run(
        [*torchrun, "-m", "training", "train", *options, "--out", str(tmp_path / "two")], check=True, cwd=tmp_path
    )
    subprocess.run(
        [sys.executable, "-m", "training", "train", *options, "--out", str(tmp_path / "one")], check=True, cwd=tmp_path
    )
    two, one = (load_weights(tmp_path / name / "best.safetensors")[1].metrics["val/discs"] for name in ("two", "one"))
    assert one["iou"] > 0.8
    assert two["iou"] == pytest.approx(one["iou"], abs=0.05)


def test_a_process_that_is_told_to_stop_stops_the_others_after_the_same_step(data, tmp_path):
    code = (
        "import os, sys, torch; from training.run.group import join\n"
        "with join('cpu') as group:\n"
        "    assert group.any(group.rank == 1) and not group.any(False)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    subprocess.run([*command, sys.executable, "-c", code], check=True, cwd=tmp_path)
