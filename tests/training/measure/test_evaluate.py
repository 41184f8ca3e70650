"""Measuring sets: of networks, of the masks of others, and what is refused."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from segnet.classes import VOC_CLASSES
from segnet.configs import DeconvConfig
from segnet.weights import DEFAULT, WeightsInfo, build, load_weights, read_info, save_weights
from tests.helpers.fake_segmenter import SIZE, Fake, by_brightness
from training.data.pairs import find_pairs, find_set
from training.errors import DataError
from training.measure.evaluate import (
    by_light,
    choose_size,
    evaluate,
    final_report,
    folder_of,
    run_evaluate,
    scores,
    table,
)
from training.measure.flicker import flicker
from training.measure.predictions import by_network, look


@pytest.fixture
def voc(tmp_path):
    """Two pictures in VOC's layout: a person with a rim of void beside a cat, and a cat alone."""
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / part).mkdir(parents=True)
    labels = np.zeros((64, 64), np.uint8)
    labels[10:30, 10:50] = VOC_CLASSES.index("cat")
    for name in ("with", "without"):
        if name == "with":
            labels[28:62, 18:42], labels[30:60, 20:40] = 255, VOC_CLASSES.index("person")
        else:
            labels[28:62] = 0
        picture = Image.fromarray(labels).convert("P")
        picture.putpalette([value for n in range(256) for value in (n, n, n)])
        picture.save(tmp_path / "SegmentationClass" / f"{name}.png")
        cv2.imwrite(str(tmp_path / "JPEGImages" / f"{name}.jpg"), np.full((64, 64, 3), 90, np.uint8))
    (tmp_path / "ImageSets" / "Segmentation" / "val.txt").write_text("with\nwithout\n")
    return tmp_path / "val"


# Sets, sizes and slices


def test_a_good_mask_scores_well_and_is_measured_at_the_pictures_size(discs):
    report = evaluate(Fake(by_brightness), find_pairs(discs)).report()
    assert report["iou"] > 0.9
    assert report["pictures"] == 6
    assert report["hole_rate"] == report["leak_rate"] == 0.0


def test_slices_by_light_are_thirds_and_together_the_whole(discs):
    pairs = find_pairs(discs)
    parts = [(seen.luma, score) for seen, score in scores(by_network(Fake(by_brightness)), pairs)]
    slices = by_light(parts[::-1])
    assert [part["luma"] for part in slices.values()] == [[140, 160], [180, 200], [220, 240]]
    assert [part["pictures"] for part in slices.values()] == [2, 2, 2]
    assert slices["dark"]["iou"] == evaluate(Fake(by_brightness), pairs[:2]).report()["iou"]
    assert by_light(parts[:2]) == {}


def test_the_final_report_has_both_sizes_flicker_and_light_and_fits_into_a_header(discs, tmp_path):
    made, sizes = [], [(256, 144), (320, 192)]
    report = final_report(
        lambda size: made.append(size) or Fake(by_brightness), {"val/discs": find_pairs(discs)}, sizes, tmp_path
    )
    part = report["val/discs"]
    assert made == sizes
    assert list(part["sizes"]) == ["256x144", "320x192"]
    assert part["iou"] == part["sizes"]["256x144"]["iou"]
    assert set(part["sizes"]["320x192"]) >= {"flicker", "settled", "hole_rate", "leak_rate", "picture_iou"}
    assert list(part["light"]) == ["dark", "medium", "bright"]
    network, info = load_weights(DEFAULT)
    save_weights(tmp_path / "w.safetensors", network.state_dict(), replace(info, metrics=report))
    assert read_info(tmp_path / "w.safetensors").metrics == report


def test_voids_are_not_counted_and_pictures_without_people_are_allowed_in_voc_alone(voc):
    pairs = find_pairs(voc)
    seen = look(pairs[0])
    assert (seen.truth.sum(), (~seen.known).sum()) == (30 * 20, 34 * 24 - 30 * 20)
    everywhere = evaluate(Fake(lambda p, _: np.ones(p.shape[:2])), pairs)
    assert everywhere.area.tp == 600
    assert everywhere.area.fp == 64 * 64 - 34 * 24 + 64 * 64
    assert everywhere.people == 1


def test_the_sizes_have_names():
    info = read_info(DEFAULT)
    assert choose_size(info, None) == choose_size(info, "fast") == info.input_sizes[0]
    assert choose_size(info, "fine") == info.input_sizes[-1] != info.input_sizes[0]
    with pytest.raises(DataError, match="choose fast or fine"):
        choose_size(info, "huge")


def test_evaluation_is_that_of_the_service(segmenter, data):
    score = evaluate(segmenter, find_pairs(data / "val/discs"))
    assert score.pictures == 6
    assert 0.0 <= score.report()["iou"] <= 1.0


# The commands


def test_the_masks_of_a_folder_give_the_figures_of_the_network_that_made_them(discs, tmp_path):
    fake, pairs = Fake(by_brightness), find_pairs(discs)
    for pair in pairs:
        small = cv2.resize(look(pair).image, SIZE, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(tmp_path / f"{pair.name}.png"), np.rint(255 * fake(small)).astype(np.uint8))
    report = json.loads(run_evaluate(DEFAULT, [discs], predictions=tmp_path, json=True))
    assert report["sets"][str(discs)] == evaluate(fake, pairs).report()
    assert "one confusion matrix" in report["how"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_text("no picture"), "not an 8-bit picture"),
        (lambda path: cv2.imwrite(str(path), np.zeros((96, 120, 3), np.uint8)), "not an 8-bit picture"),
        (lambda path: cv2.imwrite(str(path), np.zeros((96, 120), np.uint16)), "not an 8-bit picture"),
        (lambda path: cv2.imwrite(str(path), np.eye(96, 120).astype(np.uint8)), "only 0 and 1"),
    ],
)
def test_predictions_that_can_not_be_used_are_named(discs, tmp_path, spoil, says):
    for pair in find_pairs(discs):
        cv2.imwrite(str(tmp_path / f"{pair.name}.png"), np.zeros((9, 9), np.uint8))
    run_evaluate(DEFAULT, [discs], predictions=tmp_path)
    spoil(tmp_path / "3.png")
    with pytest.raises(DataError, match=rf"3\.png .*{says}"):
        run_evaluate(DEFAULT, [discs], predictions=tmp_path)


def test_predictions_for_several_sets_lie_in_folders_of_their_names(discs, tmp_path):
    assert folder_of(tmp_path, discs, several=False) == tmp_path
    with pytest.raises(DataError, match=r"there is no folder .*discs of predictions"):
        folder_of(tmp_path, discs, several=True)
    (tmp_path / "discs").mkdir()
    assert folder_of(tmp_path, discs, several=True) == tmp_path / "discs"
    with pytest.raises(DataError, match="nowhere of predictions"):
        folder_of(tmp_path / "nowhere", discs, several=False)


@pytest.mark.parametrize(
    ("part", "picture", "says"),
    [
        ("masks", np.zeros((96, 120), np.uint8), r"0\.png shows nobody: its highest value is 0"),
        ("masks", np.eye(96, 120).astype(np.uint8), r"0\.png shows nobody: its highest value is 1"),
        ("masks", np.zeros((96, 100), np.uint8), r"0\.png is 100×96, but its picture .* is 120×96"),
        ("images", None, r"0\.png is not a readable picture"),
        ("masks", None, r"masks/0\.png is not a readable picture$"),
    ],
)
def test_pictures_and_masks_that_can_not_be_measured_are_named(discs, tmp_path, part, picture, says):
    folder = tmp_path / "set"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
        (folder / name / "0.png").write_bytes((discs / name / "0.png").read_bytes())
    if picture is None:
        (folder / part / "0.png").write_text("no picture")
    else:
        cv2.imwrite(str(folder / part / "0.png"), picture)
    for measure in (evaluate, flicker):
        with pytest.raises(DataError, match=says):
            measure(Fake(by_brightness), find_pairs(folder))


def test_weights_are_measured_at_the_size_that_is_asked_for(discs):
    fast, fine = (
        json.loads(run_evaluate(DEFAULT, [discs], size=s, engine="torch", json=True)) for s in ("fast", "fine")
    )
    assert (fast["size"], fine["size"]) == ([320, 176], [384, 224])
    assert fast["sets"][str(discs)] != fine["sets"][str(discs)]
    assert set(fast["sets"][str(discs)]) >= {"iou", "flicker", "settled"}


def test_a_folder_of_pictures_without_masks_is_measured_as_empty_rooms(discs, tmp_path):
    """A disc is taken for a person by the fake: of two of three pictures something is kept."""
    for number, radius in enumerate((0, 9, 20)):
        picture = np.full((96, 120, 3), 20, np.uint8)
        cv2.circle(picture, (60, 50), radius, (250, 250, 250), -1 if radius else 0)
        picture[50, 60] = 20
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    (tmp_path / "LICENCE.txt").write_text("no picture")
    kept = [float((look(pair).image[..., 0] > 128).mean()) for pair in find_set(tmp_path)]
    make, rooms = lambda size: Fake(by_brightness), {"rooms": find_set(tmp_path)}
    report = final_report(make, rooms, [(256, 144)], tmp_path / "sheets")["rooms"]
    assert report["kept_rate"] == pytest.approx(np.mean(kept), abs=2e-3)
    assert report["kept_rate_95"] == pytest.approx(np.quantile(kept, 0.95), abs=4e-3)
    assert (report["kept_pictures"], report["pictures"], report["light"]) == (2, 3, {})
    assert not report.keys() & {"iou", "flicker", "stray_rate"}
    text = table(
        {"weights": "w", "sets": {"rooms": report, "discs": evaluate(Fake(by_brightness), find_pairs(discs)).report()}}
    )
    assert "| rooms |           3 |              2 |              66.7% |" in text
    assert (tmp_path / "sheets" / "rooms-worst.jpg").stat().st_size > 5000


def test_what_has_neither_pairs_nor_pictures_is_refused_as_a_set(discs, voc, tmp_path):
    assert find_set(discs) == find_pairs(discs)
    assert find_set(voc) == find_pairs(voc)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        find_set(tmp_path / "empty")


def test_the_table_is_aligned_and_says_how_the_means_are_taken(discs):
    text = run_evaluate(DEFAULT, [discs], engine="torch")
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert lines[0] == "person.safetensors at 320×176"
    assert len({len(row) for row in rows[:3]}) == len({len(row) for row in rows[3:]}) == 1
    assert "person IoU" in rows[0]
    assert "with stray parts" in rows[3]
    assert "%" in rows[2]
    assert "one confusion matrix over all pixels of a set" in lines[-1]
    assert "deeper inside" in lines[-1]
    assert table({"predictions": "theirs", "sets": {"a": {"iou": 0.5, "pictures": 3}}}).startswith("theirs\n\n| set |")


def test_weights_that_tell_classes_apart_are_measured_class_by_class_on_voc(voc, tmp_path):
    info = WeightsInfo("deconvnet", DeconvConfig(width=0.05, fc=8), VOC_CLASSES, ((224, 224),))
    save_weights(tmp_path / "w.safetensors", build(info).state_dict(), info)
    figures = json.loads(run_evaluate(tmp_path / "w.safetensors", [voc], engine="torch", json=True))["sets"][str(voc)]
    told = {name: figures[f"iou_{name}"] for name in ("background", "cat", "person")}
    assert figures["miou"] == pytest.approx(sum(told.values()) / 3, abs=1e-3)
    assert "iou_dog" not in figures
    assert figures["pictures"] == 2
    assert "| IoU of " in run_evaluate(tmp_path / "w.safetensors", [voc], engine="torch")
