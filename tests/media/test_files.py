"""Pictures and videos: read whole or refused in one sentence; written whole or not at all."""

import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.faulty_worker import Box, paint_secret, secret_of
from vcam.errors import CameraLostError, OutputError, PictureError, SettingsError
from vcam.frame import planes
from vcam.media.files import SAMPLE, FileCamera, VideoFile, read_picture
from vcam.media.yuv import to_bgr
from vcam.offline.image import blur_pictures
from vcam.offline.video import blur_video
from vcam.settings import LookSettings, OutputSettings
from vcam.system.atomic_write import whole


def has_ffmpeg():
    from shutil import which

    return which("ffmpeg") is not None


def picture(path, width=320, height=240):
    """A real picture: a frame of the sample."""
    with VideoFile(SAMPLE) as video:
        bgr = to_bgr(next(video.frames()))
    cv2.imwrite(str(path), cv2.resize(bgr, (width, height)))
    return path


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("size", [(320, 240), (321, 243), (16, 16), (17, 900)])
def test_for_each_picture_there_are_a_mask_a_blurred_picture_and_a_sheet_of_the_same_size(tmp_path, size):
    source = picture(tmp_path / "me.png", *size)
    written = blur_pictures([source], tmp_path / "out", Box(), LookSettings())
    assert [path.name for path in written] == ["me.mask.png", "me.blurred.jpg", "me.sheet.jpg"]
    mask, blurred, sheet = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in written)
    width, height = size
    assert (mask.shape, mask.dtype) == ((height, width), np.uint8)
    assert (mask.min(), mask.max()) == (0, 255)
    assert blurred.shape == (height, width, 3)
    assert sheet.shape == (height, 3 * width, 3)
    assert listing(tmp_path / "out") == ["me.blurred.jpg", "me.mask.png", "me.sheet.jpg"]


def test_a_picture_without_a_mask_to_trust_is_blurred_altogether_and_said_so(tmp_path, capsys):
    class Everything(Box):
        def __call__(self, picture, previous=None):
            return np.ones(picture.shape[:2], np.float32)

    written = blur_pictures([picture(tmp_path / "me.png")], tmp_path / "out", Everything(), LookSettings())
    assert cv2.imread(str(written[0]), cv2.IMREAD_GRAYSCALE).max() == 0
    assert "the whole picture is blurred" in capsys.readouterr().err


def test_a_picture_is_turned_as_its_exif_data_says(tmp_path):
    upright = Image.fromarray(np.zeros((40, 20, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=exif)
    assert read_picture(tmp_path / "turned.jpg").shape == (20, 40, 3)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK", "I;16"])
def test_pictures_of_every_kind_of_colour_are_read(tmp_path, mode):
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.new(mode, (32, 24)).save(path)
    assert read_picture(path).shape == (24, 32, 3)


def bad_pictures(folder):
    """Name → what the sentence must say."""
    whole_picture = picture(folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole_picture[: len(whole_picture) // 2])
    (folder / "text.jpg").write_text("this is not a picture")
    (folder / "empty.png").touch()
    cv2.imwrite(str(folder / "one.png"), np.zeros((1, 1, 3), np.uint8))
    Image.new("1", (10000, 10000)).save(folder / "huge.png")
    Image.new("1", (30000, 30000)).save(folder / "bomb.png")
    (folder / "folder.png").mkdir()
    return {
        "cut.jpg": "truncated",
        "text.jpg": "not a picture in a known format",
        "empty.png": "not a picture in a known format",
        "one.png": "is 1×1; a picture needs at least 16 pixels a side",
        "huge.png": "is 10000×10000; scale it down",
        "bomb.png": "too large|scale it down",
        "folder.png": "Is a directory",
        "missing.png": "No such file",
    }


def test_each_bad_picture_gives_a_sentence_and_leaves_nothing_even_beside_good_ones(tmp_path, recwarn):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, says in bad_pictures(folder).items():
        with pytest.raises(PictureError, match=says) as caught:
            blur_pictures([folder / "whole.jpg", folder / name], tmp_path / "out", Box(), LookSettings())
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()
    assert not recwarn.list


def test_two_pictures_of_one_name_are_refused(tmp_path):
    with pytest.raises(PictureError, match="two pictures are named me"):
        blur_pictures([tmp_path / "a/me.png", tmp_path / "b/me.jpg"], tmp_path, Box(), LookSettings())


def test_a_folder_that_can_not_be_made_gives_a_sentence(tmp_path):
    source = picture(tmp_path / "me.png")
    with pytest.raises(OutputError, match="choose another folder"):
        blur_pictures([source], source / "out", Box(), LookSettings())


def test_a_file_is_replaced_in_one_step_or_stays_as_it_was(tmp_path):
    target = tmp_path / "x"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole(target) as beside:
        beside.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    with whole(target) as beside:
        beside.write_text("new")
    assert (target.read_text(), listing(tmp_path)) == ("new", ["x"])
    with pytest.raises(OutputError, match="can't be written"), whole(tmp_path / "no" / "x") as beside:
        beside.write_text("new")


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
    data = SAMPLE.read_bytes()
    (folder / "cut.mkv").write_bytes(data[: len(data) // 2])
    (folder / "text.mp4").write_text("this is not a video")
    (folder / "empty.mp4").touch()
    picture(folder / "picture.png", 8, 8)
    return {
        "cut.mkv": "cut off|damaged",
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


def make_video(path, *words):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words), path], check=True)


SINE = ("-f", "lavfi", "-i", "sine")
needs_ffmpeg = pytest.mark.skipif(not has_ffmpeg(), reason="ffmpeg makes the material")


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
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_video_filmed_lying_down_stands_upright(tmp_path, degrees):
    make_video(tmp_path / "plain.mp4", "-i", SAMPLE, "-t", 0.2)
    make_video(
        tmp_path / "turned.mp4", "-i", tmp_path / "plain.mp4", "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}"
    )
    make_video(tmp_path / "truth.mkv", "-i", tmp_path / "turned.mp4", "-c:v", "ffv1")  # ffmpeg turns by itself
    with VideoFile(tmp_path / "turned.mp4") as turned, VideoFile(tmp_path / "truth.mkv") as truth:
        if not turned.quarters:
            pytest.skip("this ffmpeg can't write the note")
        one, other = next(turned.frames()), next(truth.frames())
        assert (turned.width, turned.height) == (truth.width, truth.height)
    assert np.abs(one.astype(int) - other).mean() < 2


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


def test_grey_of_sixteen_bits_keeps_its_range(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)
    cv2.imwrite(str(tmp_path / "deep.png"), ramp)
    assert np.abs(read_picture(tmp_path / "deep.png")[..., 0] - ramp / 257.0).max() < 1


def test_results_never_take_the_place_of_a_picture_that_was_given(tmp_path):
    mine, mask = picture(tmp_path / "a.png"), picture(tmp_path / "a.mask.png")
    with pytest.raises(PictureError, match="would be overwritten"):
        blur_pictures([mine, mask], tmp_path, Box(), LookSettings())
    assert listing(tmp_path) == ["a.mask.png", "a.png"]


def test_a_picture_too_long_for_one_sheet_gets_a_smaller_one(tmp_path):
    written = blur_pictures([picture(tmp_path / "long.png", 32000, 40)], tmp_path / "out", Box(), LookSettings())
    assert cv2.imread(str(written[1])).shape == (40, 32000, 3)
    assert cv2.imread(str(written[2])).shape[1] == 65000


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


def test_a_file_as_camera_is_endless_and_of_the_wanted_size():
    output = OutputSettings(width=320, height=180)
    with FileCamera(SAMPLE, output) as camera:
        camera._video.fps = 100_000
        frames = [camera.read() for _ in range(100)]
    assert [frame.sequence for frame in frames] == list(range(1, 101))
    assert all(frame.pixels.shape == (270, 320) for frame in frames)
    assert np.abs(frames[0].pixels.astype(int) - frames[87].pixels).mean() < 1


def test_a_file_as_camera_that_ends_badly_is_a_lost_camera(tmp_path):
    data = SAMPLE.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with FileCamera(tmp_path / "cut.mkv", OutputSettings(width=320, height=240)) as camera:
        camera._video.fps = 100_000
        with pytest.raises(CameraLostError, match="can't be played any more"):
            for _ in range(100):
                camera.read()


def test_the_sample_is_bundled_with_its_attribution():
    assert "CC BY 4.0" in (Path(SAMPLE).parent / "ATTRIBUTION.md").read_text()


def test_a_cutout_has_transparency_and_no_colour_of_the_room_under_it(tmp_path):
    source = picture(tmp_path / "me.png", 640, 480)
    bgr = cv2.imread(str(source))
    paint_secret(bgr[..., 0])
    cv2.imwrite(str(source), bgr)
    transparent = LookSettings(effect="transparent")
    written = blur_pictures([source], tmp_path / "out", Box(), transparent)
    assert [path.name for path in written] == ["me.mask.png", "me.cutout.png", "me.sheet.jpg"]
    mask, cutout = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in written[:2])
    assert cutout.shape == (480, 640, 4)
    assert np.array_equal(cutout[..., 3], mask)
    assert not cutout[..., :3][mask == 0].any()
    assert cutout[240, 320, 3] == 255
    assert np.abs(cutout[240, 320, :3].astype(int) - bgr[240, 320]).max() < 12
    for faint in np.unique(mask)[1:4]:  # their colours are as coarse as what is seen of them
        assert len(np.unique(cutout[..., 0][mask == faint])) <= faint + 1

    class Fails(Box):
        def __call__(self, picture, previous=None):
            raise RuntimeError

    empty = blur_pictures([source], tmp_path / "none", Fails(), transparent)[1]
    assert not cv2.imread(str(empty), cv2.IMREAD_UNCHANGED).any()


def test_a_video_knows_no_transparency(tmp_path):
    with pytest.raises(SettingsError, match="only pictures know transparency"):
        blur_video(SAMPLE, tmp_path / "out.mp4", Box(), LookSettings(effect="transparent"))
    assert listing(tmp_path) == []


@pytest.mark.parametrize("effect", ["picture", "video"])
def test_before_anything_is_written_the_effects_own_file_is_looked_at(tmp_path, effect):
    look = LookSettings(**{"effect": effect, effect: tmp_path / "none.x"})
    with pytest.raises(PictureError, match=r"none\.x can't be read"):
        blur_pictures([picture(tmp_path / "me.png")], tmp_path / "out", Box(), look)
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
