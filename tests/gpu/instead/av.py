"""As much of PyAV as SegBlur uses, by OpenCV, for a machine with a GPU on which PyAV can't be had. What is written are
the frames alone, as an array, which only this reads again.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

FFmpegError = OSError
time_base = 1_000_000


class VideoFrame:
    rotation, time = 0, None

    def __init__(self, pixels):
        self.pixels = pixels

    @classmethod
    def from_ndarray(cls, pixels, format):
        return cls(pixels.copy())

    def reformat(self, *_, **__):
        return self

    def to_ndarray(self):
        return self.pixels


class VideoStream:
    sample_aspect_ratio = duration = time_base = None
    average_rate = 30

    def __init__(self, frames=()):
        self.pictures, self.frames = list(frames), len(frames)
        self.codec_context = SimpleNamespace()
        if self.frames:
            self.height, self.width = self.pictures[0].shape[0] * 2 // 3, self.pictures[0].shape[1]

    def decode(self, packet):
        return [VideoFrame(packet.pixels)]

    def encode(self, frame=None):
        self.pictures += [frame.pixels] if frame else []


class InputContainer:
    """A file that is read or, if `target`, one that is written at the end."""

    duration = 0

    def __init__(self, stream, target=None):
        self.streams, self.target = SimpleNamespace(video=[stream], audio=[]), target

    def demux(self):
        (stream,) = self.streams.video
        return (SimpleNamespace(pts=None, time_base=None, stream=stream, pixels=one) for one in stream.pictures)

    def add_stream(self, codec, rate):
        return self.streams.video[0]

    def mux(self, packets):
        pass

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.target:
            with Path(self.target).open("wb") as file:
                np.save(file, np.stack(self.streams.video[0].pictures))


def open(path, mode="r", format=None):
    if mode == "w":
        return InputContainer(VideoStream(), path)
    with Path(path).open("rb") as file:
        if file.read(6) == b"\x93NUMPY":
            file.seek(0)
            return InputContainer(VideoStream(np.load(file)))
    video, frames = cv2.VideoCapture(str(path)), []
    while (read := video.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2YUV_I420))
    if not frames:
        raise FFmpegError(f"OpenCV can't read {path}")
    return InputContainer(VideoStream(frames))


for name in ("container", "error", "video", "video.frame", "video.stream"):
    sys.modules[f"av.{name}"] = sys.modules[__name__]
