"""`segblur video`: a video file with its background blurred, its sound copied, its times kept."""

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from tqdm import tqdm

from vcam.effects.backdrop import check_look
from vcam.effects.look import Look
from vcam.errors import OutputError, PictureError
from vcam.frame import SafeFrame, empty, size_of
from vcam.masks.mask import Segment
from vcam.media.films import VideoFile
from vcam.media.raw_frame import RawFrame
from vcam.pipeline.framing import AS_FILMED
from vcam.pipeline.pipeline import Pipeline
from vcam.settings import FramingSettings, LookSettings, Settings, for_camera
from vcam.system.atomic_write import whole
from vcam.system.stage_timer import StageTimer

TIME_BASE = Fraction(1, 90_000)  # fine enough for every frame rate
BT601, LIMITED = 6, 1  # SMPTE 170M and MPEG range, as FFmpeg numbers them: what our planes are
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


def on_stderr(sentence: str) -> None:
    """A line there, above the bar."""
    tqdm.write(sentence, file=sys.stderr)


def blur_frames(
    video: VideoFile,
    segment: Segment,
    wanted: LookSettings,
    framing: FramingSettings = AS_FILMED,
    report: Callable[[str], None] = on_stderr,
) -> Iterator[tuple[float, SafeFrame]]:
    """Each frame with its time in seconds, composed by its own mask; the effect is all over it where there is none, and
    `report` gets the reason. Raises PictureError, also for the effect's own file, and DeviceLostError.
    """
    settings = Settings.model_construct(look=wanted, framing=framing)
    pipeline = Pipeline(report, StageTimer(lambda facts: None), Look())
    for sequence, (time, pixels) in enumerate(video.timed_frames()):
        frame = RawFrame(pixels, sequence, captured=time)
        yield time, pipeline(frame, segment, settings, empty(*size_of(pixels)))


def blur_video(
    source: Path, target: Path, segment: Segment, look: LookSettings, framing: FramingSettings = AS_FILMED
) -> int:
    """Write `target` (H.264; the container by its name) with a progress bar on stderr; the number of frames.
    Raises PictureError, OutputError, SettingsError; `target` is then as it was before.
    """
    for_camera(look)
    if target.suffix.lower() not in CONTAINERS:
        raise OutputError(f"{target} can't be written: its name must end with one of {', '.join(CONTAINERS)}")
    with VideoFile(source) as video:
        check_target(source, target)
        check_look(look)
        bar = tqdm(total=video.count or None, unit="frame", disable=None, desc=source.name)
        with bar, whole(target) as beside:
            return encode(video, beside, target, bar.update, blur_frames(video, segment, look, framing))


def check_target(source: Path, target: Path) -> None:
    """Raise OutputError for a place that can't be written to, before any work is done."""
    try:
        if target.is_dir() or (target.exists() and target.samefile(source)):
            what = "a folder" if target.is_dir() else "the video to be read"
            raise OutputError(f"{target} is {what}; choose another name")
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}; choose another name") from None


def encode(
    video: VideoFile, beside: Path, target: Path, step: Callable[[], object], frames: Iterator[tuple[float, SafeFrame]]
) -> int:
    """Encode the frames of the video, each with its time in seconds, into the file `beside`, as they come, and call
    `step` after each. Raises PictureError, OutputError.
    """
    try:
        output = av.open(str(beside), "w", format=CONTAINERS[target.suffix.lower()])
    except (FFmpegError, OSError, ValueError) as error:
        raise OutputError(f"{target} can't be written: {getattr(error, 'strerror', None) or error}") from None
    count = 0
    with output:
        stream = output.add_stream("libx264", rate=Fraction(video.fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        stream.codec_context.colorspace, stream.codec_context.color_range = BT601, LIMITED
        stream.codec_context.color_primaries, stream.codec_context.color_trc = video.colours
        stream.codec_context.sample_aspect_ratio = video.pixel_aspect
        stream.options = {"crf": "20", "preset": "veryfast"}
        sound = Sound(video.path, output)
        try:
            for time, safe in frames:
                frame = av.VideoFrame.from_ndarray(safe.pixels, format="yuv420p")
                frame.pts, frame.time_base = round(time / TIME_BASE), TIME_BASE
                frame.colorspace, frame.color_range = BT601, LIMITED
                sound.copy_until(time)  # beside its picture, so that a player need not hold all of one back
                output.mux(stream.encode(frame))
                count += 1
                step()
            output.mux(stream.encode())
            sound.copy_until(float("inf"))
        except FFmpegError as error:
            raise OutputError(f"{target} can't be written: {error.strerror}") from None
        finally:
            sound.close()
    return count


class Sound:
    """The first audio stream of a file, copied as it is into another; nothing where there is none."""

    def __init__(self, source: Path, output: "av.container.OutputContainer") -> None:
        """Add the stream to `output`, before the first packet is written. Raises PictureError."""
        self._container, self._output = av.open(str(source)), output
        self._packets: Iterator[av.Packet[av.AudioStream]] = iter(())
        self._next: av.Packet[av.AudioStream] | None = None
        if not self._container.streams.audio:
            return
        try:
            self._target = output.add_stream_from_template(self._container.streams.audio[0])
        except (FFmpegError, ValueError) as error:
            self.close()
            raise PictureError(f"the sound of {source} does not fit into this container ({error}); use .mkv") from None
        self._packets = (packet for packet in self._container.demux(audio=0) if packet.dts is not None)
        self._next = next(self._packets, None)

    def copy_until(self, time: float) -> None:
        """Write the packets up to a time in seconds."""
        while self._next is not None and float((self._next.dts or 0) * self._next.time_base) <= time:
            self._next.stream = self._target
            self._output.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the source."""
        self._container.close()
