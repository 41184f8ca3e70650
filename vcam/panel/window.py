"""The window: the strip, and the page or the set-up below it. It shows what the service says, and asks it for what the
person wants; nothing here decides anything.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QMessageBox, QStackedWidget, QVBoxLayout, QWidget

from vcam.panel import texts
from vcam.panel.first_run import FirstRun
from vcam.panel.link import Watch
from vcam.panel.menu import fill
from vcam.panel.page import Page
from vcam.panel.parts import without_signals
from vcam.panel.preview import Preview
from vcam.panel.service import start_service
from vcam.panel.states import Known, is_watched, room_is_shown, settings_of, state_of
from vcam.panel.strip import Strip
from vcam.panel.wishes import Wish, Wishes

FIRST_SIZE, NARROWEST = (520, 880), 320  # pixels
OPEN, HIDDEN = 1.0, 5.0  # seconds between two looks at the service
NOTE_TIME = 10_000  # milliseconds for which a note stays in the strip


class Window(QMainWindow):
    """All of it."""

    def __init__(self, stored: QSettings) -> None:
        super().__init__()
        self._stored, self.known = stored, Known()
        self._settings: dict[str, Any] = {}
        self._effect = "blur"  # the last one that hid the room
        self._note = ""
        self.wishes, self.watch = Wishes(self), Watch(self, OPEN)
        self.setWindowTitle(texts.NAME)
        self.setMinimumWidth(NARROWEST)
        self.setAcceptDrops(True)
        menu = QMenu(self)
        middle = QWidget(self)
        self.strip, self.page, self.pages = Strip(middle, menu), Page(middle, self.wishes), QStackedWidget(middle)
        self.pages.addWidget(self.page)
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.strip)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(middle)
        self.preview = Preview(self.page.picture, self)
        self.first_run = FirstRun(self.pages, self.page)
        self._note_timer = QTimer(self, singleShot=True, interval=NOTE_TIME)
        self._note_timer.timeout.connect(lambda: self.say(""))
        self._connect()
        fill(menu, self)
        self.page.show_preview.setChecked(bool(stored.value("preview", True, bool)))
        self.resize(*FIRST_SIZE)
        if isinstance(geometry := stored.value("geometry"), QByteArray):
            self.restoreGeometry(geometry)
        self._render()

    def _connect(self) -> None:
        self.watch.heard.connect(self.hear)
        self.wishes.status.connect(lambda status: self.hear(Known(status, "")))
        self.wishes.changed.connect(self._render)
        self.wishes.refused.connect(self._refused)
        self.wishes.answered.connect(lambda _, answer: self.say(texts.sentence(answer.get("note", ""))))
        self.first_run.looked.connect(self._looked)
        self.first_run.done.connect(self.watch.start)
        self.strip.pressed.connect(self.act)
        self.page.show_preview.toggled.connect(self._preview_wanted)
        self.page.mirror.toggled.connect(lambda on: self.wishes.set(("framing.mirror", on)))
        self.page.picture.moved.connect(self.page.framing.move_part)
        self.page.verticalScrollBar().valueChanged.connect(self.preview.look)
        self.page.camera.again.connect(lambda: self.act("restart"))

    # What is known

    def hear(self, known: Known) -> None:
        """What the service says, or that it says nothing."""
        came = known.status is not None and self.known.status is None
        if known.fault == "stopped" and self.known.fault != "stopped":
            self.first_run.look()
        self.known = known._replace(needs_setup=self.known.needs_setup)
        if known.status is None:
            self.wishes.forget()
        elif not room_is_shown(known.status):
            self._effect = known.status["settings"]["look"]["effect"]
        if came:
            self.page.camera.look()
            self.first_run.service_came()
            self.strip.set_busy(False)
        self._render()

    def _render(self) -> None:
        status = self.known.status
        state = state_of(self.known)
        self.strip.show_state(state, self._note or texts.sentence(status["fallback"] if status else self.known.detail))
        self.page.enable(status is not None)
        watched = is_watched(status)
        self.preview.know("" if status else state.sentence, watched)
        if status is None:
            return
        self._settings = settings_of(status, self.wishes.pending)
        self.page.background.show_settings(self._settings)
        self.page.gallery.show_settings(self._settings)
        self.page.framing.show_settings(self._settings)
        self.page.camera.show_settings(self._settings, status, watched)
        self.page.picture.set_movable(self.page.framing.is_fixed)
        with without_signals(self.page.mirror):
            self.page.mirror.setChecked(self._settings["framing.mirror"])
        self._show_busy()

    def _show_busy(self) -> None:
        page = self.page
        lanes = ((page.background, "look"), (page.gallery, "look"), (page.framing, "framing"), (page.camera, "camera"))
        for section, lane in lanes:
            if self.wishes.is_busy(lane):
                section.setCursor(Qt.CursorShape.BusyCursor)
            else:
                section.unsetCursor()

    def say(self, note: str) -> None:
        """A second line in the strip, for a while."""
        if note != self._note:
            self._note = note
            self._render()
        if note:
            self._note_timer.start()

    def _refused(self, lane: str, sentence: str) -> None:
        if lane == "output":
            self.page.camera.forget_size()
        (self.page.gallery.say if lane == "look" else self.say)(texts.sentence(sentence))

    # What the person wants

    def act(self, action: str) -> None:
        """What the strip's button says."""
        if action in ("start", "restart"):
            self.strip.set_busy(True)
            start_service(self, action, self._started)
        elif action == "setup":
            self.first_run.show()
        elif action == "hide":
            self.hide_room()
        elif action in ("pause", "resume"):
            self.wishes.want("state", Wish(action))

    def _looked(self, needs_setup: bool) -> None:
        self.known = self.known._replace(needs_setup=needs_setup)
        if needs_setup and self.known.fault == "stopped":  # it may have come meanwhile
            self.first_run.offer()
        self._render()

    def _started(self, failure: str) -> None:
        self.strip.set_busy(False)
        self.say(failure)
        self.watch.start()

    def toggle(self) -> None:
        """Pause or resume, whichever the strip offers."""
        state = state_of(self.known)
        if self.known.status is not None:
            self.act("resume" if state.button == "resume" else "pause")

    def hide_room(self) -> None:
        """At once; what the settings file says about who is hidden, too."""
        if self._settings.get("look.on") == "person":
            self.wishes.set(("look.on", "background"))
        if self._settings.get("look.effect") == "off":
            self.wishes.want("room", Wish("effect", {"effect": self._effect}, {"look.effect": self._effect}))

    def ask_to_show_room(self) -> None:
        """Only a clear yes shows it."""
        box = QMessageBox(QMessageBox.Icon.Warning, texts.NAME, texts.ROOM_QUESTION, parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        yes = box.addButton(texts.ROOM_BUTTON, QMessageBox.ButtonRole.DestructiveRole)
        no = box.addButton(texts.CANCEL, QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(no)
        box.setEscapeButton(no)
        yes.clicked.connect(lambda: self.wishes.want("room", Wish("effect", {"effect": "off"})))
        box.open()

    def add_files(self, paths: Sequence[Path]) -> None:
        """Into the gallery."""
        if paths:
            self.page.gallery.add(paths)

    def _preview_wanted(self, wanted: bool) -> None:
        self._stored.setValue("preview", wanted)
        self.preview.want(wanted)

    # Qt's side

    def leave(self) -> None:
        """End the window's process; the camera goes on."""
        self.close()
        QApplication.quit()

    def start(self) -> None:
        """Begin to listen; the window may be hidden still."""
        self.page.gallery.read()
        self.watch.slow_down(OPEN if self.isVisible() else HIDDEN)
        self.watch.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Seen: listen closely."""
        super().showEvent(event)
        self.watch.slow_down(OPEN)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Not seen."""
        super().hideEvent(event)
        self.watch.slow_down(HIDDEN)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Its place is kept."""
        self._stored.setValue("geometry", self.saveGeometry())
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files may be dropped anywhere."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Add them."""
        event.acceptProposedAction()
        self.page.gallery.drop(event.mimeData().urls())
