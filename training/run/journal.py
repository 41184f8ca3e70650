"""The log of a run: a line for each measurement, rows of metrics.csv, TensorBoard events."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from training.errors import DataError
from training.measure.metrics import collapsed
from training.run.config import TrainConfig
from training.run.group import Group
from training.run.task import Report

OF_A_CLASS = re.compile(r"(iou|predicted)_")


@contextmanager
def events(config: TrainConfig, group: Group) -> Iterator[Callable[[int, dict[str, Tensor], Report], None]]:
    """Writes the figures of a step for TensorBoard, or does nothing. Raises DataError where it is not installed."""
    if not (config.tensorboard and group.leads):
        yield lambda step, loss, report: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise DataError(
            "TensorBoard is not installed; `uv pip install tensorboard`, or leave --tensorboard out"
        ) from None
    with SummaryWriter(str(config.out / "events")) as writer:

        def note(step: int, loss: dict[str, Tensor], report: Report) -> None:
            for name, value in loss.items():
                writer.add_scalar(f"loss/{name}", float(value), step)
            for name, part in report.items():
                for figure, number in part.items():
                    writer.add_scalar(f"{name}/{figure}", number, step)

        yield note


def summary(report: Report) -> str:
    """The figures of a report in one line, without those of each class, which are in metrics.csv."""
    return "; ".join(
        f"{name} " + ", ".join(f"{figure} {value:g}" for figure, value in part.items() if not OF_A_CLASS.match(figure))
        for name, part in report.items()
    )


def collapse(report: Report) -> str:
    """A warning on a line of its own where the network predicts background everywhere, which accuracy hides."""
    for name, part in report.items():
        nobody = "the network finds no person at all so far" if part.get("iou") == 0 else ""
        if sentence := collapsed(part) or nobody:
            return f"\n{name}: {sentence}"
    return ""


def keep_rows(path: Path, step: int) -> None:
    """Drop the rows of steps that will be done again."""
    if path.exists():
        head, *rows = path.read_text().splitlines(keepends=True)
        path.write_text("".join([head, *(row for row in rows if int(row.split(",")[0]) <= step)]))


def write_row(path: Path, step: int, loss: float, report: Report) -> None:
    """Append a line of figures to the CSV file, with a header if it is new."""
    row = {"step": step, "loss": round(loss, 4)}
    figures = {f"{name} {figure}": value for name, part in report.items() for figure, value in part.items()}
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*row, *figures])
        if new:
            writer.writeheader()
        writer.writerow(row | figures)
