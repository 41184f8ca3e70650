"""Pictures and videos from files, and back into files: read whole or not at all, written whole or not at all."""

import time
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vcam.errors import CameraLostError, OutputError, PictureError
from vcam.frame import I420, empty, planes
from vcam.media.raw_frame import RawFrame
from vcam.media.yuv import from_bgr, to_bgr
from vcam.settings import OutputSettings

SAMPLE = Path(__file__).parent.parent / "sample" / "signing.mkv"
SMALLEST, LARGEST = 16, 40_000_000  # pixels of a side, pixels of a picture
OTHER = "name another file, or copy it again"
CUT_OFF = 0.5  # seconds by which a whole video may be shorter than its header says
Pixels = NDArray[Any]


def read_picture(path: Path) -> Pixels:
    """uint8 (H, W, 3) BGR, turned upright as its EXIF data says. Raises PictureError."""
    demand_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size has a limit of its own
            with Image.open(path) as image:
                check_size(path, *image.size)
                rgb = eight_bits(path, ImageOps.exif_transpose(image)).convert("RGB")
    except UnidentifiedImageError:
        raise PictureError(f"{path} is not a picture in a known format, such as JPEG or PNG") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{path} is too large; scale it down to {LARGEST // 1_000_000} million pixels") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}; {OTHER}") from None
    except PictureError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders of rare formats raise whatever they like
        raise PictureError(f"{path} can't be read: {error}; {OTHER}") from None
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def demand_file(path: Path) -> None:
    """Raise PictureError for what may let its reader wait for ever, such as a pipe."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise PictureError(f"{path} is no ordinary file; name one")


def eight_bits(path: Path, image: Image.Image) -> Image.Image:
    """Grey of 16 bits as 8 bits, which Pillow would clip instead. Raises PictureError."""
    if image.mode == "F":
        raise PictureError(f"{path} holds numbers without a scale; save it as an ordinary picture first")
    if image.mode.startswith("I"):
        return Image.fromarray(np.clip(np.asarray(image) / 257.0 + 0.5, 0, 255).astype(np.uint8))
    return image


def check_size(path: Path, width: int, height: int) -> None:
    """Raise PictureError for sizes that can't be processed."""
    if min(width, height) < SMALLEST:
        raise PictureError(f"{path} is {width}×{height}; a picture needs at least {SMALLEST} pixels a side")
    if width * height > LARGEST:
        raise PictureError(
            f"{path} is {width}×{height}; scale it down to at most {LARGEST // 1_000_000} million pixels"
        )


def make_folder(folder: Path) -> None:
    """Make it where it is not there. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} can't be made: {error.strerror}; choose another folder") from None


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
                    yield from self.stream.decode(packet)
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
        self.stream.thread_type = "AUTO"

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def to_i420(frame: VideoFrame, stream: VideoStream) -> I420:
    """A decoded frame as BT.601, limited range, without a last odd line or column."""
    plain = frame.reformat(
        stream.width & ~1,
        stream.height & ~1,
        format="yuv420p",
        dst_colorspace="ITU601",
        dst_color_range="MPEG",
        interpolation="AREA",
    )
    return np.ascontiguousarray(plain.to_ndarray())


def upright(pixels: I420, quarters: int) -> I420:
    """The picture turned by so many quarters against the clock."""
    if not quarters:
        return pixels
    turned = [np.rot90(plane, quarters).reshape(-1) for plane in planes(pixels)]
    width = pixels.shape[1] if quarters == 2 else pixels.shape[0] * 2 // 3
    return np.concatenate(turned).reshape(-1, width)


class FileCamera:
    """A video file as a camera: endless, at its own pace, at the output's size."""

    def __init__(self, path: Path, output: OutputSettings) -> None:
        """Open it. Raises PictureError."""
        self._video, self._output, self._sequence = VideoFile(path), output, 0
        self._frames = self._video.frames()
        self._due = time.monotonic()

    def read(self) -> RawFrame:
        """The next frame, when it is due. Raises CameraLostError where the file can't be read any more."""
        self._due = max(self._due + 1 / self._video.fps, time.monotonic() - 1.0)
        time.sleep(max(0.0, self._due - time.monotonic()))
        try:
            pixels = next(self._frames, None)
            if pixels is None:
                self._video.close()
                self._video.rewind()
                self._frames = self._video.frames()
                pixels = next(self._frames)
        except (PictureError, FFmpegError, StopIteration) as error:
            raise CameraLostError(f"{self._video.path} can't be played any more: {error}") from None
        self._sequence += 1
        if pixels.shape != (self._output.height * 3 // 2, self._output.width):
            fitted = empty(self._output.width, self._output.height)
            from_bgr(to_bgr(pixels), fitted)
            pixels = fitted
        return RawFrame(pixels, self._sequence, time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._video.close()
