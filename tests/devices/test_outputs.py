"""Several virtual cameras of two kinds: what is there serves, and what is not is no trouble while another is there."""

import pytest

from tests.devices.test_loopback import FRAME, SETTINGS, SILENCE, Kernel, kernel  # noqa: F401 - fixtures
from tests.helpers.pipewire_session import pipewire_session, until  # noqa: F401 - fixtures
from vcam.devices.outputs import open_outputs, trouble_of
from vcam.service.screen import Screen


@pytest.fixture
def outputs(request):
    made = open_outputs(SETTINGS)
    yield made
    for output in made:
        output.close()


def connected(screen, outputs):
    """Whether PipeWire's daemon has taken the node; looks at the outputs as the keeper does."""
    screen.readers(FRAME, 0.0)
    return outputs[-1].about()["state"] == "paused"


def test_without_any_camera_both_remedies_are_named(outputs):
    Screen(outputs).prime(FRAME, SILENCE)
    said = trouble_of(outputs)
    assert "there is no virtual camera 'SegBlur Camera'; make one with: segblur setup; and PipeWire" in said
    assert "start it with: systemctl --user start pipewire" in said or "install PipeWire" in said


def test_pipewire_alone_is_enough_and_a_device_that_appears_later_is_taken_in(pipewire_session, kernel, outputs):
    (kernel / "name").write_text("Something else\n")
    screen = Screen(outputs)
    screen.prime(FRAME, SILENCE)
    until(lambda: connected(screen, outputs), "the node is taken")
    assert trouble_of(outputs) == ""
    assert screen.incomplete()
    assert [output.about()["path"] for output in outputs if output.about()] == ["pipewire"]
    (kernel / "name").write_text("SegBlur Camera\n")
    screen.readers(FRAME, 100.0)
    assert not screen.incomplete()
    assert [output.about()["path"] for output in outputs if output.about()] == ["/dev/null", "pipewire"]
    assert Kernel.last.sent


def test_a_device_alone_is_enough_and_a_daemon_that_starts_later_is_taken_in(pipewire_session, kernel, outputs):
    pipewire_session.kill_pipewire()
    screen = Screen(outputs)
    screen.prime(FRAME, SILENCE)
    assert trouble_of(outputs) == ""
    assert outputs[-1].about()["state"] == "lost"
    pipewire_session.start_pipewire()
    screen.readers(FRAME, 100.0)
    until(lambda: connected(screen, outputs), "the node is taken")


def test_a_device_that_is_there_but_held_is_trouble_even_beside_pipewire(
    pipewire_session, kernel, outputs, monkeypatch
):
    monkeypatch.setattr(Kernel, "refuses", "Device or resource busy")
    screen = Screen(outputs)
    screen.prime(FRAME, SILENCE)
    until(lambda: connected(screen, outputs), "the node is taken")
    assert "it seems to be in use by" in trouble_of(outputs)
    monkeypatch.setattr(Kernel, "refuses", "")
    screen.readers(FRAME, 100.0)
    assert trouble_of(outputs) == ""
