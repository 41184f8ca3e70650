"""Curves of runs."""

import csv

import pytest
from PIL import Image

from segnet.classes import VOC_CLASSES
from training.errors import DataError
from training.measure.plots import plot_curves, read_rows


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
