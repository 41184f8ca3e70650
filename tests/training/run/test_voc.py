"""The task of VOC's classes: from labels to figures, and what can't be trained."""

from pathlib import Path

import pytest
import torch

from segnet.classes import VOC_CLASSES
from segnet.weights import WeightsInfo
from tests.helpers.voc_scene import Perfect, config
from training.data.voc_data import load_voc
from training.errors import DataError
from training.run import voc
from training.run.config import TrainConfig, read_recipe


def test_a_network_that_knows_it_all_is_measured_so(folder):
    task = voc.voc_task(config(folder), None, 0, 1)
    report = task.measure(Perfect())["voc2012/val"]
    assert report["miou"] > 0.93
    assert report["classes"] == 3
    assert task.choose({"voc2012/val": {"miou": 0.5, "iou": 0.9}, "other": {"miou": 0.7}}) == 0.5
    assert task.info.classes == VOC_CLASSES
    assert task.info.input_sizes == ((224, 224),)


def test_measuring_runs_the_network_as_it_is_used_and_leaves_it_training(folder):
    task = voc.voc_task(config(folder), None, 0, 1)
    network, modes = Perfect().train(), []
    network.register_forward_hook(lambda module, x, y: modes.append(module.training))
    task.measure(network)
    assert modes == [False]
    assert network.training


def test_the_task_names_every_file_and_says_what_the_data_lacks(folder, capsys):
    task = voc.voc_task(config(folder, validation=("voc2012/val", "voc2012/train")), None, 0, 1)
    assert len({path for path in task.files if path.is_file()}) == 8
    said = capsys.readouterr().err
    assert "no picture to train on shows aeroplane" in said
    assert "voc2012/train shares 3 of its pictures with those to train on" in said


def test_sides_that_the_network_can_not_take_are_refused_before_the_run(folder):
    with pytest.raises(DataError, match="sides must be multiples of 16"):
        voc.voc_task(config(folder, network="deeplabv3_mobilenet_v3_large", input_size=(320, 200)), None, 0, 1)


def test_weights_of_other_classes_are_no_start(folder):
    start = WeightsInfo("deeplabv3_resnet50", object(), ("background", "person"))
    with pytest.raises(DataError, match="labels of VOC's 21 classes need weights of these"):
        voc.voc_task(config(folder, init=folder / "x"), start, 0, 1)


def test_vgg_is_a_start_for_the_deconvnet_only_and_a_bad_file_is_named(folder, tmp_path):
    with pytest.raises(DataError, match="deconvnet only"):
        voc.start_from_vgg(Perfect(), tmp_path / "vgg.pth")
    network = voc.ARCHITECTURES["deconvnet"].build(voc.DeconvConfig(1 / 16, 16), 21)
    with pytest.raises(DataError, match=r"there is no file .*vgg\.pth"):
        voc.start_from_vgg(network, tmp_path / "vgg.pth")
    (tmp_path / "vgg.pth").write_text("no weights")
    with pytest.raises(DataError, match=r"vgg\.pth can't be used"):
        voc.start_from_vgg(network, tmp_path / "vgg.pth")


def test_a_set_of_one_picture_is_learnt(folder):
    """The whole chain, labels to figures, with a network that can do no more than tell colours apart."""
    (folder / "ImageSets/Segmentation/train.txt").write_text("d\n")
    torch.manual_seed(0)
    task = voc.voc_task(config(folder, steps=40), None, 0, 1)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 1), torch.nn.ReLU(), torch.nn.Conv2d(16, 21, 1))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.05)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (task.info.mean, task.info.std))
    for step in range(40):
        images, labels = task.batches[step]
        parts = task.loss(network.train(), (images.float() / 255 - mean) / std, labels, torch.Generator())
        optimiser.zero_grad()
        parts["total"].backward()
        optimiser.step()
    report = task.measure(network)["voc2012/val"]
    assert report["iou_cat"] > 0.8
    assert report["iou_dog"] > 0.8


@pytest.mark.parametrize("name", ["deconvnet", "deconvnet-cpu", "deconvnet-stage1", "deconvnet-stage2", "deeplabv3"])
def test_the_recipes_are_settings_of_a_run(name, tmp_path):
    recipe = Path(voc.__file__).parents[1] / "recipes" / f"{name}.toml"
    made = TrainConfig(data=tmp_path, **read_recipe(recipe))
    assert made.network in voc.ARCHITECTURES
    if name == "deconvnet-stage2":
        first = read_recipe(recipe.with_name("deconvnet-stage1.toml"))
        assert str(made.init) == f"{first['out']}/best.safetensors"


def test_looking_at_many_parts_of_a_picture_finds_what_one_look_finds(folder):
    task, one = voc.voc_task(config(folder), None, 0, 1), load_voc(folder / "val")
    counted = voc.evaluate_classes(Perfect(), task.info, one, proposals=True).report()
    assert counted["miou"] > 0.9
