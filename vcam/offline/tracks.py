"""What goes along with a film's picture: its sounds, subtitles and chapters, and what it says of itself.

Never cover pictures, thumbnails, attachments or further picture tracks: they show the room.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from math import ceil, inf
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from vcam.media.container import NO_FILM, open_film, readable
from vcam.media.timeline import TICK, Packet, clock_of, clocked

OF_A_TRACK = ("language", "title", "comment", "handler_name")
# What is said of the file, not of the film.
OF_THE_FILE = {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "software"}
PICTURES = re.compile("picture|thumb|cover|artwork|image|xmp|exif", re.IGNORECASE)
HEADER_PICTURES = (b"[Graphics]", b"METADATA_BLOCK_PICTURE", b"image/")  # in those of ASS, Vorbis and FLAC
LONGEST = 4096  # characters of a tag: more may be a picture
TEXTS = {"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"}  # subtitles that can become each other
AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
TEXT_OF = {"matroska": "subrip", "mp4": "mov_text", "mov": "mov_text"}  # as each container has them


class Tracks:
    """The tracks of a film that go into another: as they are, where it can hold them, and by the picture's clock."""

    def __init__(self, path: Path, start: float, output: OutputContainer) -> None:
        """Add them, chapters and tags to `output`, before the first packet is written; what it can't hold is left out.
        Raises PictureError.
        """
        self._source, self._output = open_film(path), output
        self._targets: dict[int, Stream] = {}
        self._converted: set[int] = set()
        self._last: dict[int, int] = {}
        for stream in self._source.streams:
            known = stream.type in ("audio", "subtitle") and stream.codec_context is not None
            if known and (added := add(output, stream)) is not None:
                self._targets[stream.index], other = added
                self._converted |= {stream.index} if other else set()
        output.metadata.update(kept_tags(self._source.metadata))
        output.set_chapters([moved(chapter, start) for chapter in self._source.chapters()])
        packets = clocked(readable(self._source, lambda error: None), clock_of(self._source, start))
        self._packets = (packet for packet in packets if packet.stream_index in self._targets and not packet.is_discard)
        self._next = next(self._packets, None)

    def copy_until(self, time: float) -> None:
        """Write the packets up to a time in seconds."""
        while self._next is not None:
            if self._next.dts is not None and float(self._next.dts * self._next.time_base) > time:
                return
            self._write(self._in_order(self._next))
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Write the rest."""
        self.copy_until(inf)
        for index, target in self._targets.items():
            if isinstance(target, AudioStream) and index in self._converted:
                self._write(target.encode(None))

    def _write(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            with suppress(ArgumentError, InvalidDataError):  # one packet is no reason to give up the film
                self._output.mux(packet)

    def _in_order(self, packet: Packet) -> list[Packet]:
        """The packet for its new track, after the last one there."""
        index, target = packet.stream_index, self._targets[packet.stream_index]
        last, base, length = self._last.get(index), packet.time_base, packet.duration or 0
        at = packet.dts if packet.pts is None else packet.pts
        if last is not None:
            at = max(last + length if at is None else at, last + ceil(TICK / base))
        if at is None:
            return []
        self._last[index] = packet.pts = packet.dts = at
        if index in self._converted:
            return converted(packet, target)
        packet.stream = target
        return [packet]

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def add(output: OutputContainer, stream: Stream) -> tuple[Stream, bool] | None:
    """A track for the packets of `stream`, and whether they have to be converted for it; None where the container has
    no place for them.
    """
    kind = output.format.name
    other = "aac" if stream.type == "audio" else TEXT_OF[kind] if stream.name in TEXTS else None
    for codec in (None, other):
        if fits(kind, stream, codec):
            target = add_as(output, stream, codec)
            target.metadata.update(track_tags(stream))
            target.disposition = stream.disposition
            return target, codec is not None
    return None


def fits(kind: str, stream: Stream, codec: str | None) -> bool:
    """Whether a container of this kind takes the stream, tried without a file. A header with pictures is not copied."""
    header = getattr(stream.codec_context, "extradata", None) or b""
    if codec is None and any(mark in header for mark in HEADER_PICTURES):
        return False
    try:
        with av.open(io.BytesIO(), "w", format=kind) as trial:
            add_as(trial, stream, codec)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def add_as(output: OutputContainer, stream: Stream, codec: str | None) -> Stream:
    """A new track like `stream`, or in another codec. Raises FFmpegError, ValueError."""
    if codec is None:
        return output.add_stream_from_template(stream)
    if isinstance(stream, AudioStream):
        sound = output.add_stream("aac", rate=stream.rate if stream.rate in AAC_RATES else max(AAC_RATES))
        sound.layout = "mono" if stream.channels == 1 else "stereo"
        return sound
    assert isinstance(stream, SubtitleStream)
    target = output.add_stream(codec)
    assert isinstance(target, SubtitleStream)
    stream.codec_context.open(strict=False)  # which makes the header
    target.codec_context.subtitle_header = stream.codec_context.subtitle_header
    target.codec_context.time_base = Fraction(1, 1000)
    return target


def converted(packet: Packet, target: Stream) -> list[Packet]:
    """The packet, decoded and encoded for a track of another codec; nothing where that can't be done."""
    source = packet.stream
    try:
        if isinstance(target, AudioStream):
            assert isinstance(source, AudioStream)
            return [done for frame in source.decode(packet) for done in target.encode(frame)]
        assert isinstance(source, SubtitleStream)
        assert isinstance(target, SubtitleStream)
        shown = source.codec_context.decode2(packet)
        if shown is None:
            return []
        text = target.codec_context.encode_subtitle(shown)
    except FFmpegError:
        return []
    text.pts, text.dts, text.duration = packet.pts, packet.dts, packet.duration
    text.time_base, text.stream = packet.time_base, target
    return [text]


def track_tags(stream: Stream) -> dict[str, str]:
    """What is said of a track, and stays true of its copy."""
    return {name: value for name, value in kept_tags(stream.metadata).items() if name.lower() in OF_A_TRACK}


def kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """What is said of a film, without what belongs to its file, and what may be a picture."""
    return {
        name: value
        for name, value in tags.items()
        if name.lower() not in OF_THE_FILE and not PICTURES.search(name) and len(value) <= LONGEST
    }


def moved(chapter: Any, start: float) -> Any:
    """A chapter in a film that begins at 0 instead of `start`, in seconds."""
    shift = round(start / chapter["time_base"])
    begin, end = (max(0, chapter[name] - shift) for name in ("start", "end"))
    return {**chapter, "start": begin, "end": end, "metadata": kept_tags(chapter["metadata"])}


def left_out(source: Path, made: Path) -> str:
    """What the film `made` of another one lacks, as a list in words; "" where that is nothing. Raises PictureError."""
    with open_film(source) as one, open_film(made) as other:
        missing = contents(one) - contents(other)
    tags = sorted(name for name in missing if name.startswith("the "))
    return ", ".join(
        [f"{number} {name}{'s' if number > 1 else ''}" for name, number in missing.items() if name not in tags] + tags
    )


def contents(container: InputContainer) -> Counter[str]:
    """How many things of each kind a film holds, and its tags."""
    found = Counter(sort_of(stream) for stream in container.streams)
    found.update(f"the language {name}" for name in map(language, container.streams) if name)
    found["chapter"] = len(container.chapters())
    if found["chapter"]:
        del found["data track"]  # in MP4 the chapters' own
    found.update(f"the tag {name.lower()}" for name in container.metadata if name.lower() not in OF_THE_FILE)
    return +found


def language(stream: Stream) -> str:
    """Of what is heard or read, "" where it is not known."""
    known = stream.type in ("audio", "subtitle") and stream.language not in (None, "und")
    return stream.language or "" if known else ""


def sort_of(stream: Stream) -> str:
    """A word for a track."""
    if stream.disposition & NO_FILM:
        return "cover picture"
    names = {"audio": "sound track", "video": "picture track", "subtitle": "subtitle track", "attachment": "attachment"}
    return names.get(stream.type, "data track")
