"""What the strip says in each state, and which state is the weightier."""

import pytest

from tests.panel.statuses import CAMERA, TROUBLE, status
from vcam.control import wording
from vcam.panel import texts
from vcam.panel.states import Known, is_watched, settings_of, state_of

ROWS = [
    ("no answer", Known(None, "silent"), wording.SILENT, "triangle", "red", "restart", True),
    ("other version", Known(None, "foreign"), texts.OTHER_VERSION, "triangle", "red", "restart", True),
    ("not set up", Known(None, "stopped", needs_setup=True), texts.NOT_SET_UP, "square", "", "setup", True),
    ("stopped", Known(None, "stopped"), wording.STOPPED, "square", "", "start", True),
    ("asking", Known(), texts.ASKING, "dots", "", "", False),
    ("room", Known(status("idle", look__effect="off"), ""), wording.ROOM, "triangle", "red", "hide", True),
    ("room", Known(status("live", look__on="person"), ""), wording.ROOM, "triangle", "red", "hide", True),
    (
        "trouble",
        Known(status("trouble", sentence=TROUBLE), ""),
        texts.sentence(TROUBLE),
        "triangle",
        "red",
        "pause",
        False,
    ),
    ("paused", Known(status("paused"), ""), wording.PAUSED, "bars", "amber", "resume", True),
    ("sleeping", Known(status("asleep"), ""), wording.ASLEEP, "ring", "", "", False),
    ("starting", Known(status("starting"), ""), wording.STARTING, "dots", "", "pause", False),
    ("live, a program", Known(status("live", viewers=1), ""), wording.LIVE, "circle", "green", "pause", False),
    ("live, unknown", Known(status("live", viewers=None), ""), texts.LIVE_UNKNOWN, "circle", "green", "pause", False),
    ("live, preview only", Known(status("live", previews=1), ""), texts.LIVE_HERE, "circle", "green", "pause", False),
    ("lingering", Known(status("idle", camera=CAMERA), ""), wording.LINGERING, "ring", "", "pause", False),
    ("idle", Known(status("idle"), ""), wording.IDLE, "ring", "", "pause", False),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_state_has_its_sentence_shape_tint_and_button(row):
    name, known, *wanted = row
    assert [name, *wanted] == list(state_of(known)[:6])


def test_the_room_is_told_before_trouble_and_pause():
    for state in ("trouble", "paused", "asleep", "starting", "live", "idle"):
        assert state_of(Known(status(state, sentence=TROUBLE, look__effect="off"), "")).name == "room"


def test_a_program_is_told_before_the_preview_and_before_what_is_not_known():
    several = status("live", viewers=None, previews=1)
    several["outputs"].append({"viewers": 1})
    assert state_of(Known(several, "")).name == "live, a program"
    assert state_of(Known(status("live", viewers=None, previews=1), "")).name == "live, unknown"


def test_a_program_watches_also_where_that_is_not_known():
    assert is_watched(status(viewers=1))
    assert is_watched(status(viewers=None))
    assert not is_watched(status(viewers=0, previews=2))
    assert not is_watched(None)


def test_what_was_asked_for_stands_above_what_is():
    settings = settings_of(status(look__blur=0.3), {"look.blur": 0.7})
    assert (settings["look.blur"], settings["look.effect"]) == (0.7, "blur")
