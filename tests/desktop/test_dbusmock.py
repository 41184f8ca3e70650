"""The same notifications before another's stand-in for the server, which keeps to the specification by itself."""

import asyncio
import json
import os
from pathlib import Path

from tests.desktop.test_notifications import ROOM, at_once, idle, notifier  # noqa: F401 - a fixture
from tests.helpers.desk import owned
from tests.helpers.pipewire_session import need
from tests.helpers.session_bus import connection, until
from vcam.desktop.notifications import NAME
from vcam.names import APP

PYTHON = "/usr/bin/python3"  # the system's, for which Debian packages it
able = {"capabilities": "body body-markup actions"}
WORDS = ("-m", "dbusmock", "--session", "--template", "notification_daemon", "--parameters", json.dumps(able))


def test_another_server_takes_them_too(bus):
    if not Path("/usr/lib/python3/dist-packages/dbusmock").is_dir():
        need({"dbusmock": "python3-dbusmock"})

    async def scene():
        process = await asyncio.create_subprocess_exec(
            PYTHON, *WORDS, env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with connection() as client:
                await owned(client, NAME)
            async with notifier() as (notifications, _):
                notifications.look(ROOM)
                await until(lambda: notifications._numbers)
                notifications.look(None)
                await until(lambda: not notifications._numbers and idle(notifications))
        finally:
            process.terminate()
        said, _ = await process.communicate()
        return said.decode()

    said = asyncio.run(scene())
    (shown,) = [line for line in said.splitlines() if " Notify " in line]
    assert f'"SegBlur" 0 "{APP}" "Your room is shown" "Everybody who watches can see it."' in shown
    assert '["hide", "Hide it", "default", "Open SegBlur"]' in shown
    assert "CloseNotification 1" in said
