"""What the person asks for, at the real service."""

import pytest
from PySide6.QtCore import QObject

from tests.helpers.running import Running, at_home, file  # noqa: F401 - a fixture
from tests.panel.looks import spin
from vcam.control import client, server
from vcam.panel.wishes import Wish, Wishes, setting

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture
def service():
    with Running() as running:
        running.device.readers.leave()
        yield running


@pytest.fixture
def wishes(service):
    parent = QObject()
    made = Wishes(parent)
    made.told = []
    made.refused.connect(lambda lane, sentence: made.told.append((lane, sentence)))
    yield made
    made.forget()
    parent.deleteLater()


def look():
    return client.ask("status")["settings"]["look"]


def test_a_wish_is_shown_at_once_and_until_the_service_has_confirmed_it(wishes):
    statuses = []
    wishes.status.connect(statuses.append)
    wishes.set(("look.effect", "grey"))
    assert wishes.pending == {"look.effect": "grey"}
    spin(lambda: statuses, "the status that follows")
    assert statuses[0]["settings"]["look"]["effect"] == "grey"
    assert wishes.pending == {}
    assert file()["look"]["effect"] == "grey"


def test_a_refused_wish_is_taken_back_and_the_rest_of_its_chain_is_not_asked(wishes, tmp_path):
    none = tmp_path / "none.jpg"
    wishes.set(("look.picture", str(none)), ("look.effect", "picture"))
    spin(lambda: wishes.told and not wishes.pending, "the refusal")
    ((lane, sentence),) = wishes.told
    assert lane == "look"
    assert str(none) in sentence
    assert (look()["effect"], look()["picture"]) == ("blur", None)


def test_of_a_slider_the_last_value_always_comes(wishes):
    values = [round(0.2 + 0.008 * step, 3) for step in range(100)]
    for value in values:
        wishes.set(("look.blur", value))
    assert wishes.pending == {"look.blur": values[-1]}
    spin(lambda: not wishes.pending, "the last answer")
    assert look()["blur"] == values[-1]


def test_a_picture_that_is_looked_at_holds_up_no_other_section(wishes):
    wishes.set(("look.effect", "dim"))
    wishes.set(("framing.zoom", 1.7))
    assert wishes.is_busy("look")
    assert wishes.is_busy("framing")
    spin(lambda: not wishes.pending, "both answers")
    assert client.ask("status")["settings"]["framing"]["zoom"] == 1.7


def test_a_chain_goes_on_where_other_clients_took_its_place_between_two_wishes(wishes, monkeypatch):
    monkeypatch.setattr(server, "PAUSE", 0.5)  # in which the other clients come
    wishes.set(("look.effect", "grey"), ("look.blur", 0.5))
    spin(lambda: look()["effect"] == "grey", "the first is done")
    others = [client.connect(client.PATIENCE) for _ in range(2 * server.MOST_CLIENTS)]
    spin(lambda: not wishes.pending, "the status that follows")
    for other in others:
        other.close()
    assert look()["blur"] == 0.5
    assert wishes.told == []


def test_where_all_places_stay_taken_it_is_told(wishes, monkeypatch):
    monkeypatch.setattr(server, "MOST_CLIENTS", 0)
    wishes.set(("look.effect", "grey"))
    spin(lambda: wishes.told and not wishes.pending, "the refusal")
    assert wishes.told == [("look", "0 clients are being served; try again when some have left")]
    monkeypatch.setattr(server, "MOST_CLIENTS", 32)
    wishes.set(("look.effect", "dim"))
    spin(lambda: not wishes.pending, "the next")
    assert look()["effect"] == "dim"


def test_where_the_service_ends_nothing_stays_asked_for(wishes, service):
    wishes.want("look", setting("look.effect", "grey"), Wish("pause"))
    service.state.stop()
    spin(lambda: not wishes.pending and not wishes.is_busy("look"), "the wish is given up")
    wishes.set(("look.effect", "dim"))
    spin(lambda: not wishes.pending, "the next, too")
    assert wishes.told == []  # the strip tells that
