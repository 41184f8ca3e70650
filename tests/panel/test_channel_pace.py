"""How often the window takes a picture, of the service's own memory for it."""

import socket

import pytest

from tests.helpers.qt import until
from vcam.control import client
from vcam.control.protocol import success
from vcam.devices.previews import Previews
from vcam.frame import empty, seal
from vcam.settings import OutputSettings

SIZE = 320, 240


def grey(level):
    pixels = empty(*SIZE)
    pixels[: SIZE[1]], pixels[SIZE[1] :] = level, 128
    return seal(pixels)


@pytest.fixture
def previews():
    made = Previews(OutputSettings(width=SIZE[0], height=SIZE[1]))
    made.prime(grey(16), grey(16))
    yield made
    made.close()


@pytest.fixture
def hour(monkeypatch):
    """A pause of an hour, in place of an instant."""
    channel = pytest.importorskip("vcam.panel.channel", reason="the window needs PySide6")
    monkeypatch.setattr(channel, "PAUSE", 3_600_000)


@pytest.fixture
def levels(application, previews, monkeypatch):
    """The grey level of each picture that was shown, white 255, the first of which is awaited."""
    from vcam.panel.channel import Channel

    ours, theirs = socket.socketpair()
    monkeypatch.setattr(client, "connect", lambda _: ours)
    channel, levels = Channel(application), []
    channel.shown.connect(lambda image: levels.append(image.pixelColor(0, 0).green()))
    with theirs, previews.open(lambda: None) as (facts, files):
        channel.open()
        socket.send_fds(theirs, [success({"preview": facts}, 1)], files)
        until(lambda: levels[-1:] == [0])
        yield levels
        channel.close()


def test_a_picture_that_comes_during_the_pause_is_shown_after_it_though_none_follows(previews, levels):
    previews.send(grey(235))
    until(lambda: levels[-1:] == [255])
    previews.send(grey(16))
    until(lambda: levels[-1:] == [0])
    assert levels == [0, 255, 0]


@pytest.mark.usefixtures("hour")
def test_no_picture_is_shown_during_the_pause(application, previews, levels):
    for level in range(20, 236, 5):
        previews.send(grey(level))
        application.processEvents()
    assert levels == [0]
