"""What goes along with a picture: sounds, subtitles, chapters, tags. What shows the room does not."""

import subprocess
import sys
from itertools import pairwise

import av
import pytest

from tests.helpers.faulty_worker import Box
from tests.helpers.files import SINE, listing, make_video, needs_ffmpeg
from tests.helpers.films import film, times
from vcam.media.container import url
from vcam.offline.video import blur_video
from vcam.settings import LookSettings

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=1")
H264 = ("-c:v", "libx264", "-c:a", "aac", "-t", 1)
WORDS = "1\n00:00:00,100 --> 00:00:00,900\nGood <i>morning</i>\n"
CHAPTERS = ";FFMETADATA1\ntitle=A talk\nartist=Anna\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={start + 500}\ntitle={title}\n"
    for start, title in ((0, "one"), (500, "two"))
)


def blurred(source, target, capsys=None):
    """What is said of the result."""
    blur_video(source, target, Box(), LookSettings())
    return capsys.readouterr().err if capsys else None


def tracks(path):
    """(kind, codec, language) of each track."""
    with av.open(url(path)) as container:
        return [(stream.type, stream.name, stream.language) for stream in container.streams]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_every_sound_is_there_with_its_language(tmp_path, capsys, suffix):
    languages = ("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu", "-disposition:a:1", "default")
    maps = ("-map", 0, "-map", 1, "-map", 1)
    make_video(tmp_path / "in.mkv", *PICTURE, *SINE, *maps, *H264, *languages, "-disposition:a:0", 0)
    assert blurred(tmp_path / "in.mkv", tmp_path / f"out{suffix}", capsys) == ""
    assert [track[::2] for track in tracks(tmp_path / f"out{suffix}")][1:] == [("audio", "eng"), ("audio", "deu")]
    with av.open(str(tmp_path / f"out{suffix}")) as made:
        assert [bool(stream.disposition & 1) for stream in made.streams] == [True, False, True]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_subtitles_chapters_and_tags_are_kept(tmp_path, capsys, suffix):
    (tmp_path / "in.srt").write_text(WORDS)
    (tmp_path / "in.txt").write_text(CHAPTERS)
    files = ("-i", tmp_path / "in.srt", "-i", tmp_path / "in.txt", "-map", 0, "-map", 1, "-map_metadata", 2)
    make_video(tmp_path / "in.mkv", *PICTURE, *files, *H264, "-c:s", "srt", "-metadata:s:s:0", "language=fra")
    assert blurred(tmp_path / "in.mkv", tmp_path / f"out{suffix}", capsys) == ""
    assert tracks(tmp_path / f"out{suffix}")[1][::2] == ("subtitle", "fra")
    with av.open(str(tmp_path / f"out{suffix}")) as made:
        tags = {name.lower(): value for name, value in made.metadata.items()}
        chapters = [
            (float(chapter["start"] * chapter["time_base"]), chapter["metadata"]["title"])
            for chapter in made.chapters()
        ]
    assert (tags["title"], tags["artist"]) == ("A talk", "Anna")
    assert chapters == [(0.0, "one"), (0.5, "two")]
    words = ["ffmpeg", "-v", "error", "-i", tmp_path / f"out{suffix}", "-f", "srt", "-"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "00:00:00,100 --> 00:00:00,900" in shown
    assert "morning" in shown


@needs_ffmpeg
def test_texts_of_an_mp4_become_those_of_matroska(tmp_path, capsys):
    (tmp_path / "in.srt").write_text(WORDS)
    make_video(tmp_path / "in.mp4", *PICTURE, "-i", tmp_path / "in.srt", *H264, "-c:s", "mov_text")
    assert blurred(tmp_path / "in.mp4", tmp_path / "out.mkv", capsys) == ""
    assert tracks(tmp_path / "out.mkv")[1][0] == "subtitle"
    assert times(tmp_path / "out.mkv")[1][0] == pytest.approx(0.1, abs=0.05)


@needs_ffmpeg
@pytest.mark.parametrize("name", ["in.mp4", "attached.mkv"])
def test_no_cover_picture_goes_along_and_none_is_taken_for_the_film(tmp_path, capsys, name):
    make_video(tmp_path / "cover.png", "-f", "lavfi", "-i", "color=red:s=320x240", "-frames:v", 1)
    if name == "attached.mkv":
        cover = ("-attach", tmp_path / "cover.png", "-metadata:s:t", "mimetype=image/png", *H264)
    else:
        maps = ("-map", 1, "-map", 0, "-c:v:1", "libx264", "-c:v:0", "copy", "-disposition:v:0", "attached_pic")
        cover = ("-i", tmp_path / "cover.png", *maps)
    make_video(tmp_path / name, *PICTURE, *cover)
    said = blurred(tmp_path / name, tmp_path / "out.mkv", capsys)
    assert said == f"segblur: {tmp_path / 'out.mkv'} leaves out what {tmp_path / name} also holds: 1 cover picture\n"
    assert [track[0] for track in tracks(tmp_path / "out.mkv")] == ["video"]
    with av.open(str(tmp_path / "out.mkv")) as made:
        assert made.streams.video[0].width == 160


def test_a_tag_that_may_hold_a_picture_stays_behind(tmp_path, capsys):
    path = tmp_path / "in.mkv"
    film(path, 5)
    with av.open(str(path)) as source, av.open(str(tmp_path / "tagged.mkv"), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        output.metadata.update(title="A talk", METADATA_BLOCK_PICTURE="AAAA", NOTE="x" * 5000)
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    said = blurred(tmp_path / "tagged.mkv", tmp_path / "out.mkv", capsys)
    assert "also holds: the tag metadata_block_picture, the tag note" in said
    with av.open(str(tmp_path / "out.mkv")) as made:
        assert "A talk" in made.metadata.values()
        assert not {name.lower() for name in made.metadata} & {"metadata_block_picture", "note"}


def test_a_film_that_vanishes_while_it_is_read_still_has_its_result(tmp_path):
    class Removes(Box):
        def __call__(self, picture, previous=None):
            (tmp_path / "in.mkv").unlink(missing_ok=True)
            return super().__call__(picture, previous)

    film(tmp_path / "in.mkv", 5, sound=True)
    assert blur_video(tmp_path / "in.mkv", tmp_path / "out.mkv", Removes(), LookSettings()) == 5
    assert listing(tmp_path) == ["out.mkv"]


@needs_ffmpeg
def test_of_several_picture_tracks_the_default_one_is_taken_and_no_other_goes_along(tmp_path, capsys):
    small = ("-f", "lavfi", "-i", "testsrc=s=128x96:r=25:d=1")
    marks = ("-map", 0, "-map", 1, "-disposition:v:0", 0, "-disposition:v:1", "default")
    make_video(tmp_path / "in.mkv", *small, *PICTURE, *marks, "-c:v", "libx264")
    assert "1 picture track\n" in blurred(tmp_path / "in.mkv", tmp_path / "out.mkv", capsys)
    with av.open(str(tmp_path / "out.mkv")) as made:
        assert [(stream.type, stream.width) for stream in made.streams] == [("video", 160)]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_joined_broadcasts_keep_sound_and_picture_together(tmp_path, suffix):
    make_video(tmp_path / "a.ts", *PICTURE, *SINE, *H264, "-output_ts_offset", 10)
    make_video(tmp_path / "b.ts", *PICTURE, *SINE, *H264)
    data = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "in.ts").write_bytes(data + (tmp_path / "b.ts").read_bytes() + data)
    blurred(tmp_path / "in.ts", tmp_path / f"out{suffix}")
    found, one = times(tmp_path / f"out{suffix}"), times(tmp_path / "a.ts")
    assert len(found[0]) == 75
    assert len(found[1]) == 3 * len(one[1])
    assert min(found[0][0], found[1][0]) == pytest.approx(0, abs=0.05)
    assert found[0][0] - found[1][0] == pytest.approx(one[0][0] - one[1][0], abs=0.03)
    assert found[0][-1] == pytest.approx(found[1][-1], abs=0.15)
    for each in found.values():
        assert 2.8 < each[-1] - each[0] < 3.3
        assert min(after - before for before, after in pairwise(each)) > 0


@needs_ffmpeg
def test_sound_whose_times_repeat_is_kept(tmp_path):
    repeats = ("-bsf:a", "setts=ts=if(eq(mod(N\\,7)\\,3)\\,PREV_OUTPTS\\,TS)")
    make_video(tmp_path / "in.mkv", *PICTURE, *SINE, *H264, *repeats)
    before = times(tmp_path / "in.mkv")[1]
    assert len(set(before)) < len(before)
    blurred(tmp_path / "in.mkv", tmp_path / "out.mkv")
    after = times(tmp_path / "out.mkv")[1]
    assert len(set(after)) == len(before)
    assert after[-1] == pytest.approx(before[-1], abs=0.05)


ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Graphics]
filename: room.png
MTIzNDU2Nzg5MDEyMzQ1Njc4OTA

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.90,Default,,0,0,0,,Good morning
"""


@needs_ffmpeg
def test_a_picture_in_the_header_of_subtitles_stays_behind_and_their_words_do_not(tmp_path):
    (tmp_path / "in.ass").write_text(ASS)
    make_video(tmp_path / "in.mkv", *PICTURE, "-i", tmp_path / "in.ass", "-map", 0, "-map", 1, *H264, "-c:s", "copy")
    assert b"room.png" in (tmp_path / "in.mkv").read_bytes()
    blurred(tmp_path / "in.mkv", tmp_path / "out.mkv")
    made = (tmp_path / "out.mkv").read_bytes()
    assert b"room.png" not in made
    assert b"Good morning" in made


@needs_ffmpeg
def test_a_track_of_an_unknown_kind_is_left_out(tmp_path, capsys):
    (tmp_path / "in.srt").write_text(WORDS)
    make_video(tmp_path / "in.mkv", *PICTURE, "-i", tmp_path / "in.srt", "-map", 0, "-map", 1, *H264, "-c:s", "srt")
    data = (tmp_path / "in.mkv").read_bytes()
    (tmp_path / "in.mkv").write_bytes(data.replace(b"S_TEXT/UTF8", b"S_TEXT/XXXX"))
    assert "also holds: 1 subtitle track" in blurred(tmp_path / "in.mkv", tmp_path / "out.mkv", capsys)
    assert len(tracks(tmp_path / "out.mkv")) == 1


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_that_a_container_does_not_take_becomes_aac(tmp_path, capsys, suffix):
    make_video(tmp_path / "in.wmv", *PICTURE, *SINE, "-c:v", "wmv2", "-c:a", "wmav2", "-t", 1)
    assert blurred(tmp_path / "in.wmv", tmp_path / f"out{suffix}", capsys) == ""
    assert tracks(tmp_path / f"out{suffix}")[1][:2] == ("audio", "aac")
    before, after = (times(path)[1] for path in (tmp_path / "in.wmv", tmp_path / f"out{suffix}"))
    assert after[0] == pytest.approx(0, abs=0.1)
    assert after[-1] - after[0] == pytest.approx(before[-1] - before[0], abs=0.15)


@pytest.mark.parametrize("name", ["12:30.mp4", "concat:a.mp4", "pipe:0.mkv", "http:x.mkv", "%d.mkv"])
def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "in.mkv", 5).rename(tmp_path / name)
    (tmp_path / "out").mkdir()
    for effect in ({}, {"effect": "video", "video": tmp_path / name}):
        source, target = (type(tmp_path)(text) for text in (name, f"out/{name}"))
        assert blur_video(source, target, Box(), LookSettings(**effect)) == 5
    assert listing(tmp_path / "out") == [name]


def test_what_is_left_of_a_film_is_kept_by_the_command_with_exit_code_0(tmp_path):
    data = film(tmp_path / "a.mkv", sound=True).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    words = [sys.executable, "-m", "vcam", "video", tmp_path / "cut.mkv", "-o", tmp_path / "out.mp4"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stderr.startswith(f"segblur: {tmp_path / 'cut.mkv'} is cut off: it ends after")
    assert result.stderr.count("\n") == 1
    assert len(times(tmp_path / "out.mp4")[0]) > 8
