"""The service's side of the control socket: takes requests of this user's programs, and sends the answers.

No client is trusted to behave. Each is served one request at a time with a pause after it; what it may send, and
leave unread, is bounded; who is silent goes first when others want in. So none keeps another from being answered,
nor the service from its frames.
"""

import asyncio
import fcntl
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vcam.control.protocol import LONGEST, BadRequestError, Code, Request, parse, peer_uid, refusal, success
from vcam.errors import SegBlurError

log = logging.getLogger("segblur.control")

MOST_CLIENTS = 32
WAITING = 128  # clients that the kernel lets wait at the door
PAUSE = 0.02  # seconds after each answer; so a client that floods costs 50 answers a second
RETRY = 1.0  # seconds after a client could not be let in
PATIENCE = 5.0  # seconds that a client has to take in a line

RUNNING = "another segblur is running; stop it with: systemctl --user stop segblur"

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
Watch = Callable[[], dict[str, Any]]
# Given what hangs up: what the client is told of its preview, and the descriptors that it gets. Raises SegBlurError.
Preview = Callable[[Callable[[], None]], AbstractContextManager[tuple[dict[str, Any], list[int]]]]


@dataclass(eq=False)
class Client:
    """A connection. One that is idle owes us a request, and we owe it nothing."""

    link: socket.socket
    since: float
    idle: bool = True
    leaving: bool = False
    ready: float = 0.0  # when its next request may be answered
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)


@asynccontextmanager
async def serve(path: Path, answer: Answer, watch: Watch, preview: Preview) -> AsyncIterator[None]:
    """Take requests at the socket `path` for as long as the block lasts. `answer` gets a command of
    `protocol.COMMANDS` but "watch" and "preview", and its checked arguments, and gives what is to be told or raises
    SegBlurError; it may be asked for several clients at a time. `watch` gives the status, `preview` shares the picture.
    Raises SegBlurError where another service is running, or the folder can't be had for this user alone.
    """
    loop = asyncio.get_running_loop()
    clients: dict[asyncio.Task[None], Client] = {}

    def open_door() -> None:
        if listener.fileno() >= 0:
            loop.add_reader(listener, welcome)  # not asyncio's server, which may lose who comes in while it closes

    def welcome() -> None:
        try:
            link = take(listener)
        except OSError as error:
            log.error("no client can be let in (%s); trying again", error.strerror)
            loop.remove_reader(listener)
            loop.call_later(RETRY, open_door)
            return
        if link is None:
            return
        if len(clients) >= MOST_CLIENTS and not make_room(clients.values()):
            turn_away(link, f"{MOST_CLIENTS} clients are being served; try again when some have left", "full")
            link.close()
            return
        client = Client(link, loop.time())
        task = loop.create_task(attend(client, answer, watch, preview))
        clients[task] = client
        task.add_done_callback(lambda task: clients.pop(task).link.close())

    prepare_folder(path.parent)
    with lock(path.with_suffix(".lock")), listening(path) as listener:
        open_door()
        try:
            yield
        finally:
            loop.remove_reader(listener)
            for task in (leaving := list(clients)):
                task.cancel()
            await asyncio.gather(*leaving, return_exceptions=True)
            listener.close()


def take(listener: socket.socket) -> socket.socket | None:
    """The next connection of this user, if there is one. Raises OSError where the machine has no descriptor left."""
    try:
        link, _ = listener.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return None
    link.setblocking(False)
    uid = peer_uid(link)
    if uid in (os.geteuid(), 0):
        return link
    log.warning("a client of user %d was turned away", uid)
    turn_away(link, "this service is another user's", "stranger")
    link.close()
    return None


async def attend(client: Client, answer: Answer, watch: Watch, preview: Preview) -> None:
    """Serve a client, one request after the other, until it disconnects or is turned away."""
    client.reader, client.writer = await asyncio.open_unix_connection(sock=client.link, limit=LONGEST)
    client.writer.transport.set_write_buffer_limits(high=0)  # so that `send` waits for all of a line to be taken
    try:
        line = await receive_line(client)
        while line:
            line = await converse(client, line, answer, watch, preview)
    except TimeoutError:
        log.warning("a client that does not read was dropped")
    except OSError:
        pass  # it left
    finally:
        client.writer.transport.abort()


async def converse(client: Client, line: bytes, answer: Answer, watch: Watch, preview: Preview) -> bytes:
    """Answer one request; returns the client's next line, empty where it disconnects. Raises OSError."""
    await asyncio.sleep(client.ready - asyncio.get_running_loop().time())
    try:
        request = parse(line)
    except BadRequestError as error:
        await send(client, refusal(str(error), error.code, error.number))
        return await receive_line(client)
    if request.do == "preview":
        return await share(client, request, preview)
    watches = request.do == "watch"
    await send(client, await reply(request, answer, watch), idle=not watches)
    while watches:
        with suppress(TimeoutError):
            async with asyncio.timeout(request.arguments["every"]):
                return await receive_line(client)
        await send(client, await reply(request, answer, watch), idle=False)
    return await receive_line(client)


async def share(client: Client, request: Request, preview: Preview) -> bytes:
    """Hand over a preview and keep it up until the client's next line, which is returned. Raises OSError."""

    def hang_up() -> None:
        with suppress(OSError):
            client.link.shutdown(socket.SHUT_RDWR)

    try:
        with preview(hang_up) as (facts, files):
            # Nothing waits to be sent before it: `send` lets all of a line be taken.
            socket.send_fds(client.link, [success({"preview": facts}, request.number)], files)
            client.ready = asyncio.get_running_loop().time() + PAUSE
            return await receive_line(client)
    except SegBlurError as error:
        await send(client, refusal(str(error), "refused", request.number))
        return await receive_line(client)


async def reply(request: Request, answer: Answer, watch: Watch) -> bytes:
    """The line for a request, whatever becomes of it."""
    try:
        result = watch() if request.do == "watch" else await answer(request.do, request.arguments)
        return success(result, request.number)
    except SegBlurError as error:
        return refusal(str(error), "refused", request.number)
    except Exception:
        log.exception("the request %s failed", request.do)
        return refusal("internal error, see the journal", "internal", request.number)


async def receive_line(client: Client) -> bytes:
    """A client's next line; empty where it has disconnected or must go. Raises OSError."""
    try:
        line = await client.reader.readline()
    except ValueError:
        turn_away(client.link, f"a request has at most {LONGEST} bytes", "nonsense")
        return b""
    client.idle = False
    return b"" if client.leaving else line


async def send(client: Client, line: bytes, idle: bool = True) -> None:
    """Hand a line over. Raises TimeoutError where the client does not take it, OSError where it has left."""
    client.writer.write(line)
    async with asyncio.timeout(PATIENCE):
        await client.writer.drain()
    client.since, client.idle = asyncio.get_running_loop().time(), idle
    client.ready = client.since + PAUSE  # it is listened to meanwhile: who asks or leaves is not idle


def make_room(clients: Iterable[Client]) -> bool:
    """Send away the client that has been idle for longest; whether there was one."""
    idle = min((client for client in clients if client.idle), key=lambda client: client.since, default=None)
    if idle is None:
        return False
    idle.idle, idle.leaving = False, True
    turn_away(idle.link, "other clients need your place; connect again for your next request", "full")
    return True


def turn_away(link: socket.socket, sentence: str, code: Code) -> None:
    """Say why and close the connection, without waiting for it to be read."""
    with suppress(OSError):
        link.send(refusal(sentence, code))
        link.shutdown(socket.SHUT_RDWR)


def prepare_folder(folder: Path) -> None:
    """Make the folder, or see to it that only this user can enter it. Raises SegBlurError."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            found = os.fstat(handle)
            if found.st_uid != os.geteuid():
                raise SegBlurError(f"the folder {folder} belongs to another user; remove it")
            if stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(handle, 0o700)
        finally:
            os.close(handle)
    except OSError as error:
        raise SegBlurError(f"the folder {folder} can't be had for the control socket: {error.strerror}") from None


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Only one process at a time is in such a block. The file stays: removing it would let two in. Raises
    SegBlurError.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SegBlurError(f"{path} can't be made: {error.strerror}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SegBlurError(RUNNING) from None
        yield
    finally:
        os.close(handle)


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket at `path` in place of a dead service's, removed in the end. Raises SegBlurError."""
    if is_alive(path):
        raise SegBlurError(RUNNING)
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            path.chmod(0o600)  # before it listens, so that no other user connects first
            listener.listen(WAITING)
            listener.setblocking(False)
            ours = path.stat().st_ino
        except OSError as error:
            raise SegBlurError(f"the control socket {path} can't be made: {error.strerror or error}") from None
        try:
            yield listener
        finally:
            with suppress(OSError):
                if path.stat().st_ino == ours:
                    path.unlink()


def is_alive(path: Path) -> bool:
    """Whether a service listens there, or is too busy to accept."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True
