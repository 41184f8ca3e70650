"""The control socket with clients of every kind; after each of them another one is still answered."""

import asyncio
import errno
import json
import logging
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.test_figures import status
from vcam import control
from vcam.control import serve
from vcam.errors import PictureError, SegBlurError, SettingsError
from vcam.figures import prometheus
from vcam.protocol import COMMANDS, KINDS, BadRequestError, Code, parse, refusal, socket_path, success
from vcam.settings import LookSettings

PATIENCE = 30.0  # seconds after which a test gives up; nothing here takes a tenth of it
PAGE = Path(__file__).parent.parent / "docs" / "control.md"


WEIGHTS = {"sha256": "1f" * 32, "source": "/home/anna/mine.safetensors", "time": 1772439164.2, "size": 3680412}


class Service:
    """A loop in a thread that serves at `path`; what it is asked it notes in `asked`."""

    def __init__(self, path, answer=None, watch=status):
        self.path, self.answer, self.watch = path, answer or self.model, watch
        self.asked, self.failure = [], None
        self.ready, self.loop = threading.Event(), None
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self):
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with serve(self.path, self.answer, self.watch):
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


@pytest.fixture(autouse=True)
def path(monkeypatch, tmp_path):
    """Short, because a socket's path must be."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(control, "PAUSE", 0.0005)
    return tmp_path / "segblur" / "control.sock"


@pytest.fixture
def service(path):
    with Service(path) as running:
        yield running


def still_answers(service):
    with Caller(service.path) as caller:
        return caller.ask("status")["state"] == "live"


def test_a_request_is_answered_and_keeps_its_id(service):
    with Caller(service.path) as caller:
        assert caller.ask("pause", id=7) == {"segblur": 1, "id": 7, "ok": True}
        assert caller.ask("pause", id="seven") == {"segblur": 1, "id": "seven", "ok": True}
        assert caller.ask("status")["camera"]["name"] == "HD Pro Webcam C920"
        assert caller.ask("set", key="look.blur", value=0.7)["ok"]
    assert service.asked[-1] == ("set", {"key": "look.blur", "value": 0.7})


def test_what_the_service_refuses_is_one_sentence(service):
    with Caller(service.path) as caller:
        answer = caller.ask("set", id=1, key="look.blur", value=7)
    assert answer == {
        "segblur": 1,
        "id": 1,
        "ok": False,
        "error": "look.blur can't be 7: input should be less than or equal to 1",
        "code": "refused",
    }


@pytest.mark.parametrize(
    "result", [ValueError("secret"), {"x": float("nan")}, {"x": Path("/")}, None, RecursionError()]
)
def test_what_nobody_foresaw_is_answered_too_and_the_journal_has_the_rest(path, result, caplog):
    async def answer(do, arguments):
        if isinstance(result, Exception):
            raise result
        return result

    with Service(path, answer) as service, Caller(path) as caller:
        reply = caller.ask("pause", id=3)
        assert (reply["code"], reply["error"], reply["id"]) == ("internal", "internal error, see the journal", 3)
        with Caller(service.path) as other:
            assert other.ask("pause")["code"] == "internal"
    assert "Traceback" in caplog.text
    assert "the request pause failed" in caplog.text


BAD = {
    b"": "nonsense",
    b"hello": "nonsense",
    b"\xff\xfe": "nonsense",
    b'{"segblur": 1, "do": "status"': "nonsense",
    b'{"segblur": 1, "do": "effect", "blur": NaN}': "nonsense",
    b'{"segblur": 1, "do": "effect", "blur": 1e999}': "nonsense",
    b"[" * 60000: "nonsense",
    b'{"id":' + b"9" * 5000 + b"}": "nonsense",
    b"[]": "nonsense",
    b'"status"': "nonsense",
    b"null": "nonsense",
    b"{}": "version",
    b'{"do": "status"}': "version",
    b'{"segblur": 2, "do": "status"}': "version",
    b'{"segblur": true, "do": "status"}': "version",
    b'{"segblur": 1.0, "do": "status"}': "version",
    b'{"segblur": 1}': "command",
    b'{"segblur": 1, "do": "stop"}': "command",
    b'{"segblur": 1, "do": ["status"]}': "command",
    b'{"segblur": 1, "do": "status", "id": {}}': "argument",
    b'{"segblur": 1, "do": "status", "id": "' + b"x" * 300 + b'"}': "argument",
    b'{"segblur": 1, "do": "status", "all": true}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur"}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur", "value": null}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur", "value": {}}': "argument",
    b'{"segblur": 1, "do": "set", "key": "look.blur", "value": [1]}': "argument",
    b'{"segblur": 1, "do": "set", "key": ["look.blur"], "value": 1}': "argument",
    b'{"segblur": 1, "do": "watch", "every": 0.1}': "argument",
    b'{"segblur": 1, "do": "watch", "every": 61}': "argument",
    b'{"segblur": 1, "do": "watch", "every": "1"}': "argument",
    b'{"segblur": 1, "do": "watch", "every": true}': "argument",
    b'{"segblur": 1, "do": "effect"}': "argument",
    b'{"segblur": 1, "do": "effect", "blur": 0}': "argument",
    b'{"segblur": 1, "do": "effect", "blur": 1.01}': "argument",
    b'{"segblur": 1, "do": "effect", "effect": 3}': "argument",
    b'{"segblur": 1, "do": "effect", "effect": ""}': "argument",
    b'{"segblur": 1, "do": "effect", "effect": null}': "argument",
    b'{"segblur": 1, "do": "effect", "picture": "beach.jpg"}': "argument",
    b'{"segblur": 1, "do": "effect", "video": "~/sea.mp4"}': "argument",
    b'{"segblur": 1, "do": "camera", "device": ""}': "argument",
    b'{"segblur": 1, "do": "camera", "device": "a\\nb"}': "argument",
    b'{"segblur": 1, "do": "camera", "device": "\\u0000"}': "argument",
    b'{"segblur": 1, "do": "camera", "device": "\\ud800"}': "argument",
    b'{"segblur": 1, "do": "weights", "use": "mine.safetensors"}': "argument",
    b'{"segblur": 1, "do": "weights", "use": ""}': "argument",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_request_is_refused_before_anybody_is_asked_and_the_next_is_answered(service, line):
    with Caller(service.path) as caller:
        caller.send(line + b"\n")
        reply = caller.hear()
        assert (reply["ok"], reply["code"]) == (False, BAD[line])
        assert reply["error"]
        assert "\n" not in reply["error"]
        assert not service.asked
        assert caller.ask("resume")["ok"]


def test_a_file_whose_name_is_no_text_arrives_as_it_is(service):
    name = os.fsdecode(b"/tmp/\xff.safetensors")
    with Caller(service.path) as caller:
        assert caller.ask("weights", use=name)["ok"]
    assert os.fsencode(service.asked[-1][1]["use"]) == b"/tmp/\xff.safetensors"


def test_no_answer_can_pass_for_another_requests_or_for_a_refusal():
    reply = json.loads(success({"segblur": 9, "id": 5, "ok": False, "state": "live"}, 7))
    assert reply == {"segblur": 1, "id": 7, "ok": True, "state": "live"}


def test_the_range_of_the_effect_is_that_of_the_setting():
    argument = COMMANDS["effect"].arguments["blur"]
    for blur in (argument.least, argument.most):
        LookSettings(blur=blur)
    for blur in (argument.least - 0.001, argument.most + 0.001):
        with pytest.raises(ValueError, match="blur"):
            LookSettings(blur=blur)


def test_a_request_that_is_too_long_is_refused_and_ends_the_connection(service):
    with Caller(service.path) as caller:
        caller.send(b'{"segblur": 1, "id": "' + b"x" * 200_000)
        assert caller.hear()["code"] == "nonsense"
        assert caller.hear() is None
    assert still_answers(service)


def test_the_longest_request_is_answered(service):
    line = json.dumps({"segblur": 1, "do": "camera", "device": "x"}).encode()
    line = line[:-2] + b"x" * (control.LONGEST - len(line)) + line[-2:]
    assert len(line) == control.LONGEST
    with Caller(service.path) as caller:
        caller.send(line + b"\n")
        assert caller.hear()["ok"]


def test_a_watcher_gets_the_status_until_it_asks_something_else(service):
    with Caller(service.path) as caller:
        caller.send(b'{"segblur": 1, "id": "w", "do": "watch", "every": 0.2}\n')
        for _ in range(3):
            assert caller.hear().items() >= {"id": "w", "ok": True, "state": "live"}.items()
        assert caller.ask("pause", id="p") == {"segblur": 1, "id": "p", "ok": True}
        assert caller.ask("resume", id="r") == {"segblur": 1, "id": "r", "ok": True}


def test_a_watcher_that_leaves_is_forgotten_at_once(service):
    for _ in range(3 * control.MOST_CLIENTS):
        with Caller(service.path) as caller:
            assert caller.ask("watch", every=60)["ok"]
    assert still_answers(service)


def test_a_watcher_survives_a_status_that_can_not_be_made(path):
    turns = iter(range(100))

    def watch():
        if next(turns) == 1:
            raise ValueError("not now")
        return status()

    with Service(path, watch=watch), Caller(path) as caller:
        assert caller.ask("watch", every=0.2)["ok"]
        assert caller.hear()["code"] == "internal"
        assert caller.hear()["ok"]


def test_a_request_in_the_works_holds_nobody_else_up_and_is_finished_when_its_client_is_gone(path):
    held, begun, finished = threading.Event(), threading.Event(), threading.Event()

    async def answer(do, arguments):
        if do == "weights":
            begun.set()
            await asyncio.to_thread(held.wait, PATIENCE)
            finished.set()
        return status()

    with Service(path, answer) as service:
        with Caller(path) as caller:
            caller.send(b'{"segblur": 1, "do": "weights", "use": "rollback"}\n')
            assert begun.wait(PATIENCE)
            assert still_answers(service)
        held.set()
        assert finished.wait(PATIENCE)
        assert still_answers(service)


def test_a_client_that_floods_is_served_one_request_at_a_time_and_others_between(path):
    running, most, flooded = [], [], threading.Event()

    async def answer(do, arguments):
        if do == "pause":
            running.append(1)
            most.append(len(running))
            await asyncio.sleep(0)
            running.pop()
            if len(most) > 200:
                flooded.set()
        return status()

    with Service(path, answer) as service, Caller(path) as flooder:
        flood = threading.Thread(target=flooder.send, args=(b'{"segblur": 1, "do": "pause"}\n' * 20_000,))
        flood.start()
        reader = threading.Thread(target=lambda: [flooder.hear() for _ in range(300)])
        reader.start()
        for _ in range(5):
            assert still_answers(service)
        assert flooded.wait(PATIENCE)
        assert still_answers(service)
        flooder.link.shutdown(socket.SHUT_RDWR)
        flood.join(PATIENCE)
        reader.join(PATIENCE)
    assert max(most) == 1


def test_each_answer_costs_its_client_a_pause(path, monkeypatch):
    pauses, sleep = [], asyncio.sleep

    async def noted(seconds):
        pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(control.asyncio, "sleep", noted)
    with Service(path), Caller(path) as caller:
        caller.ask("pause")
        caller.ask("nonsense")
        caller.ask("watch")
        caller.ask("pause")
    assert pauses[:4] == [control.PAUSE] * 4


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


def room():
    """Bytes of one message that the kernel keeps for a socket whose other end does not read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        return ours.send(bytes(1_000_000))


@pytest.mark.parametrize("do", ["watch", "status"])
@pytest.mark.parametrize("size", [room() + 30_000, 1_000_000])
def test_a_client_that_does_not_read_is_dropped_while_others_are_answered(path, monkeypatch, do, size):
    monkeypatch.setattr(control, "PATIENCE", 0.3)
    long = status() | {"sentence": "x" * size}
    dropped = warned("does not read")
    with Service(path, watch=lambda: long) as service, Caller(path) as slow:
        slow.send(json.dumps({"segblur": 1, "do": do}).encode() + b"\n")
        assert still_answers(service)
        assert dropped.wait(PATIENCE)
        assert still_answers(service)
        rest = b""
        with suppress(ConnectionResetError):
            rest = slow.file.read()
        assert b"\n" not in rest


def test_when_all_places_are_taken_who_was_silent_for_longest_makes_room(service):
    silent = [Caller(service.path) for _ in range(control.MOST_CLIENTS)]
    for caller in [*silent[1:], silent[0]]:
        assert caller.ask("pause")["ok"]
    assert still_answers(service)
    told = silent[1].hear()
    assert (told["code"], silent[1].hear()) == ("full", None)
    for caller in (silent[2], silent[0]):
        assert caller.ask("pause")["ok"]
    for caller in silent:
        caller.__exit__()


def test_who_was_told_to_leave_has_no_request_answered_any_more():
    async def main():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            client = control.Client(ours, 0.0)
            client.reader = asyncio.StreamReader()
            client.reader.feed_data(b'{"segblur": 1, "do": "pause"}\n')  # it came at the same moment
            assert control.make_room([client])
            assert not control.make_room([client])
            assert await control.hear(client) == b""
            assert json.loads(theirs.recv(999))["code"] == "full"

    asyncio.run(main())


def test_half_a_request_is_no_reason_to_stay(service):
    hanging = [Caller(service.path) for _ in range(2 * control.MOST_CLIENTS)]
    for caller in hanging:
        caller.send(b'{"segblur": 1, "do": "sta')
    assert still_answers(service)
    for caller in hanging:
        caller.__exit__()


def test_when_nobody_is_silent_the_newest_is_told_so(service):
    watchers = [Caller(service.path) for _ in range(control.MOST_CLIENTS)]
    for caller in watchers:
        assert caller.ask("watch", every=60)["ok"]
    with Caller(service.path) as late:
        assert late.hear()["code"] == "full"
        assert late.hear() is None
    assert watchers[7].ask("pause")["ok"]  # now that one is silent
    assert still_answers(service)
    assert watchers[7].hear()["code"] == "full"
    for caller in watchers:
        caller.__exit__()


def test_another_users_client_is_turned_away(service, monkeypatch):
    monkeypatch.setattr(control, "peer_uid", lambda link: os.geteuid() + 1)
    with Caller(service.path) as stranger:
        stranger.send(b'{"segblur": 1, "do": "pause"}\n')
        assert stranger.hear()["code"] == "stranger"
        assert stranger.hear() is None
    monkeypatch.setattr(control, "peer_uid", lambda link: 0)  # root may do anything anyway
    monkeypatch.setattr(control.os, "geteuid", lambda: 4242)
    assert still_answers(service)
    assert service.asked == [("status", {})]


def test_the_kernel_says_who_calls(service, monkeypatch):
    seen, asked = [], control.peer_uid
    monkeypatch.setattr(control, "peer_uid", lambda link: seen.append(asked(link)) or seen[-1])
    assert still_answers(service)
    assert seen == [os.geteuid()]


def test_the_folder_and_the_socket_are_this_users_alone(service, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_was_open_is_closed(path):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with Service(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def refused(path, says):
    async def start():
        async with serve(path, None, None):
            pytest.fail("it started")

    with pytest.raises(SegBlurError) as caught:
        asyncio.run(start())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_ours_is_refused(path, monkeypatch):
    path.parent.mkdir()
    monkeypatch.setattr(control.os, "geteuid", lambda: os.getuid() + 1)
    refused(path, "belongs to somebody else")


def test_a_folder_that_can_not_be_mended_is_refused(path, monkeypatch):
    def fchmod(*_):
        raise PermissionError(1, "Operation not permitted")

    path.parent.mkdir()
    path.parent.chmod(0o755)
    monkeypatch.setattr(control.os, "fchmod", fchmod)
    refused(path, "can't be had for the control socket: Operation not permitted")


def test_a_folder_that_is_a_link_a_file_or_nowhere_is_refused(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    path.parent.symlink_to(tmp_path / "elsewhere")
    refused(path, "can't be had for the control socket")
    path.parent.unlink()
    path.parent.write_text("")
    refused(path, "can't be had for the control socket")
    refused(tmp_path / "no" / "where" / "control.sock", "No such file or directory")


def test_something_else_in_the_sockets_place_is_named(path):
    path.mkdir(parents=True)
    refused(path, "control.sock can't be made")


def test_a_second_service_is_refused_and_the_first_goes_on(service):
    refused(service.path, "another segblur is running")
    assert still_answers(service)


def test_a_service_that_lost_its_lock_is_not_replaced_either(service):
    service.path.with_suffix(".lock").unlink()
    refused(service.path, "another segblur is running")
    assert still_answers(service)


def test_a_service_that_has_begun_to_start_but_does_not_listen_yet_is_not_overtaken(path):
    control.prepare_folder(path.parent)
    with control.lock(path.with_suffix(".lock")):
        refused(path, "another segblur is running")
    with Service(path) as service:
        assert still_answers(service)


def test_a_service_that_is_too_busy_to_take_calls_is_not_replaced(path):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(path))
        busy.listen(0)
        first.connect(str(path))
        refused(path, "another segblur is running")
        assert path.is_socket()


def test_the_socket_of_a_service_that_was_killed_is_replaced(path):
    code = (
        "import asyncio, sys; from pathlib import Path; from vcam.control import serve\n"
        "async def main():\n"
        "    async with serve(Path(sys.argv[1]), None, None):\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        refused(path, "another segblur is running")
        process.kill()
    assert path.is_socket()
    with Service(path) as service:
        assert still_answers(service)


def test_of_many_that_start_at_once_exactly_one_serves(path):
    async def start(results, all_tried):
        try:
            async with serve(path, None, None):
                results.append("serves")
                await all_tried.wait()
        except SegBlurError:
            results.append("refused")

    async def main():
        results, all_tried = [], asyncio.Event()
        starts = [asyncio.create_task(start(results, all_tried)) for _ in range(20)]
        while len(results) < 20:
            await asyncio.sleep(0)
        all_tried.set()
        await asyncio.gather(*starts)
        return results

    assert sorted(asyncio.run(main())) == ["refused"] * 19 + ["serves"]


def test_one_after_the_other_can_serve_with_clients_still_there(path):
    callers = []
    for _ in range(3):
        with Service(path) as service:
            callers.append(Caller(path))
            assert callers[-1].ask("watch")["ok"]
            assert still_answers(service)
    assert callers[0].hear() is None
    for caller in callers:
        caller.__exit__()


def test_when_the_machine_has_no_descriptor_left_the_door_opens_again_later(path, monkeypatch, caplog):
    monkeypatch.setattr(control, "RETRY", 0.01)
    tries, take = [], control.take

    def short(listener):
        tries.append(1)
        if len(tries) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return take(listener)

    monkeypatch.setattr(control, "take", short)
    with Service(path) as service:
        assert still_answers(service)
    assert caplog.text.count("no client can be let in (Too many open files); trying again") == 2


def test_while_the_machine_has_no_descriptor_left_the_loop_does_not_spin(path, monkeypatch):
    monkeypatch.setattr(control, "RETRY", 3600)
    tries = []

    def short(listener):
        tries.append(1)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def main():
        async with serve(path, None, None):
            with Caller(path):
                for _ in range(50):
                    await asyncio.sleep(0)

    monkeypatch.setattr(control, "take", short)
    asyncio.run(main())
    assert tries == [1]


def test_who_comes_in_while_the_service_stops_is_turned_away(path):
    async def main():
        async with serve(path, None, None):
            caller = Caller(path)  # the kernel has taken the call, the loop not yet
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return caller

    with asyncio.run(main()) as caller:
        caller.send(b'{"segblur": 1, "do": "pause"}\n')
        assert caller.hear() is None


def test_without_a_folder_for_the_session_there_is_a_sentence(monkeypatch, tmp_path):
    assert socket_path() == tmp_path / "segblur" / "control.sock"
    for bad, says in (("relative", "not a folder"), (str(tmp_path / "no"), "not a folder")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", bad)
        with pytest.raises(SegBlurError, match=says):
            socket_path()
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    with pytest.raises(SegBlurError, match="too long"):
        socket_path()
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("vcam.protocol.os.geteuid", lambda: 4242424)
    with pytest.raises(SegBlurError, match="XDG_RUNTIME_DIR is not set and /run/user/4242424 is not a folder"):
        socket_path()


words = st.sampled_from(["segblur", "id", "do", "every", "key", "value", "use", "blur", "x", *COMMANDS])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | words | st.just(1)
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=9)
requests = st.builds(lambda base, rest: base | rest, st.just({"segblur": 1}), st.dictionaries(words, anything))


@given(st.one_of(st.binary(), (requests | anything).map(lambda message: json.dumps(message).encode())))
def test_whatever_a_line_holds_it_is_a_request_or_refused(line):
    try:
        request = parse(line)
    except BadRequestError as error:
        reply = json.loads(refusal(str(error), error.code, error.number), parse_constant=pytest.fail)
        assert reply["code"] in {"nonsense", "version", "command", "argument"}
    else:
        known = COMMANDS[request.do].arguments
        assert {name for name in known if not known[name].optional} <= set(request.arguments) <= set(known)
        for name, value in request.arguments.items():
            assert KINDS[known[name].kind][0](value)
        json.loads(success({}, request.number), parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    """One service for all the examples of a property."""
    with Service(tmp_path_factory.mktemp("run") / "segblur" / "control.sock") as running:
        yield running


LINES = st.lists(
    st.one_of(
        st.binary(max_size=200),
        anything.map(lambda message: json.dumps(message).encode()),
        requests.map(lambda message: json.dumps(message).encode()),
    ),
    max_size=8,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.booleans(), st.integers(0, 8))
def test_whatever_a_client_sends_and_whenever_it_leaves_another_is_answered(lasting, lines, ends_line, heard):
    with Caller(lasting.path) as caller:
        caller.send(b"\n".join(lines) + (b"\n" if ends_line else b""))
        if lines and ends_line:
            for _ in range(min(heard, len(lines))):
                assert caller.hear()["ok"] in (True, False)
        assert still_answers(lasting)
    assert still_answers(lasting)


def test_the_page_has_every_command_with_its_arguments():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for name, command in COMMANDS.items():
        arguments = [
            f"`{key}`: {KINDS[argument.kind][1]}"
            + (f" from {argument.least:g} to {argument.most:g}" if argument.most < float("inf") else "")
            + f"; {argument.help}"
            + (f" (default: {argument.default:g})" if argument.default is not None else "")
            + (" (may be left out)" if argument.optional else "")
            for key, argument in command.arguments.items()
        ]
        assert f"| `{name}` | {command.help} | {'<br>'.join(arguments)} |" in rows


def test_the_status_on_the_page_is_one(service):
    shown = re.search(r"```json\n(\{\n.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    with Caller(service.path) as caller:
        assert json.loads(shown) == caller.ask("status")


def test_every_code_is_on_the_page_and_no_other():
    table = PAGE.read_text().split("| `code` | what happened |\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(get_args(Code))


def test_the_program_on_the_page_runs(service):
    program = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "live\n"


def test_what_the_page_shows_is_what_comes(service):
    """Each `→` line is sent over one connection, and the `←` lines after it are what is heard."""
    blocks = re.findall(r"```\n(→.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        with Caller(service.path) as caller:
            for line in block.splitlines():
                if line.startswith("→ "):
                    caller.send(line[2:].encode() + b"\n")
                else:
                    assert line.startswith("← ")
                    assert json.loads(line[2:]) == caller.hear()
