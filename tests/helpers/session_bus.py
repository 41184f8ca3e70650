"""A D-Bus session of its own, without programs that the bus could start, and stand-ins for what a desktop has on it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

from dbus_fast import Message, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusDict, DBusInt32, DBusObjectPath, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from tests.helpers.pipewire_session import need
from vcam.control.preview import open_preview
from vcam.desktop.bus import PROPERTIES, Target, call
from vcam.desktop.menu_bus import Texts
from vcam.names import BUS

PATIENCE = 20.0  # seconds after which a test gives up; nothing here takes a tenth of it
Pair = Annotated[list, DBusSignature("us")]
Pressed = Annotated[list, DBusSignature("osta{sv}")]
Keys = Annotated[list, DBusSignature("a(sa{sv})")]
Values = Annotated[list, DBusSignature("a(sv)")]
Units = Annotated[list, DBusSignature("a(sa(sv))")]
SERVICE = Target(BUS, "/" + BUS.replace(".", "/"), BUS)
CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"""


class Daemon:
    """The bus; it can be stopped and started again at the same place."""

    def __init__(self, folder):
        self.folder, self.address, self.process = folder, f"unix:path={folder}/bus", None
        (folder / "services").mkdir()  # with nothing that it could start, unless a test says so
        (folder / "bus.conf").write_text(CONFIGURATION.format(folder=folder))

    def start(self):
        reader, writer = os.pipe()
        words = ["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", f"--print-address={writer}"]
        self.process = subprocess.Popen(words, pass_fds=(writer,))
        os.close(writer)
        with os.fdopen(reader) as lines:
            assert lines.readline()

    def stop(self, how=signal.SIGTERM):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None


@contextmanager
def daemon():
    """A bus that is on; not in pytest's folder, whose name may be too long for a socket."""
    need({"dbus-daemon": "dbus"})
    with tempfile.TemporaryDirectory(prefix="bus-") as folder:
        one = Daemon(Path(folder))
        one.start()
        try:
            yield one
        finally:
            one.stop()


@asynccontextmanager
async def connection(address=None):
    """A program on the bus."""
    bus = await MessageBus(bus_address=address or os.environ["DBUS_SESSION_BUS_ADDRESS"]).connect()
    gone = asyncio.ensure_future(bus.wait_for_disconnect())
    try:
        yield bus
    finally:
        bus.disconnect()
        await asyncio.gather(gone, return_exceptions=True)


async def until(condition):
    """Wait for something that nobody reports; gives what the condition gave."""
    async with asyncio.timeout(PATIENCE):
        while not (found := condition()):
            await asyncio.sleep(0.005)
    return found


async def told(bus):
    """The service's properties as another program gets them."""
    (values,) = await call(bus, SERVICE._replace(interface=PROPERTIES), "GetAll", "s", [BUS])
    return {name: value.value for name, value in values.items()}


@asynccontextmanager
async def window():
    """A preview that is looked at, as a window does."""
    with open_preview() as reader:

        async def look():
            while True:
                reader.take(bytes)
                await asyncio.sleep(0.05)

        task = asyncio.ensure_future(look())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def flood(bus, times):
    """So many calls, and what came of each. Not all at once, since dbus-fast gives up a socket that is full."""
    found = []
    for _ in range(times // 50):
        found += await asyncio.gather(*(told(bus) for _ in range(50)), return_exceptions=True)
    return found


class Program:
    """A command of `segblur` as a process in the session."""

    def __init__(self, *words, **environment):
        self.words, self.environment = words, environment

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error::ResourceWarning",
            "-m",
            "vcam",
            *self.words,
            env=os.environ | self.environment,
            stderr=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.terminate()
        await self.ended()

    async def ended(self):
        """Its exit code and what it still had to say."""
        async with asyncio.timeout(PATIENCE):
            _, text = await self.process.communicate()
        return self.process.returncode, text.decode()

    async def says(self, words):
        """Until it prints a line with these words."""
        async with asyncio.timeout(PATIENCE):
            while words not in (line := (await self.process.stderr.readline()).decode()):
                assert line, f"it ended without a word of {words}"
        return line


class Watcher(ServiceInterface):
    """The panel's part that takes icons."""

    NAME, PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"

    def __init__(self):
        super().__init__(self.NAME)
        self.items = []

    @dbus_method("RegisterStatusNotifierItem")
    def register(self, service: DBusStr):
        self.items.append(service)


class Server(ServiceInterface):
    """What shows notifications; `able` is what it says it can, and it answers while `awake` is set."""

    NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"

    def __init__(self, able=("actions", "body", "body-markup")):
        super().__init__(self.NAME)
        self.able, self.shown, self.closed, self.awake = list(able), [], [], asyncio.Event()
        self.awake.set()
        self.asked = 0

    @dbus_method("GetCapabilities")
    def get_capabilities(self) -> Texts:
        return self.able

    @dbus_method("Notify")
    async def show(
        self,
        app: DBusStr,
        replaces: DBusUInt32,
        icon: DBusStr,
        summary: DBusStr,
        body: DBusStr,
        actions: Texts,
        hints: DBusDict,
        expires: DBusInt32,
    ) -> DBusUInt32:
        self.asked += 1
        await self.awake.wait()
        number = replaces or len(self.shown) + 1
        given = {name: value.value for name, value in hints.items()}
        self.shown.append({"number": number, "replaces": replaces, "app": app, "icon": icon, "summary": summary})
        self.shown[-1] |= {"body": body, "actions": actions, "hints": given}
        return number

    @dbus_method("CloseNotification")
    def close(self, number: DBusUInt32):
        self.closed.append(number)

    @dbus_signal("ActionInvoked")
    def press(self, number, action) -> Pair:
        return [number, action]

    @dbus_signal("ActivationToken")
    def give_token(self, number, token) -> Pair:
        return [number, token]

    def summaries(self):
        return [one["summary"] for one in self.shown]


class Portal(ServiceInterface):
    """The portal's part for shortcuts; `caller` is the connection that asks, `code` how the person decides, `number`
    the interface's version.
    """

    NAME, PATH = "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop"

    def __init__(self, caller="", code=0, number=1):
        super().__init__("org.freedesktop.portal.GlobalShortcuts")
        self.caller, self.code, self.number, self.bound, self.configured = caller, code, number, None, []

    @dbus_property(PropertyAccess.READ, "version")
    def version(self) -> DBusUInt32:
        return self.number

    @dbus_method("CreateSession")
    def create_session(self, options: DBusDict) -> DBusObjectPath:
        made = Variant("s", f"{self.PATH}/session/1/{options['session_handle_token'].value}")
        return self._answer(options, 0, {"session_handle": made})

    @dbus_method("BindShortcuts")
    def bind(self, session: DBusObjectPath, keys: Keys, window: DBusStr, options: DBusDict) -> DBusObjectPath:
        self.session = session
        self.bound = {key: {name: one.value for name, one in about.items()} for key, about in keys}
        return self._answer(options, self.code, {})

    @dbus_method("ListShortcuts")
    def list(self, session: DBusObjectPath, options: DBusDict) -> DBusObjectPath:
        assert session == self.session
        about = {"toggle": "Ctrl+Alt+B", "panel": ""}
        keys = [[key, {"trigger_description": Variant("s", trigger)}] for key, trigger in about.items()]
        return self._answer(options, 0, {"shortcuts": Variant("a(sa{sv})", keys)})

    @dbus_method("ConfigureShortcuts")
    def configure(self, session: DBusObjectPath, window: DBusStr, options: DBusDict):
        self.configured.append(session)

    def _answer(self, options, code, results):
        sender = self.caller.removeprefix(":").replace(".", "_")
        path = f"{self.PATH}/request/{sender}/{options['handle_token'].value}"
        said = Message.new_signal(path, "org.freedesktop.portal.Request", "Response", "ua{sv}", [code, results])
        asyncio.get_running_loop().call_soon(self.bus.send, said)
        return path

    @dbus_signal("Activated")
    def press(self, key, session=None, token="") -> Pressed:
        return [session or self.session, key, 0, {"activation_token": Variant("s", token)}]


class Registry(ServiceInterface):
    """Where the portal of newer desktops takes names."""

    NAME, PATH = Portal.NAME, Portal.PATH

    def __init__(self):
        super().__init__("org.freedesktop.host.portal.Registry")
        self.registered = []

    @dbus_method("Register")
    def register(self, app: DBusStr, options: DBusDict):
        self.registered.append(app)


class Systemd(ServiceInterface):
    """The user's systemd: notes what it is to start."""

    NAME, PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"

    def __init__(self):
        super().__init__("org.freedesktop.systemd1.Manager")
        self.started, self.made = [], []

    @dbus_method("StartUnit")
    def start_unit(self, name: DBusStr, mode: DBusStr) -> DBusObjectPath:
        self.started.append((name, mode))
        return "/job/1"

    @dbus_method("StartTransientUnit")
    def make_unit(self, name: DBusStr, mode: DBusStr, properties: Values, more: Units) -> DBusObjectPath:
        self.made.append((name, {key: value.value for key, value in properties}))
        return "/job/2"


@asynccontextmanager
async def stand_in(interface):
    """One of the above, on a connection of its own, until the block ends."""
    async with connection() as bus:
        interface.bus = bus
        bus.export(interface.PATH, interface)
        await bus.request_name(interface.NAME)
        yield interface
