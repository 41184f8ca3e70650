"""The card's figures, and the picture of failures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from segnet.classes import VOC_CLASSES
from segnet.configs import DeconvConfig
from segnet.weights import DEFAULT, WeightsInfo, build, load_weights, save_weights
from training.errors import DataError
from training.measure import fails
from training.measure.card import figures

FIGURES = {
    "iou": 0.9534, "boundary_iou": 0.7348, "accuracy": 0.9857, "picture_iou": 0.95, "hole_rate": 0.00412,
    "leak_rate": 0.0028, "pictures": 153,
}  # fmt: skip
FULL = FIGURES | {
    "sizes": {
        "256x144": FIGURES | {"flicker": 0.00454, "settled": 0.003},
        "320x192": FIGURES | {"iou": 0.9612, "flicker": 0.00589, "settled": 0.004},
    },
    "light": {
        name: FIGURES | {"luma": [low, low + 40]} for name, low in (("dark", 20), ("medium", 60), ("bright", 100))
    },
}


@pytest.fixture(scope="module")
def shipped():
    return load_weights(DEFAULT)


def written(tmp_path, shipped, **told):
    network, info = shipped
    path = tmp_path / "w.safetensors"
    save_weights(path, network.state_dict(), replace(info, **told))
    return figures(path)


def test_the_card_tells_what_a_run_and_the_one_before_it_have_to_note(shipped, tmp_path):
    before = {"sha256": "ab12", "training": {"from": "another's", "note": "the mean of two runs"}}
    card = written(tmp_path, shipped, training={"note": "by hand", "started_from": before})
    assert (
        "- by hand\n- started from weights that were made from another's: sha256 `ab12`\n- the mean of two runs" in card
    )


def test_the_card_tells_every_size_the_light_and_the_sources(shipped, tmp_path):
    settings = {"sets": {"train/a": 2.0, "train/b": 0.5}, "batch": 32, "learning_rate": 0.002, "seed": 7}
    training = {"settings": settings, "step": 1000, "terms": {"train/a": "Apache-2.0", "rooms": "research"}}
    text = written(tmp_path, shipped, metrics={"val/x": FULL}, training=training)
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()]
    fast = ["val/x", "256×144", "153", "0.953", "0.735", "0.986", "0.950", "0.41%", "0.28%", "0.0045", "0.0030"]
    fine = ["val/x", "320×192", "153", "0.961", "0.735", "0.986", "0.950", "0.41%", "0.28%", "0.0059", "0.0040"]
    assert fast in rows
    assert fine in rows
    assert ["val/x", "medium", "60–100", "153", "0.953", "0.735", "0.41%", "0.28%"] in rows
    for line in (
        "- 1,000 steps of 32 pictures (32,000 in all)",
        "- learning rate 0.002, seed 7",
        "| train/a | 2     | Apache-2.0            |",
        "| train/b | 0.5   | not told              |",
        "| rooms   |       | research              |",
    ):
        assert line in text.splitlines()
    assert "nothing of skin tone" in text
    assert "one confusion matrix" in text


def test_the_card_tells_of_stray_and_missing_parts_and_of_empty_rooms(shipped, tmp_path):
    far = {
        "stray_rate": 0.00123, "stray_rate_95": 0.008, "stray_pictures": 9,
        "missing_rate": 0.00456, "missing_rate_95": 0.03, "missing_pictures": 15,
    }  # fmt: skip
    rooms = {"kept_rate": 0.002, "kept_rate_95": 0.0111, "kept_pictures": 31, "pictures": 500}
    text = written(tmp_path, shipped, metrics={"val/x": FIGURES | far, "val/rooms": rooms | {"sizes": {"": rooms}}})
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines()]
    assert ["val/x", "153", "9", "0.12%", "0.80%", "15", "0.46%", "3.00%"] in rows
    assert ["val/rooms", "500", "31", "6.2%", "0.20%", "1.11%"] in rows
    assert "more than 0.5 % of the picture is shown" in text


def test_what_the_header_does_not_tell_is_left_out(shipped, tmp_path):
    text = written(tmp_path, shipped, metrics={"val/x": FIGURES}, training={})
    assert "| val/x          |      153 |" in text
    assert "skin tone" not in text
    assert "steps of" not in text
    assert "terms" not in text
    assert "Nothing was measured." in written(tmp_path, shipped, metrics={}, training={"from": "torchvision's x"})


def test_the_card_of_a_network_of_classes_tells_each(tmp_path):
    info = WeightsInfo(
        "deconvnet", DeconvConfig(width=0.05, fc=8), VOC_CLASSES, ((224, 224),),
        metrics={"voc2012/val": {"miou": 0.338, "accuracy": 0.8, "iou_cat": 0.5, "iou_dog": 0.2, "predicted_cat": 0.1}},
    )  # fmt: skip
    save_weights(tmp_path / "w.safetensors", build(info).state_dict(), info)
    lines = figures(tmp_path / "w.safetensors").splitlines()
    assert "| voc2012/val    |                   0.338 |          0.800 |" in lines
    assert "| cat    |       0.500 |" in lines
    assert not any("predicted" in line for line in lines if line.startswith("|"))


def test_only_the_header_is_read(shipped, tmp_path, monkeypatch):
    monkeypatch.setattr("safetensors.torch.load_file", None)
    monkeypatch.setattr("segnet.weights.digest", None)  # what reads every number
    assert figures(DEFAULT)


def test_every_case_moves_the_mask_as_it_moves_the_picture():
    """A bright person before a dark room is found where the case says that it must be."""
    frame = np.full((480, 640, 3), 20, np.uint8)
    cv2.ellipse(frame, (290, 330), (90, 250), 0, 0, 360, (250, 250, 250), -1)
    person = frame[..., 0] > 128
    for case in fails.CASES:
        picture, expected = case.change(frame), case.mask(person)
        assert picture.shape == (*expected.shape, 3)
        assert picture.dtype == np.uint8
        if case.words not in {"camera shaken", "test picture", "his picture on the wall", "far away"}:
            assert ((picture[..., 0] > 128) == expected).mean() > 0.99, case.words
    empty = {case.words for case in fails.CASES if not case.mask(person).any()}
    assert empty == {"the room alone", "test picture"}


def test_failures_are_judged_by_what_is_there():
    person = np.zeros((10, 10), bool)
    person[:, :5] = True
    assert fails.judged(person, person) == "IoU 1.00"
    assert fails.judged(~person, person) == "IoU 0.00"
    assert fails.judged(person, person & ~person) == "nobody is there, 50.0% would be shown"


def test_the_picture_of_failures_is_made_of_the_sample(tmp_path):
    target = tmp_path / "docs" / "fails.jpg"
    assert f"{len(fails.CASES)} cases" in fails.run_fails(DEFAULT, target)
    with Image.open(target) as page:
        assert page.width > 1000
    with pytest.raises(DataError, match=r"CARD\.md is not a video"):
        fails.run_fails(DEFAULT, target, sample=DEFAULT.parent / "CARD.md")
