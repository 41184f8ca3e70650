"""What a frame that is made in one go costs, part by part, and the floor that the transfers set; how many streams have
room beside each other; and how far its masks and pictures are from the CPU's.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import cv2
import numpy as np
import torch

from segnet.torchengine import gpu_name
from vcam.compositor import compose
from vcam.effects import Blur
from vcam.frame import I420, RawFrame, empty
from vcam.gpu import Frames, take_own_stream
from vcam.mask import FrameMask, Segment, find_mask

WARM_UP = 10  # frames
IN_TIME = 33.0  # milliseconds: a frame of a webcam at 30 fps


def parts(frames: Frames, pictures: Sequence[I420], strength: float, count: int) -> dict[str, Any]:
    """Milliseconds, medians of `count` frames, `pictures` in turn: `upload`, with the copy into page-locked memory,
    `graph` and `download`, each waited for; `floor`, upload and download with nothing between, waited for once; and
    `steps`, what the graph does, started step by step. `gpu` is its name and driver.
    """
    frames.ask(strength, goes_on=False)

    def upload(number: int) -> None:
        frames.upload(pictures[number % len(pictures)])

    def floor(number: int) -> None:
        upload(number)
        frames.download()

    ways: dict[str, Callable[[int], None]] = {
        "upload": upload,
        "graph": lambda number: frames.run(),
        "download": lambda number: frames.download(),
        "floor": floor,
        "steps": lambda number: frames.steps(),
    }
    spent = np.zeros((count, len(ways)))
    for number in range(-WARM_UP, count):
        for place, way in enumerate(ways.values()):
            began = time.perf_counter()
            way(number)
            frames.wait()
            spent[max(number, 0), place] = time.perf_counter() - began
    medians = np.median(spent, axis=0) * 1e3
    return dict(zip(ways, medians.round(3).tolist(), strict=True)) | {"gpu": gpu_name()}


def streams(make: Callable[[], Frames], pictures: Sequence[I420], strength: float, count: int, most: int) -> Any:
    """How many threads, each with a stream of its own and without a pause between two frames, make each frame within
    IN_TIME at the 99th percentile: `tried`, for every number that was tried what `beside` says, and `most`, the largest
    that did, 0 for none. Doubled up to `most`, then halved to the exact number.
    """
    makers: list[Frames] = []

    def good(number: int) -> bool:
        while len(makers) < number:
            makers.append(make())
        tried.append(beside(makers[:number], pictures, strength, count))
        return bool(tried[-1]["p99_ms"] <= IN_TIME)

    tried: list[dict[str, float]] = []
    low, high = 0, 1
    while high <= most and good(high):
        low, high = high, 2 * high
    high = min(high, most + 1)
    while high - low > max(1, low // 8):  # to an eighth: the percentile is no more exact than that
        middle = (low + high) // 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return {"most": low, "tried": sorted(tried, key=lambda one: one["streams"])}


def beside(makers: Sequence[Frames], pictures: Sequence[I420], strength: float, count: int) -> dict[str, float]:
    """`streams`, how many at once; `p50_ms` and `p99_ms` of a frame; and `fps`, frames a second in all of them."""
    start = Barrier(len(makers) + 1)

    def work(frames: Frames) -> list[float]:
        if torch.cuda.is_available():
            take_own_stream()
        out, spent = empty(pictures[0].shape[1], pictures[0].shape[0] * 2 // 3), []
        try:
            for number in range(-WARM_UP, count):
                if number == 0:
                    start.wait()
                began = time.perf_counter()
                frames(pictures[number % len(pictures)], strength, goes_on=number > -WARM_UP, out=out)
                spent.append(time.perf_counter() - began)
        except BaseException:
            start.abort()  # or the others would wait for this one
            raise
        return spent[WARM_UP:]

    with ThreadPoolExecutor(len(makers)) as pool:
        results = [pool.submit(work, frames) for frames in makers]
        with suppress(BrokenBarrierError):
            start.wait()
        began = time.perf_counter()
        for error in (result.exception() for result in results):
            if error is not None and not isinstance(error, BrokenBarrierError):
                raise error  # and not what it did to the others
        spent = np.array([result.result() for result in results]) * 1e3
        passed = time.perf_counter() - began
    p50, p99 = (round(float(np.percentile(spent, q)), 3) for q in (50, 99))
    return {"streams": len(makers), "p50_ms": p50, "p99_ms": p99, "fps": round(spent.size / passed, 1)}


def differences(
    frames: Frames, quick: Segment, slow: Segment, pictures: Sequence[I420], strength: float
) -> dict[str, float]:
    """How far what a GPU makes of successive frames is from what the CPU does, each by its own masks and with its own
    memory: `mask_mean`, `mask_max`, of masks by the networks `quick` and `slow`, and `picture_mean`, `picture_max`, of
    `frames` and the compositor; grey levels, the worst frame's. Raises MaskError where a network finds nobody.
    """
    one: FrameMask | None = None
    other: FrameMask | None = None
    found = []
    for number, pixels in enumerate(pictures):
        frame = RawFrame(pixels, number, captured=0.0)
        one, other = find_mask(frame, quick, one), find_mask(frame, slow, other)
        masks = 255 * np.abs(one.alpha - other.alpha)
        made = frames(pixels, strength, goes_on=number > 0).picture.pixels
        changed = cv2.absdiff(made, compose(frame, other, Blur(strength)).pixels)
        found.append((masks.mean(), masks.max(), changed.mean(), changed.max()))
    worst = np.max(np.array(found, float), axis=0).round(3).tolist()
    return dict(zip(("mask_mean", "mask_max", "picture_mean", "picture_max"), worst, strict=True))
