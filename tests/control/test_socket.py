"""The socket, its folder and its lock: who may call, and which of many serves."""

import asyncio
import errno
import os
import socket
import stat
import subprocess
import sys

import pytest

from tests.control.callers import Caller, Service, still_answers
from vcam.control import server
from vcam.control.protocol import socket_path
from vcam.control.server import serve
from vcam.errors import SegBlurError


def test_another_users_client_is_turned_away(service, monkeypatch):
    monkeypatch.setattr(server, "peer_uid", lambda link: os.geteuid() + 1)
    with Caller(service.path) as stranger:
        stranger.send(b'{"segblur": 1, "do": "pause"}\n')
        assert stranger.hear()["code"] == "stranger"
        assert stranger.hear() is None
    monkeypatch.setattr(server, "peer_uid", lambda link: 0)  # root may do anything anyway
    monkeypatch.setattr(server.os, "geteuid", lambda: 4242)
    assert still_answers(service)
    assert service.asked == [("status", {})]


def test_the_kernel_says_who_calls(service, monkeypatch):
    seen, asked = [], server.peer_uid
    monkeypatch.setattr(server, "peer_uid", lambda link: seen.append(asked(link)) or seen[-1])
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
        async with serve(path, None, None, None):
            pytest.fail("it started")

    with pytest.raises(SegBlurError) as caught:
        asyncio.run(start())
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_ours_is_refused(path, monkeypatch):
    path.parent.mkdir()
    monkeypatch.setattr(server.os, "geteuid", lambda: os.getuid() + 1)
    refused(path, "belongs to another user")


def test_a_folder_that_can_not_be_mended_is_refused(path, monkeypatch):
    def fchmod(*_):
        raise PermissionError(1, "Operation not permitted")

    path.parent.mkdir()
    path.parent.chmod(0o755)
    monkeypatch.setattr(server.os, "fchmod", fchmod)
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
    server.prepare_folder(path.parent)
    with server.lock(path.with_suffix(".lock")):
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
        "import asyncio, sys; from pathlib import Path; from vcam.control.server import serve\n"
        "async def main():\n"
        "    async with serve(Path(sys.argv[1]), None, None, None):\n"
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
            async with serve(path, None, None, None):
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
    monkeypatch.setattr(server, "RETRY", 0.01)
    tries, take = [], server.take

    def short(listener):
        tries.append(1)
        if len(tries) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return take(listener)

    monkeypatch.setattr(server, "take", short)
    with Service(path) as service:
        assert still_answers(service)
    assert caplog.text.count("no client can be let in (Too many open files); trying again") == 2


def test_while_the_machine_has_no_descriptor_left_the_loop_does_not_spin(path, monkeypatch):
    monkeypatch.setattr(server, "RETRY", 3600)
    tries = []

    def short(listener):
        tries.append(1)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def main():
        async with serve(path, None, None, None):
            with Caller(path):
                for _ in range(50):
                    await asyncio.sleep(0)

    monkeypatch.setattr(server, "take", short)
    asyncio.run(main())
    assert tries == [1]


def test_who_comes_in_while_the_service_stops_is_turned_away(path):
    async def main():
        async with serve(path, None, None, None):
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
    monkeypatch.setattr("vcam.control.protocol.os.geteuid", lambda: 4242424)
    with pytest.raises(SegBlurError, match="XDG_RUNTIME_DIR is not set and /run/user/4242424 is not a folder"):
        socket_path()
