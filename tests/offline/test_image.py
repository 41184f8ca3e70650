"""`segblur image`: results for good pictures, one sentence for bad ones."""

import io
import os
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.cli.test_main import segblur
from tests.helpers.faulty_worker import Box, paint_secret
from tests.helpers.files import listing, picture
from vcam.errors import OutputError
from vcam.media.films import SAMPLE, VideoFile
from vcam.media.yuv import to_bgr
from vcam.offline.image import blur_pictures
from vcam.pipeline.framing import AS_FILMED
from vcam.pipeline.known_answer import PICTURE
from vcam.settings import FramingSettings, LookSettings, config_path


def blurred(source, folder, look=None, framing=AS_FILMED, segment=None):
    """The files written of one picture."""
    (job,) = blur_pictures([source], folder, segment or Box(), look or LookSettings(), framing)
    assert not job.trouble
    return job.targets


@pytest.mark.parametrize("size", [(320, 240), (321, 243), (16, 16), (17, 900)])
def test_for_each_picture_there_are_a_mask_a_blurred_picture_and_a_sheet_of_the_same_size(tmp_path, size):
    source = picture(tmp_path / "me.png", *size)
    written = blurred(source, tmp_path / "out")
    assert [path.name for path in written] == ["me.mask.png", "me.blurred.jpg", "me.sheet.jpg"]
    mask, result, sheet = (cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in written)
    width, height = size
    assert (mask.shape, mask.dtype) == ((height, width), np.uint8)
    assert (mask.min(), mask.max()) == (0, 255)
    assert result.shape == (height, width, 3)
    assert sheet.shape == (height, 3 * width, 3)
    assert listing(tmp_path / "out") == ["me.blurred.jpg", "me.mask.png", "me.sheet.jpg"]


def test_a_picture_without_a_mask_to_trust_is_blurred_altogether_and_said_so(tmp_path, capsys):
    class Everything(Box):
        def __call__(self, picture, previous=None):
            return np.ones(picture.shape[:2], np.float32)

    written = blurred(picture(tmp_path / "me.png"), tmp_path / "out", segment=Everything())
    assert cv2.imread(str(written[0]), cv2.IMREAD_GRAYSCALE).max() == 0
    assert "the whole picture is blurred" in capsys.readouterr().err


def bad_pictures(folder):
    """Name → what the sentence must say."""
    whole_picture = picture(folder / "whole.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole_picture[: len(whole_picture) // 2])
    (folder / "text.jpg").write_text("this is not a picture")
    (folder / "empty.png").touch()
    cv2.imwrite(str(folder / "one.png"), np.zeros((1, 1, 3), np.uint8))
    Image.new("1", (20000, 20000)).save(folder / "huge.png")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / f"{'x' * 236}-long-name.png").write_bytes(whole_picture)
    return {
        "cut.jpg": "truncated",
        "text.jpg": "not a picture in a known format",
        "empty.png": "not a picture in a known format",
        "one.png": "is 1×1; a picture needs at least 16 pixels a side",
        "huge.png": "is 20000×20000; scale it down",
        "folder.png": "holds no pictures",
        "pipe.png": "is no ordinary file",
        f"{'x' * 236}-long-name.png": "longer than 255 bytes",
        "missing.png": "No such file",
    }


def test_each_bad_picture_gives_a_sentence_and_the_good_ones_beside_it_their_results(tmp_path, recwarn):
    folder = tmp_path / "in"
    folder.mkdir()
    bad = bad_pictures(folder)
    sources = [folder / name for name in (*bad, "whole.jpg")]
    jobs = {job.source.name: job for job in blur_pictures(sources, tmp_path / "out", Box(), LookSettings())}
    assert jobs.keys() == {*bad, "whole.jpg"}
    for name, says in bad.items():
        assert says in jobs[name].trouble
        assert name.partition(".")[0] in jobs[name].trouble
        assert "\n" not in jobs[name].trouble
    assert not jobs["whole.jpg"].trouble
    assert listing(tmp_path / "out") == ["whole.blurred.jpg", "whole.mask.png", "whole.sheet.jpg"]
    assert not recwarn.list


def test_what_fails_on_one_picture_does_not_keep_the_next_from_its_results(tmp_path):
    out = tmp_path / "out"

    class TakesThePlace(Box):
        def __call__(self, picture, previous=None):
            (out / "a.mask.png").mkdir(exist_ok=True)
            return super().__call__(picture, previous)

    sources = [picture(tmp_path / name) for name in ("a.png", "b.png")]
    first, second = blur_pictures(sources, out, TakesThePlace(), LookSettings())
    assert "a.mask.png is not a file; choose another name" in first.trouble
    assert not second.trouble
    assert {"b.mask.png", "b.blurred.jpg", "b.sheet.jpg"} < set(listing(out))


def test_pictures_of_one_name_get_different_results(tmp_path):
    names = ["me.png", "me.jpg", "other/me.png", "me-2.png"]
    (tmp_path / "other").mkdir()
    sources = [picture(tmp_path / name, 32 * width, 48) for width, name in enumerate(names, 1)]
    jobs = list(blur_pictures([*sources, sources[0]], tmp_path / "out", Box(), LookSettings()))
    assert [job.source for job in jobs] == sources
    assert [job.targets[0].name for job in jobs] == ["me.mask.png", "me-3.mask.png", "me-4.mask.png", "me-2.mask.png"]
    for width, job in enumerate(jobs, 1):
        assert cv2.imread(str(job.targets[0])).shape[1] == 32 * width


def test_of_a_folder_each_picture_is_taken_and_nothing_else(tmp_path):
    folder = tmp_path / "in"
    (folder / "more.jpg").mkdir(parents=True)
    for name in ("a.png", "B.JPG", "more.jpg/c.png", "._b.jpg"):
        picture(folder / name)
    for name in (".DS_Store", "notes.txt", "Thumbs.db"):
        (folder / name).write_text("something")
    (folder / "bad.webp").write_text("no picture")
    jobs = list(blur_pictures([folder], tmp_path / "out", Box(), LookSettings()))
    assert [(job.source.name, bool(job.trouble)) for job in jobs] == [
        ("B.JPG", False),
        ("a.png", False),
        ("bad.webp", True),
    ]


def test_results_in_the_folder_of_the_pictures_are_no_pictures_of_a_later_run(tmp_path):
    picture(tmp_path / "a.png")
    for _ in range(2):
        (job,) = blur_pictures([tmp_path], tmp_path, Box(), LookSettings())
        assert job.source == tmp_path / "a.png"
    assert listing(tmp_path) == ["a.blurred.jpg", "a.mask.png", "a.png", "a.sheet.jpg"]


def test_a_picture_gets_the_fine_size_unless_another_was_chosen(tmp_path, monkeypatch):
    def mask(folder, *words):
        assert segblur("image", PICTURE, "-o", tmp_path / folder, *words).returncode == 0
        return cv2.imread(str(tmp_path / folder / "known_answer.mask.png"), cv2.IMREAD_GRAYSCALE)

    fine = mask("fine", "--network.size", "fine")
    fast = mask("fast", "--network.size", "fast")
    assert not np.array_equal(fine, fast)
    assert np.array_equal(mask("as it is"), fine)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config_path().parent.mkdir()
    config_path().write_text('[network]\nsize = "fast"\n')
    assert np.array_equal(mask("by the settings file"), fast)


def test_the_command_names_what_was_written_and_what_was_bad_and_ends_with_1(tmp_path):
    good = picture(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(good.read_bytes()[:2000])
    done = segblur("image", tmp_path / "bad.png", good, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert [line.rpartition("/")[2] for line in done.stdout.splitlines()] == [
        "good.mask.png",
        "good.blurred.jpg",
        "good.sheet.jpg",
    ]
    assert done.stderr.startswith(f"segblur: {tmp_path}/bad.png can't be read")
    assert done.stderr.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("kind", "bar"), [(Terminal, True), (io.StringIO, False)])
def test_a_terminal_gets_a_bar_and_nothing_else_does(tmp_path, monkeypatch, kind, bar):
    monkeypatch.setattr(sys, "stderr", kind())
    sources = [picture(tmp_path / name) for name in ("a.png", "b.png")]
    list(blur_pictures(sources, tmp_path / "out", Box(), LookSettings()))
    assert ("2/2" in sys.stderr.getvalue()) == bar


def test_a_folder_that_can_not_be_made_gives_a_sentence(tmp_path):
    source = picture(tmp_path / "me.png")
    with pytest.raises(OutputError, match="choose another folder"):
        list(blur_pictures([source], source / "out", Box(), LookSettings()))


def test_results_never_take_the_place_of_a_picture_that_was_given(tmp_path):
    mine, mask = picture(tmp_path / "a.png"), picture(tmp_path / "a.mask.png")
    before = mask.read_bytes()
    first, second = blur_pictures([mine, mask], tmp_path, Box(), LookSettings())
    assert first.targets[0].name == "a-2.mask.png"
    assert second.targets[0].name == "a.mask.mask.png"
    assert mask.read_bytes() == before


def test_a_picture_too_long_for_one_sheet_gets_a_smaller_one(tmp_path):
    written = blurred(picture(tmp_path / "long.png", 32000, 40), tmp_path / "out")
    assert cv2.imread(str(written[1])).shape == (40, 32000, 3)
    assert cv2.imread(str(written[2])).shape[1] == 65000


def test_a_cutout_has_transparency_and_no_colour_of_the_room_under_it(tmp_path):
    source = picture(tmp_path / "me.png", 640, 480)
    bgr = cv2.imread(str(source))
    paint_secret(bgr[..., 0])
    cv2.imwrite(str(source), bgr)
    transparent = LookSettings(effect="transparent")
    written = blurred(source, tmp_path / "out", transparent)
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

    empty = blurred(source, tmp_path / "none", transparent, segment=Fails())[1]
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
        _, result, sheet = blurred(erased, tmp_path / look.effect, look)
        assert not magenta(cv2.imread(str(sheet)))
        assert not magenta(cv2.imread(str(result), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("mirror", [False, True])
def test_the_transparency_of_a_cutout_is_the_pictures_times_the_masks(erased, tmp_path, mirror):
    framing = FramingSettings(mirror=mirror)
    _, result, _ = blurred(erased, tmp_path / "out", LookSettings(effect="transparent"), framing)
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
    _, result, _ = blurred(picture(tmp_path / "me.png", 640, 480), tmp_path / "out", look)
    shown = cv2.imread(str(result))
    assert not magenta(shown)
    assert np.abs(shown[20, 600].astype(int) - (0, 160, 0)).max() <= 4
