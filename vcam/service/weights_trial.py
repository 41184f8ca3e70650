"""The network in use, and another that is tried: taken into use if its first frame is good, else the one before stays.

Weights files are copied into the store first (weights_store.py), so that nobody changes what a worker reads.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, time
from typing import Any, TypeVar

from vcam.errors import SettingsError
from vcam.service import weights_store
from vcam.service.keeper import State
from vcam.service.supervisor import Supervisor
from vcam.settings import NetworkSettings

T = TypeVar("T")

log = logging.getLogger("segblur.service")

TRIAL = 160.0  # seconds that a new network may take until its first good frame
UNSEEN = 5.0  # seconds after which one is kept that is ready, while there is no frame to try it on
WATCH = 2.0  # seconds between two looks at the weights file
SHIPPED = "the weights that come with SegBlur"


class WeightsTrial:
    """Which network the workers use. `facts` is what the worker says of it, None while there is none."""

    def __init__(self, state: State, supervisor: Supervisor, swapped: Callable[[], None]) -> None:
        """`swapped` is called whenever another network has taken the place of the one before."""
        self.facts: dict[str, Any] | None = None
        self._state, self._supervisor, self._swapped = state, supervisor, swapped
        self._sources: dict[str, str] = {}  # copy in the store → the file that it was made of
        self._trial: asyncio.Future[None] | None = None
        self._trial_pid: int | None = None
        self._on_trial: NetworkSettings | None = None
        self._placed = False  # whether it has taken the place of the one before
        self._one_trial = asyncio.Lock()
        # One thread, because a copy that is being made must not be swept away as unused.
        self._disk = ThreadPoolExecutor(1, "segblur-disk")
        self._admitted: set[Path] = set()  # copies that were made and are not in use yet
        self._tasks: set[asyncio.Future[Any]] = set()
        self.seen = signature(state.settings.network.weights)

    async def begin(self) -> None:
        """Give the supervisor settings that it can work with: where the weights file can't be used, the last that were
        good. Raises SettingsError where there are none.
        """
        settings = self._state.settings
        try:
            network = await self._copied(settings.network)
        except SettingsError as error:
            good = next(iter(weights_store.history(weights_store.store_path())), None)
            if good is None:
                raise
            log.error("%s; taking the last that were good, of %s", error, good.source)
            network = settings.network.model_copy(update={"weights": self.weights_of(good)})
        self._supervisor.tell(settings.model_copy(update={"network": network}))

    async def change(self, wanted: NetworkSettings) -> None:
        """Swap the network between two frames; what can't be used changes nothing. Raises SettingsError."""
        async with self._one_trial:
            network = await self._copied(wanted)
            if network == self._supervisor.settings.network:
                self._state.settings = self._state.settings.model_copy(update={"network": wanted})
                return
            self._trial, self._placed = asyncio.get_running_loop().create_future(), False
            self._trial_pid = self._supervisor.pid
            try:
                self._supervisor.require(monotonic())
                self._state.wakeup.notify()
                async with asyncio.timeout(TRIAL):
                    while self.facts is None:  # a new worker loads the one that is good first
                        await asyncio.sleep(0.1)
                    self._on_trial = network
                    self._supervisor.propose(self._supervisor.settings.model_copy(update={"network": network}))
                    await self._trial
            except TimeoutError:
                self._supervisor.propose(self._supervisor.settings)
                raise SettingsError(f"the network was not ready after {TRIAL:.0f} seconds; try again") from None
            finally:
                self._trial = self._on_trial = None
                asyncio.get_running_loop().call_soon(self._admitted.clear)  # when a good one is among the settings
            self.tell({"network": network})
            self._swapped()
            self._state.settings = self._state.settings.model_copy(update={"network": wanted})
            log.info("the network is %s", self._sources.get(str(network.weights), SHIPPED))

    async def change_or_log(self, wanted: NetworkSettings) -> None:
        """Change the network, if it is another; a sentence in the log where that can't be."""
        self.seen = signature(wanted.weights)
        try:
            await self.change(wanted)
        except SettingsError as error:
            log.error("%s; the network stays as it is", error)

    async def watch(self) -> None:
        """Watch the weights file: another one in its place is taken into use as soon as it stays as it is."""
        before = self.seen
        while True:
            await asyncio.sleep(WATCH)
            weights = self._state.settings.network.weights
            now = signature(weights)
            if now != self.seen and now == before and now is not None:
                log.info("%s has changed", weights)
                await self.change_or_log(self._state.settings.network)
            before = now

    def tell(self, sections: dict[str, Any]) -> None:
        """New settings for the workers, of which the one with a network on trial keeps that."""
        self._supervisor.tell(self._supervisor.settings.model_copy(update=sections))
        if self._on_trial:
            self._supervisor.propose(self._supervisor.settings.model_copy(update={"network": self._on_trial}))
        self._state.settled.clear()
        self._state.wakeup.notify()

    def on_facts(self, facts: dict[str, Any]) -> None:
        """What the worker says, which may be of the network."""
        self.facts = facts.get("network", self.facts)
        if isinstance(swap := facts.get("swap"), dict):
            self._on_swap(swap)

    def on_worker(self, pid: int | None) -> None:
        """Which worker there is: one that ended while it tried a network has refused it."""
        if pid is None:
            self.facts = None
        if self._trial and self._trial_pid not in (None, pid):
            self._end("the worker ended while it tried the network; the one before is back")
        elif self._trial and self._trial_pid is None:
            self._trial_pid = pid

    def _on_swap(self, swap: dict[str, Any]) -> None:
        state, copy, reason = swap.get("state"), swap.get("weights"), str(swap.get("reason", ""))
        source = self._sources.get(str(copy), SHIPPED)
        reason = reason.replace(str(copy), source)
        if state == "ready" and self._trial:
            self._placed = True
            asyncio.get_running_loop().call_later(UNSEEN, self._end, "", self._trial)
        elif state == "in use":
            self._remember(None if copy is None else Path(copy), source)
            if self._placed:  # else it is the first good frame of the network before
                self._end("")
        elif state in ("refused", "returned"):
            log.error("%s: %s", source, reason)
            self._supervisor.propose(self._supervisor.settings)  # so that the worker forgets the request
            self._end(reason)

    def _end(self, reason: str, trial: "asyncio.Future[None] | None" = None) -> None:
        """The network on trial is good, or not for a reason; `trial` says which is meant, if not whatever there is."""
        if self._trial is None or self._trial.done() or trial not in (None, self._trial):
            return
        if reason:
            self._trial.set_exception(SettingsError(reason))
        else:
            self._trial.set_result(None)

    def _remember(self, copy: Path | None, source: str) -> None:
        """Note in the store that these weights gave a good frame."""

        def write() -> None:
            try:
                folder = weights_store.store_path()
                weights_store.remember(folder, copy, source, time())
                using = (copy, self._supervisor.settings.network.weights, *self._admitted)
                weights_store.prune(folder, [path for path in using if path])
            except SettingsError as error:
                log.warning("the history of weights can't be written: %s", error)

        self.start(self.on_disk(write))

    async def _copied(self, network: NetworkSettings) -> NetworkSettings:
        """The same with its weights' copy in the store in place of the file. Raises SettingsError."""
        if network.weights is None:
            return network
        path = network.weights.absolute()

        def admit() -> Path:
            copy = weights_store.admit(path, weights_store.store_path())
            self._admitted.add(copy)  # by this thread, which is also the one that sweeps
            return copy

        copy = await self.on_disk(admit)
        self._sources.setdefault(str(copy), str(path))
        return network.model_copy(update={"weights": copy})

    def weights_of(self, entry: weights_store.Entry) -> Path | None:
        """The copy of an entry of the history, None for the shipped weights."""
        if entry.sha256 == weights_store.SHIPPED:
            return None
        copy = weights_store.place(weights_store.store_path(), entry)
        self._sources[str(copy)] = entry.source
        return copy

    def about(self) -> dict[str, Any] | None:
        """What the status says of the network: its weights by the file that they came from."""
        if self.facts and self.facts["weights"] in self._sources:
            return self.facts | {"weights": self._sources[self.facts["weights"]]}
        return self.facts

    async def on_disk(self, work: Callable[[], T]) -> T:
        """What `work` gives or raises, done by the one thread that writes."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)

    def start(self, work: "Coroutine[Any, Any, Any]") -> None:
        """Do it in its own time."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def signature(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when another file takes this one's place; None where there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found else None
