"""A run: its rates, its results, and that it can be interrupted."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from PIL import Image

from segnet.weights import digest, load_weights
from training.errors import DataError
from training.measure.card import figures
from training.run import person
from training.run import train as run
from training.run.config import TrainConfig


def config(data, out, **changes):
    values = {
        "data": data, "out": out, "sets": {"train/discs": 1.0}, "validation": ("val/discs",), "steps": 6, "batch": 2,
        "warmup": 2, "workers": 0, "evaluate_every": 6, "checkpoint_every": 2, "device": "cpu", "ema": 0.5,
    }  # fmt: skip
    return TrainConfig(**(values | changes))


@pytest.mark.parametrize("name", ["train/discs", "val/discs"])
def test_masks_to_train_on_and_to_measure_on_are_checked_before_the_first_step(data, tmp_path, monkeypatch, name):
    shutil.copytree(data, tmp_path / "data")
    path = tmp_path / "data" / name / "masks/3.png"
    Image.fromarray(np.asarray(Image.open(path)) // 255).save(path)  # 0 and 1, among masks of 0 and 255
    monkeypatch.setattr(run, "train_step", None)
    with pytest.raises(DataError, match=r"discs/masks hold 0, 1, 255|3\.png shows nobody: its highest value is 1"):
        run.train(config(tmp_path / "data", tmp_path / "out"))


def test_the_rate_rises_stays_and_falls_to_nothing(tmp_path):
    rates = [run.rate_at(step, config(tmp_path, tmp_path, steps=100, warmup=10, decay=0.4)) for step in range(100)]
    assert rates[0] == pytest.approx(2e-4)
    assert rates[10:60] == [2e-3] * 50
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert rates[99] == pytest.approx(2e-3 / 40)


@pytest.mark.parametrize(
    ("moment", "prepare"),
    [("before", "workers"), ("after", "workers"), ("measuring", "workers"), ("after", "device")],
)
def test_a_run_that_is_interrupted_and_resumed_ends_as_one_that_was_not(data, tmp_path, monkeypatch, moment, prepare):
    whole = run.train(config(data, tmp_path / "whole", prepare=prepare))
    step, measure, calls = run.train_step, person.evaluate, []

    def ctrl_c():
        os.kill(os.getpid(), signal.SIGINT)

    def interrupted_step(*arguments):
        calls.append(1)
        if moment == "before" and len(calls) == 4:
            ctrl_c()
        parts = step(*arguments)
        if moment == "after" and len(calls) == 4:
            ctrl_c()
        return parts

    def interrupted_measure(*arguments):
        if moment == "measuring" and len(calls) == 6:
            ctrl_c()
        return measure(*arguments)

    monkeypatch.setattr(run, "train_step", interrupted_step)
    monkeypatch.setattr(person, "evaluate", interrupted_measure)
    with pytest.raises(KeyboardInterrupt):
        run.train(config(data, tmp_path / "parts", prepare=prepare))
    parts = run.train(config(data, tmp_path / "parts", prepare=prepare))
    assert len(calls) == 6
    one, other = load_weights(whole)[0].state_dict(), load_weights(parts)[0].state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert (tmp_path / "whole" / "metrics.csv").read_text() == (tmp_path / "parts" / "metrics.csv").read_text()


def test_schedules_start_at_the_full_rate_and_end_at_nothing(tmp_path):
    for schedule in ("trapezoid", "cosine", "poly"):
        of = config(tmp_path, tmp_path, steps=1000, warmup=10, schedule=schedule)
        assert run.rate_at(10, of) == pytest.approx(2e-3, rel=0.01)
        assert 0 < run.rate_at(999, of) < 2e-5
    assert run.rate_at(505, config(tmp_path, tmp_path, steps=1000, warmup=10, schedule="cosine")) == pytest.approx(1e-3)
    assert run.rate_at(505, config(tmp_path, tmp_path, steps=1000, warmup=10, schedule="poly")) == pytest.approx(
        2e-3 * 0.5**0.9
    )


def test_a_run_never_overwrites_the_results_of_another(data, tmp_path):
    run.train(config(data, tmp_path, steps=2))
    (tmp_path / "checkpoint.pt").unlink()
    before = (tmp_path / "best.safetensors").read_bytes()
    with pytest.raises(DataError, match="holds the results of another run"):
        run.train(config(data, tmp_path, steps=2))
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match="not a checkpoint that can be read"):
        run.train(config(data, tmp_path, steps=2))
    assert (tmp_path / "best.safetensors").read_bytes() == before


def test_a_network_that_takes_everything_for_background_is_told_of(tmp_path):
    said = run.collapse({"val": {"predicted_background": 0.995, "miou": 0.035, "accuracy": 0.73}})
    assert "99.5% of the pixels for background" in said
    assert "finds no person" in run.collapse({"val": {"iou": 0.0}})
    assert run.collapse({"val": {"predicted_background": 0.9, "accuracy": 0.8}, "other": {"iou": 0.7}}) == ""


def test_fine_tuning_starts_from_the_weights_that_are_given_and_from_no_others(data, tmp_path):
    first = run.train(config(data, tmp_path / "first", steps=2))
    tuned = run.train(config(data, tmp_path / "tuned", steps=1, learning_rate=1e-9, init=first, ema=0.0))
    one, other = load_weights(first)[0].state_dict(), load_weights(tuned)[0].state_dict()
    assert torch.allclose(one["stem.dense"], other["stem.dense"], atol=1e-6)
    before = load_weights(tuned)[1].training["started_from"]
    assert before["sha256"] == digest(one)
    assert before["training"]["step"] == 2
    assert "started from weights that were made in 2 steps of 2 pictures (4 in all)" in figures(tuned)
    with pytest.raises(DataError, match="holds the weights of light, not of deconvnet"):
        run.train(config(data, tmp_path / "other", init=first, network="deconvnet"))


def test_a_run_goes_on_with_its_own_settings_and_data_only(data, tmp_path):
    run.train(config(data, tmp_path, steps=2))
    run.train(config(data, tmp_path, steps=3, threads=1, checkpoint_every=9))
    with pytest.raises(DataError, match="was made with other learning_rate, seed"):
        run.train(config(data, tmp_path, steps=4, learning_rate=1e-4, seed=1))


def test_who_only_compares_runs_is_told_how_quick_they_were_and_spared_the_rest(data, tmp_path):
    path = run.train(config(data, tmp_path, steps=4, evaluate_every=2, thorough=False))
    assert json.loads((tmp_path / "pace.json").read_text())["pictures_per_second"] > 0
    assert not [*tmp_path.glob("*.jpg")]
    assert "sizes" not in load_weights(path)[1].metrics["val/discs"]


@pytest.mark.parametrize("where", ["loss", "gradient"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_nothing_is_made_of_weights_that_are_not_finite_numbers_and_the_step_is_named(
    data, tmp_path, monkeypatch, where, interrupted
):
    """Whether the run looks at its numbers by itself or is stopped before it does."""
    step, calls = run.train_step, []

    def spoilt_step(network, *arguments):
        calls.append(1)
        parts = step(network, *arguments)
        if len(calls) == 3:
            next(network.parameters()).data.fill_(torch.nan)
            parts |= {"total" if where == "loss" else "gradient": torch.tensor(torch.inf)}
        if len(calls) == 4 and interrupted:
            os.kill(os.getpid(), signal.SIGTERM)
        return parts

    monkeypatch.setattr(run, "train_step", spoilt_step)
    with pytest.raises(DataError, match="not finite at step 3"):
        run.train(config(data, tmp_path, evaluate_every=5, checkpoint_every=5))
    assert len(calls) == (4 if interrupted else 5)
    assert not (tmp_path / "checkpoint.pt").exists()
    assert not (tmp_path / "best.safetensors").exists()


def test_the_average_starts_at_the_network_and_follows_it_also_in_what_is_counted():
    network, average = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    network.load_state_dict(network.state_dict() | {"weight": torch.tensor([3.0, 5.0]),
                                                    "num_batches_tracked": torch.tensor(7)})  # fmt: skip
    run.update_average(average, network, 0.75)
    assert average.weight.tolist() == [1.5, 2.0]
    assert int(average.num_batches_tracked) == 7
    run.update_average(average, network, 0.0)
    assert average.weight.tolist() == [3.0, 5.0]


def test_the_average_knows_nothing_of_the_weights_before_the_first_step(data, tmp_path):
    run.train(config(data, tmp_path, steps=1, ema=0.99, thorough=False))
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert all(torch.equal(state["average"][name], tensor) for name, tensor in state["network"].items())


def test_weights_that_measure_worse_than_nothing_are_left_too(data, tmp_path, monkeypatch):
    """As a mean of IoUs less the mistakes is, where every picture has stray parts."""
    monkeypatch.setattr(person, "choice", lambda report: -0.4)
    path = run.train(config(data, tmp_path, steps=1, thorough=False))
    assert load_weights(path)[1].training["step"] == 1


def test_only_the_light_networks_batches_are_made_on_the_device(folder, tmp_path):
    with pytest.raises(DataError, match="for deconvnet use --prepare workers"):
        run.train(config(folder, tmp_path, network="deconvnet", prepare="device"))


@pytest.mark.parametrize("prepare", ["workers", "device"])
def test_the_network_learns_a_small_set(data, tmp_path, prepare):
    path = run.train(config(data, tmp_path, steps=40, batch=8, evaluate_every=40, ema=0.8, prepare=prepare))
    _, info = load_weights(path)
    assert info.metrics["val/discs"]["iou"] > 0.8
    assert info.training["step"] == 40
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 2
