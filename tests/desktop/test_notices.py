"""When there is a notification, by a clock that the test turns."""

from math import inf

from tests.helpers.desk import IDLE, LIVE
from vcam.desktop.notices import APART, HELD, NOTICES, Due, Schedule, wanted

PAUSED = IDLE._replace(state="paused", paused=True)
TROUBLE = LIVE._replace(state="trouble", sentence="there is no webcam")
ROOM = IDLE._replace(effect="room", room_shown=True)


def test_a_program_that_watches_for_a_while_is_told_of_and_taken_back():
    schedule = Schedule()
    assert schedule.look(IDLE, 10.0) == Due([], [], inf)
    assert schedule.look(LIVE, 11.0) == Due([], [], 13.0)
    assert schedule.look(LIVE, 12.9) == Due([], [], 13.0)
    assert schedule.look(LIVE, 13.0) == Due(["watched"], [], inf)
    assert schedule.look(LIVE, 99.0) == Due([], [], inf)
    assert schedule.look(IDLE, 100.0) == Due([], ["watched"], inf)


def test_a_program_that_only_looks_what_cameras_there_are_is_not_told_of():
    schedule = Schedule()
    schedule.look(LIVE, 1.0)
    assert schedule.look(IDLE, 2.0) == Due([], [], inf)
    assert schedule.look(IDLE, 9.0) == Due([], [], inf)


def test_a_preview_is_no_program():
    schedule = Schedule()
    schedule.look(IDLE._replace(state="live", previews=1), 1.0)
    assert schedule.look(IDLE._replace(state="live", previews=1), 9.0) == Due([], [], inf)


def test_at_most_one_of_a_kind_a_minute():
    schedule = Schedule()
    schedule.look(LIVE, 0.0)
    assert schedule.look(LIVE, 2.0).show == ["watched"]
    schedule.look(IDLE, 3.0)
    assert schedule.look(LIVE, 4.0) == Due([], [], 2.0 + APART)
    assert schedule.look(LIVE, 2.0 + APART).show == ["watched"]


def test_who_pauses_or_resumes_knows_it():
    schedule = Schedule()
    schedule.look(LIVE, 0.0)
    schedule.look(LIVE, 2.0)
    assert schedule.look(LIVE._replace(state="paused", paused=True), 3.0) == Due([], ["watched"], inf)
    assert schedule.look(LIVE, 90.0) == Due([], [], inf)


def test_a_program_that_begins_to_watch_while_paused_is_told_of_as_such():
    schedule = Schedule()
    schedule.look(PAUSED, 0.0)
    watched = PAUSED._replace(watched=True)
    schedule.look(watched, 1.0)
    assert schedule.look(watched, 3.0) == Due(["paused"], [], inf)
    assert schedule.look(LIVE, 4.0) == Due([], ["paused"], inf)


def test_trouble_is_told_of_while_somebody_watches_and_once_it_lasts():
    schedule = Schedule()
    assert schedule.look(TROUBLE._replace(watched=False), 0.0) == Due([], [], inf)
    schedule.look(LIVE, 1.0)
    schedule.look(LIVE, 3.0)
    schedule.look(TROUBLE, 10.0)
    assert schedule.look(TROUBLE, 10.0 + HELD["trouble"]).show == ["trouble"]
    assert schedule.look(LIVE, 20.0).close == ["trouble"]


def test_a_room_that_is_shown_is_told_of_at_once_and_again_every_ten_minutes():
    schedule = Schedule()
    assert schedule.look(ROOM, 0.0) == Due(["room"], [], 600.0)
    assert schedule.look(ROOM, 599.0) == Due([], [], 600.0)
    assert schedule.look(ROOM, 600.0) == Due(["room"], [], 1200.0)
    assert schedule.look(IDLE, 700.0) == Due([], ["room"], inf)


def test_all_is_taken_back_when_the_service_ends():
    schedule = Schedule()
    room = LIVE._replace(effect="room", room_shown=True)
    schedule.look(room, 0.0)
    schedule.look(room, 2.0)
    assert set(schedule.look(None, 3.0).close) == {"room", "watched"}


def test_the_setting_lets_through_what_it_names():
    assert [kind for kind in NOTICES if wanted(kind, "all")] == list(NOTICES)
    assert [kind for kind in NOTICES if wanted(kind, "important")] == ["trouble", "room", "paused"]
    assert [kind for kind in NOTICES if wanted(kind, "none")] == []
