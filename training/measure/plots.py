"""The course of a run as a picture: loss and figures over the steps."""

import csv
import math
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # no window, no display

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from training.errors import DataError
from training.measure.tables import CLASS

PANELS = {  # figure → how a panel of it is titled, in the order in which they are shown
    "miou": "mean IoU of the classes",
    "iou": "person IoU",
    "boundary_iou": "boundary IoU",
    "hole_rate": "holes in people",
    "leak_rate": "background shown",
    "kept_rate": "kept of empty rooms",
}
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito: told apart by everybody
GREY = "#555555"
COLUMNS = 3  # panels beside each other

Rows = list[dict[str, float]]


def plot_curves(metrics: Path, target: Path) -> None:
    """Draw `target`, a PNG, from a run's metrics.csv. Raises DataError."""
    rows = read_rows(metrics)
    panels: dict[str, list[str]] = {figure: [] for figure in PANELS}  # figure → sets that have it
    for column in rows[0]:
        name, _, figure = column.rpartition(" ")
        if name and figure in panels:
            panels[figure].append(name)
    shown = ["loss", *(figure for figure, names in panels.items() if names)]
    sets = list(dict.fromkeys(name for names in panels.values() for name in names))
    colours = dict(zip(sets, COLOURS * (1 + len(sets) // len(COLOURS)), strict=False))
    classes = class_figures(rows[-1], sets)

    columns, lines = min(COLUMNS, len(shown)), math.ceil(len(shown) / COLUMNS)
    page = Figure(figsize=(3.8 * columns, 2.7 * (lines + bool(classes)) + 0.3), dpi=150, layout="constrained")
    grid = page.add_gridspec(lines + bool(classes), columns)
    steps = [row["step"] for row in rows]
    for place, figure in enumerate(shown):
        axis = page.add_subplot(grid[divmod(place, columns)])
        prepare(axis, PANELS.get(figure, "loss of the step"))
        count_steps(axis)
        if figure.endswith("_rate"):
            axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        for name in [""] if figure == "loss" else panels[figure]:
            values = [row.get(f"{name} {figure}" if name else figure, math.nan) for row in rows]
            draw(axis, steps, values, colours.get(name, GREY))
    if classes:
        draw_classes(page.add_subplot(grid[-1, :]), classes, f"IoU of each class, {sets[0]}, step {steps[-1]:,.0f}")
    handles = [Line2D([], [], color=colours[name], label=name) for name in sets]
    page.legend(handles=handles, loc="outside lower center", ncols=max(1, min(4, len(sets))), frameon=False, fontsize=9)
    page.savefig(target)


def class_figures(row: dict[str, float], sets: list[str]) -> dict[str, float]:
    """Class → IoU on the first set, the best first; empty for runs that know people only."""
    start = f"{sets[0]} {CLASS}" if sets else CLASS
    found = {column.removeprefix(start): value for column, value in row.items() if column.startswith(start)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def draw_classes(axis: Axes, classes: dict[str, float], title: str) -> None:
    """A bar a class, with its figure above."""
    prepare(axis, title)
    bars = axis.bar(list(classes), list(classes.values()), color=COLOURS[0], width=0.7)
    axis.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    axis.set_ylim(0, 1)
    axis.tick_params(axis="x", rotation=40, length=0)
    for label in axis.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")


def draw(axis: Axes, steps: list[float], values: list[float], colour: str) -> None:
    """One line; a run that was measured once is a dot."""
    axis.plot(steps, values, color=colour, linewidth=1.6, marker="o" if len(steps) == 1 else "")


def prepare(axis: Axes, title: str) -> None:
    """A panel with nothing in it but what is read: no box, a faint grid."""
    axis.set_title(title, fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8, color=GREY)


def count_steps(axis: Axes) -> None:
    """Steps below a panel, in thousands where there are so many."""
    axis.set_xlabel("step", fontsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n / 1000:g}k" if n >= 1000 else f"{n:g}"))


def read_rows(metrics: Path) -> Rows:
    """The rows of metrics.csv as numbers; empty fields are left out. Raises DataError."""
    try:
        with metrics.open(newline="") as file:
            rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{metrics} is not the metrics.csv of a run: {error}") from None
    if not rows or not {"step", "loss"} <= rows[0].keys():
        raise DataError(f"{metrics} holds no rows with step and loss")
    return rows
