"""Videos from files, frame by frame."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np
from av.codec import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vcam.errors import PictureError
from vcam.frame import I420, empty, planes, size_of
from vcam.media import colour
from vcam.media.pictures import OTHER, before_white, check_size, demand_file
from vcam.media.yuv import cover, from_bgr

SAMPLE = Path(__file__).parent.parent / "sample" / "signing.mkv"
LIBVPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
CUT_OFF = 0.5  # seconds by which a whole video may be shorter than its header says


class VideoFile:
    """The frames of a video as I420 of its own size (a last odd line or column is dropped)."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises PictureError."""
        self.path = path
        self.end = 0.0  # seconds, of what was read of all streams
        self.rewind()
        first = next(self._decode(), None)
        self.close()
        self.rewind()
        # Telephones film lying down and note that it has to be turned.
        self.quarters = round((first.rotation if first else 0) / 90) % 4
        self.colours = colour.tags(first) if first else (colour.UNSPECIFIED, colour.UNSPECIFIED)
        width, height = self.stream.width & ~1, self.stream.height & ~1
        aspect = self.stream.sample_aspect_ratio or Fraction(1)
        sideways = self.quarters % 2 == 1
        self.width, self.height = (height, width) if sideways else (width, height)
        self.pixel_aspect = 1 / aspect if sideways else aspect
        self.fps = float(self.stream.average_rate or 30)
        own = (self.stream.duration or 0) * (self.stream.time_base or Fraction(0))
        self.length = float(own or (self.container.duration or 0) / av.time_base)  # seconds
        self.count = self.stream.frames or round(self.length * self.fps)
        try:
            check_size(path, self.width, self.height)
        except PictureError:
            self.close()
            raise

    def _decode(self) -> Iterator[VideoFrame]:
        try:
            for packet in self.container.demux():
                if packet.pts is not None and packet.time_base is not None:
                    self.end = max(self.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is self.stream:
                    yield from self.decoder.decode(packet)
        except FFmpegError as error:
            raise PictureError(f"{self.path} is damaged: {error.strerror}; {OTHER}") from None

    def rewind(self) -> None:
        """Open the file, or a closed one again: not every file can be sought. Raises PictureError."""
        demand_file(self.path)
        self.end = 0.0
        try:
            self.container: InputContainer = av.open(str(self.path))
        except (FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PictureError(f"{self.path} can't be read as a video: {reason}; {OTHER}") from None
        if not self.container.streams.video:
            self.container.close()
            raise PictureError(f"{self.path} holds no video; {OTHER}")
        self.stream: VideoStream = self.container.streams.video[0]
        self.decoder = decoder_of(self.stream)
        self.decoder.thread_type = "AUTO"

    def frames(self) -> Iterator[I420]:
        """Each frame, turned upright. Raises PictureError where the file is damaged or ends too early."""
        return (pixels for _, pixels in self.timed_frames())

    def timed_frames(self) -> Iterator[tuple[float, I420]]:
        """Each frame with its time in seconds. Raises PictureError."""
        end = None
        for number, frame in enumerate(self._decode()):
            time = number / self.fps if frame.time is None else float(frame.time)
            end = time + 1 / self.fps
            yield time, np.ascontiguousarray(upright(to_i420(frame, self.stream), self.quarters))
        if end is None:
            raise PictureError(f"{self.path} holds no frame that can be decoded; {OTHER}")
        # Matroska tells only how long the longest stream is, and sound may go on after the picture.
        end = end if self.stream.duration else max(end, self.end)
        if end + CUT_OFF < 0.95 * self.length:
            raise PictureError(f"{self.path} is cut off: it ends after {end:.1f} of {self.length:.1f} seconds; {OTHER}")

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """What decodes the stream: its own decoder, but for VP8 and VP9 with alpha libvpx's, as FFmpeg's own leave out the
    alpha, and so show what is transparent.
    """
    name = LIBVPX.get(stream.codec_context.name)
    if name is None or stream.metadata.get("alpha_mode") != "1":
        return stream.codec_context
    decoder = CodecContext.create(name, "r")
    assert isinstance(decoder, VideoCodecContext)
    return decoder


def has_alpha(frame: VideoFrame) -> bool:
    """Whether parts of the frame may be transparent."""
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)


def to_i420(frame: VideoFrame, stream: VideoStream) -> I420:
    """A decoded frame as BT.601, limited range, without a last odd line or column, before white where it is
    transparent.
    """
    width, height = stream.width & ~1, stream.height & ~1
    if has_alpha(frame):
        pixels, rgba = empty(width, height), colour.to_rgba(frame)
        from_bgr(before_white(rgba[..., 2::-1], rgba[..., 3]), pixels)
        return pixels
    return colour.to_i420(frame, width, height)


def upright(pixels: I420, quarters: int) -> I420:
    """The picture turned by so many quarters against the clock."""
    if not quarters:
        return pixels
    turned = [np.rot90(plane, quarters).reshape(-1) for plane in planes(pixels)]
    width = pixels.shape[1] if quarters == 2 else pixels.shape[0] * 2 // 3
    return np.concatenate(turned).reshape(-1, width)


def endless(path: Path, size: tuple[int, int]) -> Generator[tuple[float, I420], None, None]:
    """The frames of a video at (width, height), again and again, each with its time in seconds, the first at 0. Raises
    PictureError where the file is damaged, at any time.
    """
    start = 0.0
    with VideoFile(path) as video:
        while True:
            time = first = None
            for time, pixels in video.timed_frames():
                first = time if first is None else first
                yield start + time - first, fitted(pixels, size, float(video.pixel_aspect))
            assert time is not None and first is not None  # else timed_frames has raised
            start += time - first + 1 / video.fps
            video.close()
            video.rewind()


def fitted(pixels: I420, size: tuple[int, int], aspect: float) -> I420:
    """A picture whose pixels are `aspect` times as wide as high, at (width, height): scaled to cover it and cropped."""
    if size_of(pixels) == size and aspect == 1:
        return pixels
    result = empty(*size)
    for source, target in zip(planes(pixels), planes(result), strict=True):
        square = source if aspect == 1 else cv2.resize(source, (round(source.shape[1] * aspect), source.shape[0]))
        target[:] = cover(square, target.shape[1], target.shape[0])
    return result
