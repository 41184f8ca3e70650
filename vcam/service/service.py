"""What the running service answers over the control socket, and how it begins. Part of the keeper's process."""

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from vcam.control import profiles, server
from vcam.control.config_file import Overrides, overridden, plain, set_sections, set_setting, unset_setting
from vcam.control.protocol import socket_path
from vcam.desktop.fence import SHOWS_ROOM
from vcam.desktop.lock import follow_lock
from vcam.desktop.seen import Seen
from vcam.desktop.service_bus import serve_bus
from vcam.devices.outputs import Output, open_outputs
from vcam.devices.previews import Previews
from vcam.devices.v4l2 import stable_path
from vcam.errors import SegBlurError, SettingsError
from vcam.service import weights_store
from vcam.service.frame_slots import Update
from vcam.service.keeper import State, keep
from vcam.service.metrics import Figures, prometheus
from vcam.service.probe import check_look
from vcam.service.status import line, seen, status
from vcam.service.supervisor import WORKER, Supervisor
from vcam.service.weights_trial import WeightsTrial, signature
from vcam.settings import Settings, changed_look, config_path, for_camera, load_settings
from vcam.system.sd_notify import notify
from vcam.system.suspend import follow_sleep

log = logging.getLogger("segblur.service")

SETTLING = 2.0  # seconds that an answer waits for at most until nothing old is shown any more
BOUNCE = 0.3  # seconds after a toggle in which another counts as the same press of a key


class Service:
    """The settings as the user has them, the network, and the figures."""

    def __init__(
        self,
        state: State,
        supervisor: Supervisor,
        outputs: Sequence[Output],
        previews: Previews,
        overrides: Overrides,
    ) -> None:
        """`overrides` are the command line's settings; they stand above the file's."""
        self._state, self._supervisor, self._outputs, self._overrides = state, supervisor, outputs, overrides
        self.preview, self._previews = previews.open, previews
        self._began = monotonic()
        self._toggled = -inf
        self._figures = Figures()
        self._starts = 0
        self._camera: dict[str, Any] | None = None
        self._line = ""
        self.news = asyncio.Event()  # set when there may be something new for the desktop
        self.network = WeightsTrial(state, supervisor, lambda: self._figures.count("swaps"))

    # What the keeper tells

    def on_update(self, update: Update, now: float) -> None:
        """Take in what came from the worker."""
        figures = self._figures
        figures.count("worker_starts", self._supervisor.starts - self._starts)
        self._starts = self._supervisor.starts
        figures.count("drops", update.dropped)
        if update.frame is not None and self._state.live:
            figures.wrote(now, update.captured)
        if self._supervisor.pid is None:
            self._camera = None
        for facts in update.facts:
            figures.told(now, facts)
            self._camera = facts.get("camera", self._camera)
            if facts.get("reconnects") == 1:
                figures.count("reconnects")
            self.network.on_facts(facts)
        self.network.on_worker(self._supervisor.pid)
        self.news.set()
        text = line(self._state, self._outputs)
        if text != self._line:
            self._line = text
            notify(f"STATUS={text}")

    def reload(self) -> None:
        """Read the settings again; what can't be used, or not without another start, changes nothing."""
        self.network.start(self._reload())

    # Sleep

    def sleep(self, asleep: bool) -> None:
        """The computer goes to sleep, or is back. What a GPU held is not to be trusted then."""
        log.info("the computer %s", "goes to sleep" if asleep else "is back")
        self._state.asleep = asleep
        if not asleep and self.network.facts and self.network.facts["device"] != "cpu":
            self._supervisor.stop()
        self._state.wakeup.notify()

    def closed(self) -> bool:
        """Whether the webcam is."""
        return self._camera is None

    # Changing what runs

    async def _reload(self) -> None:
        try:
            wanted = load_settings(self._overrides)
            await check_look(wanted.look)
        except SegBlurError as error:
            log.error("%s; the settings stay as they are", error)
            return
        self._apply(wanted)
        log.info("settings read again")

    def _apply(self, wanted: Settings) -> None:
        """Take over all but the network at once, and that in its own time."""
        if wanted.output != self._state.settings.output:
            log.warning("the section output changes with the next start")
        now = {name: getattr(wanted, name) for name in ("look", "framing", "picture", "camera", "idle")}
        self._state.settings = self._state.settings.model_copy(update=now | {"desktop": wanted.desktop})
        self.network.tell(now)
        self.network.start(self.network.change_or_log(wanted.network))

    async def _settled(self) -> None:
        """Until nothing is shown any more that was made by settings before the newest."""
        self._state.wakeup.notify()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLING):
                await self._state.settled.wait()

    # What clients ask

    async def answer(self, do: str, arguments: dict[str, Any], fenced: bool = False) -> dict[str, Any]:
        """A command of protocol.COMMANDS; one that is `fenced`, as those from D-Bus, uses no profile that shows the
        room. Raises SettingsError.
        """
        if do == "status":
            return self.status()
        if do == "metrics":
            return {"text": prometheus(self.status())}
        if do in ("pause", "resume"):
            await self._pause(do == "pause")
            return {}
        if do == "toggle":
            now, before = monotonic(), self._toggled
            self._toggled = now
            paused = self._state.paused if now - before < BOUNCE else not self._state.paused
            await self._pause(paused)
            return {"paused": paused}
        if do == "profile":
            return await self._profile(fenced, **arguments)
        if do == "set":
            return await self._set(arguments["key"], arguments["value"])
        if do == "camera":
            device = arguments["device"]
            return await self._set("camera.device", stable_path(Path(device)) or device)
        if do == "effect":
            return await self._effect(**arguments)
        return await self._weights(arguments["use"])

    async def _pause(self, paused: bool) -> None:
        self._state.paused = paused
        self._state.settled.clear()
        await self._settled()

    async def _effect(self, keep: bool = False, **values: Any) -> dict[str, Any]:
        """Change the look; where it is to be kept, in the file before it is seen, or not at all."""
        await check_look(changed_look(self._state.settings.look, values))
        if keep:
            checked = load_settings({"look": values}).look  # not off, which is never in a file
            kept = {name: plain(getattr(checked, name)) for name in values}
            await self.network.on_disk(lambda: set_sections(config_path(), {"look": kept}))
        look = changed_look(self._state.settings.look, values)  # anew: meanwhile others may have changed it
        self._state.settings = self._state.settings.model_copy(update={"look": look})
        self.network.tell({"look": look})
        await self._settled()
        note = "; ".join(notes_on([f"look.{name}" for name in values], self._overrides)) if keep else ""
        return {"note": note} if note else {}

    async def _set(self, key: str, value: Any) -> dict[str, Any]:
        """Change a setting, here and in the file; a network that can't be used is not written there."""
        section, _, name = key.partition(".")
        note = overridden(key, self._overrides)
        wanted = load_settings({section: {name: value}})
        if section == "network":
            one = {name: getattr(wanted.network, name)}
            await self.network.change(self._state.settings.network.model_copy(update=one))
        if section == "look":
            await check_look(changed_look(self._state.settings.look, {name: getattr(wanted.look, name)}), name)
        await self.network.on_disk(lambda: set_setting(config_path(), key, value))
        if section != "network":
            tree = load_settings(self._overrides)
            # The look may be another than the file's for now; of that, nothing else is to change.
            one = {name: getattr(tree.look, name)} if section == "look" else {}
            self._apply(tree.model_copy(update={"look": changed_look(self._state.settings.look, one)}))
        await self._settled()
        if section == "output" or key == "desktop.bus":
            what = "the section output" if section == "output" else key
            note = note or f"{what} changes with the next start"
        return {"note": note} if note else {}

    async def _profile(
        self, fenced: bool, use: str = "", save: str = "", remove: str = "", **_: bool
    ) -> dict[str, Any]:
        """Use, save or remove a profile; then all there are, and the one that holds now."""
        note = await self._use(use, fenced) if use else ""
        now = self._state.settings
        if save:
            await self.network.on_disk(lambda: profiles.save(save, now))
        if remove:
            await self.network.on_disk(lambda: profiles.remove(remove))
        there, current = await self.network.on_disk(lambda: (profiles.names(), profiles.current(now, use or save)))
        return {"profiles": there, "current": current} | ({"note": note} if note else {})

    async def _use(self, name: str, fenced: bool) -> str:
        """Take over all that a profile says, here and in the file, or nothing; what there is to know about it."""
        path, overrides = config_path(), self._overrides
        profile = await self.network.on_disk(lambda: profiles.read(name))
        # An option or a variable stands above the profile, and a look that hides the room for now would give way to it.
        above = overridden("look.on", overrides) and load_settings(overrides).look.shows_room
        if fenced and (above or profiles.look_of(profile).shows_room):
            raise SettingsError(SHOWS_ROOM)
        await check_look(profiles.look_of(profile))
        await self.network.on_disk(lambda: set_sections(path, profiles.values(profile), overrides))
        tree = load_settings(overrides)
        self._apply(self._state.settings.model_copy(update=profiles.of(tree)))
        await self._settled()
        notes = ["this profile shows the room"] if tree.look.shows_room else []
        keys = [f"{section}.{key}" for section, part in profiles.values(profile).items() for key in part]
        return "; ".join([*notes, *notes_on(keys, overrides)])

    async def _weights(self, use: str) -> dict[str, Any]:
        """Take other weights into use, or list those that were good."""
        if use == "list":
            entries = weights_store.history(weights_store.store_path())
            return {"weights": [vars(entry) for entry in entries]}
        weights: Path | None = Path(use)
        if use == "shipped":
            weights = None
        elif use == "rollback":
            now = self._supervisor.settings.network.weights
            before = weights_store.previous(weights_store.store_path(), now.stem if now else weights_store.SHIPPED)
            if before is None:
                raise SettingsError("there are no earlier weights; see segblur weights list")
            weights = self.network.weights_of(before)
        await self.network.change(self._state.settings.network.model_copy(update={"weights": weights}))
        self.network.seen = signature(weights)
        key, path = "network.weights", config_path()
        try:
            await self.network.on_disk(
                lambda: set_setting(path, key, str(weights)) if weights else unset_setting(path, key)
            )
        except SettingsError as error:
            return {"note": f"in use until the service ends, because {error}"}
        note = overridden(key, self._overrides)
        return {"note": note} if note else {}

    def status(self) -> dict[str, Any]:
        """Everything about the service, as docs/control.md has it."""
        now = monotonic()
        facts = {
            "previews": self._previews.count(),
            "camera": self._camera,
            "network": self.network.about(),
            "fallback": self._supervisor.fallback,
            "figures": self._figures.snapshot(now, os.getpid(), self._supervisor.pid),
            "uptime_s": round(now - self._began, 1),
        }
        return status(self._state, self._outputs, facts)

    def seen(self) -> Seen:
        """What the desktop is told, as docs/desktop.md has it."""
        facts = {"previews": self._previews.count(), "camera": self._camera}
        return seen(self._state, self._outputs, self._previews, facts)


def notes_on(keys: Sequence[str], overrides: Overrides) -> list[str]:
    """Why the file's values of some of these settings count for nothing, if they do."""
    return [f"{key}: {why}" for key in keys if (why := overridden(key, overrides))]


async def serve(settings: Settings, overrides: Overrides, worker: Sequence[str] = WORKER) -> None:
    """The service, until SIGTERM or SIGINT; `worker` is the command that starts one. Raises SegBlurError where a second
    one runs.
    """
    for_camera(settings.look)
    state, supervisor = State(settings), Supervisor(settings, worker)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, state.stop)
    signal.signal(signal.SIGHUP, state.reload)
    previews = Previews(settings.output)
    outputs = [*open_outputs(settings.output), previews]
    service = Service(state, supervisor, outputs, previews, overrides)
    async with AsyncExitStack() as stack:
        try:
            path = socket_path()
        except SegBlurError as error:
            log.warning("%s; going on without a control socket", error)
        else:
            await stack.enter_async_context(server.serve(path, service.answer, service.status, service.preview))
        for output in outputs:
            stack.callback(output.close)
        await service.network.begin()
        works = [service.network.watch(), follow_sleep(service.sleep, service.closed), follow_lock(previews.lock)]
        if settings.desktop.bus:
            works.append(serve_bus(partial(service.answer, fenced=True), service.seen, service.news))
        for work in works:
            stack.callback(asyncio.ensure_future(work).cancel)
        await keep(state, outputs, supervisor, service)
