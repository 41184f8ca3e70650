"""Light, warmth and turn of pictures and videos: all of them is turned, and nothing but what is seen corrected."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.cli.test_main import segblur
from tests.helpers.fake_segmenter import Known
from tests.helpers.faulty_worker import Box
from tests.helpers.films import film
from tests.helpers.reference import toned
from tests.media.test_orientation import TURNS, with_matrix
from vcam.effects.tones import Tone, tables_of
from vcam.frame import planes
from vcam.media.films import VideoFile
from vcam.media.turn import turned
from vcam.media.yuv import from_bgr, to_bgr
from vcam.offline.image import blur_pictures
from vcam.offline.video import blur_frames
from vcam.pipeline.framing import AS_FILMED
from vcam.settings import LookSettings, PictureSettings

CUTOUT = LookSettings(effect="transparent")


def results(source, folder, look=None, network=None, **corrections):
    """What is written of one picture."""
    settings = PictureSettings(**corrections)
    (job,) = blur_pictures([source], folder, network or Box(), look or LookSettings(), AS_FILMED, settings)
    assert not job.trouble
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in job.targets]


def photograph(path, sample, size=(321, 243)):
    """With a part that is transparent, and one that is half so."""
    bgr = cv2.resize(to_bgr(sample[0].pixels), size)
    alpha = np.full(bgr.shape[:2], 255, np.uint8)
    alpha[:, :40], alpha[100:150] = 0, 90
    cv2.imwrite(str(path), np.dstack([bgr, alpha]))
    return path


@pytest.mark.parametrize("look", [LookSettings(), CUTOUT], ids=["blur", "transparent"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_all_of_a_picture_is_turned_as_if_it_had_been_so_before(tmp_path, sample, degrees, look):
    source = photograph(tmp_path / "a.png", sample)
    before = tmp_path / "before.png"
    Image.fromarray(np.rot90(np.asarray(Image.open(source)), -degrees // 90)).save(before)
    for one, other in zip(
        results(source, tmp_path / "one", look, rotate=degrees), results(before, tmp_path / "other", look), strict=True
    ):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("noted", TURNS)
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_all_of_a_video_is_turned_however_it_says_that_it_lies(tmp_path, noted, degrees):
    path = with_matrix(film(tmp_path / "a.mp4", 2, "libx264", pixels="yuv420p", x264="sar=4/3"), *noted)
    with VideoFile(path) as plain, VideoFile(path, degrees) as video:
        sideways = degrees != 180
        size = (plain.height, plain.width) if sideways else (plain.width, plain.height)
        assert (video.width, video.height) == size
        assert video.pixel_aspect == (1 / plain.pixel_aspect if sideways else plain.pixel_aspect)
        for one, other in zip(video.frames(), plain.frames(), strict=True):
            assert np.array_equal(one, turned(other, degrees))


def test_a_video_is_turned_once_and_corrected_from_its_first_frame_on(tmp_path):
    path = film(tmp_path / "a.mp4", 3, "libx264", pixels="yuv420p")
    settings = PictureSettings(rotate=90, light=0.5, warmth=0.5)
    tables = tables_of(Tone(0.5, 0.5))
    with VideoFile(path, 90) as video:
        raw = list(video.frames())
    with VideoFile(path, 90) as video:
        made = [safe.pixels for _, safe in blur_frames(video, Box(), LookSettings(), picture=settings)]
    inside = slice(60, 100), slice(55, 65)
    for before, after in zip(raw, made, strict=True):
        assert np.array_equal(planes(after)[0][inside], tables[0][planes(before)[0][inside]])


def test_the_mask_is_the_same_and_a_picture_behind_is_not_tinted(tmp_path, sample):
    source = photograph(tmp_path / "a.png", sample)
    behind = tmp_path / "b.png"
    cv2.imwrite(str(behind), np.full((240, 320, 3), (200, 120, 40), np.uint8))
    look = LookSettings(effect="picture", picture=behind)
    mask, plain, _ = results(source, tmp_path / "plain", look)
    same, warm, _ = results(source, tmp_path / "warm", look, warmth=1.0, light=0.6)
    assert np.array_equal(mask, same)
    far = cv2.dilate(mask, np.ones((81, 81))) == 0
    assert far.mean() > 0.1
    assert np.array_equal(warm[far], plain[far])
    assert np.abs(warm[mask == 255].astype(int) - plain[mask == 255]).mean() > 10


def test_of_a_cutout_what_is_seen_is_corrected_and_nothing_that_is_not(tmp_path):
    """Colours alike under any alpha; under none, black."""
    colour, alpha = (90, 120, 150), np.repeat([0, 90, 160, 255], 20).astype(np.uint8)
    alpha = np.tile(alpha, (48, 1))
    source = tmp_path / "a.png"
    cv2.imwrite(str(source), np.dstack([np.full((48, 80, 3), colour, np.uint8), alpha]))
    network = Known(np.pad(np.ones((24, 40), np.float32), ((6, 0), (0, 0))))
    mask, plain, _ = results(source, tmp_path / "plain", CUTOUT, network)
    same, warm, _ = results(source, tmp_path / "warm", CUTOUT, network, warmth=1.0, light=0.5)
    assert np.array_equal(mask, same)
    assert np.array_equal(plain[..., 3], warm[..., 3])
    assert not warm[warm[..., 3] == 0].any()
    pixels = np.empty((3, 2), np.uint8)
    from_bgr(np.full((2, 2, 3), colour, np.uint8), pixels)
    for plane, level in zip(planes(pixels), toned(pixels, 0.5, 1.0), strict=True):
        plane[:] = np.rint(level)
    for column in (30, 50, 70):
        assert warm[40, column, 3] > 0
        assert np.abs(warm[40, column, :3].astype(int) - to_bgr(pixels)[0, 0]).max() <= 6  # 90 steps of transparency


def test_the_commands_take_the_settings_and_refuse_what_is_no_quarter(tmp_path, sample):
    source = photograph(tmp_path / "a.png", sample, (64, 48))
    options = ["--picture.rotate", "270", "--picture.light", "0.3", "--picture.warmth", "-0.2"]
    done = segblur("image", source, "-o", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "out" / "a.blurred.jpg")).shape == (64, 48, 3)
    path = film(tmp_path / "a.mp4", 3, "libx264", pixels="yuv420p")
    for target in (tmp_path / "one.mkv", tmp_path / "out"):
        done = segblur("video", path, "-o", target, *options)
        assert done.returncode == 0, done.stderr
    for made in (tmp_path / "one.mkv", tmp_path / "out" / "a.blurred.mp4"):
        with VideoFile(made) as video:
            assert (video.width, video.height) == (120, 160)
    for value in ("45", "right", "-90", "true"):
        done = segblur("image", source, "-o", tmp_path / "out", "--picture.rotate", value)
        assert done.returncode == 78
        assert done.stderr.startswith("segblur: picture.rotate can't be ")
        assert value in done.stderr
        assert done.stderr.endswith("input should be 0, 90, 180 or 270\n")
