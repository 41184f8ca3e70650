"""Videos from files, frame by frame."""

import io
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, cast

import av
import cv2
import numpy as np
from av.codec import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from vcam.errors import PictureError
from vcam.frame import I420, empty, planes, size_of
from vcam.media import colour
from vcam.media.container import film_track, open_film, readable
from vcam.media.deinterlace import deinterlaced
from vcam.media.flaws import Flaws
from vcam.media.pictures import OTHER, before_white, check_size, turn_of
from vcam.media.timeline import Packet, clock_of, clocked, in_order
from vcam.media.yuv import cover, from_bgr

SAMPLE = Path(__file__).parent.parent / "sample" / "signing.mkv"
LIBVPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
FASTEST = 1000  # frames a second; what says more says nothing
BLACK = (16, 128, 128)
MIRRORS = {Image.Transpose[name] for name in ("FLIP_LEFT_RIGHT", "FLIP_TOP_BOTTOM", "TRANSPOSE", "TRANSVERSE")}


class VideoFile:
    """The frames of a video as I420 of the first one's size (a last odd line or column is dropped)."""

    def __init__(self, path: Path, rotate: int = 0) -> None:
        """Open it; `rotate` is by how many degrees to turn it clockwise, 0, 90, 180 or 270. Raises PictureError."""
        self.path, self._rotate, self._mirrored = path, rotate, False
        self.start, self.fps = 0.0, 30.0  # seconds by the file's clock; until both are known
        self._aspects: dict[tuple[int, int], Fraction | None] = {}  # of pixels, by a frame's size
        self.rewind()
        frame = next(deinterlaced(self._decode(), self.stream), None)
        if frame is None:
            self.close()
            raise PictureError(f"{path} holds no frame that can be decoded{self._flaws.reason}; {OTHER}")
        self.colours = colour.tags(frame)
        self._shape = self._shape_of(frame)
        sideways = self._shape[3]
        aspect = self.stream.sample_aspect_ratio or Fraction(1)
        width, height = frame.width & ~1, frame.height & ~1
        self.width, self.height = (height, width) if sideways else (width, height)
        self.pixel_aspect = 1 / aspect if sideways else aspect
        fps = self.stream.average_rate or self.stream.guessed_rate or 0
        self.fps = float(fps) if 0 < fps <= FASTEST else self.fps
        own = (self.stream.duration or 0) * (self.stream.time_base or Fraction(0))
        self.length = float(own or (self.container.duration or 0) / av.time_base)  # seconds
        self.count = self.stream.frames or round(self.length * self.fps)
        start = (self.container.start_time or 0) / av.time_base
        if len(self.container.streams) == 1 and frame.time is not None and frame.time > start:
            self.length -= frame.time - start
            start = frame.time  # nothing is heard before the first frame that is whole
        self.close()
        check_size(path, self.width, self.height)
        self.start = start
        self.rewind()

    def rewind(self) -> None:
        """Open the file, or a closed one again: not every file can be sought. Raises PictureError."""
        self.container = open_film(self.path)
        try:
            self.stream = film_track(self.path, self.container)
        except PictureError:
            self.container.close()
            raise
        self.decoder = decoder_of(self.stream)
        # With a thread for each frame, the decoder would give up whatever follows a flaw in the last dozen.
        self.decoder.thread_type = "SLICE"
        self._clock = clock_of(self.container, self.start)
        self._flaws = Flaws(1 / self.fps)

    def _decode(self) -> Iterator[VideoFrame]:
        for packet in clocked(readable(self.container, self._flaws.miss), self._clock):
            own = packet.stream_index == self.stream.index
            self._flaws.read(packet, own)
            if own:
                yield from self._decoded(packet)
        last: Packet = av.Packet()
        last.time_base = self.stream.time_base or Fraction(1, 1000)
        yield from self._decoded(last)

    def _decoded(self, packet: Packet) -> Iterator[VideoFrame]:
        try:
            frames = self.decoder.decode(cast("av.Packet[VideoStream]", packet))
        except FFmpegError as error:
            self._flaws.miss(error, None if packet.pts is None else float(packet.pts * packet.time_base))
            return
        for frame in frames:
            frame.pts = frame.dts if frame.pts is None else frame.pts
            self._mirrored = is_mirrored(frame, packet)  # its decoder gives each back at once
            self._flaws.decoded(frame)
            yield frame

    def frames(self) -> Iterator[I420]:
        """Each frame, turned upright."""
        return (pixels for _, pixels in self.timed_frames())

    def timed_frames(self) -> Iterator[tuple[float, I420]]:
        """Each frame with its time in seconds, which increases; `flaws` says what was wrong with them."""
        whole = deinterlaced(self._decode(), self.stream)
        for time, frame in in_order(((frame.time, frame) for frame in whole), 1 / self.fps):
            self._flaws.show(time, self._shape_of(frame) != self._shape)
            yield time, self._pixels(frame)

    def _pixels(self, frame: VideoFrame) -> I420:
        """Upright, at the first frame's size: one of another shape is fitted in, with black beside it."""
        across, down, sideways = orientation(frame, self._rotate, self._mirrored)
        size = (self.width, self.height)
        shape = self._shape_of(frame)
        if shape != self._shape:
            ratio = frame.width * (shape[2] or 1) / Fraction(frame.height)
            size = inside(size, (1 / ratio if sideways else ratio) / self.pixel_aspect)
        pixels = upright(to_i420(frame, size[::-1] if sideways else size), across, down, sideways)
        return pixels if size == (self.width, self.height) else on_black(pixels, self.width, self.height)

    def _shape_of(self, frame: VideoFrame) -> tuple[int, int, Fraction | None, bool]:
        """Width, height, the aspect of its pixels by the decoder, and whether it lies on its side."""
        size = (frame.width, frame.height)
        if (self.decoder.width, self.decoder.height) == size:  # it may be ahead of what it gives back
            self._aspects[size] = self.decoder.sample_aspect_ratio
        return *size, self._aspects.get(size), orientation(frame, self._rotate, self._mirrored)[2]

    def flaws(self) -> str:
        """A sentence on what was wrong with the frames read last; "" where all was well."""
        stream = self.stream
        constant = stream.average_rate == stream.base_rate
        sentences = self._flaws.sentences(
            self.length, bool(stream.frames), bool(stream.duration), constant, self._clock.joints
        )
        return f"{self.path} {'; it '.join(sentences)}" if sentences else ""

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


def to_i420(frame: VideoFrame, size: tuple[int, int]) -> I420:
    """A decoded frame as BT.601, limited range, scaled to (width, height), before white where it is transparent."""
    width, height = size
    if has_alpha(frame):
        pixels, rgba = empty(width, height), colour.to_rgba(frame)
        from_bgr(before_white(rgba[..., 2::-1], rgba[..., 3]), pixels)
        return pixels
    return colour.to_i420(frame, width, height)


def orientation(frame: VideoFrame, rotate: int = 0, mirrored: bool = False) -> tuple[bool, bool, bool]:
    """Whether the frame has to be mirrored left to right and top to bottom, after its rows were made columns, by the
    display matrix, and to be turned by `rotate` degrees: telephones film lying down, or mirrored, and note it.
    `mirrored` is the answer of `is_mirrored`.
    """
    try:
        across, down, sideways = as_noted(frame)
    except ValueError:  # beside it is what PyAV does not know, such as EXIF data; it still tells turns
        across, down, sideways = False, mirrored, False
        rotate = (rotate - frame.rotation) % 360
    for _ in range(rotate // 90):  # a quarter of a turn makes rows columns, and then swaps left and right
        across, down, sideways = not down, across, not sideways
    return across, down, sideways


def is_mirrored(frame: VideoFrame, packet: Packet) -> bool:
    """Whether the frame of a packet is mirrored by EXIF data, where PyAV can't read the display matrix."""
    try:
        as_noted(frame)
    except ValueError:
        try:
            with Image.open(io.BytesIO(bytes(packet))) as image:
                return turn_of(image) in MIRRORS
        except Exception:  # noqa: BLE001 - of what is none of its formats, or broken, Pillow raises whatever it likes
            return False
    return False


def as_noted(frame: VideoFrame) -> tuple[bool, bool, bool]:
    """See orientation: what the display matrix says."""
    note = cast(dict[str, Any], frame.side_data).get("DISPLAYMATRIX")
    if note is None:
        return False, False, False
    # A pixel at (x, y) is to be seen at (ax + cy, bx + dy), moved into view.
    a, b, _, c, d = np.frombuffer(note, np.int32)[:5].tolist()
    sideways = abs(b) + abs(c) > abs(a) + abs(d)
    return (c < 0, b < 0, True) if sideways else (a < 0, d < 0, False)


def upright(pixels: I420, across: bool, down: bool, sideways: bool) -> I420:
    """The picture as `orientation` says."""
    if not (across or down or sideways):
        return pixels
    turned = [plane.T if sideways else plane for plane in planes(pixels)]
    turned = [plane[:: -1 if down else 1, :: -1 if across else 1] for plane in turned]
    return np.concatenate([plane.reshape(-1) for plane in turned]).reshape(-1, turned[0].shape[1])


def inside(size: tuple[int, int], ratio: Fraction) -> tuple[int, int]:
    """The largest even (width, height) within `size` whose width is `ratio` times its height."""
    width, height = size
    wide, high = min(width, round(height * ratio)), min(height, round(width / ratio))
    return max(2, (wide + 1) & ~1), max(2, (high + 1) & ~1)


def on_black(pixels: I420, width: int, height: int) -> I420:
    """The picture in the middle of a black one of (width, height)."""
    result = empty(width, height)
    for source, target, black in zip(planes(pixels), planes(result), BLACK, strict=True):
        target[:] = black
        top, left = ((whole - part) // 2 for whole, part in zip(target.shape, source.shape, strict=True))
        target[top : top + source.shape[0], left : left + source.shape[1]] = source
    return result


def endless(path: Path, size: tuple[int, int]) -> Generator[tuple[float, I420], None, None]:
    """The frames of a video at (width, height), again and again, each with its time in seconds, the first at 0; what
    can't be decoded is left out. Raises PictureError where nothing can, or the file is gone.
    """
    start = 0.0
    with VideoFile(path) as video:
        while True:
            time = first = None
            for time, pixels in video.timed_frames():
                first = time if first is None else first
                yield start + time - first, fitted(pixels, size, float(video.pixel_aspect))
            if time is None or first is None:
                raise PictureError(f"{path} holds no frame that can be decoded any more; {OTHER}")
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
