"""One training run, from top to bottom. Interrupted with Ctrl-C or killed, it resumes from its last checkpoint
with the same result: batch number `step` is a pure function of data, seed and step.
"""

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from segnet.architectures import ARCHITECTURES
from segnet.weights import WeightsInfo, build, digest, load_weights, save_weights
from training.data.pairs import manifest_hash
from training.errors import DataError
from training.run.checkpoint import resume, save_checkpoint
from training.run.config import TrainConfig
from training.run.features import Halfway
from training.run.group import Group, join
from training.run.grow import grow
from training.run.journal import collapse, events, keep_rows, summary, write_row
from training.run.person import NEW, person_task
from training.run.task import Task
from training.run.voc import freeze, start_from_vgg, voc_task

LOOK = 50  # steps between looks at the loss: each look waits for the GPU


def train(config: TrainConfig) -> Path:
    """Run or resume the training that `config` describes; the path of the best weights. Under torchrun every
    process calls this, and the first measures and writes. Raises DataError, WeightsError.
    """
    with join(config.device) as group:
        return run(config, group)


def run(config: TrainConfig, group: Group) -> Path:
    """The run itself, in one process of `group`."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    task, network, before = prepare(config, group)
    network = network.to(group.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(network)
    anchors = [parameter.detach().clone() for parameter in network.parameters()] if config.anchor else []
    optimiser = make_optimiser(network, config, group.device)
    training = identity(config, task) | before
    checkpoint, best_path = config.out / "checkpoint.pt", config.out / "best.safetensors"
    start, best = resume(checkpoint, network, average, optimiser, training)
    begin(network, task, config, group, start)
    shared = group.share(network)

    # Workers come from fork, which shares the pictures in memory; Ctrl-C is the main process' to handle.
    workers = config.workers if config.prepare == "workers" else 0
    loader = DataLoader(
        task.batches,
        batch_size=None,
        sampler=range(start, config.steps),
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=prepare_worker,
        pin_memory=group.device.type == "cuda" and config.prepare == "workers",
    )
    progress = tqdm(
        loader,
        initial=start,
        total=config.steps,
        unit="batch",
        mininterval=5.0,
        disable=not group.leads,
        dynamic_ncols=True,
    )
    pace = Pace(config, start)
    broken = torch.full((), math.inf, device=group.device)  # the first step with a number that is not finite
    with interruption() as interrupted, events(config, group) as note:
        for step, (images, labels) in enumerate(progress, start + 1):
            for part in optimiser.param_groups:
                part["lr"] = rate_at(step - 1, config)
            generator = torch.Generator().manual_seed((config.seed * 1_000_003 + step) * group.world + group.rank)
            images, labels = (part.to(group.device, non_blocking=True) for part in (images, labels))
            loss = train_step(shared, task, images, labels, optimiser, generator)
            pull_to_anchors(network, anchors, config.anchor)
            update_average(average, network, config.ema if step > 1 else 0.0)
            finite = loss["total"].isfinite() & loss["gradient"].isfinite()
            broken = broken.minimum(torch.where(finite, math.inf, float(step)))
            last = step == config.steps
            measures, saves = (last or step % every == 0 for every in (config.evaluate_every, config.checkpoint_every))
            if step % LOOK == 0 or measures or saves:
                check(broken)  # before anything is made of the weights
                progress.set_postfix({name: f"{float(value):.3f}" for name, value in loss.items()})
            pace(step)
            if group.leads and measures:
                report = task.measure(average)
                chosen = task.choose(report)
                progress.write(f"step {step}: chosen by {chosen:.4f}; {summary(report)}{collapse(report)}")
                note(step, loss, report)
                write_row(config.out / "metrics.csv", step, float(loss["total"]), report)
                from training.measure.plots import plot_curves  # Matplotlib, which may say that it collects fonts

                plot_curves(config.out / "metrics.csv", config.out / "curves.png")
                about = replace(task.info, metrics=report, training=training | {"step": step})
                best = keep_best(best_path, average, about, chosen, best)
            stop = group.any(interrupted())
            if stop:
                check(broken)
            if group.leads and (saves or stop):
                save_checkpoint(checkpoint, network, average, optimiser, training, step, best)
            if stop:
                progress.write(f"stopped after step {step}; the same command resumes from there")
                raise KeyboardInterrupt
    if group.leads and config.thorough:
        measure_fully(best_path, task, config.out)
    return best_path


class Pace:
    """How quickly a run goes on: pictures a second in the second half of its steps, when every kernel has been chosen;
    pace.json in its folder, for who plans another.
    """

    def __init__(self, config: TrainConfig, start: int) -> None:
        self.config, self.half, self.since = config, (start + config.steps) // 2, time.monotonic()

    def __call__(self, step: int) -> None:
        """After each step."""
        if step == self.half:
            self.since = time.monotonic()
        if step == self.config.steps:
            rate = (step - self.half) * self.config.batch / max(1e-9, time.monotonic() - self.since)
            (self.config.out / "pace.json").write_text(json.dumps({"pictures_per_second": round(rate, 1)}))


def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Bring the average's weights and statistics towards the network's, in place (Polyak and Juditsky 1992). With a
    decay of 0 they are the network's.
    """
    theirs, ours = network.state_dict(), average.state_dict()
    floats = [name for name, tensor in ours.items() if tensor.is_floating_point()]
    bring = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    bring([ours[name] for name in floats], [theirs[name] for name in floats], 0)
    for name in ours.keys() - set(floats):
        ours[name].copy_(theirs[name])


@torch.no_grad()
def pull_to_anchors(network: nn.Module, anchors: list[Tensor], share: float) -> None:
    """Bring the network's weights that share of the way to `anchors`, in place: where there are few pictures to learn
    from, what it knew before is kept (Li et al. 2018, L2-SP, §3.1).
    """
    if anchors:
        torch._foreach_lerp_(list(network.parameters()), anchors, share)


def check(broken: Tensor) -> None:
    """Raises DataError where `broken`, float (), is the number of a step, not infinity. Waits for the GPU."""
    if math.isfinite(step := float(broken)):
        raise DataError(
            f"the loss or its gradient is not finite at step {step:.0f}; a smaller --learning-rate may help"
        )


def keep_best(path: Path, network: nn.Module, info: WeightsInfo, now: float, best: float) -> float:
    """Write the weights if `now`, the figure that decides, is no worse than the best so far; the best."""
    if now >= best:
        save_weights(path, network.state_dict(), info)
    return max(now, best)


def measure_fully(path: Path, task: Task, out: Path) -> None:
    """Put all figures into the header of the best weights, and contact sheets beside them."""
    network, info = load_weights(path)
    save_weights(path, network.state_dict(), replace(info, metrics=task.finish(network, out)))


def prepare(config: TrainConfig, group: Group) -> tuple[Task, nn.Module, dict[str, Any]]:
    """What is trained, on what, and the header of the weights that it starts from, if any. Raises DataError,
    WeightsError.
    """
    trainable = [name for name, architecture in ARCHITECTURES.items() if architecture.build is not None]
    if config.network not in trainable:
        raise DataError(f"--network {config.network} is not one of {', '.join(trainable)}")
    if config.batch % group.world:
        raise DataError(f"a batch of {config.batch} can't be shared among {group.world} processes; change --batch")
    made = load_weights(config.init) if config.init else None
    start = made[1] if made else None
    if start and start.architecture != config.network:
        raise DataError(f"{config.init} holds the weights of {start.architecture}, not of {config.network}")
    if config.network in NEW:
        task = person_task(config, start, group)
    elif config.prepare == "device":
        raise DataError(f"--prepare device is for {' and '.join(NEW)}; for {config.network} use --prepare workers")
    else:
        task = voc_task(config, start, group.rank, group.world)
    network = made[0] if made else build(task.info)
    if config.vgg:
        start_from_vgg(network, config.vgg)
    if config.frozen or config.views:
        task = freeze(task, network, config)
    before = {"started_from": {"sha256": digest(made[0].state_dict()), "training": made[1].training}} if made else {}
    return task, network, before


def identity(config: TrainConfig, task: Task) -> dict[str, Any]:
    """What made the weights: settings, data, code; it goes into checkpoints and into the weights file, which is handed
    on: so it says what file the run started from, not in whose folder that lay.
    """
    start = {"init": manifest_hash([config.init], config.init.parent) if config.init else None}
    return {
        "settings": config.model_dump(mode="json", exclude={"data", "out", "features", "terms", "init"}) | start,
        "terms": config.terms,
        "data_sha256": manifest_hash(task.files, config.data),
        "code_sha256": code_hash(),
        "torch": str(torch.__version__),
    }


def code_hash() -> str:
    """sha256 of the code that makes the weights."""
    root = Path(__file__).parent.parent.parent
    return manifest_hash([*(root / "segnet").rglob("*.py"), *(root / "training").rglob("*.py")], root)


def begin(network: nn.Module, task: Task, config: TrainConfig, group: Group, start: int) -> None:
    """What comes before the first step, or the first of a run that is resumed. Raises DataError."""
    if group.leads:
        open_folder(config, start)
    if config.grow and not start:
        grow(network, task, config, group.device)


def open_folder(config: TrainConfig, start: int) -> None:
    """The folder of results, without the rows of steps that will be done again. Raises DataError where it holds the
    results of something else.
    """
    if not start and any((config.out / name).exists() for name in ("best.safetensors", "metrics.csv")):
        raise DataError(f"{config.out} holds the results of another run; choose another --out")
    config.out.mkdir(parents=True, exist_ok=True)
    keep_rows(config.out / "metrics.csv", start)
    (config.out / "config.json").write_text(config.model_dump_json(indent=2))


@contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came: only noted, so that a run stops between two steps and never within one."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train_step(
    network: nn.Module,
    task: Task,
    images: Tensor | Halfway,
    labels: Tensor,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """One step on uint8 (N, 3, H, W) pictures, or what frozen blocks made of them, and (N, 1, H, W) labels; the parts
    of the loss, and the norm of its gradient before that was clipped.
    """
    network.train()
    x: Tensor | Halfway = images
    if isinstance(images, Tensor):
        mean, std = (colour(values, images.device) for values in (task.info.mean, task.info.std))
        x = ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    parts = task.loss(network, x, labels, generator)
    optimiser.zero_grad(set_to_none=True)
    parts["total"].backward()  # type: ignore[no-untyped-call]
    gradient = nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return {name: value.detach() for name, value in (parts | {"gradient": gradient}).items()}


@lru_cache
def colour(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Red, green and blue as float (1, 3, 1, 1); once, because a copy to a GPU waits for it."""
    return torch.tensor(values, device=device).view(1, 3, 1, 1)


def make_optimiser(network: nn.Module, config: TrainConfig, device: torch.device) -> torch.optim.Optimizer:
    """Kernels decay; biases and batch norms do not. On a GPU in as few kernels as there are."""
    heavy = [p for p in network.parameters() if p.dim() > 1]
    light = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": heavy, "weight_decay": config.weight_decay}, {"params": light, "weight_decay": 0.0}]
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, fused=device.type == "cuda")
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=device.type == "cuda")


def rate_at(step: int, config: TrainConfig) -> float:
    """The learning rate: linear warm-up, then one of
    - trapezoid: constant, then linear to 0 over the last share `decay` (Hägele et al. 2024, §3), so that a run can be
      made longer or shorter while it is constant,
    - cosine to 0 (Loshchilov and Hutter 2017, §3),
    - poly: (1 - t)^0.9 (Chen et al. 2018, DeepLab, §4.1).
    """
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    if config.schedule == "cosine":
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
    if config.schedule == "poly":
        return config.learning_rate * float((1 - done) ** 0.9)
    left = (config.steps - step) / max(1.0, config.decay * config.steps)
    return config.learning_rate * min(1.0, left)


def prepare_worker(_: int) -> None:
    """One thread a worker, and no traceback of its own at Ctrl-C."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
