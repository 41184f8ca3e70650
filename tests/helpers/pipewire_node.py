"""The camera by PipeWire alone, as the keeper drives it: numbered frames while somebody reads.

As a program, `pipewire_node.py [WIDTH HEIGHT]`, it answers each line on stdin by what the process takes; it ends with
stdin.
"""

import json
import os
import select
import sys
import threading
from pathlib import Path
from time import monotonic, process_time

import numpy as np

from vcam.devices.pipewire import PipeWire
from vcam.frame import empty, planes, seal
from vcam.service.placeholder import paint
from vcam.service.screen import Screen
from vcam.settings import OutputSettings

WIDTH, HEIGHT, SQUARE, BITS = 640, 480, 32, 16
SETTINGS = OutputSettings(width=WIDTH, height=HEIGHT)
NOBODY, STOPPED = "nobody reads", "it has stopped"
IDLE, SILENCE = (paint(sentence, WIDTH, HEIGHT) for sentence in (NOBODY, STOPPED))
RATE = 30.0


def numbered(number, size=(WIDTH, HEIGHT)):
    """A frame that says its number in black and white squares, from the left, the lowest bit first."""
    pixels = empty(*size)
    y, u, v = planes(pixels)
    y[:], u[:], v[:] = 180, 90, 160
    for bit in range(BITS):
        y[:SQUARE, bit * SQUARE : (bit + 1) * SQUARE] = 235 if number >> bit & 1 else 16
    return seal(pixels)


def number_of(luma):
    """The number of a frame; None where it is another picture."""
    middles = luma[SQUARE // 2, SQUARE // 2 : BITS * SQUARE : SQUARE].astype(int)
    if not np.isin(middles, (16, 235)).all() or luma[luma.shape[0] // 2, luma.shape[1] // 2] != 180:
        return None
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


def frames_in(path):
    """Every picture of a file of raw 4:2:0 frames, as flat bytes."""
    size = WIDTH * HEIGHT * 3 // 2
    data = np.fromfile(path, np.uint8)
    return data[: len(data) // size * size].reshape(-1, size)


def numbers_in(path):
    """The numbers of the frames in such a file; None for each that has none."""
    return [number_of(frame[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)) for frame in frames_in(path)]


class Node:
    """Screen and output in a thread, which ends with the `with` block. `beside` are other outputs on the screen."""

    def __init__(self, beside=(), settings=SETTINGS):
        self.size = settings.width, settings.height
        self.output, self.states, self.sent, self.seconds = PipeWire(settings), [], 0, 0.0
        self.beside = list(beside)
        self.changed = threading.Condition()
        self.failure = None
        self._ends, self._still = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.failure:
            raise self.failure

    def _run(self):
        try:
            self._show()
        except Exception as error:  # noqa: BLE001 - the test's own thread raises it
            self.failure = error
        finally:
            self.output.close()

    def _show(self):
        screen = Screen([*self.beside, self.output])
        idle, silence = (paint(sentence, *self.size) for sentence in (NOBODY, STOPPED))
        screen.prime(idle, silence)
        due = monotonic()
        while not self._ends.is_set():
            select.select(screen.files(), [], [], max(0.0, due - monotonic()))
            now = monotonic()
            read = screen.readers(idle, now)
            self._note((self.output.about() or {}).get("state"))
            if now < due:
                continue
            if self._still.is_set():
                screen.scrub(idle)
                self._ends.wait()
            due = max(due + 1 / RATE, now)
            if read:
                self.sent += 1
                frame = numbered(self.sent, self.size)
                before = process_time()
                screen.show(frame, now)
                self.seconds += process_time() - before
        screen.scrub(silence)

    def _note(self, state):
        with self.changed:
            if self.states[-1:] != [state]:
                self.states.append(state)
                self.changed.notify_all()

    def scrub(self):
        """Scrub, and then do nothing until the end."""
        self._still.set()

    def wait(self, state):
        """Until the output is in this state, or has got into it since the last one was waited for."""
        with self.changed:
            assert self.changed.wait_for(lambda: state in self.states, 60), self.states
            del self.states[: self.states.index(state)]


def taken():
    """What this process takes: resident memory in kB without shared, descriptors, threads, mappings."""
    status = Path("/proc/self/status").read_text()
    values = dict(line.split(":", 1) for line in status.splitlines())
    mappings = len(Path("/proc/self/maps").read_text().splitlines())
    return {
        "rss": int(values["RssAnon"].split()[0]),
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "threads": int(values["Threads"]),
        "maps": mappings,
    }


if __name__ == "__main__":
    width, height = map(int, sys.argv[1:] or (WIDTH, HEIGHT))
    with Node(settings=OutputSettings(width=width, height=height)) as node:
        node.wait("paused")
        for _ in sys.stdin:
            print(json.dumps(taken() | {"sent": node.sent, "cpu": node.seconds}), flush=True)
