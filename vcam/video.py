"""`segblur video`: a video file with its background blurred, its sound copied."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from tqdm import tqdm

from vcam.compositor import compose
from vcam.errors import OutputError, PictureError
from vcam.files import VideoFile, whole
from vcam.frame import I420, RawFrame, SafeFrame
from vcam.mask import Complaints, Segment, mask_or_none


def blur_frames(frames: Iterator[I420], segment: Segment, strength: float) -> Iterator[SafeFrame]:
    """Each frame composed by its own mask; wholly blurred where there is none."""
    complain = Complaints(lambda reason: tqdm.write(reason, file=sys.stderr))
    for sequence, pixels in enumerate(frames):
        frame = RawFrame(pixels, sequence, captured=0.0)
        yield compose(frame, mask_or_none(frame, segment, complain), strength)


def blur_video(source: Path, target: Path, segment: Segment, strength: float) -> int:
    """Write `target` (H.264; the container by its name) with a progress bar on stderr; the number of frames.
    Raises PictureError, OutputError; `target` is then as it was before.
    """
    with VideoFile(source) as video:
        if target.exists() and target.samefile(source):
            raise OutputError(f"{target} is the video to be read; choose another name")
        bar = tqdm(total=video.count or None, unit="frame", disable=None, desc=source.name)
        with bar, whole(target) as beside:
            return encode(video, beside, target, bar, segment, strength)


def encode(
    video: VideoFile,
    beside: Path,
    target: Path,
    bar: "tqdm[None]",
    segment: Segment,
    strength: float,
) -> int:
    """Decode, blur, encode, frame by frame, into the file `beside`. Raises PictureError, OutputError."""
    try:
        output = av.open(str(beside), "w", format=container_of(target))
    except (FFmpegError, OSError, ValueError) as error:
        raise OutputError(f"{target} can't be written: {getattr(error, 'strerror', None) or error}") from None
    count = 0
    with output:
        stream = output.add_stream("libx264", rate=Fraction(video.fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = (
            video.width,
            video.height,
            "yuv420p",
        )
        stream.options = {"crf": "20", "preset": "veryfast"}
        sound = copy_of_sound(video.path, output)
        try:
            for safe in blur_frames(video.frames(), segment, strength):
                frame = av.VideoFrame.from_ndarray(safe.pixels, format="yuv420p")
                output.mux(stream.encode(frame))
                count += 1
                bar.update()
            output.mux(stream.encode())
            for packet in sound:
                output.mux(packet)
        except FFmpegError as error:
            raise OutputError(f"{target} can't be written: {error.strerror}") from None
    return count


def container_of(target: Path) -> str:
    """FFmpeg's name of the container. Raises ValueError with the names that are known."""
    known = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
    if target.suffix.lower() not in known:
        raise ValueError(f"its name must end with one of {', '.join(known)}")
    return known[target.suffix.lower()]


def copy_of_sound(source: Path, output: "av.container.OutputContainer") -> Iterator["av.Packet[av.AudioStream]"]:
    """The first audio stream's packets, as they are; none where there is no sound. The stream is added at once,
    because all streams must be there before the first packet is written.
    """
    container = av.open(str(source))
    if not container.streams.audio:
        container.close()
        return iter(())
    try:
        target = output.add_stream_from_template(container.streams.audio[0])
    except (FFmpegError, ValueError) as error:
        container.close()
        raise PictureError(f"the sound of {source} does not fit into this container ({error}); use .mkv") from None

    def packets() -> Iterator["av.Packet[av.AudioStream]"]:
        with container:
            for packet in container.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = target
                    yield packet

    return packets()
