"""`segblur image`: results for good pictures, one sentence for bad ones."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.faulty_worker import Box, paint_secret
from tests.helpers.files import listing, picture
from vcam.errors import OutputError, PictureError
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import to_bgr
from vcam.offline.image import blur_pictures
from vcam.settings import FramingSettings, LookSettings


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


def test_results_never_take_the_place_of_a_picture_that_was_given(tmp_path):
    mine, mask = picture(tmp_path / "a.png"), picture(tmp_path / "a.mask.png")
    with pytest.raises(PictureError, match="would be overwritten"):
        blur_pictures([mine, mask], tmp_path, Box(), LookSettings())
    assert listing(tmp_path) == ["a.mask.png", "a.png"]


def test_a_picture_too_long_for_one_sheet_gets_a_smaller_one(tmp_path):
    written = blur_pictures([picture(tmp_path / "long.png", 32000, 40)], tmp_path / "out", Box(), LookSettings())
    assert cv2.imread(str(written[1])).shape == (40, 32000, 3)
    assert cv2.imread(str(written[2])).shape[1] == 65000


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


def magenta(bgr):
    """Whether the colour that was erased is anywhere."""
    blue, green, red = (bgr[..., channel] for channel in range(3))
    return ((red > 150) & (green < 110) & (blue > 150)).any()


@pytest.fixture
def erased(tmp_path):
    """The sample with alpha: 0 over a hidden magenta at the left and in a hole in the person, 128 at the bottom."""
    with VideoFile(SAMPLE) as video:
        bgr = to_bgr(next(video.frames()))
    bgra = np.dstack([bgr, np.full(bgr.shape[:2], 255, np.uint8)])
    bgra[400:, :, 3] = 128
    bgra[:, :120] = bgra[300:340, 300:340] = (255, 0, 255, 0)
    cv2.imwrite(str(tmp_path / "erased.png"), bgra)
    return tmp_path / "erased.png"


def test_what_somebody_erased_is_in_no_result(erased, tmp_path):
    for look in (LookSettings(), LookSettings(effect="transparent"), LookSettings(on="person")):
        _, result, sheet = blur_pictures([erased], tmp_path / look.effect, Box(), look)
        assert not magenta(cv2.imread(str(sheet)))
        assert not magenta(cv2.imread(str(result), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("mirror", [False, True])
def test_the_transparency_of_a_cutout_is_the_pictures_times_the_masks(erased, tmp_path, mirror):
    framing = FramingSettings(mirror=mirror)
    _, result, _ = blur_pictures([erased], tmp_path / "out", Box(), LookSettings(effect="transparent"), framing)
    cutout = cv2.imread(str(result), cv2.IMREAD_UNCHANGED)
    cutout = cutout[:, ::-1] if mirror else cutout
    assert not cutout[305:335, 305:335].any()
    assert not cutout[:, :118].any()
    assert (cutout[200:280, 300:340, 3] == 255).all()
    assert (np.abs(cutout[405:470, 300:340, 3].astype(int) - 128) <= 3).all()
    original = cv2.imread(str(erased), cv2.IMREAD_UNCHANGED)[405:470, 300:340, :3]
    assert np.abs(cutout[405:470, 300:340, :3].astype(int) - original).mean() < 6


def test_what_is_transparent_in_an_effects_picture_is_in_no_result(tmp_path):
    behind = np.zeros((240, 320, 4), np.uint8)
    behind[:, :160], behind[:, 160:] = (255, 0, 255, 0), (0, 160, 0, 255)
    cv2.imwrite(str(tmp_path / "behind.png"), behind)
    look = LookSettings(effect="picture", picture=tmp_path / "behind.png")
    _, result, _ = blur_pictures([picture(tmp_path / "me.png", 640, 480)], tmp_path / "out", Box(), look)
    shown = cv2.imread(str(result))
    assert not magenta(shown)
    assert np.abs(shown[20, 600].astype(int) - (0, 160, 0)).max() <= 4
