"""Figures as tables that people read, in a terminal and in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
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
FAR_COLUMNS = {
    "pictures": "pictures",
    "stray_pictures": "with stray parts",
    "stray_rate": "stray",
    "stray_rate_95": "95th percentile",
    "missing_pictures": "with missing parts",
    "missing_rate": "missing",
    "missing_rate_95": "95th percentile",
}
ROOM_COLUMNS = {
    "pictures": "empty rooms",
    "kept_pictures": "something kept",
    "kept_share": "share of the rooms",
    "kept_rate": "kept of a room",
    "kept_rate_95": "95th percentile",
}
FAR_HOW = (
    "Stray parts: more than 0.5 % of the picture is shown though it is farther from every person than that band; "
    "missing parts: more than 1 % is blurred though it is deeper inside; something of an empty room: more than 0.5 % "
    "of it. Beside the number of such pictures: the mean and the 95th percentile of that share over a set."
)
CLASS = "iou_"  # how a class report names the figure of one class


def table(report: Figures) -> str:
    """A report as aligned Markdown, with a line on how the means are taken."""
    sets: dict[str, Figures] = report["sets"]
    size = f" at {report['size'][0]}×{report['size'][1]}" if "size" in report else ""
    title = f"{report.get('weights') or report.get('predictions')}{size}"
    lines = measured(["set"], [([name], figures) for name, figures in sets.items()])
    return "\n".join([title, "", *lines, *by_class(sets), "", " ".join([HOW, *far_notes(sets.values())])])


def measured(heads: Sequence[str], sets: Sequence[tuple[Sequence[str], Figures]]) -> list[str]:
    """Tables of (what is measured, told in as many words as `heads` has, its figures): of people, of the mistakes far
    from their contours, and of empty rooms; those that there are.
    """
    lines: list[str] = []
    for titles in (COLUMNS, FAR_COLUMNS, ROOM_COLUMNS):
        own = titles.keys() - {"pictures"}
        told = [(words, shares(figures)) for words, figures in sets if own & figures.keys()]
        columns = [key for key in titles if any(key in figures for _, figures in told)]
        rows = [[*words, *(formatted(key, figures.get(key)) for key in columns)] for words, figures in told]
        if rows:
            grid = aligned([[*heads, *(titles[key] for key in columns)], *rows], words=len(heads))
            lines += [*([""] if lines else []), *grid]
    return lines


def shares(figures: Figures) -> Figures:
    """Figures with the share of the empty rooms of which something is kept, if they are of rooms."""
    if "kept_pictures" not in figures:
        return figures
    return figures | {"kept_share": figures["kept_pictures"] / max(1, figures["pictures"])}


def far_notes(sets: Iterable[Figures]) -> list[str]:
    """Definitions of stray, missing and kept parts, where the tables have such figures."""
    return [FAR_HOW] if any({"stray_rate", "kept_rate"} & figures.keys() for figures in sets) else []


def by_class(sets: Mapping[str, Figures]) -> list[str]:
    """Lines of a table of the IoU of each class, if any is told."""
    keys = list(dict.fromkeys(key for figures in sets.values() for key in figures if key.startswith(CLASS)))
    told = {name: figures for name, figures in sets.items() if any(key in figures for key in keys)}
    rows = [
        [key.removeprefix(CLASS), *(formatted("iou", figures.get(key)) for figures in told.values())] for key in keys
    ]
    return ["", *aligned([["IoU of", *told], *rows]), "", CLASSES] if rows else []


def formatted(key: str, value: float | None) -> str:
    """A figure as text: rates in per cent, flicker with four places, counts whole."""
    if value is None:
        return ""
    if key.endswith("pictures"):
        return f"{value}"
    if key == "kept_share":
        return f"{value:.1%}"
    if "_rate" in key:
        return f"{value:.2%}"
    return f"{value:.4f}" if key in {"flicker", "settled"} else f"{value:.3f}"
