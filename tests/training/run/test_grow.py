"""The way up learns block by block before the run."""

import pytest
import torch

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


def test_the_small_end_learns_and_nothing_else_does(folder):
    settings, task, network = prepared(folder)
    growing.pass_on(network)
    before = {name: tensor.clone() for name, tensor in network.named_parameters()}
    again = prepared(folder)[2]  # the same as it was drawn
    growing.grow(again, task, settings, torch.device("cpu"))
    changed = {name for name, tensor in again.named_parameters() if not torch.equal(tensor, before[name])}
    assert {name.partition(".")[0] for name in changed} == {"bottom", "up", "score"}
    assert {name.split(".")[1] for name in changed if name.startswith("up.")} == {"0"}


def test_the_whole_network_gives_at_once_what_its_small_end_has_learnt(folder):
    settings, task, network = prepared(folder)
    growing.grow(network, task, settings, torch.device("cpu"))
    images, labels = task.batches[0]  # by the batch's own statistics: the blocks between have none yet
    with torch.inference_mode():
        found = network(images.values.float(), images.switches()).argmax(dim=1)
    known = (labels[:, 0] > 0) & (labels[:, 0] < 255)
    assert (found[known] == labels[:, 0][known]).float().mean() > 0.5


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
