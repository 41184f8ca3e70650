"""The service for hours of stream time, faster than real time: python -m tests.helpers.soak [HOURS].

The real keeper, supervisor, slots, compositor and swap, with a webcam that delivers as fast as frames are taken.
Readers come and go, workers are killed, the service is paused, settings and network change, all the time. Memory and
descriptors of both processes must stay flat, and no frame may show the room.
"""

import argparse
import asyncio
import logging
import os
import random
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic

from tests.helpers.faulty_worker import Box, paint_secret, secret_of
from vcam.devices.previews import Previews
from vcam.devices.v4l2 import Device
from vcam.errors import CameraLostError
from vcam.frame import planes
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.raw_frame import RawFrame
from vcam.pipeline.hot_swap import Networks
from vcam.service import supervisor, worker
from vcam.service.frame_slots import DisconnectedError, Sender
from vcam.service.keeper import State, keep
from vcam.service.metrics import resident
from vcam.service.service import Service
from vcam.settings import IdleSettings, NetworkSettings, OutputSettings, Settings
from vcam.system.log import set_up_log

SETTINGS = Settings(output=OutputSettings(width=320, height=240), idle=IdleSettings(webcam=0.0, network=1.0))
FPS = 30  # of stream time
EVENT = 0.05  # seconds between two things that happen, on average
WARM_UP = 0.2  # share of the run after which nothing may grow any more
GROWTH = 8_000_000  # bytes; Python's own memory breathes by some


class QuickCamera:
    """The sample, as fast as it is taken; lost now and then."""

    device, about = Device(SAMPLE, "the sample"), {"name": "the sample"}
    pictures: list = []  # noqa: RUF012 - read once for all

    def __init__(self, camera, output, known):
        if not self.pictures:
            with VideoFile(SAMPLE) as video:
                from vcam.media.yuv import from_bgr, to_bgr

                for picture in list(video.frames())[::10]:
                    small = picture[: output.height * 3 // 2, : output.width].copy()
                    from_bgr(to_bgr(picture), small)
                    paint_secret(planes(small)[0])
                    self.pictures.append(small)
        self._numbers, self._lost = count(1), random.randrange(50, 5000)

    def read(self):
        number = next(self._numbers)
        if number > self._lost:
            raise CameraLostError("the webcam is unplugged")
        return RawFrame(self.pictures[number % len(self.pictures)].copy(), number, monotonic())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Display:
    """A virtual camera that looks at some of its frames; its readers come and go."""

    trouble, how, lingers, missing = "", "event", True, False

    def __init__(self):
        self.readers, self.present = self, True
        self.frames = self.worst = 0
        self._news = os.eventfd(0, os.EFD_NONBLOCK)

    def come_or_go(self):
        self.present = not self.present
        os.eventfd_write(self._news, 1)

    def fileno(self):
        return self._news

    def reading(self):
        with suppress(BlockingIOError):
            os.eventfd_read(self._news)
        return self.present

    def unsure(self):
        return False

    def verify(self):
        pass

    def check(self, frame):
        pass

    def prime(self, frame, silence):
        self.send(frame)

    def scrub(self, frame):
        self.send(frame)

    def send(self, frame):
        self.frames += 1
        if self.frames % 7 == 0:
            self.worst = max(self.worst, secret_of(planes(frame.pixels)[0]))

    def about(self):
        return {"path": "", "label": "", "viewers": int(self.present), "size": [320, 240]}

    def close(self):
        os.close(self._news)


def sizes(pid):
    """Resident bytes and open descriptors of a process."""
    return resident(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def soak(frames, report):
    """Keep the service busy for so many frames; what is wrong, as sentences."""
    randomly = random.Random(0)
    state = State(SETTINGS)
    staff = supervisor.Supervisor(SETTINGS, [sys.executable, "-m", "tests.helpers.soak", "worker"])
    display = Display()
    previews = Previews(SETTINGS.output)
    service = Service(state, staff, [display, previews], previews, {})
    task = asyncio.ensure_future(keep(state, [display, previews], staff, service))
    samples, told = [], 0
    while display.frames < frames and not task.done():
        await asyncio.sleep(randomly.expovariate(1 / EVENT))
        event = randomly.random()
        if event < 0.3 or not display.present:
            display.come_or_go()
        elif event < 0.32 and staff.pid:
            os.kill(staff.pid, signal.SIGKILL)
        elif event < 0.4:
            await service.answer("pause", {})
            await service.answer("resume", {})
        elif event < 0.5:
            await service.answer("effect", {"blur": randomly.uniform(0.2, 1.0)})
        elif event < 0.6 and state.live:
            size = {"fast": "fine", "fine": "fast"}[state.settings.network.size]
            service.network.start(service.network.change_or_log(NetworkSettings(size=size)))
        else:
            service.status()
        samples.append((display.frames, *sizes(os.getpid()), threading.active_count()))
        if display.frames * 20 // frames > told:
            told = display.frames * 20 // frames
            report(display.frames, samples[-1], staff.starts)
    state.stop()
    await asyncio.wait_for(task, 30)
    service.network._disk.shutdown()
    display.close()
    state.wakeup.close()
    return verdict(samples, frames, display)


def verdict(samples, frames, display):
    """What is wrong, as sentences."""
    early = [sample for sample in samples if frames * WARM_UP < sample[0] < frames * 2 * WARM_UP]
    late = [sample for sample in samples if sample[0] > frames * (1 - WARM_UP)]
    wrong = []
    for name, index, room in (("memory", 1, GROWTH), ("descriptors", 2, 4), ("threads", 3, 1)):
        before, after = (sorted(sample[index] for sample in part)[len(part) // 2] for part in (early, late))
        if after > before + room:
            wrong.append(f"the keeper's {name} grew from {before} to {after}")
    if display.worst > 0.02:
        wrong.append(f"the room was seen ({display.worst:.0%})")
    return wrong


def work(memory, link):
    """The worker."""
    sender = Sender(memory, link)
    load = lambda request: Slow()  # noqa: E731
    networks = Networks(sender.settings.network, load, sender.tell)
    sender.tell({"network": {"weights": "shipped", "sha256": "", "architecture": "box", "engine": "", "device": "cpu"}})
    worker.RETRY = 0.01
    worker.work(sender, networks, QuickCamera)


class Slow(Box):
    """Each is another network, as far as the swap can tell."""


def main():
    options = argparse.ArgumentParser(prog="python -m tests.helpers.soak", description=__doc__)
    options.add_argument("hours", type=float, nargs="?", default=1.0, help="of stream time (default: 1)")
    hours = options.parse_args().hours
    frames = int(hours * 3600 * FPS)

    def report(number, sample, starts):
        _, memory, files, threads = sample
        print(
            f"{number / FPS / 60:6.1f} min of stream: keeper {memory / 1e6:.1f} MB, {files} descriptors, "
            f"{threads} threads; {starts} workers so far",
            flush=True,
        )

    began = monotonic()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home}
        wrong = asyncio.run(soak(frames, report))
    print(f"{frames} frames, {frames / FPS / 3600:.2f} h of stream time, in {monotonic() - began:.0f} s")
    print("\n".join(wrong) or "nothing grew, and the room was never seen")
    return len(wrong)


if __name__ == "__main__":
    set_up_log()
    if sys.argv[1:2] == ["worker"]:
        try:
            work(int(sys.argv[2]), int(sys.argv[3]))
        except DisconnectedError:
            sys.exit(0)
    logging.disable(logging.ERROR)
    sys.exit(main())
