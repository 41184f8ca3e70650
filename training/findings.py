"""What a campaign found, as pages: from the results of its steps alone, whichever of them there are."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import matplotlib as mpl

mpl.use("Agg")  # no window, no display

from matplotlib.figure import Figure

from segnet.markdown import aligned
from training.card import figures
from training.job import Result, read_json, write_json
from training.plots import COLOURS, prepare
from training.sweep import ALIKE, JUDGES, MOST_WORSE
from training.tables import CLASS

SPEED = ("bench", "profile", "streams", "differences")
FULL_RUNS = {
    "deconvnet": "in one part, from nothing",
    "deconvnet-two": "in two parts, from nothing",
    "deconvnet-vgg": "in one part, from VGG-16",
}
VAL = "voc2012/val"


def write_pages(out: Path, found: Mapping[str, Result], here: str) -> list[Path]:
    """Write OUT/pages: gpu.md, deconvnet.md and training.md with their pictures, and cards.md of weights that may ship,
    which lie there already. `found`: step → result, which is {"failed": why} where it came to nothing; `here`: what it
    ran on.
    """
    pages = out / "pages"
    pages.mkdir(parents=True, exist_ok=True)
    lines = {
        "gpu.md": gpu(found),
        "deconvnet.md": "\n".join(deconvnet(found, pages, here)),
        "training.md": "\n".join(training(found, pages, here)),
        "cards.md": cards(pages),
    }
    for name, text in lines.items():
        (pages / name).write_text(text.rstrip("\n") + "\n")
    return sorted(pages.iterdir())


def told(result: Result | None) -> str:
    """Why there are no figures of a step; "" where there are."""
    return "Not done yet." if result is None else result.get("failed", "")


def gpu(found: Mapping[str, Result]) -> str:
    """The tests' outcome, and what the speed's own page says of its parts, in a process of its own: training knows
    nothing of the service.
    """
    with TemporaryDirectory(prefix="segblur-pages-") as name:
        folder = Path(name)
        for part in SPEED:
            if part in found:
                write_json(folder / f"{part}.json", found[part])
        target = folder / "gpu.md"
        words = [sys.executable, "-m", "vcam.gpureport", "page", str(target), str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        body = target.read_text() if done.returncode == 0 else f"No page could be made: {done.stderr.strip()[-400:]}"
    return "\n".join([body.rstrip("\n"), "", *tests(found.get("tests"))])


def tests(result: Result | None) -> Iterator[str]:
    """What pytest said."""
    yield from ("### Tests", "")
    if words := told(result):
        yield words
        return
    assert result is not None
    yield fill(f"`pytest {' '.join(result['tests'])}`: {result['summary']}", 120, break_on_hyphens=False)
    if result["failures"]:
        yield from ("", *(f"- `{line}`" for line in result["failures"]))


def deconvnet(found: Mapping[str, Result], pages: Path, here: str) -> Iterator[str]:
    """The runs at the paper's size, and those with a fix undone."""
    yield from ("## Runs on a GPU", "", fill(f"On {here}.", 120), "")
    runs = {words: found[name] for name, words in FULL_RUNS.items() if "runs" in found.get(name, {})}
    for name, words in FULL_RUNS.items():
        if words not in runs:
            yield from (fill(f"DeconvNet {words}: {told(found.get(name))}", 120), "")
    if runs:
        yield from (*aligned(full_rows(runs)), "", *aligned(class_rows(runs)), "")
        curves(pages / "deconvnet.png", {words: run["curve"] for words, run in runs.items()})
        yield from ("![Loss and mean IoU over the pictures that were seen](deconvnet.png)", "")
    yield from ("### With one fix undone", "", *undone(found.get("mistakes")))


def full_rows(runs: Mapping[str, Result]) -> list[list[str]]:
    """A line for each way of training, of its last run."""
    head = ["DeconvNet", "pictures seen", "a second", "mean IoU", "pixel accuracy", "pixels said to be background"]
    return [head, *([words, *last(run["runs"])] for words, run in runs.items())]


def last(parts: Sequence[Result]) -> list[str]:
    """Pictures in all, and pace and figures of the last part."""
    of = parts[-1]["figures"]
    return [
        f"{sum(part['pictures'] for part in parts):,}",
        f"{parts[-1]['pace']:,.0f}",
        *(f"{one_of(of, key):.1%}" for key in ("miou", "accuracy", "predicted_background")),
    ]


def one_of(row: Mapping[str, float], figure: str) -> float:
    """The figure of the only set that a row of metrics.csv is of."""
    return next((value for key, value in row.items() if key.rpartition(" ")[2] == figure), float("nan"))


def class_rows(runs: Mapping[str, Result]) -> list[list[str]]:
    """A line for each class that occurs."""
    rows = {words: run["runs"][-1]["figures"] for words, run in runs.items()}
    keys = dict.fromkeys(key.rpartition(" ")[2] for row in rows.values() for key in row)
    classes = [key for key in keys if key.startswith(CLASS)]
    lines = [[key.removeprefix(CLASS), *(f"{one_of(row, key):.3f}" for row in rows.values())] for key in classes]
    return [["IoU of", *rows], *lines]


def undone(result: Result | None) -> Iterator[str]:
    """What each fix is worth."""
    if words := told(result):
        yield words
        return
    assert result is not None
    runs = result["runs"]
    good = {name: run for name, run in runs.items() if "failed" not in run}
    if not good:
        yield "No run came to anything."
        return
    one, (width, fc) = next(iter(good.values())), result["config"]
    how = (
        f"Runs of {one['pictures']:,} pictures each, width {width:g}, fc {fc}, from nothing, alike but for what is "
        "named; pictures were brought to 224×224 before. Measured with the right labels."
    )
    yield from (fill(how, 120), "")
    head = ["what is undone", "mean IoU", "pixel accuracy", "pixels said to be background"]
    keys = ("miou", "accuracy", "predicted_background")
    yield from aligned(
        [head, *([name, *(f"{one_of(run['figures'], key):.1%}" for key in keys)] for name, run in good.items())]
    )
    for name, run in runs.items():
        if "failed" in run:
            yield from ("", fill(f"{name}: {run['failed']}", 120))


def training(found: Mapping[str, Result], pages: Path, here: str) -> Iterator[str]:
    """The sweep, the full runs, and whether their weights are better than those that ship."""
    yield from ("## Trained on a GPU", "", fill(f"On {here}.", 120), "", "### Width and teacher", "")
    yield from (*swept(found.get("sweep")), "")
    courses: dict[str, list[dict[str, float]]] = {}
    for name, title in (("person", "The shipped network's size"), ("wide", "Wider, for GPUs")):
        result = found.get(name)
        yield from (f"### {title}", "")
        if words := told(result):
            yield from (words, "")
            continue
        assert result is not None
        yield from (*compared(name, result), "")
        for words, run in result["runs"].items():
            if "failed" not in run:
                courses[f"{words}, {run['parameters'] / 1e6:.2f} million"] = run["course"]
    if courses:
        people_curves(pages / "training.png", courses)
        yield "![IoU and boundary IoU on val/ccp_upper over the steps](training.png)"


def cards(pages: Path) -> str:
    """The figures of the model cards of new weights."""
    made = [f"# {path.name}\n\n{figures(path)}\n" for path in sorted(pages.glob("*.safetensors"))]
    return "\n".join(made) or "No new weights are better than those that ship."


def swept(result: Result | None) -> Iterator[str]:
    """A table of the short runs."""
    if words := told(result):
        yield words
        return
    assert result is not None
    runs, won = result["runs"], result["winner"]
    how = (
        f"Runs of {runs[0]['pictures']:,} pictures each, from nothing. Score: the mean of IoU and boundary IoU on "
        "val/ccp_upper and val/ccp_fullbody at 256×144, threshold 0.5. Of those within 0.002 of the best the narrowest "
        "wins."
    )
    yield from (fill(how, 120), "")
    head = ["width", "parameters", "teacher's labels", "pictures a second", "score", ""]
    yield from aligned(
        [head]
        + [
            [
                f"{run['width']:g}",
                f"{run['parameters']:,}",
                f"{run['share']:.0%}",
                f"{run['pace']:,.0f}",
                f"{run['score']:.4f}",
                "wins" if number == won else "",
            ]
            for number, run in enumerate(runs)
        ]
    )


def compared(name: str, result: Result) -> Iterator[str]:
    """The best of the full runs beside the shipped weights, and the verdict."""
    verdict = result["verdict"]
    run = result["runs"][verdict["best"]]
    seen = ", ".join(
        f"{one}: {of['pictures']:,} pictures, {of['pace']:,.0f} a second"
        for one, of in result["runs"].items()
        if "failed" not in of
    )
    yield from (fill(f"Runs: {seen}. Best: {verdict['best']}, {run['parameters']:,} parameters.", 120), "")
    rows = [beside(row) for row in verdict["rows"]]
    head = ["set", "figure", "input", "shipped weights' input", "shipped", "new", "difference", ""]
    yield from (*aligned([head, *rows], words=4), "")
    reasons = {
        f"it gains 0.002 or more on average ({verdict['gain']:+.4f})": verdict["gain"] >= ALIKE,
        f"no figure is worse by more than 0.005 (the worst: {verdict['worst']:+.4f})": verdict["worst"] >= -MOST_WORSE,
        "its flicker is at most 0.004": verdict["steady"],
        "its file has at most 10 MB": verdict["small"],
    }
    words = "; ".join(f"{reason}: {'yes' if held else 'no'}" for reason, held in reasons.items())
    good = f"Better, and in {name}.safetensors" if verdict["better"] else "Not better on all counts, so it is not kept"
    judged = (
        "Judged on "
        + " and ".join(JUDGES)
        + ", which also chose among the runs and their steps: that flatters the new."
    )
    yield fill(f"{good}. {words}. {judged}", 120)


def beside(row: Result) -> list[str]:
    """A line of that table."""
    difference = row["new"] - row["old"]
    word = "better" if difference > 0 else "worse" if difference < 0 else "the same"
    figures = [f"{row['old']:.4f}", f"{row['new']:.4f}", f"{difference:+.4f}", word]
    return [row["set"], row["figure"].replace("_", " "), row["size"], row["shipped_size"], *figures]


def curves(target: Path, runs: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Loss and mean IoU over the pictures that were seen; a line a run."""
    panels = {
        title: {name: ([p[0] for p in points], [p[place] for p in points]) for name, points in runs.items()}
        for place, title in ((1, "loss of the step"), (2, "mean IoU of the classes"))
    }
    draw(target, panels, "pictures seen")


def people_curves(target: Path, runs: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """IoU and boundary IoU on the first validation set over the steps; a line a run."""
    panels = {
        title: {
            name: ([row["step"] for row in course], [row.get(f"val/ccp_upper {figure}", 0.0) for row in course])
            for name, course in runs.items()
        }
        for figure, title in (("iou", "person IoU"), ("boundary_iou", "boundary IoU"))
    }
    draw(target, panels, "step")


def draw(target: Path, panels: Mapping[str, Mapping[str, tuple[list[float], list[float]]]], below: str) -> None:
    """Panels side by side, one key for all."""
    page = Figure(figsize=(4.4 * len(panels), 3.4), dpi=150, layout="constrained")
    for axis, (title, lines) in zip(page.subplots(1, len(panels)), panels.items(), strict=True):
        prepare(axis, title)
        axis.set_xlabel(below, fontsize=8)
        for colour, (name, (across, up)) in zip(COLOURS, lines.items(), strict=False):
            axis.plot(across, up, color=colour, linewidth=1.6, marker=".", label=name)
    handles, labels = page.axes[0].get_legend_handles_labels()
    page.legend(handles, labels, loc="outside lower center", ncols=max(1, len(labels)), frameon=False, fontsize=8)
    page.savefig(target)


def results(folders: Mapping[str, Path]) -> dict[str, Result]:
    """Step → its result, of those that have one."""
    return {
        name: read_json(folder / "result.json") for name, folder in folders.items() if (folder / "result.json").exists()
    }
