"""Pictures and videos from files, and back into files: read whole or not at all, written whole or not at all."""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from vcam.errors import CameraLostError, OutputError, PictureError
from vcam.frame import I420, RawFrame, empty
from vcam.settings import OutputSettings
from vcam.yuv import from_bgr, to_bgr

SAMPLE = Path(__file__).parent / "sample" / "signing.mkv"
SMALLEST, LARGEST = 16, 40_000_000  # pixels of a side, pixels of a picture
CUT_OFF = 0.5  # seconds by which a whole video may be shorter than its header says
Pixels = NDArray[Any]


def read_picture(path: Path) -> Pixels:
    """uint8 (H, W, 3) BGR, turned upright as its EXIF data says. Raises PictureError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # check_size has a limit of its own
            with Image.open(path) as image:
                check_size(path, *image.size)
                rgb = ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError:
        raise PictureError(f"{path} is not a picture in a known format, such as JPEG or PNG") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{path} is too large; scale it down to {LARGEST // 1_000_000} million pixels") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    return np.ascontiguousarray(np.asarray(rgb)[..., ::-1])


def check_size(path: Path, width: int, height: int) -> None:
    """Raise PictureError for sizes that can't be processed."""
    if min(width, height) < SMALLEST:
        raise PictureError(f"{path} is {width}×{height}; a picture needs at least {SMALLEST} pixels a side")
    if width * height > LARGEST:
        raise PictureError(
            f"{path} is {width}×{height}; scale it down to at most {LARGEST // 1_000_000} million pixels"
        )


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to; what is there at the end of the block takes the place of `path` in one step, and
    nothing is left of it after an exception. Raises OutputError where the folder can't be written.
    """
    beside = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}; choose another place") from None
    finally:
        beside.unlink(missing_ok=True)


class VideoFile:
    """The frames of a video as I420 of its own size (a last odd line or column is dropped)."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises PictureError."""
        self.path = path
        try:
            self.container = av.open(str(path))
        except (FFmpegError, OSError) as error:
            raise PictureError(f"{path} can't be read as a video: {error.strerror or error}") from None
        if not self.container.streams.video:
            self.container.close()
            raise PictureError(f"{path} holds no video")
        self.stream = self.container.streams.video[0]
        self.stream.thread_type = "AUTO"
        self.width, self.height = self.stream.width & ~1, self.stream.height & ~1
        self.fps = float(self.stream.average_rate or 30)
        self.count = self.stream.frames or round(float((self.container.duration or 0) / av.time_base) * self.fps)
        try:
            check_size(path, self.width, self.height)
        except PictureError:
            self.close()
            raise

    def frames(self) -> Iterator[I420]:
        """Each frame. Raises PictureError where the file is damaged or ends too early."""
        seen, end = 0, 0.0
        try:
            for frame in self.container.decode(self.stream):
                seen, end = seen + 1, max(end, float(frame.time or 0.0))
                yield to_i420(frame, self.width, self.height)
        except FFmpegError as error:
            raise PictureError(f"{self.path} is damaged after frame {seen}: {error.strerror}") from None
        if not seen:
            raise PictureError(f"{self.path} holds no frame that can be decoded")
        promised = float((self.container.duration or 0) / av.time_base)
        if end + CUT_OFF < promised and (end + CUT_OFF) < 0.95 * promised:
            raise PictureError(f"{self.path} is cut off: it ends after {end:.1f} of {promised:.1f} seconds")

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


def to_i420(frame: VideoFrame, width: int, height: int) -> I420:
    """A decoded frame as BT.601, limited range."""
    plain = frame.reformat(
        width,
        height,
        format="yuv420p",
        dst_colorspace="ITU601",
        dst_color_range="MPEG",
        interpolation="AREA",
    )
    return np.ascontiguousarray(plain.to_ndarray())


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
                self._video.container.seek(0)
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
