"""Pictures and videos in the window, with the real gallery and the real service."""

import pytest
from PIL import Image
from PySide6.QtCore import QModelIndex, QPoint, QUrl
from PySide6.QtWidgets import QMessageBox

from tests.helpers.running import Running, at_home  # noqa: F401 - a fixture
from tests.panel.looks import a_window, dress, spin
from tests.panel.statuses import status
from vcam.control import client
from vcam.media import gallery
from vcam.media.gallery import Entry
from vcam.panel import gallery_model, texts
from vcam.panel.states import Known
from vcam.panel.tiles import PICTURE

pytestmark = pytest.mark.usefixtures("application", "own_folders")


@pytest.fixture
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def window(tmp_path):
    """One that knows a status, without a service."""
    dress()
    window = a_window(tmp_path, Known(status(), ""))
    yield window
    window.close()


@pytest.fixture
def live_window(tmp_path):
    """One that listens to the real service."""
    dress()
    with Running() as running:
        running.device.readers.leave()
        window = a_window(tmp_path)
        window.page.show_preview.setChecked(False)  # which would take what the service needs to look at files
        window.start()
        spin(lambda: window.known.status, "the service's status")
        yield window
        window.close()
        window.watch.deleteLater()


def a_picture(path, colour="teal", size=(64, 36)):
    Image.new("RGB", size, colour).save(path)
    return path


def names(view):
    model = view.tiles.model()
    return [model.index(row).data() for row in range(model.rowCount())]


def test_the_drawn_ones_are_there_and_the_last_tile_adds_more(window):
    assert names(window.page.gallery) == ["Dawn", "Bookshelf", "Studio", "Paper", "Sea", "Night", texts.ADD]


def test_a_file_that_is_added_is_chosen_and_shown(live_window, tmp_path):
    view = live_window.page.gallery
    live_window.add_files([a_picture(tmp_path / "beach.png")])
    spin(lambda: client.ask("status")["settings"]["look"]["effect"] == "picture", "the picture is the background")
    assert names(view)[0] == "beach"
    spin(lambda: [index.data() for index in view.tiles.selectedIndexes()] == ["beach"], "its tile is marked")
    assert live_window.page.background.tiles.selectedIndexes() == []
    assert not live_window.page.background.strength.isEnabled()


def test_of_six_dropped_files_three_are_refused_in_one_line(live_window, tmp_path):
    view = live_window.page.gallery
    good = [a_picture(tmp_path / f"{number}.png", (number * 9, 80, 90)) for number in range(3)]
    bad = [tmp_path / name for name in ("empty.jpg", "text.png", "cut.jpg")]
    bad[0].touch()
    bad[1].write_text("no picture")
    bad[2].write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    view.drop([QUrl.fromLocalFile(str(path)) for path in (*bad, *good)])
    spin(lambda: view.line.text().startswith("3 of 6 can't be shown: "), "the line")
    assert len(gallery.own()) == 3
    assert names(view)[-1] == texts.ADD
    assert client.ask("status")["settings"]["look"]["effect"] == "blur"


def test_what_is_dropped_out_of_a_browser_is_to_be_saved_first(window):
    window.page.gallery.drop([QUrl("https://example.org/beach.jpg")])
    assert "save it first" in window.page.gallery.line.text()


def test_a_picture_that_is_shown_is_removed_once_another_background_stands_there(live_window, tmp_path):
    view = live_window.page.gallery
    live_window.add_files([a_picture(tmp_path / "beach.png")])
    spin(lambda: client.ask("status")["settings"]["look"]["effect"] == "picture", "the picture is the background")
    spin(lambda: live_window.known.status["settings"]["look"]["effect"] == "picture", "the window knows")
    view.remove(view.tiles.model().index(0))
    box = live_window.findChild(QMessageBox)
    assert box.defaultButton().text().replace("&", "") == texts.CANCEL
    next(button for button in box.buttons() if button.text().replace("&", "") == texts.REMOVE_BUTTON).click()
    spin(lambda: not gallery.own(), "the file is gone")
    assert client.ask("status")["settings"]["look"]["effect"] == "blur"


def test_one_that_comes_with_segblur_is_not_removed(window):
    window.page.gallery.remove(window.page.gallery.tiles.model().index(0))
    assert window.findChild(QMessageBox) is None


def test_a_picture_that_was_put_into_the_folder_by_hand_appears(window):
    gallery.own_folder().mkdir(parents=True)
    view = window.page.gallery
    view.read()
    a_picture(gallery.own_folder() / "by hand.png")
    spin(lambda: names(view)[0] == "by hand", "the tile")
    (gallery.own_folder() / "by hand.png").unlink()
    spin(lambda: names(view)[0] == "Dawn", "it is gone")


def test_a_file_that_is_gone_is_told_missing(window):
    gone = Entry("gone", gallery.own_folder() / "gone.png", True, "picture")
    view = window.page.gallery
    view._model._entries = [gone]  # as it was before the folder's change is noticed
    view.tiles.model().index(0).data(PICTURE)
    spin(lambda: names(view)[0] == texts.MISSING, "the tile says so")


def test_of_five_hundred_only_those_in_view_are_read(window):
    gallery.own_folder().mkdir(parents=True)
    for number in range(500):
        a_picture(gallery.own_folder() / f"picture {number}.png", (number % 256, 80, 90))
    view = window.page.gallery
    view.read()
    assert len(names(view)) == gallery_model.FEW + 1
    assert view.all.text() == texts.SHOW_ALL.format(count=506)
    window.page.verticalScrollBar().setValue(view.y())
    view.all.click()
    assert len(names(view)) == 507
    read = view._model._thumbnails
    spin(lambda: any(read.values()), "the first pictures")
    assert len(read) < 100
    last = view.tiles.visualRect(view.tiles.model().index(506))
    assert last.bottom() <= view.tiles.height()
    view.all.click()
    assert len(names(view)) == gallery_model.FEW + 1


def test_the_tile_that_adds_opens_the_dialog_and_is_never_chosen(window):
    view = window.page.gallery
    model = view.tiles.model()
    add = model.index(model.rowCount() - 1)
    view.tiles.choose(QModelIndex())
    view.tiles.pressed.emit(add)
    assert view._dialog.isVisible()
    view._dialog.close()
    assert view.tiles.selectedIndexes() == []
    assert view.tiles.indexAt(QPoint(5, 5)).row() == 0
