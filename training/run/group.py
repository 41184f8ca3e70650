"""One run on several GPUs or machines: what torchrun tells each process (DistributedDataParallel)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from training.errors import DataError


@dataclass(frozen=True)
class Group:
    """One process among those of the run: the one that asks."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process measures and writes; the others only calculate."""
        return self.rank == 0

    def any(self, here: bool) -> bool:
        """Whether it is so in any process: all of them must stop after the same step."""
        if self.world == 1:
            return here
        flag = torch.tensor(float(here), device=self.device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag > 0)

    def share(self, network: nn.Module) -> nn.Module:
        """The network, with gradients averaged over all processes."""
        if self.world == 1:
            return network
        if self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(network)


@contextmanager
def join(device: str) -> Iterator[Group]:
    """The group that torchrun started this process in, or a group of one. `device`: auto, cpu or cuda.
    Raises DataError where there is no CUDA GPU but one is asked for.
    """
    rank, world, local = (
        int(os.environ.get(name, default)) for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    if device == "cuda" and not torch.cuda.is_available():
        raise DataError("there is no CUDA GPU that works; use --device auto or cpu")
    cuda = device != "cpu" and torch.cuda.is_available()
    place = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(place)
    if world == 1:
        yield Group(place)
        return
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Group(place, rank, world)
    finally:
        distributed.destroy_process_group()
