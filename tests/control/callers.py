"""The control socket in a thread, and clients that do what they want."""

import asyncio
import json
import logging
import socket
import threading
from contextlib import nullcontext, suppress

import pytest

from tests.service.test_metrics import status
from vcam.control.server import serve
from vcam.errors import PictureError, SettingsError
from vcam.service.metrics import prometheus

PATIENCE = 30.0  # seconds after which a test gives up; nothing here takes a tenth of it
WEIGHTS = {"sha256": "1f" * 32, "source": "/home/anna/mine.safetensors", "time": 1772439164.2, "size": 3680412}


class Service:
    """A loop in a thread that serves at `path`; what it is asked it notes in `asked`."""

    def __init__(self, path, answer=None, watch=status):
        self.path, self.answer, self.watch = path, answer or self.model, watch
        self.asked, self.failure = [], None
        self.preview = nullcontext  # tests/service/test_preview.py has a real one
        self.ready, self.loop = threading.Event(), None
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with serve(self.path, self.answer, self.watch, self.preview):
                self.ready.set()
                await self.over.wait()
            assert asyncio.all_tasks() == {asyncio.current_task()}
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.ready.set()

    async def model(self, do, arguments):
        """As the real service would."""
        self.asked.append((do, arguments))
        if do == "status":
            return self.watch()
        if do == "metrics":
            return {"text": prometheus(status())}
        if do == "set" and arguments["key"] == "look.blur" and arguments["value"] == 7:
            raise SettingsError("look.blur can't be 7: input should be less than or equal to 1")
        if do == "set" and arguments["key"] == "output.width":
            return {"note": "the section output changes with the next start"}
        if "empty.jpg" in arguments.get("picture", ""):
            raise PictureError(f"{arguments['picture']} is not a picture in a known format, such as JPEG or PNG")
        if do == "toggle":
            return {"paused": True}
        if arguments == {"use": "work"}:
            return {"profiles": ["home", "work"], "current": "work"}
        if arguments == {"use": "on stage"}:
            note = {"note": "this profile shows the room"}
            return {"profiles": ["home", "on stage", "work"], "current": "on stage"} | note
        if arguments == {"use": "list"}:
            return {"weights": [WEIGHTS]}
        return {}

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(PATIENCE)
        assert self.failure is None
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        assert self.failure is None
        assert not self.path.exists()


class Caller:
    """A client that can do what it wants."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(str(path))
        self.link.settimeout(PATIENCE)  # only now: with it, connecting would not wait at all
        self.file = self.link.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.link.close()

    def send(self, data):
        """Whatever the other side thinks of it."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.link.sendall(data)

    def hear(self):
        """The next line as an object; None where the service has hung up."""
        try:
            line = self.file.readline()
        except ConnectionResetError:
            line = b""
        return json.loads(line, parse_constant=pytest.fail) if line else None

    def ask(self, do, **arguments):
        self.send(json.dumps({"segblur": 1, "do": do, **arguments}).encode() + b"\n")
        return self.hear()


def still_answers(service):
    with Caller(service.path) as caller:
        return caller.ask("status")["state"] == "live"


def warned(words):
    """An event that is set when the log says so."""
    heard = threading.Event()

    class Ear(logging.Handler):
        def emit(self, record):
            if words in record.getMessage():
                heard.set()

    ear = Ear()
    logging.getLogger("segblur.control").addHandler(ear)
    return heard
