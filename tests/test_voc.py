"""VOC's classes: labels that stay numbers, crops, loss and figures against plain ones, and what is refused."""

import io
import sys
import tarfile
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

from segnet.classes import VOC_CLASSES
from segnet.weights import WeightsInfo
from training import class_sheets, voc
from training.config import TrainConfig, read_recipe
from training.data import DataError
from training.download import download
from training.losses import class_loss, median_frequency
from training.metrics import ClassConfusion, collapsed
from training.mistakes import score_mistakes
from training.voc_data import (
    VocBatches,
    choose_crop,
    cut_out,
    find_objects,
    grown,
    load_voc,
    overlap,
    proposal,
    random_part,
)

CAT, DOG, PERSON = (VOC_CLASSES.index(name) for name in ("cat", "dog", "person"))
PALETTE = [value for number in range(256) for value in (number * 7 % 256, number * 31 % 256, number * 89 % 256)]


def save_labels(path, labels):
    picture = Image.fromarray(labels)
    picture.putpalette(PALETTE)
    picture.save(path, "PNG")


def a_scene():
    """A cat on the left, a dog on the right that a rim of void surrounds, on grey."""
    labels = np.zeros((60, 100), np.uint8)
    labels[10:40, 5:30] = CAT
    labels[28:58, 55:95] = 255
    labels[30:56, 57:93] = DOG
    image = np.full((60, 100, 3), 90, np.uint8)
    image[labels == CAT] = (250, 20, 20)
    image[labels == DOG] = (20, 250, 20)
    return image, labels


@pytest.fixture
def folder(tmp_path):
    """VOC's layout with three pictures to train and one to measure on."""
    root = tmp_path / "voc2012"
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    for name in ("a", "b", "c", "d"):
        image, labels = a_scene()
        Image.fromarray(image).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
        save_labels(root / "SegmentationClass" / f"{name}.png", labels)
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\nc\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("d\n")
    return root


def batches(folder, **changes):
    values = {"stage": "whole", "size": (64, 48), "batch": 6, "steps": 10, "seed": 0}
    return VocBatches([(load_voc(folder / "train"), 1.0)], **(values | changes))


def config(folder, **changes):
    values = {
        "data": folder.parent, "out": folder.parent / "out", "network": "deconvnet", "width": 1 / 16, "fc": 16,
        "sets": {"voc2012/train": 1.0}, "validation": ("voc2012/val",), "steps": 4, "batch": 2, "workers": 0,
    }  # fmt: skip
    return TrainConfig(**(values | changes))


# Labels


def test_labels_are_the_numbers_of_the_palette(folder):
    picture = load_voc(folder / "val").pictures[0]
    assert np.array_equal(picture.labels(), a_scene()[1])
    assert picture.image().shape == (60, 100, 3)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_labels_that_lost_their_palette_are_refused(folder, mode):
    path = folder / "SegmentationClass/b.png"
    with Image.open(path) as picture:
        converted = picture.convert(mode)
    converted.save(path)
    with pytest.raises(DataError, match=rf"the labels of b have lost their palette \(mode {mode}\)"):
        load_voc(folder / "train")


def test_a_label_that_is_no_class_is_refused(folder):
    labels = a_scene()[1]
    labels[0, 0] = 21
    save_labels(folder / "SegmentationClass/c.png", labels)
    with pytest.raises(DataError, match="the labels of c hold 21, which is none of VOC's classes"):
        load_voc(folder / "train")


def test_everything_that_is_wrong_is_found_before_the_run_and_named(folder):
    (folder / "JPEGImages/a.jpg").write_bytes(b"")
    (folder / "SegmentationClass/b.png").unlink()
    save_labels(folder / "SegmentationClass/c.png", a_scene()[1][:50])
    with pytest.raises(DataError) as caught:
        load_voc(folder / "train")
    for problem in ("the picture of a is not readable", "b.png is missing", "of c are not the size of the picture"):
        assert problem in str(caught.value)


def test_a_picture_that_was_cut_short_is_found_before_the_run(folder):
    for path in (folder / "JPEGImages/a.jpg", folder / "SegmentationClass/b.png"):
        path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError, match=r"the picture of a is not readable.*the labels of b are not readable"):
        load_voc(folder / "train")


def test_many_problems_are_counted_rather_than_listed(folder):
    (folder / "ImageSets/Segmentation/train.txt").write_text("\n".join(f"gone{n}" for n in range(9)))
    with pytest.raises(DataError, match="and 4 more"):
        load_voc(folder / "train")


def test_lists_that_are_not_there_or_empty_are_named(folder, tmp_path):
    with pytest.raises(DataError, match=r"there is no .*test\.txt; the lists there are train, val"):
        load_voc(folder / "test")
    with pytest.raises(DataError, match="is not in VOC's layout"):
        load_voc(tmp_path / "elsewhere" / "train")
    (folder / "ImageSets/Segmentation/train.txt").write_text("\n")
    with pytest.raises(DataError, match=r"train\.txt lists no pictures"):
        load_voc(folder / "train")


def test_classes_that_nothing_shows_are_reported(folder):
    absent = load_voc(folder / "train").absent()
    assert "cat" not in absent
    assert "background" not in absent
    assert len(absent) == 18


# Crops


def test_labels_that_are_resized_keep_to_their_numbers():
    image, labels = a_scene()
    for size in ((224, 224), (37, 29), (100, 60)):
        _, small = cut_out(image, labels, (3, 2, 98, 59), size)
        assert small.shape == size[::-1]
        assert set(np.unique(small)) <= {0, CAT, DOG, 255}


@pytest.mark.parametrize("stage", ["whole", "objects", "proposals"])
def test_pictures_and_labels_move_together(folder, stage):
    data = batches(folder, stage=stage, size=(96, 96), batch=8)
    for step in range(3):
        images, labels = data[step]
        assert images.shape == (8, 3, 96, 96)
        assert labels.shape == (8, 1, 96, 96)
        assert images.dtype == labels.dtype == torch.uint8
        for image, label in zip(images.int(), labels[:, 0], strict=True):
            redder = image[0] > image[1] + 40
            assert (redder[label == CAT]).float().mean() > 0.9 or not (label == CAT).any()
            assert not redder[label == DOG].any() or redder[label == DOG].float().mean() < 0.1


def test_a_batch_depends_on_its_number_and_the_seed_alone(folder):
    one, two = batches(folder), batches(folder)
    two[3]
    for a, b in zip(one[7], two[7], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one[7][0], one[6][0])
    assert not torch.equal(one[7][0], batches(folder, seed=1)[7][0])


def test_processes_together_make_the_batch_that_one_alone_makes(folder):
    whole = batches(folder)[5]
    parts = [batches(folder, rank=rank, world=3)[5] for rank in range(3)]
    for n in range(2):
        assert torch.equal(torch.stack([part[n] for part in parts], dim=1).flatten(0, 1), whole[n])


def test_sets_are_drawn_as_often_as_told(folder):
    Image.fromarray(np.full((60, 100, 3), 255, np.uint8)).save(folder / "JPEGImages/d.jpg")
    sets = [(load_voc(folder / "train"), 1.0), (load_voc(folder / "val"), 3.0)]
    images, _ = VocBatches(sets, "whole", (32, 32), 400, 1, 0)[0]
    bright = (images.float().mean(dim=(1, 2, 3)) > 170).float().mean()
    assert 0.68 < bright < 0.82


def test_crops_of_the_whole_begin_at_the_objects_and_end_at_the_picture():
    labels = np.zeros((200, 300), np.uint8)
    labels[80:120, 100:160] = CAT
    rng = np.random.default_rng(0)
    early = [choose_crop("whole", labels, None, 0.0, rng)[0] for _ in range(50)]
    late = [choose_crop("whole", labels, None, 1.0, rng)[0] for _ in range(200)]
    near = grown((100, 80, 160, 120), 1.2, 300, 200)
    assert all(near[0] <= box[0] and near[1] <= box[1] and box[2] <= near[2] and box[3] <= near[3] for box in early)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) / 60_000 for box in late]
    assert min(areas) > 0.45
    assert max(areas) > 0.9


def test_a_crop_of_one_object_makes_the_others_background_and_keeps_void():
    labels = a_scene()[1]
    rng, seen = np.random.default_rng(0), set()
    for _ in range(20):
        _, alone = choose_crop("objects", labels, None, 1.0, rng)
        assert np.array_equal(alone == 255, labels == 255)
        (one,) = set(np.unique(alone)) - {0, 255}
        assert np.array_equal(alone == one, labels == one)
        seen.add(int(one))
    assert seen == {CAT, DOG}


def test_a_proposal_keeps_the_other_objects():
    _, kept = choose_crop("proposals", a_scene()[1], None, 1.0, np.random.default_rng(0))
    assert np.array_equal(kept, a_scene()[1])


@given(st.integers(0, 2**32 - 1))
def test_a_proposal_overlaps_its_object_by_half_and_lies_inside(seed):
    rng = np.random.default_rng(seed)
    left, top = (int(v) for v in rng.integers(0, 90, 2))
    box = (left, top, left + int(rng.integers(1, 110 - left)), top + int(rng.integers(1, 100 - top)))
    other = proposal(box, 110, 100, rng)
    a, b = np.zeros((2, 100, 110), bool)
    a[box[1] : box[3], box[0] : box[2]] = True
    b[other[1] : other[3], other[0] : other[2]] = True
    assert overlap(box, other) == pytest.approx((a & b).sum() / (a | b).sum())
    assert overlap(box, other) >= 0.5
    assert b.sum() == (other[2] - other[0]) * (other[3] - other[1])


@given(st.integers(0, 2**32 - 1))
def test_a_random_part_is_part_of_its_box_and_never_empty(seed):
    rng = np.random.default_rng(seed)
    width, height = (int(v) for v in rng.integers(1, 90, 2))
    left, top = int(rng.integers(width)), int(rng.integers(height))
    box = grown((left, top, left + 1, top + 1), 1.2, width, height)
    part = random_part(box, 0.3, width, height, rng)
    assert 0 <= box[0] <= part[0] < part[2] <= box[2] <= width
    assert 0 <= box[1] <= part[1] < part[3] <= box[3] <= height


def test_objects_are_pieces_of_a_class_or_what_the_instances_say():
    labels = np.zeros((50, 60), np.uint8)
    labels[5:20, 5:15] = labels[5:20, 30:40] = PERSON
    labels[45, 50] = PERSON  # a speck
    numbers, boxes = find_objects(labels, None)
    assert sorted(boxes) == [(5, 5, 15, 20), (30, 5, 40, 20)]
    assert (numbers[labels == 0] == 0).all()
    instances = np.where(labels == PERSON, 1, 0).astype(np.uint8)
    instances[0, 0] = 255
    assert find_objects(labels, instances)[1] == [(5, 5, 51, 46)]


def test_of_specks_alone_the_largest_counts_and_of_nothing_nothing():
    labels = np.zeros((100, 100), np.uint8)
    labels[3, 4:8] = labels[50, 50] = CAT
    assert find_objects(labels, None)[1] == [(4, 3, 8, 4)]
    assert find_objects(np.zeros((9, 9), np.uint8), None)[1] == []


@pytest.mark.parametrize("stage", ["whole", "objects", "proposals"])
def test_a_picture_of_nothing_is_shown_whole(stage):
    labels = np.full((50, 60), 255, np.uint8)
    box, same = choose_crop(stage, labels, None, 0.0, np.random.default_rng(0))
    assert (box[2] - box[0]) * (box[3] - box[1]) > 0.45 * 3000
    assert np.array_equal(same, labels)


# Loss and figures


def test_the_loss_is_the_cross_entropy_without_void():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 21, 5, 6), torch.randint(0, 21, (2, 1, 5, 6)).to(torch.uint8)
    labels[0, 0, :2] = 255
    probability, total, count = torch.softmax(logits, dim=1), 0.0, 0
    for n in range(2):
        for y in range(5):
            for x in range(6):
                if (label := int(labels[n, 0, y, x])) != 255:
                    total, count = total - float(probability[n, label, y, x].log()), count + 1
    parts = class_loss(logits, labels)
    assert float(parts["total"]) == pytest.approx(total / count, rel=1e-5)
    assert float(parts["cross_entropy"]) == float(parts["total"])


def test_void_gives_no_gradient_and_a_batch_of_void_no_nan():
    logits = torch.randn(1, 21, 4, 4, requires_grad=True)
    labels = torch.full((1, 1, 4, 4), 255, dtype=torch.uint8)
    loss = class_loss(logits, labels)["total"]
    loss.backward()
    assert loss.item() == 0.0
    assert float(logits.grad.abs().max()) == 0.0
    labels[0, 0, 0, 0] = 3
    logits.grad = None
    class_loss(logits, labels)["total"].backward()
    assert float(logits.grad[0, :, 1:].abs().max()) == 0.0


def test_weights_of_classes_are_those_of_the_weighted_mean():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 1, 4, 4)).to(torch.uint8)
    labels[0, 0, 0] = 255
    weights = torch.tensor([0.5, 1.0, 5.0])
    expected = F.cross_entropy(logits, labels[:, 0].long(), weight=weights, ignore_index=255)
    assert float(class_loss(logits, labels, weights)["total"]) == pytest.approx(float(expected), rel=1e-5)


def test_rare_classes_weigh_more_within_bounds():
    assert median_frequency([1000, 100, 50, 1, 0]) == [0.5, 0.75, 1.5, 5.0, 1.0]
    assert median_frequency([0, 0]) == [1.0, 1.0]


@given(st.integers(0, 2**32 - 1))
def test_the_class_figures_are_those_of_counting_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    names, confusion = ("background", "a", "b", "c"), ClassConfusion(("background", "a", "b", "c"))
    pairs = []
    for _ in range(3):
        predicted = rng.integers(0, 4, (5, 7))
        truth = rng.choice([0, 1, 3, 255], (5, 7), p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint8)  # b never occurs
        confusion.add(torch.from_numpy(predicted), torch.from_numpy(truth))
        pairs += [(p, t) for p, t in zip(predicted.flat, truth.flat, strict=True) if t != 255]
    report, ious = confusion.report(), []
    for n, name in enumerate(names):
        both = sum(p == n and t == n for p, t in pairs)
        either = sum(n in (p, t) for p, t in pairs)
        assert report[f"predicted_{name}"] == round(sum(p == n for p, _ in pairs) / len(pairs), 4)
        if any(t == n for _, t in pairs):
            ious.append(both / either)
            assert report[f"iou_{name}"] == round(both / either, 4)
        else:
            assert f"iou_{name}" not in report
    assert report["miou"] == round(sum(ious) / len(ious), 4)
    assert report["accuracy"] == round(sum(p == t for p, t in pairs) / len(pairs), 4)
    assert report["classes"] == len(ious)
    assert confusion.counts.dtype == torch.int64


def test_a_label_beyond_the_classes_is_no_silent_count():
    confusion = ClassConfusion(("background", "person"))
    with pytest.raises(ValueError, match="labels from 0 to 2, but there are 2 classes"):
        confusion.add(torch.zeros(2, 2), torch.tensor([[0, 1], [2, 255]]))


def test_all_background_is_called_a_collapse_and_true_background_is_not():
    confusion, truth = ClassConfusion(VOC_CLASSES), torch.zeros(100, 100, dtype=torch.uint8)
    truth[:27] = CAT
    confusion.add(torch.zeros(100, 100), truth)
    assert "takes 100.0% of the pixels for background" in collapsed(confusion.report())
    right = ClassConfusion(VOC_CLASSES)
    right.add(truth, truth)
    assert collapsed(right.report()) == ""
    empty = ClassConfusion(VOC_CLASSES)
    empty.add(torch.zeros(100, 100), torch.zeros(100, 100))
    assert collapsed(empty.report()) == ""


def test_everything_taken_for_one_other_class_is_a_collapse_too():
    confusion, truth = ClassConfusion(VOC_CLASSES), torch.zeros(100, 100, dtype=torch.uint8)
    confusion.add(torch.full((100, 100), PERSON), truth)
    assert "for person" in collapsed(confusion.report())


# The task


class Perfect(torch.nn.Module):
    """Tells the scene's classes by their colour."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        logits = torch.zeros(len(x), 21, *x.shape[2:])
        logits[:, 0] = 0.8
        logits[:, CAT] = x[:, 0] - x[:, 1]
        logits[:, DOG] = x[:, 1] - x[:, 0]
        return logits


def test_a_network_that_knows_it_all_is_measured_so(folder):
    task = voc.voc_task(config(folder), None, 0, 1)
    report = task.measure(Perfect())["voc2012/val"]
    assert report["miou"] > 0.93
    assert report["classes"] == 3
    assert task.choose == ("voc2012/val", "miou")
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


@pytest.mark.parametrize("name", ["deconvnet", "deconvnet-stage1", "deconvnet-stage2", "deeplabv3"])
def test_the_recipes_are_settings_of_a_run(name, tmp_path):
    recipe = Path(voc.__file__).parent / "recipes" / f"{name}.toml"
    made = TrainConfig(data=tmp_path, **read_recipe(recipe))
    assert made.network in voc.ARCHITECTURES
    if name == "deconvnet-stage2":
        first = read_recipe(recipe.with_name("deconvnet-stage1.toml"))
        assert str(made.init) == f"{first['out']}/best.safetensors"


# Downloads


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Archives of VOC and SBD in their layouts, where torchvision would have put them, and a reader of .mat files."""
    from torchvision.datasets import sbd as sbd_module
    from torchvision.datasets import voc as voc_module
    from torchvision.datasets.utils import calculate_md5

    image, labels = a_scene()
    jpeg, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(image).save(jpeg, "JPEG")
    save_labels(png, labels)
    inside = "VOCdevkit/VOC2012"
    lists = {"train": "a\n", "val": "b\n", "trainval": "a\nb\n"}
    files = {f"{inside}/ImageSets/Segmentation/{name}.txt": text.encode() for name, text in lists.items()}
    files |= {f"{inside}/JPEGImages/{name}.jpg": jpeg.getvalue() for name in "abc"}
    files |= {
        f"{inside}/Segmentation{kind}/{name}.png": png.getvalue() for name in "ab" for kind in ("Class", "Object")
    }
    sbd = "benchmark_RELEASE/dataset"
    more = {f"{sbd}/train.txt": b"a\nb\nc\n", f"{sbd}/val.txt": b"d\n", f"{sbd}/img/d.jpg": jpeg.getvalue()}
    more |= {f"{sbd}/{part}/{name}.mat": name.encode() for part in ("cls", "inst") for name in "abcd"}
    home = tmp_path / "data"
    home.mkdir()
    for place, content, kind in (
        (home / "VOCtrainval_11-May-2012.tar", files, "w"),
        (home / "sbd.new" / "benchmark.tgz", more, "w:gz"),
    ):
        place.parent.mkdir(exist_ok=True)
        with tarfile.open(place, kind) as archive:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    monkeypatch.setitem(
        voc_module.DATASET_YEAR_DICT["2012"], "md5", calculate_md5(home / "VOCtrainval_11-May-2012.tar")
    )
    monkeypatch.setattr(sbd_module.SBDataset, "md5", calculate_md5(home / "sbd.new" / "benchmark.tgz"))

    def loadmat(path):
        key = "GTcls" if "/cls/" in path else "GTinst"
        value = labels if key == "GTcls" else (labels > 0).astype(np.uint8)
        value = np.where(value == 255, 0, value).astype(np.uint8)  # SBD knows no void
        record = np.empty(1, [("Segmentation", object)])
        record["Segmentation"][0] = value
        return {key: record[None]}

    scipy = types.ModuleType("scipy")
    scipy.io = types.ModuleType("scipy.io")
    scipy.io.loadmat = loadmat
    monkeypatch.setitem(sys.modules, "scipy", scipy)
    monkeypatch.setitem(sys.modules, "scipy.io", scipy.io)
    return home


def test_voc_and_sbd_become_one_folder_that_training_reads(served):
    said = download(served, sbd=True)
    assert "train_aug 3" in said
    root = served / "voc2012"
    assert (root / "ImageSets/Segmentation/train_aug.txt").read_text().split() == ["a", "c", "d"]  # b is VOC's val
    loaded = {picture.name: picture for picture in load_voc(root / "train_aug").pictures}
    assert (loaded["a"].labels() == 255).any()  # VOC's own, not SBD's
    assert np.array_equal(loaded["d"].labels(), np.where(a_scene()[1] == 255, 0, a_scene()[1]))
    assert not (root / "SegmentationClass" / "b.png").samefile(root / "SegmentationClass" / "a.png")
    before = (root / "SegmentationClass" / "d.png").stat().st_mtime_ns
    assert download(served, sbd=True) == said
    assert (root / "SegmentationClass" / "d.png").stat().st_mtime_ns == before


def test_an_archive_of_another_content_is_refused_and_leaves_nothing_that_looks_whole(served, monkeypatch):
    from torchvision.datasets import utils
    from torchvision.datasets import voc as voc_module

    def no_network(*arguments, **options):
        raise OSError("the network is down")

    monkeypatch.setitem(voc_module.DATASET_YEAR_DICT["2012"], "md5", "0" * 32)
    monkeypatch.setattr(utils.urllib.request, "urlopen", no_network)
    with pytest.raises(DataError, match="VOC 2012 could not be fetched"):
        download(served)
    assert not (served / "voc2012").exists()


def test_sbd_without_scipy_is_said_before_anything_is_fetched(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(DataError, match="uv pip install scipy"):
        download(tmp_path / "data", sbd=True)
    assert not (tmp_path / "data").exists()


def test_looking_at_many_parts_of_a_picture_finds_what_one_look_finds(folder):
    task, one = voc.voc_task(config(folder), None, 0, 1), load_voc(folder / "val")
    counted = voc.evaluate_classes(Perfect(), task.info, one, proposals=True).report()
    assert counted["miou"] > 0.9


def test_a_run_ends_with_sheets_of_the_worst_and_the_best_pictures(folder, tmp_path):
    task = voc.voc_task(config(folder), None, 0, 1)
    report = task.finish(Perfect(), tmp_path)
    assert report["voc2012/val"]["miou"] > 0.93
    for title in ("worst", "best"):
        with Image.open(tmp_path / f"voc2012-val-{title}.jpg") as sheet:
            assert sheet.width > 700


def test_vocs_palette_is_the_one_of_its_development_kit():
    colours = class_sheets.palette()
    known = {0: (0, 0, 0), 1: (128, 0, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}
    assert {number: tuple(int(v) for v in colours[number]) for number in known} == known


def test_what_is_taught_wrongly_bounds_what_can_be_scored(folder):
    report = score_mistakes(load_voc(folder / "val").pictures)
    assert report["right"]["miou"] > 0.95
    assert report["none: all is background"]["iou_cat"] == 0.0
    assert report["none: all is background"]["predicted_background"] == 1.0
    assert report["void taken for class 20"]["miou"] <= report["right"]["miou"]
    smooth = report["resized as a picture, void taken for background"]
    assert smooth["miou"] < report["right"]["miou"]
    grey = report["grey values of the palette's colours, above 20 for background"]
    assert grey["iou_cat"] < 0.5
