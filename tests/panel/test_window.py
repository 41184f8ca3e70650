"""How the window is laid out: nothing is cut or beyond its edge, at any width, font and palette."""

from pathlib import Path

import pytest
from PySide6.QtCore import QProcess
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from shiboken6 import delete

from tests.panel.looks import a_window, dress, settle
from tests.panel.statuses import TROUBLE, status
from vcam.panel.colours import contrast, mark_colour, tinted
from vcam.panel.states import Known

pytestmark = pytest.mark.usefixtures("application", "at_home")
LONG = Known(status("trouble", sentence=TROUBLE, fallback="the CPU is used, because the GPU has failed"), "")


@pytest.fixture
def window(tmp_path, request):
    palette, scale, width = request.param
    dress(palette, scale)
    window = a_window(tmp_path, LONG, (width, 700))
    yield window
    window.close()
    settle()


LOOKS = [
    (palette, scale, width)
    for palette in ("light", "dark")
    for scale in (1.0, 1.5, 2.0)
    for width in (320, 360, 520, 1600)
]


@pytest.mark.parametrize("window", LOOKS, indirect=True, ids=str)
def test_nothing_is_cut_and_nothing_is_beyond_the_edge(window):
    column = window.page.column
    assert column.width() <= window.page.viewport().width()
    for widget in window.centralWidget().findChildren(QWidget):
        if not widget.isVisibleTo(window):
            continue
        around = column if column.isAncestorOf(widget) else window.strip
        if around.isAncestorOf(widget):
            right = widget.mapTo(around, widget.rect().topRight()).x()
            assert right <= around.width(), (widget, widget.accessibleName())
        if isinstance(widget, QLabel) and widget.text():
            need = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            assert widget.height() >= need, widget.text()
            assert widget.wordWrap() or widget.width() >= widget.sizeHint().width(), widget.text()
        if isinstance(widget, QAbstractButton) and widget.text():
            assert widget.width() >= widget.minimumSizeHint().width(), widget.text()


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_text_and_shape_on_every_tint_are_seen(palette, tmp_path):
    dress(palette)
    window = a_window(tmp_path)
    for tint in ("", "green", "amber", "red"):
        text = window.palette().windowText().color()
        assert contrast(text, tinted(window.palette(), tint)) >= 4.5
        assert contrast(mark_colour(window.palette(), tint), tinted(window.palette(), tint)) >= 3
    window.close()


def test_a_window_that_is_closed_while_it_looks_ends_what_it_has_started_without_a_word(tmp_path, capfd):
    window = a_window(tmp_path)
    window.hear(Known(None, "stopped"))
    numbers = [process.processId() for process in window.findChildren(QProcess)]
    assert numbers
    capfd.readouterr()  # what Qt says of a screen that nobody sees
    window.close()
    settle()
    delete(window)
    assert all(number and not Path(f"/proc/{number}").exists() for number in numbers)
    assert capfd.readouterr().err == ""
