"""Files of films: opened, read packet by packet, and the track that is the film."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from vcam.errors import PictureError
from vcam.media.pictures import OTHER, demand_file
from vcam.media.timeline import Packet

TRIES = 8  # to read on after an error
NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def open_film(path: Path) -> InputContainer:
    """A file's streams. Raises PictureError."""
    demand_file(path)
    try:
        return av.open(url(path), metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path} can't be read as a video: {reason}; {OTHER}") from None


def readable(container: InputContainer, miss: Callable[[FFmpegError], None]) -> Iterator[Packet]:
    """Every packet that can be read; `miss` is told what can't."""
    tries = 0
    while tries < TRIES:
        try:
            for packet in container.demux():
                if packet.size:  # an empty one would end the decoder
                    tries = 0
                    yield packet
            return
        except FFmpegError as error:
            miss(error)
            tries += 1


def url(path: Path) -> str:
    """As FFmpeg takes it: it would look for a protocol before a colon in a bare name."""
    return f"file:{path}"


def film_track(path: Path, container: InputContainer) -> VideoStream:
    """The first picture track that is marked default, or else the first; never a cover. Raises PictureError."""
    films = [stream for stream in container.streams.video if stream.disposition & NO_FILM == 0]
    tracks = [stream for stream in films if stream.codec_context is not None]
    if not tracks:
        kind = "that can be decoded" if films else "but perhaps a cover picture"
        raise PictureError(f"{path} holds no video {kind}; {OTHER}")
    return next((stream for stream in tracks if stream.disposition & Disposition.default), tracks[0])
