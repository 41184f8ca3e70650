"""Who watches, with files in place of devices and the kernel's event replaced; the real kernel is in tests/vm."""

import os
import struct
import subprocess
import sys

import pytest

from vcam.devices import readers
from vcam.devices.readers import ALWAYS, ClientEvents, Holders, find_readers, held_by_others

HOLD = "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@pytest.fixture
def device(tmp_path):
    path = tmp_path / "video10"
    path.touch()
    return path


@pytest.fixture
def every_file_is_ours(monkeypatch, device):
    """The device is a node of the module, and no other file is."""
    monkeypatch.setattr(readers, "is_loopback", lambda path: path == str(device))


class Reader:
    """Another process that has the device open."""

    def __init__(self, device):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


def references(tmp_path, count):
    path = tmp_path / "refcnt"
    path.write_text(f"{count}\n")
    return path


@pytest.mark.usefixtures("every_file_is_ours")
def test_another_process_that_has_the_device_open_is_seen(device, tmp_path):
    assert not held_by_others(device, references=references(tmp_path, 0))
    with Reader(device):
        assert held_by_others(device, references=references(tmp_path, 1))
    assert not held_by_others(device, references=references(tmp_path, 0))


@pytest.mark.usefixtures("every_file_is_ours")
def test_our_own_open_files_are_nobody(device, tmp_path):
    with device.open(), device.open():
        assert not held_by_others(device, references=references(tmp_path, 2))


@pytest.mark.usefixtures("every_file_is_ours")
def test_whoever_can_not_be_seen_but_is_counted_by_the_kernel_watches(device, tmp_path):
    with device.open():
        assert held_by_others(device, references=references(tmp_path, 2))


@pytest.mark.usefixtures("every_file_is_ours")
def test_without_the_kernels_count_only_who_is_seen_counts(device, tmp_path):
    assert not held_by_others(device, references=tmp_path / "none")
    with Reader(device):
        assert held_by_others(device, references=tmp_path / "none")


@pytest.mark.usefixtures("every_file_is_ours")
def test_a_glance_is_no_stream_but_who_stays_is(device, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(readers, "monotonic", lambda: clock[0])
    seats = Holders(device)
    assert not seats.reading()
    with Reader(device):
        clock[0] += 1
        assert not seats.reading()
        assert seats.unsure()
    clock[0] += 1
    assert not seats.reading()
    assert not seats.unsure()
    with Reader(device):
        clock[0] += 0.01
        assert not seats.reading()
        clock[0] += readers.GLANCE + 0.01
        assert seats.reading()
    clock[0] += 0.01
    assert not seats.reading()
    seats.close()


@pytest.mark.usefixtures("every_file_is_ours")
def test_opening_the_device_wakes_whoever_waits(device):
    seats = Holders(device)
    os.set_blocking(seats.fileno(), False)
    with pytest.raises(BlockingIOError):
        os.read(seats.fileno(), 4096)
    with Reader(device):
        assert os.read(seats.fileno(), 4096)
    seats.close()


@pytest.mark.usefixtures("every_file_is_ours")
def test_the_processes_are_looked_through_only_when_there_is_a_reason(device, monkeypatch):
    looked = []
    monkeypatch.setattr(readers, "held_by_others", lambda device: looked.append(device))
    seats = Holders(device)
    for _ in range(100):
        seats.reading()
    assert len(looked) == 1
    with Reader(device):
        seats.reading()
    seats.reading()
    assert len(looked) == 3
    seats.close()


def test_where_nothing_can_be_known_somebody_watches(tmp_path):
    seats = find_readers(tmp_path / "nothing")
    assert seats is ALWAYS
    assert seats.reading()
    assert seats.how == "always"


class Driver:
    """The module's side of the client-usage event."""

    def __init__(self, monkeypatch, device):
        self.count, self.queue, self.busy = 0, {}, False
        self.opened = []
        monkeypatch.setattr(readers, "subscribe", self.subscribe)
        monkeypatch.setattr(readers.fcntl, "ioctl", self.ioctl)

    def subscribe(self, device, event):
        if self.busy:
            raise OSError(16, "busy")
        handle, self.theirs = os.pipe()  # epoll takes no ordinary file
        self.queue[handle] = [self.count]
        self.opened.append(self.theirs)
        return handle

    def say(self, count):
        self.count = count
        for queue in self.queue.values():
            queue[:] = [count]

    def forget(self):
        for queue in self.queue.values():
            queue.clear()

    def ioctl(self, handle, request, data):
        if not self.queue[handle]:
            raise OSError(2, "no event")
        struct.pack_into("=I", data, 8, self.queue[handle].pop(0))

    def close(self):
        for file in self.opened:
            os.close(file)


@pytest.fixture
def driver(monkeypatch, device):
    driver = Driver(monkeypatch, device)
    yield driver
    driver.close()


def test_the_drivers_event_says_when_a_stream_starts_and_ends(driver, device):
    seats = ClientEvents(device)
    assert not seats.reading()
    driver.say(1)
    assert seats.reading()
    assert seats.reading()
    driver.say(0)
    assert not seats.reading()
    seats.close()


def test_a_lost_start_is_noticed_at_once_when_asked_anew_and_a_lost_end_at_the_second_time(driver, device):
    seats = ClientEvents(device)
    driver.say(1)
    driver.forget()
    assert not seats.reading()
    seats.verify()
    assert seats.reading()
    driver.say(0)
    driver.forget()
    seats.verify()
    assert seats.reading()
    seats.verify()
    assert not seats.reading()
    seats.close()


def test_when_the_device_can_not_be_asked_what_was_known_stays(driver, device):
    seats = ClientEvents(device)
    driver.say(1)
    assert seats.reading()
    driver.busy = True
    for _ in range(5):
        seats.verify()
    assert seats.reading()
    seats.close()
