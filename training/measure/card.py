"""The figures of a model card, from what a weights file says of itself: the header alone, so it takes no time."""

from math import prod
from pathlib import Path
from typing import Any

from segnet.architectures import ARCHITECTURES
from segnet.markdown import aligned
from segnet.weights import WeightsInfo, outline, read_info, shapes
from training.measure.tables import COLUMNS, HOW, by_class, far_notes, formatted, measured

SLICES = (
    "Thirds of each set by the mean luma of the person (0 to 255), which is light, clothes and skin together. It says "
    "nothing of skin tone: the pictures carry no labels of it, and pixels under unknown light do not tell it."
)


def figures(path: Path) -> str:
    """Markdown: the figures, the recipe and the sources that the file's header tells. Raises WeightsError."""
    info = read_info(path)
    parts = [
        *(people_and_rooms(info.metrics) if info.metrics else ["Nothing was measured."]),
        *(["\n".join(light(info.metrics)), SLICES] if any(part.get("light") for part in info.metrics.values()) else []),
        "\n".join(about(path, info)),
        *(["\n".join(sources(info.training))] if info.training.get("terms") else []),
    ]
    return "\n\n".join(parts)


def people_and_rooms(metrics: dict[str, Any]) -> list[str]:
    """The tables of what was measured, and how it was."""
    return ["\n".join(tables(metrics)), " ".join([HOW, *far_notes(metrics.values())])]


def tables(metrics: dict[str, Any]) -> list[str]:
    """Tables with a line for each set and input size, and, for networks that tell classes apart, one of these."""
    rows = [
        ([name, size.replace("x", "×")], figures)
        for name, part in metrics.items()
        for size, figures in part.get("sizes", {"": part}).items()
    ]
    heads = ["validation set", "input"] if any(size for (_, size), _ in rows) else ["validation set"]
    return [*measured(heads, [(words[: len(heads)], figures) for words, figures in rows]), *by_class(metrics)]


def light(metrics: dict[str, Any]) -> list[str]:
    """A table of the thirds of each set by light."""
    columns = ("pictures", "iou", "boundary_iou", "hole_rate", "leak_rate")
    rows = [["validation set", "the person is", "luma", *(COLUMNS[key] for key in columns)]]
    for name, part in metrics.items():
        for third, figures in part.get("light", {}).items():
            low, high = figures["luma"]
            rows.append([name, third, f"{low}–{high}", *(formatted(key, figures.get(key)) for key in columns)])
    return aligned(rows, words=3)


def about(path: Path, info: WeightsInfo) -> list[str]:
    """What the network is and how it was trained, as far as the header tells."""
    if ARCHITECTURES[info.architecture].build is None:
        parameters = sum(prod(shape) for _, shape in shapes(info).values())
    else:
        parameters = sum(p.numel() for p in outline(info).parameters())
    sizes = ", ".join(f"{width}×{height}" for width, height in info.input_sizes)
    lines = [
        f"- {info.architecture}: {parameters:,} parameters, {path.stat().st_size:,} bytes, input {sizes}, classes: "
        f"{', '.join(info.classes)}"
    ]
    training = info.training
    settings = training.get("settings", {})
    if "from" in training:
        lines.append(f"- converted from {training['from']}")
    if told := seen(training):
        lines.append(f"- {told}")
    lines += [f"- {training['note']}"] if "note" in training else []
    before = training.get("started_from")
    while before:
        past = before["training"]
        made = f"from {past['from']}" if "from" in past else f"in {seen(past) or 'some way'}"
        lines.append(f"- started from weights that were made {made}: sha256 `{before['sha256']}`")
        lines += [f"- {past['note']}"] if "note" in past else []
        before = past.get("started_from")
    words_of = {
        "learning_rate": "learning rate",
        "optimiser": "optimiser",
        "schedule": "schedule",
        "decay": "share of the steps in which the rate falls",
        "weight_decay": "weight decay",
        "ema": "decay of the averaged weights",
        "seed": "seed",
    }
    if recipe := [f"{words} {settings[key]}" for key, words in words_of.items() if key in settings]:
        lines.append(f"- {', '.join(recipe)}")
    if settings.get("sets"):
        lines.append(f"- drawn from: {', '.join(f'{name} ({weight})' for name, weight in settings['sets'].items())}")
    if "data_sha256" in training:
        lines.append(f"- sha256 of the training data's manifest: `{training['data_sha256']}`")
    return lines


def seen(training: dict[str, Any]) -> str:
    """How many pictures a run saw, "" where that is not known."""
    step, batch = training.get("step"), training.get("settings", {}).get("batch")
    return f"{step:,} steps of {batch} pictures ({step * batch:,} in all)" if step and batch else ""


def sources(training: dict[str, Any]) -> list[str]:
    """A table of the training sets and the licences of their pictures, as recorded by the run."""
    terms: dict[str, str] = training["terms"]
    drawn: dict[str, float] = training.get("settings", {}).get("sets", {})
    names = list(dict.fromkeys([*drawn, *terms]))
    rows = [["set", "drawn", "terms of its pictures"]]
    rows += [[name, f"{drawn[name]:g}" if name in drawn else "", terms.get(name, "not told")] for name in names]
    return aligned(rows, words=3)
