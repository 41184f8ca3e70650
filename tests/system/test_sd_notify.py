"""What systemd hears."""

import os
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcam.system.sd_notify import notify, watchdog_interval


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A socket of systemd's, and its address in the environment."""

    def listen(address):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        link.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        link.settimeout(5)
        opened.append(link)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        return link

    opened = []
    yield listen
    for link in opened:
        link.close()


@pytest.fixture
def address(tmp_path, request):
    return {"file": str(tmp_path / "notify"), "abstract": f"@segblur-test-{os.getpid()}"}[request.param]


@pytest.mark.parametrize("address", ["file", "abstract"], indirect=True)
def test_the_manager_hears_all_lines_at_once(manager, address):
    link = manager(address)
    notify("READY=1", "STATUS=no readers")
    assert link.recv(4096) == b"READY=1\nSTATUS=no readers"


@given(st.lists(st.text("a=\n\r\x0b\u2028é\ud800"), min_size=1, max_size=5))
def test_a_status_never_becomes_a_second_line(texts):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOTIFY_SOCKET", "/somewhere")
        patch.setattr(socket.socket, "sendto", lambda _, data, flags, address: ours.send(data, flags))
        notify(*(f"STATUS={text}" for text in texts))
        said = theirs.recv(65536).decode()
    assert said.count("\n") == len(texts) - 1
    assert all(line.startswith("STATUS=") for line in said.split("\n"))


@pytest.mark.parametrize("where", [None, "", "relative", "/nowhere/at/all", "@nobody", "vsock:2:1234"])
def test_without_a_manager_nothing_happens(monkeypatch, where):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if where is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", where)
    notify("READY=1")


def test_a_manager_that_does_not_read_holds_nobody_up(manager, tmp_path):
    link = manager(str(tmp_path / "notify"))
    for number in range(2000):  # more than any queue of datagrams holds
        notify(f"STATUS={number}")
    assert link.recv(4096) == b"STATUS=0"


def test_a_process_that_ends_at_once_was_still_heard(manager, tmp_path):
    link = manager(str(tmp_path / "notify"))
    subprocess.run([sys.executable, "-c", "from vcam.system.sd_notify import notify; notify('STOPPING=1')"], check=True)
    assert link.recv(4096) == b"STOPPING=1"


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("20000000", None, 20.0),
        ("1500000", "mine", 1.5),
        ("20000000", "1", None),
        ("20000000", "", 20.0),
        (None, None, None),
        ("0", None, None),
        ("-5", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_waits_only_for_whom_it_names(monkeypatch, usec, pid, interval):
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", str(os.getpid()) if pid == "mine" else pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog_interval() == interval
