"""A DeconvNet's way up, taught from its small end: thirteen fresh layers in a row learn little from scores at their far
end, and steps at the size of the first block are cheap.
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

NOISE = 0.3  # share of the drawn weights beside what passes values on
FILL = ((0.25, 0.5, 0.25), (0.5, 1.0, 0.5), (0.25, 0.5, 0.25))  # bilinear, between the values that unpooling places
RATE = 2.5  # times the run's


def grow(network: nn.Module, task: Task, config: TrainConfig, device: torch.device) -> None:
    """Teach the first block on the way up, in place, by the scores that the last layer makes of as many of its channels
    as it takes; the blocks between pass these on at first. Raises DataError.
    """
    if not isinstance(network, DeconvNet) or not config.views:
        raise DataError("--grow is for the deconvnet with --views only")
    network.train()
    pass_on(network)
    behind = {id(p) for part in (network.down, network.up[1:]) for p in part.parameters()}
    learning = [p for p in network.parameters() if id(p) not in behind]
    optimiser = torch.optim.AdamW(learning, weight_decay=config.weight_decay)
    for step in (bar := tqdm(range(config.grow), desc="small end", unit="batch", mininterval=5.0)):
        done = step / config.grow
        for group in optimiser.param_groups:
            group["lr"] = RATE * config.learning_rate * min(1.0, 20 * done + 0.05) * (1 - done)
        images, labels = (part.to(device) for part in task.batches[config.steps + step])  # none of the run's own
        loss = grown_loss(network, images, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        if step % 50 == 0:
            bar.set_postfix(loss=f"{float(loss.detach()):.3f}")


@torch.no_grad()
def pass_on(network: DeconvNet) -> None:
    """Let each layer on the way up give what it is given, channel by channel, some noise beside, and hardly anything of
    it below 0.
    """
    for block in network.up:
        for part in block.modules():
            if isinstance(part, nn.ConvTranspose2d):
                part.weight *= NOISE
                for channel in range(min(part.in_channels, part.out_channels)):
                    part.weight[channel, channel] += torch.tensor(FILL, device=part.weight.device)
            elif isinstance(part, nn.BatchNorm2d):
                part.bias.fill_(1.0)


def grown_loss(network: DeconvNet, images: Halfway, labels: Tensor) -> Tensor:
    """Cross entropy of the scores after the first block, against the label in the middle of each of their pixels."""
    grown = network.decode(images.values.float(), images.switches(), 1)
    logits = network.score(grown[:, : network.score.in_channels])
    side = labels.shape[-1] // logits.shape[-1]
    return class_loss(logits, labels[..., side // 2 :: side, side // 2 :: side])["total"]
