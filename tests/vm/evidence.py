"""What a run left behind: notes, recordings with their times, and what was measured on every frame."""

import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from frames import Frame, Judge, Kind, read_i420, read_png
from material import HEIGHT, WIDTH, read_clip
from numpy.typing import NDArray


class Recording:
    """Every frame that one program read from the virtual camera, in order."""

    def __init__(self, path: Path, judge: Judge) -> None:
        self.path = path
        self.pixels = read_i420(path)
        self.frames: list[Frame] = judge.frames(self.pixels)
        lines = path.with_suffix(".crc").read_text().splitlines() if path.with_suffix(".crc").exists() else []
        rows = [line.split(",") for line in lines if not line.startswith("#")]
        self.times = [int(row[1]) / 1e6 for row in rows][: len(self.frames)]  # when each was written, by the kernel
        self.sizes = [int(row[4]) for row in rows]

    @property
    def kinds(self) -> Counter[Kind]:
        """How many frames there are of each kind."""
        return Counter(frame.kind for frame in self.frames)

    def between(self, start: float, end: float = float("inf")) -> list[Frame]:
        """The frames that were written in this time."""
        return [frame for frame, time in zip(self.frames, self.times, strict=False) if start <= time < end]

    def worst(self) -> tuple[int, float]:
        """The frame that shows most of the secret, and how much that is."""
        leaks = [frame.leak for frame in self.frames]
        return int(np.argmax(leaks)), max(leaks)


class Evidence:
    """The folder of a run. What isn't there is empty, and fails the check that wants it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clip: NDArray[Any] = read_clip(folder / "clip.yuyv")
        self.judge = Judge(self.clip)
        self.notes: list[tuple[float, str, str]] = []
        for line in self.text("notes").splitlines():
            time, name, *value = line.split(maxsplit=2)
            self.notes.append((float(time), name, value[0] if value else ""))

    def text(self, name: str) -> str:
        """A file's text, "" without the file."""
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def when(self, name: str) -> float:
        """When the scenario first noted this."""
        assert self.noted(name), f"the scenario never came to {name!r}"
        return next(time for time, noted, _ in self.notes if noted == name)

    def noted(self, name: str) -> list[str]:
        """What the scenario noted under this name, each time."""
        return [value for _, noted, value in self.notes if noted == name]

    def recording(self, name: str) -> Recording:
        """The recording NAME.yuv."""
        return Recording(self.folder / f"{name}.yuv", self.judge)

    @cached_property
    def main(self) -> Recording:
        """A program that reads from the first frame on, while the worker dies and hangs."""
        return self.recording("main")

    @cached_property
    def faulty(self) -> Recording:
        """A program that reads while the segmentation goes wrong."""
        return self.recording("faulty")

    def drawn(self, browser: str) -> list[Frame]:
        """The pictures that the page drew in this browser."""
        pictures = [read_png(path) for path in sorted((self.folder / browser).glob("frame-*.png"))]
        assert all(picture.shape == (HEIGHT, WIDTH) for picture in pictures), "the page got pictures of another size"
        return self.judge.frames(pictures)

    def posted(self, browser: str, name: str) -> Any:
        """What the page reported under this name."""
        path = self.folder / browser / f"{name}-000.json"
        error = self.text(f"{browser}/error-000.txt") or "no error"
        assert path.exists(), f"the page never reported its {name}: {error}"
        return json.loads(path.read_text())
