"""Programs that read a camera by PipeWire: GStreamer's, and bad ones.

As a program, `pipewire_readers.py KIND`, it is a bad one: a hoarder takes every buffer and gives none back.
"""

import ctypes
import mmap
import os
import select
import subprocess
import sys
from pathlib import Path
from time import monotonic

import numpy as np

from tests.helpers.pipewire_node import HEIGHT, WIDTH, numbers_in
from tests.helpers.pipewire_session import PATIENCE, need, until
from vcam.devices import pipewire_library as lib
from vcam.devices import pipewire_pods as pods
from vcam.devices.pipewire_stream import array_of

GST = {"gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-pipewire"}
READ = ("gst-launch-1.0", "-q", "pipewiresrc", "target-object=segblur")


class Reader:
    """A program that reads so many frames, or until it is stopped, into a file."""

    def __init__(self, session, path, count=-1, pixels="NV12"):
        need(GST)
        words = [*READ, f"num-buffers={count}", "!", f"video/x-raw,format={pixels}"]
        self.path, self.size = path, WIDTH * HEIGHT * 3 // 2
        self.process = subprocess.Popen(
            [*words, "!", "filesink", "buffer-mode=unbuffered", f"location={path}"], env=session.environment
        )

    def frames(self):
        return self.path.stat().st_size // self.size if self.path.exists() else 0

    def wait_for(self, count):
        until(lambda: self.frames() >= count, f"{count} frames in {self.path.name}")

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def numbers(self):
        """What it has seen when it has come to its end."""
        assert self.process.wait(PATIENCE) == 0
        return self.seen()

    def seen(self):
        return numbers_in(self.path)


class Client:
    """A reader by the library itself, in this process."""

    def __init__(self):
        self.library = lib.load()
        self.loop = lib.Loop(self.library)
        self.core = self.library.pw_context_connect(self.loop.context, None, 0)
        assert self.core
        properties = b'{ "media.type": "Video", "media.category": "Capture", "target.object": "segblur" }'
        given = self.library.pw_properties_new_string(properties)
        self.stream = self.library.pw_stream_new(self.core, b"reader", given)
        self.buffers, self.state = {}, 0
        self.events, self.hook = lib.StreamEvents(version=2), ctypes.create_string_buffer(lib.HOOK_BYTES)
        self.events.add_buffer = lib.BufferChanged(self._on_buffer)
        self.events.state_changed = lib.StateChanged(self._on_state)
        self.library.pw_stream_add_listener(self.stream, self.hook, ctypes.byref(self.events), None)
        formats, kept = array_of(pods.offered(WIDTH, HEIGHT, 30)[:1])
        flags = lib.AUTOCONNECT | lib.MAP_BUFFERS
        assert self.library.pw_stream_connect(self.stream, lib.INPUT, lib.ANY, flags, formats, len(kept)) == 0

    def _on_state(self, _data, _old, new, _error):
        self.state = new

    def _on_buffer(self, _data, address):
        block = lib.PwBuffer.from_address(address).buffer.contents.datas[0]
        self.buffers[address] = mapped_again(block.data, WIDTH * HEIGHT * 3 // 2)

    def take(self, wanted, done):
        """Dequeue buffers until `done(their addresses)`, and give back those that are `wanted` so."""
        taken, deadline = [], monotonic() + PATIENCE
        while not done(taken):
            assert monotonic() < deadline, taken
            select.select([self.loop.fileno()], [], [], 0.05)
            self.loop.run()
            while address := self.library.pw_stream_dequeue_buffer(self.stream):
                taken.append(address)
                if wanted:
                    self.library.pw_stream_queue_buffer(self.stream, address)
        return taken

    def close(self):
        self.library.pw_stream_destroy(self.stream)
        self.library.pw_core_disconnect(self.core)
        self.loop.close()


def mapped_again(address, size):
    """The shared memory at an address, in a mapping that stays when the library has let go of its own."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, inode, *_ = line.split()
        start, end = (int(number, 16) for number in span.split("-"))
        if start <= address < end:
            break
    files = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    file = next(file for file in files if inode_of(file) == int(inode))
    memory = mmap.mmap(os.dup(file), 0, prot=mmap.PROT_READ)
    return np.frombuffer(memory, np.uint8)[int(offset, 16) + address - start :][:size]


def inode_of(file):
    try:
        return os.fstat(file).st_ino
    except OSError:  # that of the folder which was listed
        return 0


if __name__ == "__main__":
    assert sys.argv[1] == "hoarder"
    Client().take(False, lambda taken: print(len(taken), flush=True))
