"""Measuring: figures against plain ones, masks of others, and what is refused."""

import csv
import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segnet.classes import VOC_CLASSES
from segnet.deconvnet import DeconvConfig
from segnet.engines import openvino_core, openvino_works
from segnet.inference import load_segmenter
from segnet.weights import DEFAULT, WeightsError, WeightsInfo, build, load_weights, read_info, save_weights
from training.data import DataError, Pair, find_pairs
from training.evaluate import by_light, choose_size, evaluate, final_report, folder_of, run_evaluate, scores, table
from training.export import run_export
from training.flicker import around, flicker
from training.metrics import Score, boundary_width, core
from training.plots import plot_curves, read_rows
from training.predictions import by_folder, by_network, look
from training.sheets import write_sheets

SIZE = (48, 32)


class Fake:
    """Segments without a network: `answer(picture, previous)` is the mask."""

    def __init__(self, answer):
        self.answer = answer

    def size_for(self, width, height):
        return SIZE

    def __call__(self, picture, previous=None):
        assert picture.shape == (*SIZE[::-1], 3)
        return np.asarray(self.answer(picture, previous), np.float32)


def by_brightness(picture, previous):
    """In 255ths, so that an 8-bit file holds it exactly."""
    return picture.max(axis=2).astype(np.float32) / 255


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """Six pictures of bright discs before dark noise, the later the brighter."""
    folder, rng = tmp_path_factory.mktemp("sets") / "discs", np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(6):
        mask = np.zeros((96, 120), np.uint8)
        cv2.circle(mask, (int(rng.integers(40, 80)), 50), 28, 255, -1)
        image = rng.integers(0, 90, (96, 120, 3)).astype(np.uint8)
        image[mask > 0] = 140 + 20 * number
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
    return folder


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


# Holes and leaks


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_holes_and_leaks_are_those_of_looking_at_every_pixels_neighbours(seed, void):
    rng, score, counts = np.random.default_rng(seed), Score.empty(), np.zeros(4, int)
    for _ in range(2):
        truth, predicted = (cv2.GaussianBlur(rng.random((24, 30)), (0, 0), 4) > 0.5 for _ in range(2))
        known = rng.random((24, 30)) > 0.01 if void else np.ones_like(truth)
        score.add(predicted, truth, known)
        width = boundary_width(truth.shape)
        for row in range(24):
            for column in range(30):
                near = (slice(max(0, row - width), row + width + 1), slice(max(0, column - width), column + width + 1))
                if not known[near].all() or truth[near].any() != truth[near].all():
                    continue
                shown = bool(predicted[row, column])
                counts += [truth[row, column], truth[row, column] and not shown, not truth[row, column], 0]
                counts[3] += not truth[row, column] and shown
    report = score.report()
    assert report["hole_rate"] == round(counts[1] / max(1, counts[0]), 5)
    assert report["leak_rate"] == round(counts[3] / max(1, counts[2]), 5)


def test_a_hole_in_the_middle_counts_and_a_rough_contour_does_not():
    truth = np.zeros((200, 200), bool)
    truth[50:, 50:150] = True
    wide = boundary_width(truth.shape)
    holed, rough, low = truth.copy(), core(truth, 2), truth.copy()
    holed[100:110, 90:110] = False
    low[195:, 90:110] = False  # at the picture's border, which is no contour of the person
    for predicted, pixels in ((holed, 200), (rough, 0), (low, 100)):
        score = Score.empty()
        score.add(predicted, truth)
        assert score.report()["hole_rate"] == round(pixels / ((150 - wide) * (100 - 2 * wide)), 5)


def test_a_pictures_iou_is_a_mean_over_pictures_and_the_sets_one_over_pixels():
    score, truth = Score.empty(), np.zeros((20, 20), bool)
    small, large = truth.copy(), truth.copy()
    small[:2, :2], large[:, :10] = True, True
    score.add(large, large)
    score.add(truth, small)  # missed
    score.add(truth, truth)  # nobody there
    assert score.report()["picture_iou"] == 0.5
    assert score.report()["iou"] == round(200 / 204, 4)
    assert score.report()["pictures"] == 3


def test_pixels_without_a_label_count_for_nothing():
    rng = np.random.default_rng(0)
    truth, predicted, known = rng.random((3, 40, 50)) > 0.4
    one, other = Score.empty(), Score.empty()
    one.add(predicted, truth, known)
    other.add(predicted, truth ^ ~known, known)  # said otherwise where nothing is said
    assert one.report() == other.report()
    assert one.area.tp + one.area.fp + one.area.fn + one.area.tn == known.sum()


# Flicker


def test_a_mask_that_stays_does_not_flicker(discs):
    pairs = find_pairs(discs)
    assert flicker(Fake(lambda p, _: np.full(p.shape[:2], 0.7)), pairs) == {"flicker": 0.0, "settled": 0.0}


def test_flicker_is_the_mean_change_near_the_contour(discs):
    """Every other mask is 0.25 higher near the contour and 0.5 elsewhere, which must not count."""
    pairs, calls = find_pairs(discs)[:1], []
    near = around(cv2.resize(look(pairs[0]).truth.astype(np.float32), SIZE, interpolation=cv2.INTER_AREA) > 0.5)

    def answer(picture, previous):
        calls.append(previous)
        return np.where(near, 0.25, 0.5) * (len(calls) % 2)

    assert flicker(Fake(answer), pairs) == {"flicker": 0.25, "settled": 0.25}
    assert len(calls) == 8
    assert calls[0] is None
    assert all(np.array_equal(previous, np.where(near, 0.25, 0.5) * (n % 2)) for n, previous in enumerate(calls) if n)


def test_settling_counts_as_flicker_only_at_the_start(discs):
    answer = lambda p, previous: np.full(p.shape[:2], 0.5 if previous is None else 0.85)  # noqa: E731
    assert flicker(Fake(answer), find_pairs(discs)) == {"flicker": 0.05, "settled": 0.0}


def test_the_flicker_of_a_network_that_returns_noise_is_that_of_noise(discs):
    rng = np.random.default_rng(1)
    measured = flicker(Fake(lambda p, _: rng.random(p.shape[:2])), find_pairs(discs))
    assert measured["flicker"] == pytest.approx(1 / 3, abs=0.01)  # E|a − b| of two from 0 to 1


def test_the_copies_differ_by_noise_of_four_grey_levels(discs):
    seen, picture = [], np.full((*SIZE[::-1], 3), 128, np.uint8)
    pair = find_pairs(discs)[0]
    folder = discs.parent / "grey"
    (folder / "images").mkdir(parents=True)
    cv2.imwrite(str(folder / "images" / "0.png"), picture)
    cv2.imwrite(str(folder / "0.png"), cv2.resize(cv2.imread(str(pair.mask), 0), SIZE, interpolation=cv2.INTER_NEAREST))
    flicker(
        Fake(lambda p, _: seen.append(p) or np.zeros(p.shape[:2])),
        [Pair("0", folder / "images/0.png", folder / "0.png")],
    )
    assert np.std(np.stack(seen).astype(float)) == pytest.approx(4.0, abs=0.1)
    assert not np.array_equal(seen[0], seen[1])


def test_the_band_reaches_five_pixels_to_either_side():
    mask = np.zeros((40, 40), bool)
    mask[:, 20:] = True
    assert np.array_equal(np.flatnonzero(around(mask)[20]), np.arange(15, 25))


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
        lambda size: made.append(size) or Fake(by_brightness), {"val/discs": find_pairs(discs)}, sizes
    )
    part = report["val/discs"]
    assert made == sizes
    assert list(part["sizes"]) == ["256x144", "320x192"]
    assert part["iou"] == part["sizes"]["256x144"]["iou"]
    assert set(part["sizes"]["320x192"]) >= {"flicker", "settled", "hole_rate", "leak_rate", "picture_iou"}
    assert list(part["light"]) == ["dark", "medium", "bright"]
    network, info = load_weights(DEFAULT)
    save_weights(tmp_path / "w.safetensors", network.state_dict(), WeightsInfo("light", info.config, metrics=report))
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
        ("masks", np.zeros((96, 100), np.uint8), r"0\.png is .*not the size of"),
        ("images", None, r"0\.png is not a readable picture"),
        ("masks", None, r"0\.png is missing, unreadable"),
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
    assert (fast["size"], fine["size"]) == ([256, 144], [320, 192])
    assert fast["sets"][str(discs)] != fine["sets"][str(discs)]
    assert set(fast["sets"][str(discs)]) >= {"iou", "flicker", "settled"}


def test_the_table_is_aligned_and_says_how_the_means_are_taken(discs):
    text = run_evaluate(DEFAULT, [discs], engine="torch")
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert lines[0] == "person.safetensors at 256×144"
    assert len({len(row) for row in rows}) == 1
    assert "person IoU" in rows[0]
    assert "%" in rows[2]
    assert "one confusion matrix over all pixels of a set" in lines[-1]
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


def test_an_export_is_the_same_network_and_overwrites_nothing(tmp_path):
    target = tmp_path / "copy.safetensors"
    assert str(target) in run_export(DEFAULT, target)
    one, other = (load_weights(path)[0].state_dict() for path in (DEFAULT, target))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    with pytest.raises(DataError, match="exists; choose another name"):
        run_export(DEFAULT, target)
    (tmp_path / "net.bin").touch()
    with pytest.raises(DataError, match=r"net\.bin exists"):
        run_export(DEFAULT, tmp_path / "net.xml")


def test_the_best_weights_of_a_run_are_exported_by_its_folder_or_its_checkpoint(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(DataError, match=r"best\.safetensors can't be exported: a run leaves it there"):
        run_export(run, tmp_path / "a.safetensors")
    run_export(DEFAULT, run / "best.safetensors")
    run_export(run, tmp_path / "a.safetensors")
    run_export(run / "checkpoint.pt", tmp_path / "b.safetensors")
    one, other = (load_weights(tmp_path / name) for name in ("a.safetensors", "b.safetensors"))
    assert one[1] == other[1] == read_info(DEFAULT)
    assert all(np.array_equal(tensor, other[0].state_dict()[name]) for name, tensor in one[0].state_dict().items())


def test_what_can_not_be_exported_is_said(tmp_path):
    for source, target, name, says in (
        (DEFAULT, "a.onnx", None, r"must end with \.safetensors or \.xml"),
        (tmp_path / "none.pth", "a.xml", None, "there is no such file"),
        (DEFAULT.parent / "CARD.md", "a.xml", None, "a run's folder"),
    ):
        with pytest.raises(DataError, match=says):
            run_export(source, tmp_path / target, name)
    (tmp_path / "theirs.pth").write_bytes(b"no pickle")
    with pytest.raises(DataError, match="does not say what network it is of"):
        run_export(tmp_path / "theirs.pth", tmp_path / "a.xml")
    with pytest.raises(WeightsError):
        run_export(tmp_path / "theirs.pth", tmp_path / "a.xml", "deeplabv3_resnet50")
    assert not (tmp_path / "a.xml").exists()


@pytest.mark.skipif(not openvino_works(), reason="OpenVINO is not installed")
def test_an_export_for_openvino_gives_the_services_mask(tmp_path):
    assert "the mask of the frame before" in run_export(DEFAULT, tmp_path / "net.xml")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (144, 256, 3)).astype(np.uint8)
    previous = rng.random((144, 256)).astype(np.float32)
    network = openvino_core().compile_model(tmp_path / "net.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    mask = network([picture[None], previous[None, None]])[0][0, 0]
    segmenter = load_segmenter(DEFAULT, engine="torch", device="cpu")
    assert np.allclose(mask, segmenter(picture, previous), atol=1e-3)


# Pictures of results


def rows_of(path, figures, steps=(1000, 2000, 3000)):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["step", "loss", *figures])
        writer.writeheader()
        for step in steps:
            writer.writerow({"step": step, "loss": 1 / step} | {name: round(step / 5000, 3) for name in figures})


@pytest.mark.parametrize(
    ("figures", "panels"),
    [
        (["val/a iou", "val/a boundary_iou", "val/a pictures", "val/b iou", "val/b hole_rate"], (2, 3)),
        (["voc2012/val miou", *(f"voc2012/val iou_{name}" for name in VOC_CLASSES)], (2, 2)),
        ([], (1, 1)),
    ],
)
def test_curves_are_drawn_of_person_and_of_class_runs(tmp_path, figures, panels):
    rows_of(tmp_path / "metrics.csv", figures)
    plot_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as page:
        lines, columns = panels
        assert page.width == pytest.approx(columns * 3.8 * 150, abs=2)
        assert page.height == pytest.approx((lines * 2.7 + 0.3) * 150, abs=2)


def test_a_file_that_is_not_a_runs_metrics_is_named(tmp_path):
    path = tmp_path / "metrics.csv"
    for text in ("", "step,loss\n", "a,b\n1,2\n", "step,loss\nx,y\n"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"metrics\.csv"):
            read_rows(path)


def test_sheets_show_the_worst_and_the_best_first(discs, tmp_path):
    spoilt = find_pairs(discs)[4].name

    def find(seen):
        return np.zeros(seen.truth.shape, np.float32) if seen.name == spoilt else seen.truth.astype(np.float32)

    worst, best = write_sheets(find, find_pairs(discs), tmp_path / "sheets", "val/discs")
    assert (worst.name, best.name) == ("val-discs-worst.jpg", "val-discs-best.jpg")
    with Image.open(worst) as bad, Image.open(best) as good:
        assert bad.size == good.size
        first = (slice(70, 210), slice(600, 780))  # the errors of the first picture
        missed = [
            (np.abs(np.asarray(page).astype(int)[first] - (86, 180, 233)).max(axis=2) < 40).mean()
            for page in (bad, good)
        ]
    assert missed[0] > 0.1
    assert missed[1] == 0.0


def test_masks_of_a_folder_can_be_looked_at_too(discs, tmp_path):
    for pair in find_pairs(discs):
        (tmp_path / f"{pair.name}.png").write_bytes(pair.mask.read_bytes())
    assert all(
        path.stat().st_size > 5000 for path in write_sheets(by_folder(tmp_path), find_pairs(discs), tmp_path, "discs")
    )
