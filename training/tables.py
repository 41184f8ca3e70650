"""Figures as tables that people read, in a terminal and in Markdown."""

from collections.abc import Mapping
from typing import Any

from segnet.markdown import aligned

Figures = dict[str, Any]  # name → number; what a header and JSON can hold

HOW = (
    "Threshold 0.5. IoU, boundary IoU (2 % of the diagonal), accuracy, holes and leaks: one confusion matrix over all "
    "pixels of a set; a picture's IoU: the mean over pictures. Holes: share of the person's pixels, farther from the "
    "contour than that band, that are missing; leaks: of the background's, that are shown. Flicker: mean |change| "
    "from one soft mask to the next within 5 pixels of the contour, at the network's size, over eight copies of each "
    "of the first 40 pictures with noise of 4 grey levels, the first without a past; settled: in the last four steps."
)
CLASSES = (
    "Classes: each pixel is of its likeliest; IoU over all pixels of a set, its mean over the classes that occur there."
)
COLUMNS = {
    "pictures": "pictures",
    "miou": "mean IoU of the classes",
    "iou": "person IoU",
    "boundary_iou": "boundary IoU",
    "accuracy": "pixel accuracy",
    "picture_iou": "a picture's IoU",
    "hole_rate": "holes",
    "leak_rate": "leaks",
    "flicker": "flicker",
    "settled": "settled",
}
CLASS = "iou_"  # how a class report names the figure of one class


def table(report: Figures) -> str:
    """A report as aligned Markdown, with a line on how the means are taken."""
    sets: dict[str, Figures] = report["sets"]
    columns = [key for key in COLUMNS if any(key in figures for figures in sets.values())]
    rows = [["set", *(COLUMNS[key] for key in columns)]]
    rows += [[name, *(tell(key, figures.get(key)) for key in columns)] for name, figures in sets.items()]
    size = f" at {report['size'][0]}×{report['size'][1]}" if "size" in report else ""
    title = f"{report.get('weights') or report.get('predictions')}{size}"
    return "\n".join([title, "", *aligned(rows), *by_class(sets), "", HOW])


def by_class(sets: Mapping[str, Figures]) -> list[str]:
    """Lines of a table of the IoU of each class, if any is told."""
    keys = list(dict.fromkeys(key for figures in sets.values() for key in figures if key.startswith(CLASS)))
    told = {name: figures for name, figures in sets.items() if any(key in figures for key in keys)}
    rows = [[key.removeprefix(CLASS), *(tell("iou", figures.get(key)) for figures in told.values())] for key in keys]
    return ["", *aligned([["IoU of", *told], *rows]), "", CLASSES] if rows else []


def tell(key: str, value: float | None) -> str:
    """A figure as people read it: rates in per cent, flicker with four places, counts whole."""
    if value is None:
        return ""
    if key == "pictures":
        return f"{value}"
    if key.endswith("_rate"):
        return f"{value:.2%}"
    return f"{value:.4f}" if key in {"flicker", "settled"} else f"{value:.3f}"
