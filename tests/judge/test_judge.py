"""The judge of the picture, judged: by paths whose faults are known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.helpers.fake_segmenter import SIZE, Fake, by_brightness
from tests.judge import measure, scenes
from tests.judge.__main__ import tables, write_page
from tests.judge.measure import Mean, alpha_of, boundary, difference, halo, ideal, moving, still, warped
from tests.judge.scenes import Composite, Scene, compose_scene, distance, photographs, to_i420, walk
from tests.judge.sheet import PART, Clip, sheet, telling
from training.data.pairs import find_pairs
from vcam.frame import planes, seal
from vcam.masks.mask import FrameMask
from vcam.media.films import SAMPLE
from vcam.media.raw_frame import RawFrame

WIDTH, HEIGHT = 480, 320


def disc(radius=80, left=200, soft=5):
    share = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.circle(share, (left, 160), radius, 1.0, -1)
    return cv2.GaussianBlur(share, (soft, soft), 0)


def composite(left=200):
    """A light grey person before a room with a sharp pattern."""
    room = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    room[:, ::8], room[..., 2] = 160, 90
    room[:, 1::8] = room[:, ::8]
    return Composite(np.full_like(room, 190), room, disc(left=left))


def keeps(share_of):
    """A halo's mask: what `share_of` makes of the truth, at the picture's own size."""
    return lambda frame, truth: FrameMask(np.ascontiguousarray(share_of(truth.share)), frame.sequence)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """A compositor whose faults are known: it has none but that it blends linearly, whatever the real one does."""

    def compose(frame, mask, effect):
        behind = effect(frame.pixels, None if mask is None else mask.alpha)
        result = behind.copy()
        for person, target in zip(planes(frame.pixels), planes(result), strict=True):
            share = 0.0 if mask is None else cv2.resize(mask.alpha, person.shape[::-1], interpolation=cv2.INTER_LINEAR)
            target[:] = np.rint(share * person + (1.0 - share) * target)
        return seal(result)

    monkeypatch.setattr(measure, "compose", compose)


# What is seen from outside


def test_how_much_is_kept_is_seen_in_the_result_alone():
    frame = RawFrame(to_i420(composite().room), 1, 0.0)
    assert np.abs(alpha_of(frame, FrameMask(disc(), 1)) - disc()).max() < 0.02
    assert alpha_of(frame, None).max() == 0.0


def test_distance_is_positive_outside_and_negative_inside():
    far = distance(disc(soft=1))
    assert far[160, 200] == pytest.approx(-80, abs=2)
    assert far[160, 200 + 100] == pytest.approx(20, abs=2)
    assert np.abs(far).min() == 0.5


# The contour


def frame_of(share):
    return Scene(to_i420(np.repeat(255 * share[..., None], 3, axis=2)), share)


def test_a_path_that_keeps_just_the_person_has_a_good_contour_and_one_that_keeps_more_a_worse(monkeypatch):
    monkeypatch.setattr(Fake, "size_for", lambda *_: (WIDTH, HEIGHT))
    monkeypatch.setattr(measure.Way, "alpha", lambda way, pixels: planes(pixels)[0].astype(np.float32) / 235)
    good, wide = (boundary(None, [Scene(frame_of(disc(radius)).pixels, disc())]) for radius in (80, 84))
    assert good["boundary IoU, 2 %"] > 0.97
    assert good["edge error"] < 0.05
    assert wide["boundary IoU, 0.5 %"] < wide["boundary IoU, 2 %"] < 0.8
    assert wide["edge error"] > 4 * good["edge error"]


def test_the_width_of_the_edge_is_that_of_its_ramp(monkeypatch):
    monkeypatch.setattr(measure.Way, "alpha", lambda way, pixels: planes(pixels)[0].astype(np.float32) / 235)
    narrow, wide = (boundary(None, [frame_of(disc(soft=soft))])["edge width"] for soft in (5, 11))
    assert 1 < narrow < 3 < wide < 8


# The halo


def test_the_ideal_has_no_halo_and_is_the_person_inside_and_the_blur_of_the_room_alone_outside():
    truth = composite()
    best = ideal(truth, truth.person)
    assert np.abs(best[100:220, 160:240] - 190).max() <= 2
    assert best[:, 400:, 0].std() < 5 < 50 < truth.room[:, 400:, 0].std()


def test_the_true_mask_leaves_little_halo_most_of_it_where_both_colours_are_mixed():
    figures = halo(keeps(lambda share: share), [composite()])
    assert figures["elsewhere"] < 1 < max(figures["outside"], figures["inside"]) < 5
    assert figures["shown"] < 0.01
    assert figures["missing"] < 0.01


def test_a_mask_that_is_too_large_shows_the_room_outside_and_one_that_is_too_small_misses_the_person_inside():
    grown, shrunk = (
        halo(keeps(lambda share, change=change: change(share, np.ones((5, 5), np.uint8))), [composite()])
        for change in (cv2.dilate, cv2.erode)
    )
    assert grown["shown"] > 0.2 > 0.01 > grown["missing"]
    assert shrunk["missing"] > 0.2 > 0.01 > shrunk["shown"]
    assert grown["outside"] > shrunk["outside"]
    assert shrunk["inside"] > grown["inside"]


def test_a_colour_that_bleeds_is_a_difference_outside(monkeypatch):
    """An effect that blurs the person into the room, as the ordinary recipe does."""
    clean = halo(keeps(lambda share: share), [composite()])
    blur = measure.Blur
    monkeypatch.setattr(measure, "Blur", lambda strength: lambda pixels, kept: blur(strength)(pixels, None))
    assert halo(keeps(lambda share: share), [composite()])["outside"] > 2 * clean["outside"]


def test_the_best_possible_has_the_halo_that_comes_of_not_knowing_the_room_behind_the_person():
    even = composite()
    known = measure.unknown([even])
    assert known["inside"] < 1
    hidden = Composite(even.person, even.room.copy(), even.share)
    hidden.room[120:200, 160:240] = 255  # behind the person, where nobody sees it
    assert measure.unknown([hidden])["outside"] > 1.3 * known["outside"]
    assert known["elsewhere"] < 1


def test_the_difference_of_colours_is_that_of_cie_1976():
    white, grey = np.full((2, 2, 3), 255, np.float32), np.full((2, 2, 3), 119, np.float32)
    assert difference(white, white).max() == 0
    assert difference(white, grey)[0, 0] == pytest.approx(50.0, abs=0.2)  # L* of 100 and of 50


# Flicker


def test_a_mask_that_stays_does_not_flicker_and_noise_does():
    steady = still(Fake(lambda picture, _: cv2.resize(disc(), SIZE)), [frame_of(disc())])
    assert steady["still"] < 0.0006  # what is left is rounding to 8 bits
    rng = np.random.default_rng(0)
    shaking = Fake(lambda picture, _: np.clip(cv2.resize(disc(), SIZE) + rng.normal(0, 0.1, SIZE[::-1]), 0, 1))
    assert still(shaking, [frame_of(disc())])["still"] > 0.01


def test_a_mask_that_follows_is_steady_and_one_that_trails_behind_is_not(monkeypatch):
    monkeypatch.setattr(scenes, "SIZE", (WIDTH, HEIGHT))
    monkeypatch.setattr(Fake, "size_for", lambda *_: (WIDTH, HEIGHT))
    monkeypatch.setattr(Fake, "__call__", lambda fake, picture, previous=None: fake.answer(picture, previous))
    plain = Composite(np.full((HEIGHT, WIDTH, 3), 230, np.float32), np.full((HEIGHT, WIDTH, 3), 25, np.float32), disc())
    seen = []

    def follows(picture, previous):
        seen.append(np.clip((picture.mean(axis=2) - 25) / 205, 0, 1).astype(np.float32))
        return seen[-1]

    def trails(picture, previous):
        follows(picture, previous)
        return seen[-2] if len(seen) > 1 else seen[-1]

    good, late = moving(Fake(follows), [plain]), moving(Fake(trails), [plain])
    assert late["moving"] > 2 * good["moving"]
    assert late["edge error, moving"] > 2 * good["edge error, moving"]


def test_who_walks_comes_back_and_takes_the_colours_along(monkeypatch):
    monkeypatch.setattr(scenes, "SIZE", (WIDTH, HEIGHT))
    steps = list(walk(composite()))
    centres = [float((step.share.sum(axis=0) * np.arange(WIDTH)).sum() / step.share.sum()) for step in steps]
    assert max(centres) - centres[0] == pytest.approx(scenes.REACH, abs=1)
    assert centres[1] == pytest.approx(centres[-1], abs=0.5)
    assert all(step.room is steps[0].room for step in steps)


def test_a_plane_is_moved_to_where_the_flow_says_it_came_from():
    plane = disc()
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    flow[..., 0] = 7.0
    assert np.allclose(warped(plane, flow)[:, :-8], plane[:, 7:-1])


# Scenes


def test_a_person_is_set_before_a_room_without_the_old_background_at_the_contour(discs, tmp_path):
    """The discs are bright before dark noise: no dark pixel may come along, not even where the share is small or the
    mask is drawn a pixel too large.
    """
    wide = cv2.dilate(cv2.imread(str(discs / "masks" / "0.png"), cv2.IMREAD_GRAYSCALE), np.ones((3, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    pair = replace(find_pairs(discs)[0], mask=tmp_path / "wide.png")
    room = np.full((scenes.SIZE[1], scenes.SIZE[0], 3), 255, np.float32)
    made = compose_scene(pair, room, 0)
    assert made.share.shape == room.shape[:2]
    assert made.person[made.share > 0].min() >= 139  # what the disc has, less what cubic interpolation undershoots
    assert made.share.max() == 1.0
    pixels, person = made.scene(np.random.default_rng(0))
    assert planes(pixels.pixels)[0].shape == room.shape[:2]
    assert np.std(person - made.person) == pytest.approx(scenes.NOISE, abs=0.1)


def test_photographs_are_enlarged_with_their_masks(discs):
    scene = next(photographs(discs, 1))
    luma = planes(scene.pixels)[0]
    assert luma.shape == scene.truth.shape == (720, 900)
    assert luma[scene.truth > 0.99].mean() > luma[scene.truth < 0.01].mean() + 50


# The page


def test_means_are_over_all_pixels_that_are_named():
    mean = Mean()
    mean.add(np.array([[1.0, 5.0]]), np.array([[True, False]]))
    mean.add(np.array([[2.0, 3.0]]), np.array([[True, True]]))
    assert mean.value() == 2.0
    assert Mean().value() == 0.0


def test_the_part_that_is_shown_is_the_one_that_changed_near_the_contour():
    kept = np.zeros((240, 320), np.uint8)
    kept[60:, 100:200] = 255
    before = np.full((240, 320, 3), 128, np.uint8)
    after = before.copy()
    after[200:210, 198:206] = 255
    after[0:60, 0:40] = 0  # the room: of no interest
    left, top = telling([before, after], kept)
    assert left <= 198 <= 206 <= left + PART[0]
    assert top <= 200 <= 210 <= top + PART[1]
    left, top = telling([before, before], kept)
    assert left <= 200 <= left + PART[0] or left <= 100 <= left + PART[0]


def test_the_sheet_has_a_row_for_each_clip_and_a_column_for_each_version():
    picture = np.full((480, 640, 3), 128, np.uint8)
    clip = Clip(picture, {"before": picture, "now": picture}, picture[..., 0])
    one, two = (sheet({str(n): clip for n in range(count)}) for count in (1, 2))
    assert two.height > one.height + 240
    assert one.width > 4 * 320


def test_versions_stand_below_each_other():
    figures = {"people": {"edge error": 0.5}, "halo, mine": {"outside": 3.0}, "flicker": {"still": 0.001}}
    text = tables({"before": figures, "now": figures | {"people": {"edge error": 0.25}}})
    lines = [line for line in text.splitlines() if line.startswith("| people")]
    assert ["0.5" in lines[0], "0.25" in lines[1]] == [True, True]
    assert "| mine" in text
    assert max(map(len, text.splitlines())) <= 120
    figures["halo, best"] = {"inside": 1.0}  # which has not all figures
    assert "|         |      1 |" in tables({"now": figures})


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """What the measuring process leaves of a clip."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "one.mkv").symlink_to(SAMPLE)
    monkeypatch.setattr(measure, "SHOWN", 2)
    (tmp_path / "now").mkdir()
    measure.show(Fake(by_brightness), tmp_path / "clips", tmp_path / "now")
    return tmp_path / "now"


def test_each_clip_is_shown_with_what_is_kept_of_it(shown):
    pictures = {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape for path in shown.iterdir()}
    assert pictures == {"one.filmed.png": (480, 640, 3), "one.shown.png": (480, 640, 3), "one.alpha.png": (480, 640)}


def test_the_page_has_a_sheet_beside_it_and_names_no_folder_of_this_machine(shown, tmp_path):
    write_page(tmp_path / "page.md", "| figures |", {"before": shown, "now": shown}, "abc")
    text = (tmp_path / "page.md").read_text()
    assert "\n    python -m tests.judge DATA --before abc --page docs/page.md\n" in text
    assert "![Clips](page.jpg)" in text
    assert "CC BY 4.0" in text
    assert str(tmp_path) not in text
    assert cv2.imread(str(tmp_path / "page.jpg")).shape[1] > 4 * 320
