"""What the camera by PipeWire costs at 1280×720: `pipewire_figures.py [FRAMES]`, 3,000 unless said.

Two readers count the frames that they miss; then readers come and go for the time to the first frame. Prints a table.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic

import numpy as np

from tests.helpers import pipewire_node
from tests.helpers.pipewire_node import number_of
from tests.helpers.pipewire_readers import GST, READ
from tests.helpers.pipewire_session import Session, need, session, until

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = 1280, 720
ATTACHED = 20  # readers for the time to the first frame
UNSEEN = 30  # frames at a reader's start that may be placeholders


class Counter(Thread):
    """A program that reads so many frames as GStreamer does, and their numbers."""

    def __init__(self, here: Session, count: int) -> None:
        super().__init__()
        self.numbers: list[int | None] = []
        self.began, self.first = monotonic(), 0.0
        words = [*READ, f"num-buffers={count}", "!", f"video/x-raw,format=NV12,width={WIDTH}", "!", "queue"]
        self._process = subprocess.Popen([*words, "!", "fdsink", "fd=1"], env=here.environment, stdout=subprocess.PIPE)
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while len(data := pipe.read(WIDTH * HEIGHT * 3 // 2)) == WIDTH * HEIGHT * 3 // 2:
                self.first = self.first or monotonic()
                self.numbers.append(number_of(np.frombuffer(data, np.uint8)[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)))
        self._process.wait()

    def lost(self) -> int:
        """Frames that were sent while it read and that it has not seen."""
        self.join()
        seen = [number for number in self.numbers if number is not None]
        assert len(seen) > len(self.numbers) - UNSEEN, "most of what came was not the numbered frames"
        return seen[-1] - seen[0] + 1 - len(set(seen))


@contextmanager
def node() -> Iterator[subprocess.Popen[str]]:
    """The camera, in a process of its own."""
    command = [sys.executable, pipewire_node.__file__, str(WIDTH), str(HEIGHT)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def asked(process: subprocess.Popen[str]) -> dict[str, float]:
    """What the process takes now: see pipewire_node."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())  # type: ignore[no-any-return]


def main(frames: int) -> int:
    """0 where both readers got every frame."""
    with session() as here:
        need(GST)
        os.environ["XDG_RUNTIME_DIR"] = str(here.folder)
        with node() as process:
            until(lambda: here.nodes(node_name="segblur"), "the camera is listed")
            idle = asked(process)
            readers = [Counter(here, frames) for _ in range(2)]
            until(lambda: all(len(reader.numbers) >= frames // 2 for reader in readers), "half of the frames came")
            busy = asked(process)
            lost = [reader.lost() for reader in readers]
            after = asked(process)
            starts = []
            for _ in range(ATTACHED):
                one = Counter(here, 5)
                one.join()
                starts.append(one.first - one.began)
    milliseconds = 1000 * (after["cpu"] - idle["cpu"]) / (after["sent"] - idle["sent"])
    print(f"frames lost by two readers of {frames:,}: {lost[0]} and {lost[1]}")
    print(f"CPU a frame with two readers: {milliseconds:.2f} ms")
    print(f"memory more with readers than without: {(busy['rss'] - idle['rss']) / 1024:.1f} MB")
    print(f"start of a reader to its first frame: {statistics.median(starts):.2f} s, at most {max(starts):.2f} s")
    return int(any(lost))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000))
