"""`segblur video`: a video file with its background blurred, its sound copied, its times kept."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Disposition
from tqdm import tqdm

from vcam.effects.backdrop import check_look
from vcam.effects.look import Look
from vcam.errors import OutputError, PictureError
from vcam.frame import SafeFrame, empty, size_of
from vcam.masks.mask import Segment
from vcam.media.container import url
from vcam.media.films import VideoFile
from vcam.media.raw_frame import RawFrame
from vcam.offline.tracks import Tracks, left_out, track_tags
from vcam.pipeline.framing import AS_FILMED, UNCORRECTED
from vcam.pipeline.pipeline import Pipeline
from vcam.settings import FramingSettings, LookSettings, PictureSettings, Settings, for_camera
from vcam.system.atomic_write import whole
from vcam.system.stage_timer import StageTimer

TIME_BASE = Fraction(1, 90_000)  # fine enough for every frame rate
BT601, LIMITED = 6, 1  # SMPTE 170M and MPEG range, as FFmpeg numbers them: what our planes are
OPTIONS = {"mov": {"movflags": "use_metadata_tags"}}  # QuickTime's own, which have any name
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
    picture: PictureSettings = UNCORRECTED,
) -> Iterator[tuple[float, SafeFrame]]:
    """Each frame with its time in seconds, composed by its own mask; the effect is all over it where there is none, and
    `report` gets the reason. The video itself turns them. Raises PictureError, also for the effect's own file, and
    DeviceLostError.
    """
    upright = picture.model_copy(update={"rotate": 0})
    settings = Settings.model_construct(look=wanted, framing=framing, picture=upright)
    pipeline = Pipeline(report, StageTimer(lambda facts: None), Look())
    for sequence, (time, pixels) in enumerate(video.timed_frames()):
        frame = RawFrame(pixels, sequence, captured=time)
        yield time, pipeline(frame, segment, settings, empty(*size_of(pixels)))


def blur_video(
    source: Path,
    target: Path,
    segment: Segment,
    look: LookSettings,
    framing: FramingSettings = AS_FILMED,
    picture: PictureSettings = UNCORRECTED,
) -> int:
    """Write `target` (H.264; the container by its name) with a progress bar on stderr; the number of frames.
    Raises PictureError, OutputError, SettingsError; `target` is then as it was before.
    """
    for_camera(look)
    if target.suffix.lower() not in CONTAINERS:
        raise OutputError(f"{target} can't be written: its name must end with one of {', '.join(CONTAINERS)}")
    with VideoFile(source, picture.rotate) as video:
        check_target(source, target)
        check_look(look)
        frames = blur_frames(video, segment, look, framing, picture=picture)
        with tqdm(total=video.count or None, unit="frame", disable=None, desc=source.name) as bar:
            return make(video, target, bar.update, frames)


def check_target(source: Path, target: Path) -> None:
    """Raise OutputError for a place that can't be written to, before any work is done."""
    try:
        if target.is_dir() or (target.exists() and target.samefile(source)):
            what = "a folder" if target.is_dir() else "the video to be read"
            raise OutputError(f"{target} is {what}; choose another name")
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}; choose another name") from None


def make(video: VideoFile, target: Path, step: Callable[[], object], frames: Iterator[tuple[float, SafeFrame]]) -> int:
    """Write `target` as `encode` does, as a whole, and say on stderr what is missing in it; the number of frames."""
    with whole(target) as beside:
        count = encode(video, beside, target, step, frames)
    if flaws := video.flaws():
        on_stderr(f"segblur: {flaws}")
    with suppress(PictureError):  # the source may be gone by now, which is no reason to give up the result
        if lacks := left_out(video.path, target):
            on_stderr(f"segblur: {target} leaves out what {video.path} also holds: {lacks}")
    return count


def encode(
    video: VideoFile, beside: Path, target: Path, step: Callable[[], object], frames: Iterator[tuple[float, SafeFrame]]
) -> int:
    """Encode the frames of the video, each with its time in seconds, into the file `beside`, as they come, and call
    `step` after each. Raises PictureError, OutputError.
    """
    count = 0
    kind = CONTAINERS[target.suffix.lower()]
    try:
        with av.open(url(beside), "w", format=kind, container_options=OPTIONS.get(kind)) as output:
            stream = output.add_stream("libx264", rate=Fraction(video.fps).limit_denominator(1001))
            stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
            stream.codec_context.time_base = TIME_BASE
            stream.codec_context.colorspace, stream.codec_context.color_range = BT601, LIMITED
            stream.codec_context.color_primaries, stream.codec_context.color_trc = video.colours
            stream.codec_context.sample_aspect_ratio = video.pixel_aspect
            stream.options = {"crf": "20", "preset": "veryfast"}
            stream.metadata.update(track_tags(video.stream))
            stream.disposition = Disposition.default
            with closing(Tracks(video.path, video.start, output)) as tracks:
                for time, safe in frames:
                    frame = av.VideoFrame.from_ndarray(safe.pixels, format="yuv420p")
                    frame.pts, frame.time_base = round(time / TIME_BASE), TIME_BASE
                    frame.colorspace, frame.color_range = BT601, LIMITED
                    tracks.copy_until(time)  # beside its picture, so that a player need not hold all of one back
                    output.mux(stream.encode(frame))
                    count += 1
                    step()
                output.mux(stream.encode())
                tracks.finish()
    except FFmpegError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}") from None
    return count
