"""Films with flaws are read as far as they can be, and what was wrong with them is told."""

import re
from itertools import islice, pairwise

import av
import numpy as np
import pytest

from tests.helpers.files import SINE, make_video, needs_ffmpeg
from tests.helpers.films import RATE, drawn, film
from vcam.effects.backdrop import check_file
from vcam.errors import PictureError
from vcam.media.films import VideoFile, endless
from vcam.media.yuv import to_bgr

CLUSTER, TIMESTAMP = b"\x1f\x43\xb6\x75", b"\xe7"  # of Matroska
VIDEO = 9  # a kind of tag, of FLV


def read(path):
    """The times, the pictures in RGB, and what is said."""
    with VideoFile(path) as video:
        timed = [(time, to_bgr(pixels)[..., ::-1]) for time, pixels in video.timed_frames()]
        return [time for time, _ in timed], [picture for _, picture in timed], video.flaws()


def goes_on(times, last):
    assert times[0] == pytest.approx(0, abs=0.05)
    assert all(after > before for before, after in pairwise(times))
    assert times[-1] == pytest.approx(last, abs=0.06)


def test_a_whole_film_has_no_flaws(tmp_path):
    times, pictures, said = read(film(tmp_path / "a.mkv", sound=True))
    assert said == ""
    goes_on(times, 0.96)
    assert np.abs(pictures[7].astype(int) - drawn(7)).mean() < 3


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mov"])
@pytest.mark.parametrize("bad", [[12], [23, 24], [3, 4, 5, 20]])
def test_bad_packets_cost_their_own_frames(tmp_path, name, bad):
    def spoil(packet):
        spoil.number += 1
        if spoil.number not in bad:
            return packet
        zeros = av.Packet(bytes(packet.size))
        zeros.stream, zeros.pts, zeros.dts = packet.stream, packet.pts, packet.dts
        zeros.time_base, zeros.duration, zeros.is_keyframe = packet.time_base, packet.duration, True
        return zeros

    spoil.number = -1
    times, _, said = read(film(tmp_path / name, change=spoil))
    assert len(times) == RATE - len(bad)
    frames = "1 frame is" if len(bad) == 1 else f"{len(bad)} frames are"
    assert said.startswith(f"{tmp_path / name} is damaged: {frames} lost or faulty")
    assert f"{(min(bad) - 1) / RATE:.1f} " in said


def test_a_film_that_is_cut_off_is_read_to_its_end(tmp_path):
    data = film(tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 3])
    times, _, said = read(tmp_path / "cut.mkv")
    assert 7 <= len(times) <= 9
    assert "cut.mkv is cut off: it ends after 0.3 of 1.0 seconds" in said


def test_junk_in_a_file_costs_what_it_covers(tmp_path):
    data = bytearray(film(tmp_path / "a.mkv").read_bytes())
    third = len(data) // 3
    data[third : third + 3000] = b"\xff" * 3000
    (tmp_path / "a.mkv").write_bytes(data)
    times, _, said = read(tmp_path / "a.mkv")
    assert 18 <= len(times) <= 23
    assert times[-1] == pytest.approx(0.96)
    assert "lost or faulty" in said or "lacks" in said


@pytest.mark.parametrize("codec", ["flv", "libx264"])
def test_a_frame_that_an_flv_file_hides_is_missed(tmp_path, codec):
    data = bytearray(film(tmp_path / "a.flv", codec=codec, pixels="yuv420p").read_bytes())
    tag = next(tag for tag in flv_tags(data) if data[tag] == VIDEO and tag > len(data) // 2)
    data[tag] = 0x55  # a kind that FFmpeg passes over without a word
    (tmp_path / "a.flv").write_bytes(data)
    times, _, said = read(tmp_path / "a.flv")
    assert len(times) == RATE - 1
    assert re.search(r"a\.flv lacks 1 frame at 0\.\d s$", said)


def flv_tags(data):
    """Where the tags of an FLV file begin: kind, size, time, stream, data, and the size once more."""
    place = 13
    while place < len(data):
        yield place
        place += 11 + int.from_bytes(data[place + 1 : place + 4], "big") + 4


def test_times_that_jump_back_go_on(tmp_path):
    data = bytearray(film(tmp_path / "a.mkv", cluster_time_limit="100").read_bytes())
    starts, place = [], data.find(CLUSTER)
    while place > 0:
        at = data.index(TIMESTAMP, place) + 2
        size = data[at - 1] & 0x7F
        start = int.from_bytes(data[at : at + size], "big")
        if start >= 400:
            data[at : at + size] = (start - 330).to_bytes(size, "big")
            starts.append(start)
        place = data.find(CLUSTER, place + 4)
    (tmp_path / "a.mkv").write_bytes(data)
    times, _, said = read(tmp_path / "a.mkv")
    assert len(times) == RATE
    goes_on(times, 0.96)
    assert f"has times that begin anew at {starts[0] / 1000:.1f} s" in said


def joined(folder, one, two):
    (folder / "joined.ts").write_bytes(one.read_bytes() + two.read_bytes())
    return folder / "joined.ts"


def test_recordings_of_another_shape_are_fitted_into_the_first(tmp_path):
    def tall(number):
        return np.full((160, 120, 3), 220, np.uint8)

    one = film(tmp_path / "a.ts", codec="libx264", pixels="yuv420p")
    two = film(tmp_path / "b.ts", codec="libx264", pixels="yuv420p", pictures=tall)
    times, pictures, said = read(joined(tmp_path, one, two))
    assert len(times) == 2 * RATE
    goes_on(times, 1.96)
    assert {picture.shape for picture in pictures} == {(120, 160, 3)}
    last = pictures[-1].astype(int)
    assert last[:, :33].max() < 8  # 160×120 holds 90×120 of 120×160
    assert last[:, 127:].max() < 8
    assert np.abs(last[4:-4, 38:122] - 220).max() < 6
    assert "changes its size at 1.0 s, and is fitted into the first one" in said


@needs_ffmpeg
def test_wide_pixels_stay_wide_when_the_shape_changes(tmp_path):
    for name, size, aspect in (("a.ts", "160x120", "16/15"), ("b.ts", "120x120", "64/45")):
        source = f"color=white:s={size}:d=0.4"
        make_video(tmp_path / name, "-f", "lavfi", "-i", source, "-vf", f"setsar={aspect}", "-c:v", "libx264")
    _, pictures, _ = read(joined(tmp_path, tmp_path / "a.ts", tmp_path / "b.ts"))
    assert pictures[-1].min() > 245  # both are to be seen at 64:45


def combed(picture):
    """How many pixels differ from both their neighbours above and below."""
    green = picture[..., 1].astype(int)
    return int((np.abs(2 * green[1:-1] - green[:-2] - green[2:]) > 60).sum())


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_fields_taken_at_two_moments_are_not_woven_into_one_picture(tmp_path, order):
    def woven(number):
        picture, later = drawn(4 * number), drawn(4 * number + 2)
        odd = int(order == "tff")
        picture[odd::2] = later[odd::2]
        return picture

    plain = max(combed(drawn(number)) for number in range(60))
    assert min(combed(woven(number)) for number in range(12)) > plain + 200
    path = film(tmp_path / "a.mkv", 12, "libx264", woven, "yuv420p", x264=f"{order}=1")
    times, pictures, said = read(path)
    assert (len(times), said) == (12, "")
    goes_on(times, 0.44)
    assert max(combed(picture) for picture in pictures) < plain + 60


@needs_ffmpeg
@pytest.mark.parametrize(
    "words",
    [
        ("a.avi", "-c:v", "libx264", "-bf", 3),
        ("a.avi", "-c:v", "mpeg4", "-bf", 2),
        ("a.h264", "-c:v", "libx264", "-bf", 2),
        ("a.m2v", "-c:v", "mpeg2video", "-bf", 2),
        ("a.mpg", "-c:v", "mpeg2video", "-bf", 2, "-c:a", "mp2"),
        ("a.ts", "-c:v", "libx264", "-c:a", "aac", "-output_ts_offset", 95442.9),  # the counter begins anew on the way
        ("a.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv444p", "-vf", "scale=161:121"),
        ("a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv422p10le"),
        ("a.webm", "-c:v", "libvpx", "-auto-alt-ref", 1, "-c:a", "libvorbis"),
        ("a.mp4", "-c:v", "libx264", "-bf", 0, "-movflags", "frag_keyframe+empty_moov", "-c:a", "aac"),
        ("a.flv", "-c:v", "flv", "-c:a", "mp3", "-ar", 44100),
    ],
)
def test_films_that_are_only_unusual_have_no_flaws(tmp_path, words):
    path = tmp_path / words[0]
    make_video(path, "-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=1", *SINE, "-t", 1, *words[1:])
    times, _, said = read(path)
    assert (len(times), said) == (25, "")
    goes_on(times, 0.96)


@needs_ffmpeg
def test_a_broadcast_without_a_key_frame_at_its_start_is_read_from_the_first_on(tmp_path):
    make_video(tmp_path / "a.ts", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-c:v", "libx264", "-g", 25)
    (tmp_path / "b.ts").write_bytes((tmp_path / "a.ts").read_bytes()[188 * 40 :])
    times, _, said = read(tmp_path / "b.ts")
    assert len(times) == 25
    goes_on(times, 0.96)
    assert "b.ts has no whole picture in its first " in said


def test_the_film_of_an_effect_goes_on_after_its_flaws(tmp_path):
    data = film(tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 3])
    check_file("video", tmp_path / "cut.mkv")
    times = [time for time, _ in islice(endless(tmp_path / "cut.mkv", (64, 64)), 30)]
    assert all(after > before for before, after in pairwise(times))
    assert times[-1] == pytest.approx(29 / RATE, abs=0.06)


def test_a_film_of_which_nothing_is_left_says_so(tmp_path):
    def spoil(packet):
        zeros = av.Packet(bytes(packet.size))
        zeros.stream, zeros.pts, zeros.dts, zeros.time_base = packet.stream, packet.pts, packet.dts, packet.time_base
        return zeros

    path = film(tmp_path / "a.mkv", change=spoil)
    with pytest.raises(PictureError, match=r"a\.mkv holds no frame that can be decoded: Invalid data"):
        VideoFile(path)
