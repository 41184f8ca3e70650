"""The steps of a campaign that are about people: which width and which share of a teacher's labels are best, the full
runs with them, a wider network for GPUs, and how all of these do beside the weights that ship.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from segnet.architectures import LightConfig
from segnet.weights import DEFAULT, WeightsInfo, build, save_weights
from training.config import read_recipe
from training.job import COURSE, FINISH, MEASURE, Job, Result, StepError, read_json, steady, steps_in, write_json

RECIPE = Path(__file__).parent / "recipes" / "person.toml"
TEACHER = "train/distilled"
JUDGES = ("val/ccp_upper", "val/ccp_fullbody")  # labelled by hand, with one person each, as before a webcam
FIGURES = ("iou", "boundary_iou")
USUAL = 1.2  # weight of the teacher's labels in the recipe
# Width and weight of the teacher's labels: each alone is changed, from the recipe's.
TRIED = ((1.0, USUAL), (0.75, USUAL), (1.25, USUAL), (1.0, 0.0), (1.0, 3.6))
ALIKE = 0.002  # of the score: less is no difference, as the sets that tell of it also choose among runs and their steps
MOST_WORSE = 0.005  # of any one figure, in weights that are better on the whole
MOST_FLICKER = 0.004
RUNS = ("on", "anew")
REST = FINISH + MEASURE * (COURSE - 1)  # seconds of a full run that those of the sweep don't take
BYTES = 10_000_000  # of weights that ship


def sweep(job: Job) -> Result:
    """Short equal runs from nothing; `runs`: what each tried and its score, and `winner`. Raises StepError."""
    probe = job.trial("probe", settings(job, job.extent.light, USUAL, steady(job.extent.probe)), job.seconds)
    each = (job.seconds - probe["seconds"]) / len(TRIED)
    steps = job.once("steps", lambda: {"steps": steps_in(each, job.extent.batch, probe, job.extent)})["steps"]
    tried = {f"width-{width:g}-teacher-{teacher:g}": (width, teacher) for width, teacher in TRIED}
    told = {
        name: settings(job, scaled(job.extent.light, width), teacher, steady(steps))
        for name, (width, teacher) in tried.items()
    }
    runs = []
    for name, found in job.trials(told, 2 * job.seconds + 60).items():
        if "failed" in found:
            continue
        width, teacher = tried[name]
        about = {"width": width, "teacher": teacher, "share": teacher_share(teacher)}
        runs.append(about | {"score": score(of_row(found["figures"])), **found})
    if not runs:
        raise StepError(f"no run came to anything; see {job.folder / 'log.txt'}")
    return {"runs": runs, "winner": winner(runs)}


def winner(runs: list[Result]) -> int:
    """The narrowest of those that are as good as the best, within ALIKE; of these the best."""
    best = max(run["score"] for run in runs)
    alike = [number for number, run in enumerate(runs) if run["score"] >= best - ALIKE]
    return min(alike, key=lambda number: (runs[number]["parameters"], -runs[number]["score"]))


def people(job: Job) -> Result:
    """The full recipe with what won, from the shipped weights, which have their own width, and from nothing; beside the
    shipped weights on the same sets. Raises StepError.
    """
    won = chosen(job)
    shipped = measure(job, "shipped", DEFAULT)
    share = (job.seconds - 10) / len(RUNS)
    told: dict[str, Result] = {}
    for name in RUNS:
        steps = job.once(
            f"steps-{name}", lambda: {"steps": steps_in(share, job.extent.batch, won["probe"], job.extent, REST)}
        )["steps"]
        options = steady(steps) | {"thorough": True, "evaluate_every": max(1, steps // COURSE)}
        config = None if name == "on" else scaled(job.extent.light, won["width"])
        if config is None:
            options |= {"learning_rate": 7e-4, "init": str(DEFAULT)}
        told[name] = settings(job, config, won["teacher"], options)
    runs = job.trials(told, 2 * job.seconds + 120)
    return {"shipped": shipped, "runs": runs, "verdict": verdict(job, runs, shipped)}


def wide(job: Job) -> Result:
    """A wider network at a larger size, from nothing, beside the shipped weights at their larger one. Raises
    StepError.
    """
    won, size = chosen(job), job.extent.wide_size
    shipped = job.found.get("person", {}).get("shipped") or measure(job, "shipped", DEFAULT)

    def options(changes: Result) -> Result:
        made = settings(job, job.extent.wide, won["teacher"], changes, sizes=(size,))
        return made | {"batch": job.extent.wide_batch}

    probe = job.trial("probe", options(steady(job.extent.probe)), job.seconds)
    left = job.seconds - probe["seconds"] - 10
    steps = job.once("steps", lambda: {"steps": steps_in(left, job.extent.wide_batch, probe, job.extent, REST)})
    full = steady(steps["steps"]) | {"thorough": True, "evaluate_every": max(1, steps["steps"] // COURSE)}
    runs = {"wide": job.trial("wide", options(full), 2 * left + 120)}
    return {"shipped": shipped, "runs": runs, "verdict": verdict(job, runs, shipped)}


def chosen(job: Job) -> Result:
    """Width, weight of the teacher's labels, and a run like it: what the sweep found, or the recipe's where it found
    nothing, and then a run of its own tells the pace. Raises StepError.
    """
    if runs := job.found.get("sweep", {}).get("runs"):
        best = runs[job.found["sweep"]["winner"]]
        return {"width": best["width"], "teacher": best["teacher"], "probe": best}
    plain = settings(job, job.extent.light, USUAL, steady(job.extent.probe))
    return {"width": 1.0, "teacher": USUAL, "probe": job.trial("probe", plain, job.seconds)}


def settings(
    job: Job,
    config: LightConfig | None,
    teacher: float,
    changes: Result,
    sizes: tuple[tuple[int, int], ...] | None = None,
) -> Result:
    """What a run is told: the recipe, from random weights of this shape, if any, and with these changes. Measured once,
    at the end. Raises StepError.
    """
    recipe = read_recipe(RECIPE)
    sets = recipe["sets"] | {TEACHER: teacher}
    if not teacher:
        del sets[TEACHER]
    own: dict[str, Any] = {
        "sets": sets,
        "batch": job.extent.batch,
        "learning_rate": 3e-3,  # the recipe's is for a quarter of the batch
        "prepare": "device",
        "thorough": False,
        "evaluate_every": changes["steps"],
        "checkpoint_every": max(1, changes["steps"] // 8),
    }
    if config is not None:
        info = WeightsInfo("light", config, training={"from": "random numbers"})
        own["init"] = str(fresh(job, replace(info, input_sizes=sizes) if sizes else info))
    return {key: value for key, value in recipe.items() if key != "out"} | own | changes


def fresh(job: Job, info: WeightsInfo) -> Path:
    """A file of random weights of that shape: made once, as whoever goes on compares files. Raises StepError."""
    size = info.input_sizes[0]
    name = "-".join(map(str, (info.config.stem, *info.config.widths, *info.config.decoder, *size)))
    path = job.folder / "start" / f"{name}.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        save_weights(path, build(info).state_dict(), info)
    return path


def scaled(config: LightConfig, factor: float) -> LightConfig:
    """So many times the channels, in eights, as a GPU likes them."""
    stem, *others = (max(8, round(c * factor / 8) * 8) for c in (config.stem, *config.widths, *config.decoder))
    w4, w8, w16, w32, d4, d8, d16 = others
    return LightConfig(stem, (w4, w8, w16, w32), (d4, d8, d16))


def teacher_share(teacher: float) -> float:
    """Of all pictures that are drawn, how many have the teacher's labels."""
    others = sum(weight for name, weight in read_recipe(RECIPE)["sets"].items() if name != TEACHER)
    return float(teacher / (others + teacher))


def measure(job: Job, name: str, weights: Path) -> Result:
    """The figures of weights on the recipe's validation sets. Raises StepError."""
    folder = job.folder / name
    done = folder / "outcome.json"
    if not done.exists() or "failed" in read_json(done):
        folder.mkdir(parents=True, exist_ok=True)
        sets = read_recipe(RECIPE)["validation"]
        task = {"weights": str(weights), "data": str(job.data), "sets": sets, "threads": job.extent.threads}
        write_json(folder / "trial.json", {"measure": task})
        job.call(["-m", "training.trial", str(folder)], folder / "log.txt", 300)
    found: Result = read_json(done)
    if "failed" in found:
        raise StepError(f"{weights}: {found['failed']}")
    return found


def of_row(row: dict[str, float]) -> dict[str, dict[str, float]]:
    """The judges' figures in a row of metrics.csv. Raises StepError."""
    try:
        return {name: {figure: row[f"{name} {figure}"] for figure in FIGURES} for name in JUDGES}
    except KeyError as missing:
        raise StepError(f"the run measured no {missing.args[0]}") from None


def score(figures: dict[str, dict[str, float]]) -> float:
    """The mean of IoU and boundary IoU over the judges."""
    return fmean(figures[name][figure] for name in JUDGES for figure in FIGURES)


def verdict(job: Job, runs: Result, shipped: Result) -> Result:
    """The best of the runs by its score at all sizes, `rows` of how it compares with the shipped weights, and whether
    it is `better`: by the score, by no figure worse than MOST_WORSE, steady enough, and small enough to ship. Where it
    is, it lies with the pages. Raises StepError.
    """
    runs = {name: run for name, run in runs.items() if "failed" not in run}
    if not runs:
        raise StepError(f"no run came to anything; see {job.folder / 'log.txt'}")
    made = {name: [*compared(run["metrics"], shipped["metrics"])] for name, run in runs.items()}
    changes = {name: [row["new"] - row["old"] for row in rows if row["set"] in JUDGES] for name, rows in made.items()}
    gains = {name: fmean(differences) for name, differences in changes.items()}
    best = max(gains, key=lambda name: gains[name])
    weights = Path(runs[best]["weights"])
    small = weights.stat().st_size <= BYTES
    steady_enough = max(flickers(runs[best]["metrics"])) <= MOST_FLICKER
    worst = min(changes[best])
    better = gains[best] >= ALIKE and worst >= -MOST_WORSE and steady_enough and small
    target = job.out / "pages" / f"{job.folder.name.partition('-')[2]}.safetensors"
    target.unlink(missing_ok=True)
    if better:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(weights, target)
    return {
        "best": best,
        "gain": round(gains[best], 4),
        "worst": round(worst, 4),
        "steady": steady_enough,
        "small": small,
        "better": better,
        "rows": made[best],
    }


def compared(metrics: Result, shipped: Result) -> Iterator[Result]:
    """Each set's figures at each size, beside the shipped weights' at theirs: first and first, last and last."""
    for name in metrics:
        sizes, others = list(metrics[name]["sizes"].items()), list(shipped[name]["sizes"].items())
        pairs = list(zip(sizes, others, strict=True)) if len(sizes) == len(others) else [(sizes[-1], others[-1])]
        for (size, new), (other, old) in pairs:
            for figure in FIGURES:
                about = {"set": name, "figure": figure, "size": size, "shipped_size": other}
                yield about | {"new": new[figure], "old": old[figure]}


def flickers(metrics: Result) -> list[float]:
    """Of the judges at each size."""
    return [figures["flicker"] for name in JUDGES for figures in metrics[name]["sizes"].values()]
