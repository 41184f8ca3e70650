"""The menu of the strip, and the keys that do the same."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QProcess, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox

from vcam.desktop import autostart
from vcam.errors import SegBlurError
from vcam.panel import texts
from vcam.panel.check import Check
from vcam.panel.profiles import Profiles
from vcam.panel.service import call_segblur
from vcam.system.program import program

if TYPE_CHECKING:
    from vcam.panel.window import Window


def fill(menu: QMenu, window: "Window") -> None:
    """All entries."""

    def entry(text: str, what: Callable[[], object], keys: str = "", to: QMenu | None = menu) -> QAction:
        action = QAction(text, window)
        action.triggered.connect(lambda: what())
        if keys:
            action.setShortcut(QKeySequence(keys))
        window.addAction(action)  # its keys work while the menu is closed
        if to is not None:
            to.addAction(action)
        return action

    entry("", window.toggle, "Ctrl+P", None)
    entry(texts.ADD_ENTRY, window.page.gallery.choose_files, "Ctrl+O")
    profiles = Profiles(menu.addMenu(texts.PROFILES), window.wishes)
    menu.aboutToShow.connect(profiles.read)
    menu.addSeparator()
    entry(texts.CHECK, lambda: Check(window).open(), "F5")
    entry(texts.SET_UP, window.first_run.show)
    entry(
        texts.SHORTCUTS,
        lambda: call_segblur(window, ["tray", "--shortcuts"], lambda _, output: window.say(output.strip())),
    )
    icon = entry(texts.TRAY, lambda: show_icon(window, icon.isChecked()))
    icon.setCheckable(True)
    icon.setChecked(autostart.is_on())
    menu.addSeparator()
    room = entry(texts.SHOW_ROOM, window.ask_to_show_room)
    menu.aboutToShow.connect(lambda: room.setEnabled(window.known.status is not None))
    menu.addSeparator()
    entry(texts.HELP, lambda: show(window, texts.HELP_TEXT), "F1")
    entry(texts.ABOUT, lambda: about(window))
    menu.addSeparator()
    entry(texts.CLOSE, window.close, "Ctrl+W")
    entry(texts.QUIT, window.leave, "Ctrl+Q", None)


def show_icon(window: "Window", shown: bool) -> None:
    """The icon in the panel of the desktop, now and from the next login on; or no more then."""
    words = program()
    try:
        if shown:
            autostart.write()
            QProcess.startDetached(words[0], [*words[1:], "tray"])
        else:
            autostart.remove()
            window.say(texts.TRAY_STAYS)
    except SegBlurError as error:
        window.say(texts.sentence(str(error)))


def about(window: "Window") -> None:
    """Which SegBlur this is."""
    from importlib.metadata import version

    show(window, texts.ABOUT_TEXT.format(version=version("segblur")))


def show(window: "Window", text: str) -> None:
    """A text in a dialog."""
    box = QMessageBox(QMessageBox.Icon.NoIcon, texts.NAME, text, QMessageBox.StandardButton.Close, window)
    box.setTextFormat(Qt.TextFormat.RichText)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
