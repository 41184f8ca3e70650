"""What a frame that is made in one go costs, part by part, and the floor that the transfers set."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from segnet.torch_engine import gpu_name
from vcam.effects.tones import Tone, tables_of
from vcam.frame import I420
from vcam.pipeline.cuda_graph import Frames
from vcam.pipeline.pipeline import turn_of
from vcam.settings import Settings

WARM_UP = 10  # frames


def parts(frames: Frames, pictures: Sequence[I420], count: int, settings: Settings) -> dict[str, Any]:
    """Milliseconds, medians of `count` frames, `pictures` in turn: `upload`, with the copy into page-locked memory,
    `graph` and `download`, each waited for; `floor`, upload and download with nothing between, waited for once; and
    `steps`, what the graph does, started step by step. `gpu` is its name and driver.
    """
    picture, size = settings.picture, (settings.output.width, settings.output.height)
    tables = tables_of(Tone(picture.light, picture.warmth))
    frames.ask(settings.look.blur, False, turn_of(settings, size), tables)

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
        "steps": lambda number: frames.steps(frames.corrects),
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
