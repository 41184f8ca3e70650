"""A DeconvNet's way up, taught from its small end: thirteen fresh layers in a row learn little from scores at their far
end, and steps at the size of the first blocks are cheap.
"""

import torch
from torch import Tensor, nn
from tqdm import tqdm

from segnet.deconvnet import DeconvNet
from training.errors import DataError
from training.run.config import TrainConfig
from training.run.features import Halfway
from training.run.losses import class_loss
from training.run.task import Task


def grow(network: nn.Module, task: Task, config: TrainConfig, device: torch.device) -> None:
    """Teach all but the last block on the way up, in place: first the deepest by scores at its own size, from a layer
    that is then thrown away, then the next with it, and so on. Raises DataError.
    """
    if not isinstance(network, DeconvNet) or not config.views:
        raise DataError("--grow is for the deconvnet with --views only")
    network.train()
    first, left = config.steps, config.grow  # batches that the run itself does not see
    for blocks in range(1, len(network.up)):
        steps = left if blocks == len(network.up) - 1 else left // 2
        score = nn.Conv2d(network.unpooled[-1 - blocks], len(task.info.classes), 1).to(device)
        learning = [*network.up[:blocks].parameters(), *deepest(network).parameters(), *score.parameters()]
        optimiser = torch.optim.AdamW(learning, config.learning_rate, weight_decay=config.weight_decay)
        for step in (bar := tqdm(range(first, first + steps), desc=f"block {blocks}", unit="batch", mininterval=5.0)):
            for group in optimiser.param_groups:  # warm, then falling to a tenth
                done = (step - first) / steps
                group["lr"] = config.learning_rate * min(1.0, 10 * done + 0.1) * (1 - 0.9 * done)
            images, labels = (part.to(device) for part in task.batches[step])
            loss = grown_loss(network, score, blocks, images, labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learning, 1.0)
            optimiser.step()
            if step % 50 == 0:
                bar.set_postfix(loss=f"{float(loss.detach()):.3f}")
        first, left = first + steps, left - steps


def deepest(network: DeconvNet) -> nn.Module:
    """What lies between the way down and the way up."""
    return nn.ModuleList([network.fc6, network.fc7, network.fc6_deconv]) if network.config.fc else network.bottom


def grown_loss(network: DeconvNet, score: nn.Module, blocks: int, images: Halfway, labels: Tensor) -> Tensor:
    """Cross entropy of the scores after that many blocks, against the label in the middle of each of their pixels."""
    logits = score(network.decode(images.values.float(), images.switches(), blocks))
    side = labels.shape[-1] // logits.shape[-1]
    return class_loss(logits, labels[..., side // 2 :: side, side // 2 :: side])["total"]
