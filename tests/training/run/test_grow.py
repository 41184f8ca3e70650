"""The way up learns block by block before the run."""

import pytest
import torch
from torch import nn

from tests.helpers.voc_scene import Perfect
from tests.training.run.test_features import halfway_config
from training.errors import DataError
from training.run import grow as growing
from training.run import train as run


def prepared(folder, **changes):
    settings = halfway_config(folder, frozen=5, up=1 / 16, grow=80, batch=3, learning_rate=0.01, **changes)
    torch.manual_seed(settings.seed)
    task, network, _ = run.prepare(settings, run.Group(torch.device("cpu")))
    return settings, task, network


def test_each_block_but_the_last_learns_and_the_way_down_and_what_comes_after_stay(folder):
    settings, task, network = prepared(folder)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    growing.grow(network, task, settings, torch.device("cpu"))
    changed = {
        name.rsplit(".", 3)[0] for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])
    }
    assert {name.partition(".")[0] for name in changed} == {"bottom", "up"}
    assert {name for name in changed if name.startswith("up.")} == {"up.0", "up.1", "up.2", "up.3"}
    assert torch.equal(network.score.weight, before["score.weight"])


def test_what_a_grown_block_gives_tells_classes_apart(folder):
    """A layer that is fitted to it for a few steps finds more than one that is fitted to a fresh block."""
    settings, task, network = prepared(folder)
    left = []
    for ready in (False, True):
        if ready:
            growing.grow(network, task, settings, torch.device("cpu"))
        torch.manual_seed(0)
        score = nn.Conv2d(network.unpooled[-2], 21, 1)
        optimiser = torch.optim.AdamW(score.parameters(), lr=0.1)
        network.eval()
        for step in range(30):
            loss = growing.grown_loss(network, score, 1, *task.batches[step])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        left.append(float(loss))
    assert left[1] < 0.7 * left[0]


def test_a_run_that_is_resumed_does_not_grow_again(folder, tmp_path, monkeypatch):
    grown = []
    monkeypatch.setattr(run, "grow", lambda *arguments: grown.append(arguments))
    settings = halfway_config(
        folder, out=tmp_path / "out", grow=8, steps=2, evaluate_every=2, checkpoint_every=1, thorough=False
    )
    run.train(settings)
    run.train(settings.model_copy(update={"steps": 3}))
    assert len(grown) == 1


def test_only_a_deconvnet_with_views_can_grow(folder):
    settings, task, network = prepared(folder)
    with pytest.raises(DataError, match="--grow is for the deconvnet with --views only"):
        growing.grow(network, task, settings.model_copy(update={"views": 0}), torch.device("cpu"))
    with pytest.raises(DataError, match="--grow is for the deconvnet with --views only"):
        growing.grow(Perfect(), task, settings, torch.device("cpu"))
