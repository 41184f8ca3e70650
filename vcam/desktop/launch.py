"""Starts SegBlur's window."""

import asyncio
import os

from dbus_fast import Variant
from dbus_fast.aio import MessageBus

from vcam.desktop.bus import Target, call
from vcam.names import APP
from vcam.system.program import program

COMMAND = (*program(), "panel")
SYSTEMD = Target("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
LONGEST_TOKEN = 200  # characters

_windows: set[asyncio.Task[None]] = set()


async def open_panel(token: str) -> None:
    """Start the window as a child of this process; `token` lets it come to the front. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        env=os.environ | activation(token),
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )

    async def wait() -> None:
        await process.wait()

    task = asyncio.ensure_future(wait())  # so that it does not stay behind as a zombie
    _windows.add(task)
    task.add_done_callback(_windows.discard)


async def open_panel_outside(bus: MessageBus, token: str) -> None:
    """The same by the user's systemd, outside of the sandbox that the service is in. Raises one of BUS_ERRORS."""
    environment = [f"{name}={value}" for name, value in activation(token).items()]
    properties = [
        ["Description", Variant("s", "SegBlur's window")],
        ["ExecStart", Variant("a(sasb)", [[COMMAND[0], [*COMMAND], False]])],
        ["Environment", Variant("as", environment)],
        ["CollectMode", Variant("s", "inactive-or-failed")],
    ]
    unit = f"app-{APP}@{os.urandom(8).hex()}.service"
    await call(bus, SYSTEMD, "StartTransientUnit", "ssa(sv)a(sa(sv))", [unit, "fail", properties, []])


def activation(token: str) -> dict[str, str]:
    """The environment by which a desktop lets a window come to the front; nothing where there is no such token."""
    good = token and len(token) <= LONGEST_TOKEN and token.isprintable()
    return {"XDG_ACTIVATION_TOKEN": token} if good else {}
