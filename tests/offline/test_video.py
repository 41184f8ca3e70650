"""`segblur video`: every frame, its time and the sound; one sentence for what can't be read or written."""

import subprocess

import av
import numpy as np
import pytest

from tests.helpers.faulty_worker import Box, paint_secret, secret_of
from tests.helpers.files import SINE, flat_film, has_ffmpeg, listing, make_video, needs_ffmpeg, picture
from vcam.errors import OutputError, PictureError, SettingsError
from vcam.frame import planes
from vcam.media.films import SAMPLE, VideoFile
from vcam.offline.image import blur_pictures
from vcam.offline.video import blur_video
from vcam.settings import LookSettings


def test_a_video_comes_out_with_every_frame_and_its_sound(tmp_path):
    source = tmp_path / "in.mkv"
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            SAMPLE,
            "-f",
            "lavfi",
            "-i",
            "sine=duration=2.9",
            "-c:v",
            "copy",
            "-c:a",
            "aac",
            source,
        ],
        check=True,
    ) if has_ffmpeg() else source.write_bytes(SAMPLE.read_bytes())
    assert blur_video(source, tmp_path / "out.mp4", Box(), LookSettings()) == 87
    with VideoFile(tmp_path / "out.mp4") as video:
        assert (video.width, video.height, round(video.fps)) == (640, 480, 30)
        assert len(list(video.frames())) == 87
        assert len(video.container.streams.audio) == int(has_ffmpeg())
    assert listing(tmp_path) == ["in.mkv", "out.mp4"]


def bad_videos(folder):
    (folder / "text.mp4").write_text("this is not a video")
    (folder / "empty.mp4").touch()
    picture(folder / "picture.png", 8, 8)
    return {
        "text.mp4": "can't be read as a video",
        "empty.mp4": "can't be read",
        "missing.mp4": "No such file",
        "picture.png": "at least 16",
    }


def test_each_bad_video_gives_a_sentence_and_leaves_what_was_there(tmp_path):
    target = tmp_path / "out.mp4"
    target.write_text("old")
    for name, says in bad_videos(tmp_path).items():
        with pytest.raises(PictureError, match=says) as caught:
            blur_video(tmp_path / name, target, Box(), LookSettings())
        assert name in str(caught.value)
        assert target.read_text() == "old"
        assert not [path for path in listing(tmp_path) if path.startswith(".")]


@needs_ffmpeg
def test_times_sound_and_colours_keep_their_place(tmp_path):
    source, out = tmp_path / "in.mkv", tmp_path / "out.mkv"
    half_as_many_later = "select='lt(t,1.5)+not(mod(n,2))'"  # a variable frame rate
    make_video(source, "-i", SAMPLE, *SINE, "-t", 2.9, "-vf", half_as_many_later, "-fps_mode", "vfr", "-c:a", "aac")
    blur_video(source, out, Box(), LookSettings())
    with VideoFile(source) as before, VideoFile(out) as after:
        for (t0, _), (t1, _) in zip(before.timed_frames(), after.timed_frames(), strict=True):
            assert abs(t0 - t1) < 0.002
        assert after.stream.codec_context.colorspace == 6
    with av.open(str(out)) as container:
        order = [packet.stream.type for packet in container.demux() if packet.dts is not None]
    assert "audio" in order[: len(order) // 4]


@needs_ffmpeg
def test_videos_that_are_only_unusual_are_not_taken_for_damaged(tmp_path):
    make_video(tmp_path / "slow.mp4", "-i", SAMPLE, "-r", 1)
    make_video(
        tmp_path / "sound.mkv", "-i", SAMPLE, "-f", "lavfi", "-i", "sine=duration=9", "-c:v", "copy", "-c:a", "aac"
    )
    make_video(tmp_path / "odd.mkv", "-i", SAMPLE, "-vf", "crop=321:241", "-c:v", "ffv1")
    make_video(tmp_path / "wide.mp4", "-i", SAMPLE, "-vf", "setsar=2")
    for name in ("slow.mp4", "sound.mkv", "odd.mkv", "wide.mp4"):
        assert blur_video(tmp_path / name, tmp_path / "out.mkv", Box(), LookSettings()) > 0
    with VideoFile(tmp_path / "out.mkv") as video:
        assert video.pixel_aspect == 2


def test_a_video_is_not_written_over_itself_nor_to_a_place_that_is_none(tmp_path):
    source = tmp_path / "in.mkv"
    source.write_bytes(SAMPLE.read_bytes())
    with pytest.raises(OutputError, match="is the video to be read"):
        blur_video(source, source, Box(), LookSettings())
    with pytest.raises(OutputError, match="File name too long"):
        blur_video(source, tmp_path / f"{'x' * 300}.mp4", Box(), LookSettings())
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        blur_video(source, tmp_path / "folder.mp4", Box(), LookSettings())
    with pytest.raises(OutputError, match="can't be written"):
        blur_video(source, source / "out.mp4", Box(), LookSettings())
    with pytest.raises(OutputError, match="must end with one of"):
        blur_video(source, tmp_path / "out.avi", Box(), LookSettings())
    with pytest.raises(OutputError, match="can't be written"):
        blur_video(source, tmp_path / "no" / "out.mp4", Box(), LookSettings())


def test_a_network_that_fails_in_mid_video_shows_no_room(tmp_path, monkeypatch, capsys):
    class Fails(Box):
        calls = 0

        def __call__(self, picture, previous=None):
            self.calls += 1
            if self.calls > 40:
                raise RuntimeError("out of memory")
            return super().__call__(picture, previous)

    original = VideoFile.frames

    def with_secret(self):
        for pixels in original(self):
            if self.path == SAMPLE:
                paint_secret(planes(pixels)[0])
            yield pixels

    monkeypatch.setattr(VideoFile, "frames", with_secret)
    blur_video(SAMPLE, tmp_path / "out.mp4", Fails(), LookSettings())
    assert "out of memory" in capsys.readouterr().err
    with VideoFile(tmp_path / "out.mp4") as video:
        assert max(secret_of(planes(pixels)[0]) for pixels in video.frames()) < 0.02


def test_a_video_knows_no_transparency(tmp_path):
    with pytest.raises(SettingsError, match="only pictures know transparency"):
        blur_video(SAMPLE, tmp_path / "out.mp4", Box(), LookSettings(effect="transparent"))
    assert listing(tmp_path) == []


@pytest.mark.parametrize("effect", ["picture", "video"])
def test_before_anything_is_written_the_effects_own_file_is_looked_at(tmp_path, effect):
    look = LookSettings(**{"effect": effect, effect: tmp_path / "none.x"})
    with pytest.raises(PictureError, match=r"none\.x can't be read"):
        list(blur_pictures([picture(tmp_path / "me.png")], tmp_path / "out", Box(), look))
    with pytest.raises(PictureError, match=r"none\.x can't be read"):
        blur_video(SAMPLE, tmp_path / "out.mp4", Box(), look)
    assert listing(tmp_path) == ["me.png"]


def test_a_video_plays_behind_a_video(tmp_path):
    behind = LookSettings(effect="video", video=SAMPLE)

    class Nobody(Box):
        def __call__(self, picture, previous=None):
            return np.zeros(picture.shape[:2], np.float32)

    assert blur_video(SAMPLE, tmp_path / "out.mp4", Nobody(), behind) == 87
    with VideoFile(SAMPLE) as before, VideoFile(tmp_path / "out.mp4") as after:
        for raw, shown in zip(before.frames(), after.frames(), strict=True):
            assert np.abs(raw.astype(int) - shown).mean() < 3


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ((1, 1, 1, 1), (6, 1, 1, 1)),
        ((9, 1, 9, 18), (6, 1, 1, 1)),
        ((6, 1, 6, 6), (6, 1, 6, 6)),
        ((2, 1, 2, 2), (6, 1, 2, 2)),
    ],
)
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_the_tags_of_a_result_say_what_its_colours_are(tmp_path, tags, told, name):
    flat_film(tmp_path / "in.mkv", ((128, 128, 128), (60, 60, 60)), tags, "yuv420p10le")
    blur_video(tmp_path / "in.mkv", tmp_path / name, Box(), LookSettings())
    with av.open(str(tmp_path / name)) as result:
        frame = next(result.decode(video=0))
    assert (frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc) == told
    chroma = frame.to_ndarray()[120:]
    assert np.abs(chroma.astype(int) - 128).max() <= 1
