"""The menu of the icon: what is known, as entries."""

import pytest

from tests.helpers.desk import IDLE, LIVE
from vcam.control import wording
from vcam.desktop import texts
from vcam.desktop.menu import NEWEST, Library, Picture, as_properties, flat, following, menu

PICTURES = tuple(Picture(f"beach {number}.jpg", "picture", f"/home/anna/beach {number}.jpg") for number in range(200))


def keys(entries):
    return [entry.key for entry in entries]


def test_without_a_service_there_is_only_a_start():
    assert keys(menu(None)) == ["sentence", "line 1", "start", "line 2", "quit"]
    assert flat(menu(None))["sentence"].label == "SegBlur is not running."


def test_the_menu_is_the_status():
    entries = flat(menu(LIVE._replace(paused=True, state="paused", effect="dim")))
    assert entries["sentence"].label == wording.PAUSED
    assert not entries["sentence"].enabled
    assert entries["pause"].on
    assert [key for key, entry in entries.items() if entry.kind == "radio" and entry.on] == ["effect dim"]
    assert "hide" not in entries
    assert "profiles" not in entries


def test_a_room_that_is_shown_can_be_hidden_and_no_entry_shows_it():
    for seen in (IDLE, LIVE, LIVE._replace(effect="room", room_shown=True)):
        entries = flat(menu(seen, Library(PICTURES, ("home",))))
        assert ("hide" in entries) == seen.room_shown
        assert not {"effect off", "effect room", "effect transparent"} & entries.keys()
    assert flat(menu(seen))["sentence"].label == wording.ROOM


def test_of_a_large_gallery_the_newest_are_there_and_the_chosen_one_is_marked():
    seen = LIVE._replace(effect="picture")
    entries = flat(menu(seen, Library(PICTURES, shown=PICTURES[3].path)))
    shown = [entry for key, entry in entries.items() if key.startswith("picture ")]
    assert [entry.label for entry in shown] == [one.name for one in PICTURES[:NEWEST]]
    assert [entry.on for entry in shown] == [number == 3 for number in range(NEWEST)]
    assert not flat(menu(LIVE, Library(PICTURES, shown=PICTURES[3].path)))[f"picture {PICTURES[3].path}"].on


def test_profiles_are_there_and_the_one_in_use_is_marked():
    entries = flat(menu(LIVE, Library(profiles=("home", "work"), profile="work")))
    assert [entries[f"profile {name}"].on for name in ("home", "work")] == [False, True]


def test_what_went_wrong_with_the_last_click_takes_the_place_of_the_sentence():
    assert flat(menu(LIVE, remark="beach.jpg is gone"))["sentence"].label == "beach.jpg is gone"


def test_names_of_files_can_do_nothing_to_a_menu():
    odd = Picture("my_beach\n\x1b[31m.jpg", "picture", "/b.jpg")
    entry = flat(menu(LIVE, Library((odd,))))["picture /b.jpg"]
    assert as_properties(entry)["label"] == ("s", "my__beach??[31m.jpg")


def test_the_next_background_comes_after_the_chosen_one_and_the_first_after_the_last():
    library = Library(PICTURES[:2], shown=PICTURES[1].path)
    assert following(menu(IDLE, library)) == "effect bokeh"
    assert following(menu(IDLE._replace(effect="dim"), library)) == f"picture {PICTURES[0].path}"
    assert following(menu(IDLE._replace(effect="picture"), library)) == "effect blur"
    assert following(menu(IDLE._replace(effect="room", room_shown=True), library)) == "effect blur"
    assert following(menu(None)) == ""


STATES = [
    (None, "stopped", wording.STOPPED),
    (IDLE, "idle", wording.IDLE),
    (IDLE._replace(webcam="C920"), "idle", wording.LINGERING),
    (IDLE._replace(state="asleep"), "idle", wording.ASLEEP),
    (IDLE._replace(state="starting", watched=True), "live", wording.STARTING),
    (IDLE._replace(state="live", previews=1, webcam="C920"), "live", texts.LIVE_HERE),
    (LIVE, "live", wording.LIVE),
    (LIVE._replace(previews=1), "live", wording.LIVE),
    (LIVE._replace(state="paused", paused=True), "paused", wording.PAUSED),
    (LIVE._replace(state="trouble", sentence="there is no webcam"), "trouble", "there is no webcam"),
    (LIVE._replace(state="paused", effect="room", room_shown=True), "trouble", wording.ROOM),
]


@pytest.mark.parametrize(("seen", "face", "sentence"), STATES)
def test_each_state_has_a_face_and_a_sentence(seen, face, sentence):
    assert (texts.face(seen), texts.sentence(seen)) == (face, sentence)
