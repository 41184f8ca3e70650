"""What the running service knows, and does for whoever asks over the control socket. Part of the keeper."""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from time import monotonic, time
from typing import Any

from vcam.control import server
from vcam.control.config_file import overridden, set_setting, unset_setting
from vcam.control.protocol import socket_path
from vcam.devices.loopback import Loopback, open_loopbacks
from vcam.devices.v4l2 import stable_path
from vcam.errors import SegBlurError, SettingsError
from vcam.service import weights_store
from vcam.service.frame_slots import Update
from vcam.service.keeper import READY, STARTING, Life, keep
from vcam.service.metrics import Figures, prometheus
from vcam.service.probe import preview
from vcam.service.supervisor import WORKER, Crew
from vcam.settings import NetworkSettings, Settings, changed_look, config_path, for_camera, load_settings
from vcam.system.sd_notify import notify
from vcam.system.suspend import follow_sleep

log = logging.getLogger("segblur.service")

WATCH = 2.0  # seconds between two looks at the weights file
TRIAL = 160.0  # seconds that a new network may take until its first good frame
UNSEEN = 5.0  # seconds after which one is kept that is ready, while there is no frame to try it on
SHIPPED = "the weights that come with SegBlur"

Overrides = dict[str, dict[str, Any]]


class Service:
    """The settings as the user has them, the network on trial, and the figures."""

    def __init__(self, life: Life, crew: Crew, outputs: Sequence[Loopback], overrides: Overrides) -> None:
        """`overrides` are the command line's settings; they stand above the file's."""
        self._life, self._crew, self._outputs, self._overrides = life, crew, outputs, overrides
        self._began = monotonic()
        self._figures = Figures()
        self._starts = 0
        self._camera: dict[str, Any] | None = None
        self._network: dict[str, Any] | None = None
        self._sources: dict[str, str] = {}  # copy in the store → the file that it was made of
        self._trial: asyncio.Future[None] | None = None
        self._trial_pid: int | None = None
        self._on_trial: NetworkSettings | None = None
        self._placed = False  # whether it has taken the place of the one before
        self._one_trial = asyncio.Lock()
        # One thread, because a copy that is being made must not be swept away as one that nobody uses.
        self._disk = ThreadPoolExecutor(1, "segblur-disk")
        self._admitted: set[Path] = set()  # copies that were made and are not in use yet
        self._tasks: set[asyncio.Future[Any]] = set()
        self._said = ""
        self._seen = signature(life.settings.network.weights)

    # What the worker tells

    def hear(self, update: Update, now: float) -> None:
        """Take in what the worker had to tell."""
        figures = self._figures
        figures.count("worker_starts", self._crew.starts - self._starts)
        self._starts = self._crew.starts
        figures.count("drops", update.dropped)
        if update.frame is not None and self._life.live:
            figures.wrote(now, update.captured)
        if self._crew.pid is None:
            self._camera = self._network = None
        for facts in update.facts:
            figures.told(now, facts)
            self._camera = facts.get("camera", self._camera)
            self._network = facts.get("network", self._network)
            if facts.get("reconnects") == 1:
                figures.count("reconnects")
            if isinstance(swap := facts.get("swap"), dict):
                self._hear_swap(swap)
        if self._trial and self._trial_pid not in (None, self._crew.pid):
            self._end_trial("the worker ended while it tried the network; the one before is back")
        elif self._trial and self._trial_pid is None:
            self._trial_pid = self._crew.pid
        self._tell_systemd()

    def _tell_systemd(self) -> None:
        """The line that `systemctl --user status segblur` shows."""
        state = self._state(any(output.trouble for output in self._outputs))
        line = f"{state}: {self._life.sentence}" if state in ("trouble", "starting") else state
        if line != self._said:
            self._said = line
            notify(f"STATUS={line}")

    def _hear_swap(self, swap: dict[str, Any]) -> None:
        state, copy, reason = swap.get("state"), swap.get("weights"), str(swap.get("reason", ""))
        source = self._sources.get(str(copy), SHIPPED)
        reason = reason.replace(str(copy), source)
        if state == "ready" and self._trial:
            self._placed = True
            asyncio.get_running_loop().call_later(UNSEEN, self._end_trial, "", self._trial)
        elif state == "in use":
            self._keep(None if copy is None else Path(copy), source)
            if self._placed:  # else it is the first good frame of the network before
                self._end_trial("")
        elif state in ("refused", "returned"):
            log.error("%s: %s", source, reason)
            self._crew.propose(self._crew.settings)  # so that the worker forgets the wish
            self._end_trial(reason)

    def _end_trial(self, reason: str, trial: "asyncio.Future[None] | None" = None) -> None:
        """The network on trial is good, or not for a reason; `trial` says which is meant, if not whatever there is."""
        if self._trial is None or self._trial.done() or trial not in (None, self._trial):
            return
        if reason:
            self._trial.set_exception(SettingsError(reason))
        else:
            self._trial.set_result(None)

    def _keep(self, copy: Path | None, source: str) -> None:
        """Note in the store that these weights showed a good frame."""

        def write() -> None:
            try:
                folder = weights_store.store_path()
                weights_store.remember(folder, copy, source, time())
                using = (copy, self._crew.settings.network.weights, *self._admitted)
                weights_store.prune(folder, [path for path in using if path])
            except SettingsError as error:
                log.warning("the history of weights can't be written: %s", error)

        self._start(asyncio.wrap_future(self._disk.submit(write)))

    def _start(self, task: "asyncio.Future[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Sleep

    def sleep(self, asleep: bool) -> None:
        """The computer goes to sleep, or is back. What a GPU held is not to be trusted then."""
        log.info("the computer %s", "goes to sleep" if asleep else "is back")
        self._life.asleep = asleep
        if not asleep and self._network and self._network["device"] != "cpu":
            self._crew.dismiss()
        self._life.bell.ring()

    def closed(self) -> bool:
        """Whether the webcam is."""
        return self._camera is None

    # Changing what runs

    async def admitted(self, network: NetworkSettings) -> NetworkSettings:
        """The same with its weights' copy in the store in place of the file. Raises SettingsError."""
        if network.weights is None:
            return network
        path = network.weights.absolute()
        loop = asyncio.get_running_loop()

        def admit() -> Path:
            copy = weights_store.admit(path, weights_store.store_path())
            self._admitted.add(copy)  # by this thread, which is also the one that sweeps
            return copy

        copy = await loop.run_in_executor(self._disk, admit)
        self._sources.setdefault(str(copy), str(path))
        return network.model_copy(update={"weights": copy})

    async def begin(self) -> None:
        """Give the crew settings that it can work with: where the weights file can't be used, the last that were good.
        Raises SettingsError where there are none.
        """
        settings = self._life.settings
        try:
            network = await self.admitted(settings.network)
        except SettingsError as error:
            good = next(iter(weights_store.history(weights_store.store_path())), None)
            if good is None:
                raise
            log.error("%s; taking the last that were good, of %s", error, good.source)
            network = settings.network.model_copy(update={"weights": self._weights_of(good)})
        self._crew.tell(settings.model_copy(update={"network": network}))

    def _weights_of(self, entry: weights_store.Entry) -> Path | None:
        """The copy of an entry of the history, None for the shipped weights."""
        if entry.sha256 == weights_store.SHIPPED:
            return None
        copy = weights_store.place(weights_store.store_path(), entry)
        self._sources[str(copy)] = entry.source
        return copy

    async def change_network(self, wanted: NetworkSettings) -> None:
        """Swap the network between two frames; what can't be used changes nothing. Raises SettingsError."""
        async with self._one_trial:
            network = await self.admitted(wanted)
            if network == self._crew.settings.network:
                self._life.settings = self._life.settings.model_copy(update={"network": wanted})
                return
            self._trial, self._placed = asyncio.get_running_loop().create_future(), False
            self._trial_pid = self._crew.pid
            try:
                self._crew.summon(monotonic())
                self._life.bell.ring()
                settings = self._crew.settings.model_copy(update={"network": network})
                async with asyncio.timeout(TRIAL):
                    while self._network is None:  # a new worker loads the one that is good first
                        await asyncio.sleep(0.1)
                    self._on_trial = network
                    self._crew.propose(settings)
                    await self._trial
            except TimeoutError:
                self._crew.propose(self._crew.settings)
                raise SettingsError(f"the network was not ready after {TRIAL:.0f} seconds; try again") from None
            finally:
                self._trial = self._on_trial = None
                asyncio.get_running_loop().call_soon(self._admitted.clear)  # when a good one is among the settings
            self._tell({"network": network})
            self._figures.count("swaps")
            self._life.settings = self._life.settings.model_copy(update={"network": wanted})
            log.info("the network is %s", self._sources.get(str(network.weights), SHIPPED))

    def reload(self) -> None:
        """Read the settings again; what can't be used, or not without another start, changes nothing."""
        self._start(asyncio.ensure_future(self._reload()))

    async def _reload(self) -> None:
        try:
            wanted = load_settings(self._overrides)
            await preview(wanted.look)
        except SegBlurError as error:
            log.error("%s; the settings stay as they are", error)
            return
        self._apply(wanted)
        log.info("settings read again")

    def _apply(self, wanted: Settings) -> None:
        """Take over all but the network at once, and that in its own time."""
        if wanted.output != self._life.settings.output:
            log.warning("the section output changes with the next start")
        now = {"look": wanted.look, "framing": wanted.framing, "camera": wanted.camera, "idle": wanted.idle}
        self._life.settings = self._life.settings.model_copy(update=now)
        self._tell(now)
        self._start(asyncio.ensure_future(self._try_network(wanted.network)))

    def _tell(self, sections: dict[str, Any]) -> None:
        """New settings for the workers, of which the one with a network on trial keeps that."""
        self._crew.tell(self._crew.settings.model_copy(update=sections))
        if self._on_trial:
            self._crew.propose(self._crew.settings.model_copy(update={"network": self._on_trial}))
        self._life.bell.ring()

    async def _try_network(self, wanted: NetworkSettings) -> None:
        """Change the network, if it is another; a sentence in the log where that can't be."""
        self._seen = signature(wanted.weights)
        try:
            await self.change_network(wanted)
        except SettingsError as error:
            log.error("%s; the network stays as it is", error)

    async def tend(self) -> None:
        """Watch the weights file: another one in its place is taken into use as soon as it stays as it is."""
        before = self._seen
        while True:
            await asyncio.sleep(WATCH)
            weights = self._life.settings.network.weights
            now = signature(weights)
            if now != self._seen and now == before and now is not None:
                log.info("%s has changed", weights)
                await self._try_network(self._life.settings.network)
            before = now

    # What clients ask

    async def answer(self, do: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """A command of protocol.COMMANDS. Raises SettingsError."""
        if do == "status":
            return self.status()
        if do == "metrics":
            return {"text": prometheus(self.status())}
        if do in ("pause", "resume"):
            self._life.paused = do == "pause"
            self._life.bell.ring()
            return {}
        if do == "set":
            return await self._set(arguments["key"], arguments["value"])
        if do == "camera":
            device = arguments["device"]
            return await self._set("camera.device", stable_path(Path(device)) or device)
        if do == "effect":
            await preview(changed_look(self._life.settings.look, arguments))
            look = changed_look(self._life.settings.look, arguments)  # anew: meanwhile others may have changed it
            self._life.settings = self._life.settings.model_copy(update={"look": look})
            self._tell({"look": look})
            return {}
        return await self._weights(arguments["use"])

    async def _set(self, key: str, value: Any) -> dict[str, Any]:
        """Change a setting, here and in the file; a network that can't be used is not written there."""
        section, _, name = key.partition(".")
        note = overridden(key, self._overrides)
        wanted = load_settings({section: {name: value}})
        if section == "network":
            one = {name: getattr(wanted.network, name)}
            await self.change_network(self._life.settings.network.model_copy(update=one))
        if section == "look":
            await preview(changed_look(self._life.settings.look, {name: getattr(wanted.look, name)}), name)
        await self._write(lambda: set_setting(config_path(), key, value))
        if section != "network":
            tree = load_settings(self._overrides)
            # The look may be another than the file's for now; of that, nothing else is to change.
            one = {name: getattr(tree.look, name)} if section == "look" else {}
            self._apply(tree.model_copy(update={"look": changed_look(self._life.settings.look, one)}))
        if section == "output":
            note = note or "the section output changes with the next start"
        return {"note": note} if note else {}

    async def _write(self, write: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._disk, write)

    async def _weights(self, use: str) -> dict[str, Any]:
        """Take other weights into use, or list those that were good."""
        if use == "list":
            entries = weights_store.history(weights_store.store_path())
            return {"weights": [vars(entry) for entry in entries]}
        weights: Path | None = Path(use)
        if use == "shipped":
            weights = None
        elif use == "rollback":
            now = self._crew.settings.network.weights
            before = weights_store.previous(weights_store.store_path(), now.stem if now else weights_store.SHIPPED)
            if before is None:
                raise SettingsError("there are no earlier weights; see segblur weights list")
            weights = self._weights_of(before)
        await self.change_network(self._life.settings.network.model_copy(update={"weights": weights}))
        self._seen = signature(weights)
        key, path = "network.weights", config_path()
        try:
            await self._write(lambda: set_setting(path, key, str(weights)) if weights else unset_setting(path, key))
        except SettingsError as error:
            return {"note": f"in use until the service ends, because {error}"}
        note = overridden(key, self._overrides)
        return {"note": note} if note else {}

    def status(self) -> dict[str, Any]:
        """Everything about the service, as docs/control.md has it."""
        life, crew, settings = self._life, self._crew, self._life.settings
        lost = [output.trouble for output in self._outputs if output.trouble]
        sentence = lost[0] if lost else life.sentence if life.watched or life.paused or life.asleep else ""
        network = self._network
        if network and network["weights"] in self._sources:
            network = network | {"weights": self._sources[network["weights"]]}
        return {
            "version": version("segblur"),
            "state": self._state(bool(lost)),
            "sentence": sentence,
            "watched_by": self._outputs[0].viewers.how if self._outputs else "always",
            "outputs": [output.about() for output in self._outputs],
            "camera": self._camera,
            "network": network,
            "fallback": crew.fallback,
            "figures": self._figures.snapshot(monotonic(), os.getpid(), crew.pid),
            "settings": settings.model_dump(mode="json"),
            "pid": os.getpid(),
            "uptime_s": round(monotonic() - self._began, 1),
        }

    def _state(self, lost: bool) -> str:
        life = self._life
        if lost:
            return "trouble"
        if life.paused or life.asleep:
            return "paused" if life.paused else "asleep"
        if not life.watched:
            return "idle"
        if life.live:
            return "live"
        return "starting" if life.sentence in (READY, STARTING) else "trouble"


async def serve(settings: Settings, overrides: Overrides, worker: Sequence[str] = WORKER) -> None:
    """The service, until SIGTERM or SIGINT; `worker` is the command that starts one. Raises SegBlurError where a second
    one runs, or a device can't be had.
    """
    for_camera(settings.look)
    life, crew = Life(settings), Crew(settings, worker)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, life.stop)
    signal.signal(signal.SIGHUP, life.reload)
    async with AsyncExitStack() as stack:
        outputs: list[Loopback] = []
        service = Service(life, crew, outputs, overrides)
        try:
            path = socket_path()
        except SegBlurError as error:
            log.warning("%s; going on without a control socket", error)
        else:
            await stack.enter_async_context(server.serve(path, service.answer, service.status))
        outputs += [stack.enter_context(output) for output in open_loopbacks(settings.output)]
        await service.begin()
        for work in (service.tend(), follow_sleep(service.sleep, service.closed)):
            stack.callback(asyncio.ensure_future(work).cancel)
        await keep(life, outputs, crew, service)


def signature(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when another file takes this one's place; None where there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found else None
