"""One training run, from top to bottom. Interrupted with Ctrl-C or killed, it goes on from its last checkpoint
to the same result: batch number `step` is a pure function of data, seed and step.
"""

import copy
import csv
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from segnet.inference import Segmenter
from segnet.network import NetworkConfig, SegNet
from segnet.weights import WeightsInfo, save_weights
from training.config import TrainConfig
from training.data import Batches, DataError, find_pairs, manifest_hash
from training.evaluate import evaluate
from training.losses import segmentation_loss

Report = dict[str, dict[str, float]]  # set → figures


def train(config: TrainConfig) -> Path:
    """Run, or go on with, the training that `config` describes; the path of the best weights.
    Raises DataError.
    """
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise DataError("there is no CUDA GPU that works; use --device auto or cpu")
    device = torch.device("cuda" if cuda and config.device != "cpu" else "cpu")
    batches = Batches(config.data, config.sets, config.rooms, config.batch, config.steps, config.seed)
    validation = {name: find_pairs(config.data / name) for name in config.validation}

    info = WeightsInfo(NetworkConfig())
    network = SegNet(info.config).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True)  # type: ignore[no-untyped-call]
    optimiser = torch.optim.AdamW(parameter_groups(network, config.weight_decay), lr=config.learning_rate)

    training = {
        "settings": config.model_dump(mode="json", exclude={"data", "out"}),
        "data_sha256": manifest_hash(batches.files, config.data),
        "code_sha256": code_hash(),
        "torch": str(torch.__version__),
    }
    config.out.mkdir(parents=True, exist_ok=True)
    checkpoint, best_path = config.out / "checkpoint.pt", config.out / "best.safetensors"
    start, best = resume(checkpoint, network, average, optimiser, training)
    keep_rows(config.out / "metrics.csv", start)
    (config.out / "config.json").write_text(config.model_dump_json(indent=2))

    # Workers come from fork, which shares the decoded pictures; Ctrl-C is the main process' to handle.
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(start, config.steps),
        num_workers=config.workers,
        multiprocessing_context="fork" if config.workers else None,
        worker_init_fn=prepare_worker,
        pin_memory=device.type == "cuda",
    )
    progress = tqdm(loader, initial=start, total=config.steps, unit="batch", mininterval=5.0)
    with interruption() as interrupted:
        for step, (images, masks) in enumerate(progress, start + 1):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(step - 1, config)
            parts = train_step(network, images.to(device), masks.to(device), info, optimiser)
            average.update_parameters(network)
            if step % 50 == 0:
                progress.set_postfix({name: f"{float(value):.3f}" for name, value in parts.items()})
            if step % config.evaluate_every == 0 or step == config.steps:
                report = measure(average.module, info, validation)
                write_row(config.out / "metrics.csv", step, float(parts["total"]), report)
                progress.write(f"step {step}: {report}")
                if report[config.validation[0]]["iou"] >= best:
                    best = report[config.validation[0]]["iou"]
                    about = WeightsInfo(info.config, metrics=report, training=training | {"step": step})
                    save_weights(best_path, average.module.state_dict(), about)
            if step % config.checkpoint_every == 0 or step == config.steps or interrupted():
                save_checkpoint(checkpoint, network, average, optimiser, training, step, best)
            if interrupted():
                progress.write(f"stopped after step {step}; the same command goes on from there")
                raise KeyboardInterrupt
    return best_path


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


def code_hash() -> str:
    """sha256 of the code that makes the weights."""
    root = Path(__file__).parent.parent
    return manifest_hash([*root.glob("segnet/*.py"), *root.glob("training/*.py")], root)


def train_step(
    network: SegNet,
    images: Tensor,
    masks: Tensor,
    info: WeightsInfo,
    optimiser: torch.optim.Optimizer,
) -> dict[str, Tensor]:
    """One step on uint8 (N, 3, H, W) pictures and (N, 1, H, W) masks; the parts of the loss."""
    network.train()
    mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (info.mean, info.std))
    x = ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16):
        logits = network(x)
    parts = segmentation_loss(logits.float(), masks.float() / 255)
    optimiser.zero_grad(set_to_none=True)
    parts["total"].backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    return {name: value.detach() for name, value in parts.items()}


def parameter_groups(network: SegNet, weight_decay: float) -> list[dict[str, Any]]:
    """Convolution weights decay; biases and batch norms do not."""
    heavy = [p for p in network.parameters() if p.dim() > 1]
    light = [p for p in network.parameters() if p.dim() <= 1]
    return [
        {"params": heavy, "weight_decay": weight_decay},
        {"params": light, "weight_decay": 0.0},
    ]


def rate_at(step: int, config: TrainConfig) -> float:
    """The learning rate: (1) linear warm-up, (2) constant, (3) linear to 0 over the last share `decay`
    (Hägele et al. 2024, §3). A run can so be made longer or shorter while it is in (2).
    """
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    left = (config.steps - step) / max(1.0, config.decay * config.steps)
    return config.learning_rate * min(1.0, left)


def measure(network: nn.Module, info: WeightsInfo, validation: dict[str, Any]) -> Report:
    """Figures of the network on each validation set, through the same code as the service's."""
    assert isinstance(network, SegNet)
    device = str(next(network.parameters()).device)
    segmenter = Segmenter(copy.deepcopy(network), info, device=device)
    return {name: evaluate(segmenter, pairs).report() for name, pairs in validation.items()}


def save_checkpoint(
    path: Path,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    training: dict[str, Any],
    step: int,
    best: float,
) -> None:
    """Everything that is needed to go on, written in one step."""
    state = {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "training": training,
        "step": step,
        "best": best,
    }
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    beside.replace(path)


# What may differ when a run goes on: how long, how often, and on what machine.
FREE = {"steps", "evaluate_every", "checkpoint_every", "threads", "workers", "device"}


def resume(
    path: Path, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, training: dict[str, Any]
) -> tuple[int, float]:
    """Step to go on from and best figure so far; (0, 0) for a new run. Raises DataError where the run in that folder
    was another one.
    """
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True, map_location="cpu")
    then, now = state["training"], training
    changed = [k for k, v in now["settings"].items() if k not in FREE and then["settings"].get(k) != v]
    changed += ["data"] if then["data_sha256"] != now["data_sha256"] else []
    if changed:
        raise DataError(f"the run in {path.parent} was made with other {', '.join(changed)}; choose another --out")
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"]), float(state["best"])


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


def prepare_worker(_: int) -> None:
    """One thread a worker, and no traceback of its own at Ctrl-C."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
