"""The window as a person uses it: the real program on a screen, the real service with the sample for a webcam, driven
as a screen reader does it, and judged by the service, by the tree and by the picture on the screen.
"""

import os
import signal
import socket
import threading

import numpy as np
import pytest

from tests.helpers.accessible import Bus
from tests.helpers.pipewire_session import until
from tests.helpers.running import Running, at_home, file  # noqa: F401 - a fixture
from tests.helpers.screens import screen, start_panel
from vcam.control import client, wording
from vcam.control.protocol import socket_path
from vcam.desktop import texts as desktop_texts
from vcam.panel import setup_texts, texts
from vcam.service.supervisor import WORKER
from vcam.settings import IdleSettings, config_path

pytest.importorskip("PySide6", reason="the window needs PySide6")


@pytest.fixture(scope="module")
def desktop():
    with screen() as here:
        bus = Bus(here.environment["DBUS_SESSION_BUS_ADDRESS"])
        yield here, bus
        bus.close()


@pytest.fixture
def here(desktop, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    screen, _ = desktop
    yield screen
    for name in [name for name in screen.processes if name.startswith("panel")]:
        screen.stop(name, signal.SIGKILL)


@pytest.fixture
def service():
    """The real service with its real worker, whose cameras nobody reads."""
    config_path().parent.mkdir(parents=True)
    config_path().write_text('[camera]\ndevice = "sample"\n')
    running = Running(idle=IdleSettings(webcam=0.0, network=60.0))
    running.supervisor._command = WORKER
    with running:
        running.device.readers.leave()
        yield running


@pytest.fixture
def open_panel(here, desktop):
    def start(*words, **environment):
        return desktop[1].program(start_panel(here, *words, **environment))

    return start


def setting(section, name):
    return client.ask("status")["settings"][section][name]


def labels(window):
    try:
        return [node.name for node in window.all() if node.role == "label"]
    except RuntimeError:  # the tree changes while it is walked
        return []


def says(window, sentence):
    until(lambda: sentence in labels(window), sentence)


def preview_of(window, here):
    """What the screen shows there, RGB."""
    x, y, width, height = window.find("filler", texts.PREVIEW).extents()
    return np.asarray(here.picture().crop((x, y, x + width, y + height)))


def test_a_person_sees_what_others_see_chooses_a_background_and_pauses(here, service, open_panel):
    window = open_panel()
    until(lambda: client.ask("status")["previews"] == 1, "the preview is open")
    says(window, texts.LIVE_HERE)
    until(lambda: preview_of(window, here).mean() > 70, "the picture is live, which is brighter than a notice")
    tiles = window.find("list", texts.BACKGROUND)
    colour = tiles.find("list item", texts.EFFECTS["colour"])
    assert colour.actions() == ["Toggle"]
    colour.do()
    until(lambda: setting("look", "effect") == "colour", "the service has the setting")
    assert file()["look"]["effect"] == "colour"
    green = np.array([0x00, 0xB1, 0x40])
    until(lambda: np.abs(preview_of(window, here)[40, 100].astype(int) - green).max() < 12, "the wall is green")
    window.find("push button", "Pause").do()
    says(window, wording.PAUSED)
    assert client.ask("status")["state"] == "paused"
    until(lambda: preview_of(window, here).mean() < 50, "a notice is shown")
    window.find("push button", "Resume").do()
    says(window, texts.LIVE_HERE)


def test_a_setting_that_is_changed_elsewhere_moves_the_control(service, open_panel):
    window = open_panel()
    slider = window.find("slider", that=lambda node: node.labels() == ["Strength"])
    client.ask("set", key="look.blur", value=0.8)
    until(lambda: slider.value == 80, "the slider is there")
    slider.value = 35
    until(lambda: setting("look", "blur") == 0.35, "the service has the setting")
    client.ask("set", key="look.effect", value="grey")
    until(lambda: window.find("list item", "Grey").has("selected"), "the tile is marked")


@pytest.mark.parametrize("how", ["closed", "minimised", "killed"])
def test_a_window_that_is_not_seen_does_not_keep_the_webcam_on(here, service, open_panel, how):
    window = open_panel()
    number = here.window()
    until(lambda: client.ask("status")["state"] == "live", "the webcam is on")
    if how == "killed":
        os.kill(here.processes["panel"].pid, signal.SIGKILL)
    elif how == "closed":
        here.run("xdotool", "windowactivate", "--sync", number)
        here.key("ctrl+w")
    else:
        here.run("xdotool", "windowminimize", number)
    until(lambda: client.ask("status")["previews"] == 0, "the preview is closed")
    until(lambda: client.ask("status")["camera"] is None, "the webcam is off")
    if how == "minimised":
        assert window.find("frame").name == texts.NAME
        here.run("xdotool", "windowactivate", number)
        until(lambda: client.ask("status")["previews"] == 1, "the preview is open again")


def test_a_service_that_ends_in_the_middle_disables_the_controls_and_comes_back(service, open_panel):
    window = open_panel()
    says(window, texts.LIVE_HERE)
    service.state.stop()
    until(lambda: {wording.STOPPED, texts.NOT_SET_UP} & set(labels(window)), "the strip says so")
    assert not window.find("list", texts.BACKGROUND).has("enabled")
    assert window.find("slider", that=lambda node: node.labels() == ["Strength"]).value == 50  # not emptied
    service.thread.join()
    with Running(idle=IdleSettings(webcam=0.0, network=60.0)) as again:
        again.device.readers.leave()
        says(window, texts.LIVE_HERE)
        assert window.find("list", texts.BACKGROUND).has("enabled")


def answering(line):
    """A program that answers each line so, or with silence, at the service's place."""
    path = socket_path()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    server = socket.create_server(str(path), family=socket.AF_UNIX)

    def serve():
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            links.append(link)
            if line:
                link.recv(65536)
                link.sendall(line)

    links = []
    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"", wording.SILENT),
        (b'{"segblur": 2, "ok": true}\n', texts.OTHER_VERSION),
        (b'{"segblur": 1, "ok": false, "error": "this service speaks 0", "code": "version"}\n', texts.OTHER_VERSION),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", texts.OTHER_VERSION),
    ],
)
def test_a_service_that_is_silent_or_of_another_version_is_told(open_panel, line, sentence):
    with answering(line):
        window = open_panel()
        says(window, sentence)
        assert window.find("push button", "Start again").has("enabled")


def test_without_a_service_and_not_set_up_the_window_offers_to_set_it_up(open_panel):
    window = open_panel()
    says(window, texts.NOT_SET_UP)
    says(window, setup_texts.TITLE)
    window.find("push button", setup_texts.NOT_NOW).do()
    until(lambda: window.find("list", texts.BACKGROUND).has("showing"), "the usual page")
    assert not window.find("list", texts.BACKGROUND).has("enabled")
    window.find("push button", "Set up…").do()
    says(window, setup_texts.TITLE)


def test_a_screen_reader_opens_the_menu_which_says_what_shortcuts_need_where_there_is_no_icon(here, open_panel):
    def windows():
        return here.run("xdotool", "search", "--onlyvisible", "--class", "segblur").split()

    window = open_panel()
    says(window, setup_texts.TITLE)
    assert windows() == [here.window()]
    window.find("push button", texts.MENU).do()
    until(lambda: len(windows()) == 2, "the menu is open")
    here.key("t")  # its entries are no part of the tree
    says(window, desktop_texts.SHORTCUTS_NEED_ICON)


def test_a_second_call_ends_and_shows_the_first_window(here, service, open_panel):
    first = open_panel("--hidden")
    assert client.ask("status")["previews"] == 0
    start_panel(here, name="panel-2")
    assert here.processes["panel-2"].wait(60) == 0
    until(lambda: first.find("frame").has("showing"), "the first is shown")
    until(lambda: client.ask("status")["previews"] == 1, "the preview is open")


def test_without_a_screen_there_is_one_sentence(here):
    for display in ("", ":4711"):
        start_panel(here, name="panel-3", DISPLAY=display)
        assert here.processes["panel-3"].wait(60) == 1
    said = (here.folder / "panel-3.log").read_text().splitlines()
    assert (
        said == ["segblur: there is no screen to show a window on; segblur status and segblur set work everywhere"] * 2
    )
