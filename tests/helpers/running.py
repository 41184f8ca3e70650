"""The whole service in a thread, on a device that looks at every frame."""

import asyncio
import threading
import tomllib
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import monotonic

import pytest

from tests.helpers.keepers import PATIENCE, Device, command_of, safe
from vcam.control import client, server
from vcam.control.protocol import socket_path
from vcam.desktop.service_bus import serve_bus
from vcam.devices.previews import Previews
from vcam.errors import SegBlurError
from vcam.service import keeper, supervisor, weights_trial
from vcam.service.service import Service
from vcam.service.supervisor import Supervisor
from vcam.settings import config_path, load_settings

SIZE = {"output": {"width": 320, "height": 240}}


class Running:
    """The service in a thread."""

    def __init__(self, idle=None, bus=False, overrides=SIZE):
        """`bus`: on the session's D-Bus, too."""
        self.bus, self.overrides = bus, overrides
        settings = load_settings(overrides)
        self.settings = settings.model_copy(update={"idle": idle}) if idle else settings
        self.state = keeper.State(self.settings)
        self.supervisor = Supervisor(self.settings, command_of("none", 10**9))
        self.device = Device()
        self.previews = Previews(self.settings.output)
        self.failure = None
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))

    async def run(self):
        try:
            async with AsyncExitStack() as stack:
                outputs = [self.device, self.previews]
                self.service = service = Service(self.state, self.supervisor, outputs, self.previews, self.overrides)
                requests = server.serve(socket_path(), service.answer, service.status, service.preview)
                await stack.enter_async_context(requests)
                await self.service.network.begin()
                stack.callback(asyncio.ensure_future(self.service.network.watch()).cancel)
                if self.bus:
                    on_bus = serve_bus(partial(service.answer, fenced=True), service.seen, service.news)
                    stack.callback(asyncio.ensure_future(on_bus).cancel)
                self.ready.set()
                await keeper.keep(self.state, outputs, self.supervisor, self.service)
        except SegBlurError as error:
            self.failure = error
        finally:
            self.ready.set()

    def __enter__(self):
        self.thread.start()
        self.ready.wait(PATIENCE)
        return self

    def __exit__(self, *_):
        self.state.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        safe(self.device)

    def live(self):
        self.device.wait_for(lambda kinds: kinds[-1:] == ["sharp"])

    def still_live(self):
        """Ten more frames, all of them live."""
        count = len(self.device.kinds)
        self.device.wait_for(lambda kinds: len(kinds) > count + 10)
        assert set(self.device.kinds[count:]) == {"sharp"}


def use(path):
    return client.ask("weights", use=str(path), timeout=PATIENCE)


def file():
    return tomllib.loads(config_path().read_text()) if config_path().exists() else {}


def until(condition):
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline
        threading.Event().wait(0.02)


@pytest.fixture(autouse=True)
def at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(weights_trial, "WATCH", 0.05)
    monkeypatch.setattr(supervisor, "FAREWELL", PATIENCE)  # a busy machine takes long to end what is killed


@pytest.fixture
def weights(tmp_path):
    def write(name, content):
        path = tmp_path / name
        new = path.with_suffix(".new")
        new.write_text(content)
        new.chmod(0o600)
        new.replace(path)
        return path

    return write
