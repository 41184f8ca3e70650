"""The steps of a campaign that are about DeconvNet: at the paper's size in one part and in two, and what was wrong when
it ended at 5 %, by undoing one fix at a time in short equal runs of a smaller one.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from segnet.architectures import DeconvConfig
from segnet.classes import VOC_CLASSES
from segnet.weights import WeightsInfo, build, save_weights
from training.config import read_recipe
from training.data import SEGMENTATION
from training.job import COURSE, MEASURE, Job, Result, StepError, steady, steps_in
from training.mistakes import WAYS, Read, nearest, write_taught
from training.voc_data import load_voc

RECIPES = Path(__file__).parent / "recipes"
VGG = "vgg16_bn-6c64b313.pth"
SETS = {"voc2012/train_aug": 1.0, "voc2012/coco_extra": 0.2}  # the second where it is there
VALIDATION = "voc2012/val"
BETWEEN = MEASURE * (COURSE - 1)
FIRST = 1 / 3  # of the time of a run in two parts for the first, as in the paper
SIDE = (224, 224)

# Way of reading → name of its folder.
READ: dict[str, Read] = {
    "right": lambda ids, _: nearest(ids),  # void stays void
    "grey": WAYS["grey values of the palette's colours, above 20 for background"],
    "smooth": WAYS["resized as a picture, void taken for class 20"],
    "void": WAYS["void taken for class 20"],
}


@dataclass(frozen=True)
class Undone:
    """A run with a fix undone: how labels are read, on which list it trains, settings, and whether pictures have their
    mean and deviation taken out.
    """

    read: str = "right"
    split: str = "train_aug"
    settings: dict[str, Any] = field(default_factory=dict)
    normalised: bool = True


CARELESS = {"optimiser": "sgd", "learning_rate": 0.01, "warmup": 0, "schedule": "trapezoid", "decay": 0.0, "ema": 0.0}
UNDONE = {
    "nothing": Undone(),
    "labels are grey values of the palette's colours": Undone(read="grey"),
    "labels are resized as pictures, void is class 20": Undone(read="smooth"),
    "void is class 20": Undone(read="void"),
    "a quarter of the pictures (VOC's own list)": Undone(split="train"),
    "whole pictures from the start": Undone(settings={"anneal": 0.0}),
    "classes weigh alike": Undone(settings={"class_weights": False}),
    "SGD at a constant rate, no warm-up, no mean of the weights": Undone(settings=CARELESS),
    "neither mean nor deviation taken out": Undone(normalised=False),
    "all of these": Undone("grey", "train", CARELESS | {"anneal": 0.0, "class_weights": False}, False),
}


def one_part(job: Job) -> Result:
    """One run at the paper's size, from nothing. Raises StepError."""
    return in_one(job, {})


def from_vgg(job: Job) -> Result:
    """The same from ImageNet's VGG-16. Raises StepError where its file is not there."""
    if not (job.data / VGG).is_file():
        raise StepError(f"there is no {job.data / VGG}; torchvision's own file of that name would do")
    return in_one(job, {"vgg": str(job.data / VGG)})


def in_one(job: Job, changes: Result) -> Result:
    """The recipe in one part; `runs`: its outcome and its curve."""
    probe = probed(job)
    left = job.seconds - (probe["seconds"] if (job.folder / "probe").exists() else 0.0)
    steps = job.once("steps", lambda: {"steps": steps_in(left, job.extent.voc_batch, probe, job.extent, BETWEEN)})[
        "steps"
    ]
    told = settings(job, "deconvnet", job.extent.deconv, steady(steps)) | often(steps) | changes
    found = job.trial("run", told, 2 * left + 120)
    return {"runs": [found], "probe": probe, "curve": curve([found])}


def two_parts(job: Job) -> Result:
    """Two runs at the paper's size, the first on single objects. Raises StepError."""
    probe = probed(job)
    left = job.seconds - (probe["seconds"] if (job.folder / "probe").exists() else 0.0)

    def decide() -> Result:
        shares = {"first": FIRST * left, "second": (1 - FIRST) * left}
        return {name: steps_in(s, job.extent.voc_batch, probe, job.extent, BETWEEN) for name, s in shares.items()}

    steps = job.once("steps", decide)
    runs: list[Result] = []
    for name, recipe in (("first", "deconvnet-stage1"), ("second", "deconvnet-stage2")):
        told = settings(job, recipe, job.extent.deconv, steady(steps[name])) | often(steps[name])
        told |= {"init": runs[-1]["weights"]} if runs else {}
        runs.append(job.trial(name, told, 2 * left + 120))
    return {"runs": runs, "probe": probe, "curve": curve(runs)}


def probed(job: Job) -> Result:
    """A run in one part that tells the pace: an earlier step's, or one of our own."""
    for name in ("deconvnet", "deconvnet-two", "deconvnet-vgg"):
        if probe := job.found.get(name, {}).get("probe"):
            return dict(probe)
    told = settings(job, "deconvnet", job.extent.deconv, steady(job.extent.voc_probe))
    return job.trial("probe", told, job.seconds)


def mistakes(job: Job) -> Result:
    """The runs of UNDONE, equally long; `runs`: what was undone → its outcome. Raises StepError."""
    taught = job.folder / "labels"
    if not (taught / "done").exists():
        for split in ("train_aug", "train"):
            write_taught(load_voc(job.data / "voc2012" / split).pictures, READ, taught, split)
        (taught / "val").unlink(missing_ok=True)
        (taught / "val").symlink_to((job.data / "voc2012").resolve())
        (taught / "done").touch()
    probe = job.trial("probe", undone(job, taught, Undone(), job.extent.voc_probe), job.seconds)
    each = (job.seconds - probe["seconds"] - 10) / len(UNDONE)
    steps = job.once("steps", lambda: {"steps": steps_in(each, job.extent.voc_batch, probe, job.extent)})["steps"]
    told = {f"run-{number}": undone(job, taught, one, steps) for number, one in enumerate(UNDONE.values())}
    runs = job.trials(told, 2 * job.seconds + 60)
    return {"runs": dict(zip(UNDONE, runs.values(), strict=True)), "config": list(job.extent.small)}


def undone(job: Job, taught: Path, one: Undone, steps: int) -> Result:
    """What a run with a fix undone is told: a short one of the recipe in one part otherwise."""
    told = settings(job, "deconvnet", job.extent.small, steady(steps))
    told |= {"learning_rate": 1e-3, "data": str(taught), "sets": {f"{one.read}/{one.split}": 1.0}}
    told |= {"validation": ["val/val"]} | one.settings
    if not one.normalised:
        told["init"] = str(unprepared(job))
    return told


def unprepared(job: Job) -> Path:
    """Random weights whose file says that pictures go in as they are, from 0 to 1."""
    path = job.folder / "start.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        config = DeconvConfig(*job.extent.small)
        info = WeightsInfo(
            "deconvnet", config, VOC_CLASSES, (SIDE,), (0, 0, 0), (1, 1, 1), {}, {"from": "random numbers"}
        )
        save_weights(path, build(info).state_dict(), info)
    return path


def settings(job: Job, recipe: str, config: tuple[float, int], changes: Result) -> Result:
    """A recipe with the pictures that are here, of this width and fc, and with these changes; measured once, at the
    end.
    """
    told = read_recipe(RECIPES / f"{recipe}.toml")
    lists = job.data / "voc2012" / SEGMENTATION
    return {key: value for key, value in told.items() if key not in {"out", "init"}} | {
        "sets": {name: weight for name, weight in SETS.items() if (lists / f"{Path(name).name}.txt").is_file()},
        "validation": [VALIDATION],
        "width": config[0],
        "fc": config[1],
        "batch": job.extent.voc_batch,
        "class_weights": True,
        "thorough": False,
        "evaluate_every": changes["steps"],
        "checkpoint_every": changes["steps"],
        **changes,
    }


def often(steps: int) -> Result:
    """Settings of a run whose course is shown, and that is long enough to be killed."""
    return {"evaluate_every": max(1, steps // COURSE), "checkpoint_every": max(1, steps // 2)}


def curve(runs: list[Result]) -> list[list[float]]:
    """[pictures seen, loss, mean IoU] of runs one after the other."""
    points, before = [], 0.0
    for run in runs:
        batch = run["pictures"] / run["steps"]
        points += [[before + batch * row["step"], row["loss"], row[f"{VALIDATION} miou"]] for row in run["course"]]
        before += run["pictures"]
    return points
