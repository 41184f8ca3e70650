"""What frozen blocks make of pictures is computed once, and is the same as ever."""

import csv

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segnet.configs import DeconvConfig
from segnet.deconvnet import DeconvNet
from tests.helpers.voc_scene import Perfect, config
from training.data.voc_data import load_voc
from training.errors import DataError
from training.measure.classes import brought, prepared
from training.run import train as run
from training.run import voc
from training.run.features import FeatureStore, corners_of, places


def halfway_config(folder, **changes):
    values = {"fc": 0, "up": 1 / 32, "frozen": 3, "views": 2, "input_size": (64, 64), "device": "cpu"}
    return config(folder, **(values | changes))


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = DeconvNet(DeconvConfig(1 / 16, 0, 1 / 32), 21)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network(torch.randn(4, 3, 64, 64))  # batch norms with statistics that are not those of a new one
    return network


def test_corners_say_where_the_largest_pixel_was():
    x = torch.randn(2, 3, 8, 12)
    _, switches = F.max_pool2d(x, 2, return_indices=True)
    corners = corners_of(switches)
    assert corners.dtype == torch.uint8
    assert set(corners.unique().tolist()) == {0, 1, 2, 3}
    assert torch.equal(places(corners), switches)


def test_a_picture_seen_halfway_looks_as_it_does_to_the_whole_network(folder, network, tmp_path):
    task = voc.freeze(voc.voc_task(halfway_config(folder), None, 0, 1), network, halfway_config(folder))
    picture, store = load_voc(folder / "val").pictures[0], task.batches.store
    with torch.inference_mode():
        whole = network.eval()(prepared(picture.image(), task.info))
        for _ in range(2):  # computed, and read again
            seen = store.look(network, brought(picture.image(), task.info))
            assert (seen - whole).std() < 0.02 * whole.std()
    assert whole.std() > 1e-3


def test_each_view_is_computed_once_and_a_batch_is_the_same_again(folder, network, monkeypatch):
    task = voc.freeze(voc.voc_task(halfway_config(folder), None, 0, 1), network, halfway_config(folder))
    written, write = [], FeatureStore.write
    monkeypatch.setattr(
        FeatureStore, "write", lambda self, path, image: (written.append(path), write(self, path, image))
    )
    before = [task.batches[step] for step in range(12)]
    assert len(written) == len(set(written)) == 3 * 2
    after = [task.batches[step] for step in range(12)]
    assert len(written) == 3 * 2
    for (seen, labels), (again, labels_again) in zip(before, after, strict=True):
        assert torch.equal(seen.values, again.values)
        assert torch.equal(labels, labels_again)


def test_other_blocks_have_a_folder_of_their_own(folder, network, tmp_path):
    info, folders = voc.new_info(halfway_config(folder)), set()
    network.freeze(3)
    folders.add(FeatureStore(network, info, tmp_path).folder)
    network.freeze(2)
    folders.add(FeatureStore(network, info, tmp_path).folder)
    network.down[0][0][0].bias.data += 1
    folders.add(FeatureStore(network, info, tmp_path).folder)
    assert len(folders) == 3


def test_a_view_whose_pixels_differ_is_another_one_whatever_set_it_comes_from(folder, network):
    """Where a picture is cut depends on its number among all: with another set before its own it has other views."""
    first = halfway_config(folder)
    second = halfway_config(folder, sets={"voc2012/val": 1, **first.sets})
    for settings in (first, second):
        task = voc.freeze(voc.voc_task(settings, None, 0, 1), network, settings)
        task.batches.store.folder = folder / "features"
        task.batches.store.folder.mkdir(exist_ok=True)
        for number in range(len(task.batches.source.pictures)):
            image, labels = task.batches.source.view(number, 0)
            seen, seen_labels = task.batches.view(number, 0)
            values, _ = network.encode(prepared(image, task.info), 3)
            assert (seen.values - values).abs().max() < 0.02 * values.abs().max()
            assert torch.equal(seen_labels, torch.from_numpy(labels))


def test_a_run_trains_and_measures_halfway_and_leaves_the_frozen_blocks_as_they_were(folder, tmp_path):
    settings = halfway_config(folder, out=tmp_path / "out", steps=3, evaluate_every=3, thorough=False)
    torch.manual_seed(settings.seed)
    _, start, _ = run.prepare(settings, run.Group(torch.device("cpu")))
    network, info = run.load_weights(run.train(settings))
    assert info.config == DeconvConfig(1 / 16, 0, 1 / 32)
    assert info.input_sizes == ((64, 64),)
    changed = {name.split(".")[0] + "." + name.split(".")[1] for name, tensor in network.state_dict().items()
               if not torch.equal(tensor, start.state_dict()[name])}  # fmt: skip
    assert not changed & {"down.0", "down.1", "down.2"}
    assert {"down.3", "down.4", "bottom.0", "up.0", "up.4"} <= changed
    with (tmp_path / "out/metrics.csv").open() as file:
        row = list(csv.DictReader(file))[-1]
    measured = voc.evaluate_classes(network, info, load_voc(folder / "val")).report()
    assert float(row["voc2012/val accuracy"]) == pytest.approx(measured["accuracy"], abs=0.02)


@pytest.mark.parametrize("changes, says", [
    ({"frozen": 0}, "say how many are --frozen"),
    ({"input_size": (48, 64)}, "sides must be multiples of 32 from 32 up"),
    ({"fc": 16, "input_size": (192, 192)}, "sides must be multiples of 32 from 224 up"),
])  # fmt: skip
def test_settings_that_do_not_go_together_are_refused(folder, changes, says):
    with pytest.raises(DataError, match=says):
        run.prepare(halfway_config(folder, **changes), run.Group(torch.device("cpu")))


def test_only_a_deconvnet_can_be_frozen(folder):
    settings = halfway_config(folder)
    with pytest.raises(DataError, match="for the deconvnet only"):
        voc.freeze(voc.voc_task(settings, None, 0, 1), Perfect(), settings)
