"""What the frames look like while the settings change, and while pictures and videos are read, or can't be."""

import threading
from fractions import Fraction
from time import monotonic

import av
import cv2
import numpy as np
import pytest

from tests.effects.test_compositor import soft_disc
from tests.helpers.faulty_worker import paint_secret, secret_of
from vcam.effects import look as module
from vcam.effects import scene
from vcam.effects.backdrop import check_file
from vcam.effects.blur import Blur
from vcam.effects.compositor import compose
from vcam.effects.look import FADE, Look
from vcam.effects.styles import Colour, Dim
from vcam.errors import PictureError, SettingsError
from vcam.frame import planes
from vcam.masks.mask import FrameMask
from vcam.media.films import endless
from vcam.media.raw_frame import RawFrame
from vcam.settings import LookSettings

NOBODY = np.zeros((48, 64), np.float32)
BLUR, GREEN = LookSettings(), LookSettings(effect="colour")
PATIENCE = 30.0  # seconds after which a test gives up


@pytest.fixture
def raw(sample):
    """A frame with a secret, of any time."""

    def at(time):
        pixels = sample[0].pixels.copy()
        paint_secret(planes(pixels)[0])
        return RawFrame(pixels, 1, time)

    return at


def a_film(path, levels, fps=10, size=(64, 48)):
    """A video with a grey level for each frame."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "1", "g": "1"}
        for level in levels:
            pixels = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            pixels[: size[1]] = level
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        output.mux(stream.encode())
    return path


def still(path, level=200, size=(64, 48)):
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), level, np.uint8))
    return path


def level_of(safe):
    return round(float(planes(safe.pixels)[0].mean()))


def test_one_effect_fades_into_the_next_within_its_time_and_both_hide_the_room(raw):
    look, mask = Look(print), FrameMask(NOBODY, 1)
    before = look(raw(0.0), mask, BLUR).pixels.astype(int)
    after = compose(raw(0.0), mask, Colour(0, 0xB1, 0x40)).pixels.astype(int)
    shares = []
    for time in np.arange(1.0, 1.0 + 2 * FADE, FADE / 5):
        safe = look(raw(time), mask, GREEN)
        assert secret_of(planes(safe.pixels)[0]) < 0.02
        shares.append(np.abs(safe.pixels - before).mean() / np.abs(after - before).mean())
    assert shares[0] == 0.0
    assert np.all(np.diff(shares[:6]) > 0.1)
    assert set(shares[6:]) == {1.0}


def test_a_slider_is_followed_at_once(raw):
    look = Look(print)
    look(raw(0.0), None, BLUR)
    safe = look(raw(0.01), None, LookSettings(blur=1.0))
    assert np.array_equal(safe.pixels, compose(raw(0.0), None, Blur(1.0)).pixels)


def test_a_strength_that_changes_does_not_cut_a_fade_short(raw):
    look, mask = Look(print), FrameMask(NOBODY, 1)
    look(raw(0.0), mask, GREEN)
    seen = [
        level_of(look(raw(n * FADE / 10), mask, LookSettings(effect="dim", blur=0.5 + n / 50))) for n in range(1, 15)
    ]
    assert len(set(seen)) > 5
    assert seen[-1] == level_of(compose(raw(0.0), mask, Dim(0.78)))


def test_whoever_changes_his_mind_in_the_middle_of_a_fade_gets_what_he_wants(raw):
    look, mask = Look(print), FrameMask(NOBODY, 1)
    wishes = [BLUR, GREEN, LookSettings(effect="grey"), LookSettings(effect="bokeh"), GREEN]
    for number, wish in enumerate(wishes):
        assert secret_of(planes(look(raw(number * 0.8 * FADE), mask, wish).pixels)[0]) < 0.02
    last = [look(raw(time), mask, GREEN).pixels for time in (100.0, 101.0)][-1]
    assert np.array_equal(last, compose(raw(0.0), mask, Colour(0, 0xB1, 0x40)).pixels)


def test_on_the_person_the_room_is_as_filmed_and_the_person_hidden(raw):
    frame, alpha = raw(0.0), soft_disc((48, 64), 0.5)
    hidden = LookSettings(effect="colour", on="person")
    luma = planes(Look()(frame, FrameMask(alpha, 1), hidden).pixels)[0]
    assert np.array_equal(luma[:60, :60], planes(frame.pixels)[0][:60, :60])
    assert np.ptp(luma[200:280, 280:360]) <= 1


@pytest.mark.parametrize("effect", ["blur", "bokeh", "pixelate", "grey", "dim", "colour"])
def test_without_a_mask_the_effect_is_all_over_the_frame_on_whatever_it_is_meant_to_be(raw, effect):
    for on in ("background", "person"):
        safe = Look()(raw(0.0), None, LookSettings(effect=effect, on=on))
        assert secret_of(planes(safe.pixels)[0]) < 0.01


def test_from_the_person_to_the_room_and_from_off_the_room_is_hidden_at_once(raw, tmp_path):
    alpha = NOBODY.copy()
    alpha[-20:, :40] = 1.0  # somebody in a corner, who does not hide the secret
    mask = FrameMask(alpha, 1)
    for shown in (LookSettings(on="person"), LookSettings(effect="off")):
        for wanted in (BLUR, GREEN, LookSettings(effect="picture", picture=still(tmp_path / "beach.png"))):
            look = Look(print)
            assert secret_of(planes(look(raw(0.0), mask, shown).pixels)[0]) > 0.9
            for time in (0.01, 0.02, FADE):
                assert secret_of(planes(look(raw(time), mask, wanted).pixels)[0]) < 0.02


def test_an_enlarged_room_is_hidden_as_well_while_another_effect_is_awaited_or_has_failed(raw, tmp_path):
    said = []
    look, mask = Look(said.append), FrameMask(NOBODY, 1)
    look(raw(0.0), mask, LookSettings(blur=0.2))
    wanted = LookSettings(effect="picture", picture=tmp_path / "none.png", blur=0.2)
    hidden = Look()(raw(0.0), mask, LookSettings(blur=0.9)).pixels
    deadline = monotonic() + 30
    while not said:
        assert monotonic() < deadline
        assert np.array_equal(look(raw(0.1), mask, wanted, least=0.9).pixels, hidden)
    assert np.array_equal(look(raw(0.2), mask, wanted, least=0.9).pixels, hidden)


def test_while_nobody_is_found_an_effect_on_the_person_is_all_over(raw):
    speck = NOBODY.copy()
    speck[:3, :3] = 1.0
    for alpha in (NOBODY, speck):
        picture = Look()(raw(0.0), FrameMask(alpha, 1), LookSettings(on="person")).pixels
        assert secret_of(planes(picture)[0]) < 0.02


def test_off_is_the_frame_as_it_was_filmed_with_a_mask_or_without(raw):
    for mask in (None, FrameMask(NOBODY, 1)):
        assert np.array_equal(Look()(raw(0.0), mask, LookSettings(effect="off")).pixels, raw(0.0).pixels)


def test_a_picture_is_cut_to_the_frames_shape_and_stands_behind_the_person(raw, tmp_path):
    path = tmp_path / "wide.png"
    wide = np.zeros((50, 500, 3), np.uint8)
    wide[:, 225:275] = (0, 0, 255)  # in the middle; what is left and right of it is cut off
    cv2.imwrite(str(path), wide)
    wanted = LookSettings(effect="picture", picture=path)
    seen = cv2.cvtColor(Look()(raw(0.0), FrameMask(NOBODY, 1), wanted).pixels, cv2.COLOR_YUV2BGR_I420)
    assert np.abs(seen[240, 300:340].astype(int) - (0, 0, 255)).max() < 6
    assert seen[240, :20].max() < 6
    assert seen.shape == (480, 640, 3)


def test_a_video_is_shown_at_its_own_pace_and_again_and_again(raw, tmp_path):
    levels = [40, 80, 120, 160, 200]
    wanted = LookSettings(effect="video", video=a_film(tmp_path / "steps.mp4", levels))
    look, mask = Look(), FrameMask(NOBODY, 1)
    look(raw(50.0), mask, wanted)
    seen = [level_of(look(raw(50.02 + n * 0.05), mask, wanted)) for n in range(30)]
    expected = [levels[n // 2 % 5] for n in range(30)]
    assert np.abs(np.subtract(seen, expected)).max() <= 2


def test_after_a_pause_a_video_goes_on_where_it_stopped(raw, tmp_path):
    wanted = LookSettings(effect="video", video=a_film(tmp_path / "steps.mp4", range(40, 240, 10)))
    look, mask = Look(), FrameMask(NOBODY, 1)
    before = [level_of(look(raw(time), mask, wanted)) for time in (7.0, 7.5)][-1]
    after = level_of(look(raw(1000.0), mask, wanted))
    assert abs(after - before) <= 12


class Projector:
    """Frames in live time, until what is shown is as it should be."""

    def __init__(self, raw, look, wanted):
        self.raw, self.look, self.wanted, self.now, self.seen = raw, look, wanted, 0.0, []

    def until(self, condition):
        waiting = threading.Event()
        for _ in range(int(PATIENCE / 0.005)):
            self.now += 0.05
            safe = self.look(self.raw(self.now), FrameMask(NOBODY, 1), self.wanted)
            assert secret_of(planes(safe.pixels)[0]) < 0.02
            self.seen.append(level_of(safe))
            if condition(self.seen[-1]):
                return
            waiting.wait(0.005)
        raise AssertionError(self.seen[-20:])


def test_while_a_picture_is_being_read_the_effect_before_stays_and_then_it_fades_in(raw, tmp_path, monkeypatch):
    ready, pixels = threading.Event(), raw(0.0).pixels.copy()
    planes(pixels)[0][:] = 230

    def slow(path, size):
        ready.wait(PATIENCE)
        yield 0.0, pixels
        yield float("inf"), pixels

    monkeypatch.setattr("vcam.effects.backdrop.READERS", {"picture": slow})
    look, said = Look(lambda text: said.append(text)), []
    black = LookSettings(effect="colour", colour="black")
    look(raw(0.0), None, black)
    projector = Projector(raw, look, LookSettings(effect="picture", picture=tmp_path))
    for _ in range(3):
        projector.until(lambda level: level <= 17)
    ready.set()
    projector.until(lambda level: level >= 229)
    assert any(40 < level < 210 for level in projector.seen)
    assert said == []


def test_a_video_that_breaks_while_it_plays_gives_way_to_the_blur_and_is_told_once(raw, tmp_path, monkeypatch):
    def breaking(path, size):
        good = endless(path, size)
        yield next(good)
        shown.wait(PATIENCE)
        raise PictureError(f"{path} is damaged")

    path = a_film(tmp_path / "steps.mp4", [250, 250, 250])
    monkeypatch.setattr("vcam.effects.backdrop.READERS", {"video": breaking})
    said, shown = [], threading.Event()
    projector = Projector(raw, Look(said.append), LookSettings(effect="video", video=path))
    projector.until(lambda level: level >= 230)
    shown.set()
    blurred = level_of(compose(raw(0.0), None, Blur(1.0)))
    projector.until(lambda level: abs(level - blurred) <= 1)
    projector.until(lambda level: abs(level - blurred) <= 1)
    assert said == [f"{path} is damaged; it is not shown any more"]


def test_a_picture_that_is_gone_leaves_the_effect_before_and_is_shown_when_it_is_there_again(raw, tmp_path):
    path, said = tmp_path / "beach.png", []
    wanted = LookSettings(effect="picture", picture=path)
    look = Look(said.append)
    look(raw(0.0), None, LookSettings(effect="colour", colour="black"))
    projector = Projector(raw, look, wanted)
    projector.until(lambda level: bool(said))
    assert set(projector.seen) == {16}
    still(path, 255)
    projector.until(lambda level: level >= 230)
    assert len(said) == 1


def test_the_thread_ends_with_the_look(raw, tmp_path):
    wanted = LookSettings(effect="video", video=a_film(tmp_path / "steps.mp4", [100] * 5))
    projector = Projector(raw, Look(print), wanted)
    projector.until(lambda level: 95 < level < 105)
    threads = [thread for thread in threading.enumerate() if thread.name == "segblur-scene"]
    assert len(threads) == 1
    del projector
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()


def test_pictures_are_read_by_a_thread_of_their_own(raw, monkeypatch, tmp_path):
    readers = []

    def read(path, size):
        readers.append(threading.current_thread())
        yield 0.0, raw(0.0).pixels

    monkeypatch.setattr("vcam.effects.backdrop.READERS", {"picture": read})
    look = Look(print)
    Projector(raw, look, LookSettings(effect="picture", picture=tmp_path)).until(lambda _: bool(readers))
    assert readers[0] is not threading.current_thread()


@pytest.mark.parametrize("effect", ["picture", "video"])
def test_whoever_waits_for_a_file_is_told_that_it_can_not_be_read(raw, tmp_path, effect):
    with pytest.raises(PictureError, match=r"none\.x can't be read"):
        Look()(raw(0.0), None, LookSettings(**{"effect": effect, effect: tmp_path / "none.x"}))


def test_a_frame_knows_no_transparency(raw):
    with pytest.raises(SettingsError, match="transparent"):
        Look()(raw(0.0), None, LookSettings(effect="transparent"))


@pytest.mark.parametrize("size", [(17, 33), (65, 47), (640, 480), (16, 400)])
def test_pictures_and_videos_of_every_size_can_be_shown(raw, tmp_path, size):
    even = size[0] // 2 * 2 + 2, size[1] // 2 * 2 + 2
    files = {"picture": still(tmp_path / "a.png", size=size), "video": a_film(tmp_path / "a.mp4", [99] * 3, size=even)}
    for effect, path in files.items():
        check_file(effect, path)
        seen = Look()(raw(0.0), FrameMask(NOBODY, 1), LookSettings(**{"effect": effect, effect: path})).pixels
        assert seen.shape == raw(0.0).pixels.shape
        assert np.ptp(planes(seen)[0]) <= 2


def test_a_video_of_one_frame_is_a_picture(raw, tmp_path):
    wanted = LookSettings(effect="video", video=a_film(tmp_path / "one.mp4", [77]))
    look = Look()
    assert {level_of(look(raw(n / 30), FrameMask(NOBODY, 1), wanted)) for n in range(40)} <= {76, 77, 78}


def test_only_what_an_effect_needs_makes_a_difference_to_it():
    assert module.essence(LookSettings(blur=0.3)) != module.essence(LookSettings(blur=0.4))
    green, weaker = GREEN, LookSettings(effect="colour", blur=0.2)
    assert module.essence(green) == module.essence(weaker)
    assert module.essence(green) == module.essence(LookSettings(effect="colour", on="person"))
    assert scene.AHEAD >= 1


def test_a_file_that_was_replaced_under_its_name_is_read_again_with_the_same_settings_told_anew(raw, tmp_path):
    for effect, path, make in (
        ("picture", tmp_path / "a.png", still),
        ("video", tmp_path / "a.mp4", lambda path, level: a_film(path, [level] * 5)),
    ):
        make(path, 250)
        said, wanted = [], LookSettings(**{"effect": effect, effect: path})
        projector = Projector(raw, Look(said.append), wanted)
        projector.until(lambda level: level >= 225)
        make(tmp_path / f"new{path.suffix}", 60).replace(path)
        shown = len(projector.seen)
        projector.wanted = wanted.model_copy()
        projector.until(lambda level: level <= 70)
        assert min(projector.seen[shown : shown + 2]) > 200  # no blur and no hole in between
        assert said == []


def test_settings_told_anew_do_not_begin_a_film_again(raw, tmp_path):
    wanted = LookSettings(effect="video", video=a_film(tmp_path / "a.mp4", [60] * 5 + [250] * 5, fps=5))
    look = Look()
    seen = [level_of(look(raw(n / 10), FrameMask(NOBODY, 1), wanted.model_copy())) for n in range(15)]
    assert seen[0] <= 70
    assert seen[14] >= 225
