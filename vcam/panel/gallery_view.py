"""Pictures and videos to stand in the room's place: tiles, and how they are added and removed."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QModelIndex, QObject, QPoint, Qt, QThreadPool, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton, QVBoxLayout, QWidget

from vcam.control.client import printable
from vcam.errors import SegBlurError
from vcam.media import gallery
from vcam.media.gallery import Entry
from vcam.panel import texts
from vcam.panel.gallery_model import FEW, GalleryModel, name_of
from vcam.panel.parts import heading, note, say, tell
from vcam.panel.tiles import IS_BUTTON, Tiles
from vcam.panel.wishes import Wishes, background

NOTE_TIME = 10_000  # milliseconds for which a line stays


class Adding(QObject):
    """Looks at files, one after the other, in another thread."""

    looking = Signal(str)  # a file's name
    added = Signal(list, list)  # list[Entry], and a sentence for each file that was refused

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self, maxThreadCount=1)

    def add(self, paths: Sequence[Path]) -> None:
        """Add them, and tell it when all were looked at."""
        self._pool.start(lambda: self._add(paths))

    def _add(self, paths: Sequence[Path]) -> None:
        entries, refusals = list[Entry](), list[str]()
        for path in paths:
            tell(self.looking, path.name)
            try:
                entries.append(gallery.add(path))
            except SegBlurError as error:
                refusals.append(str(error))
        tell(self.added, entries, refusals)


class Gallery(QWidget):
    """The section."""

    def __init__(self, parent: QWidget, wishes: Wishes) -> None:
        super().__init__(parent)
        self._wishes, self._settings = wishes, dict[str, Any]()
        self._marked = ""  # the file whose tile was looked for last
        self._leaving: Entry | None = None  # to be removed once it is not shown any more
        self.tiles, self._model = Tiles(self, texts.GALLERY), GalleryModel(self)
        self.tiles.setModel(self._model)
        self.tiles.chosen.connect(self._chosen)
        self.tiles.pressed.connect(self._pressed)
        self.tiles.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tiles.customContextMenuRequested.connect(self._menu)
        self._model.modelReset.connect(self._changed)
        self.line, self.all = note(self), QPushButton(self)
        self.all.setFlat(True)
        self.all.clicked.connect(lambda: self._model.show_all(not self._model.shows_all))
        delete = QAction(self.tiles)
        delete.setShortcut(QKeySequence.StandardKey.Delete)
        delete.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        delete.triggered.connect(lambda: self.remove(self.tiles.currentIndex()))
        self.tiles.addAction(delete)
        self._note_timer = QTimer(self, singleShot=True, interval=NOTE_TIME)
        self._note_timer.timeout.connect(lambda: say(self.line, ""))
        self._adding = Adding(self)
        self._adding.looking.connect(lambda name: self.say(texts.LOOKING.format(name=printable(name)), stays=True))
        self._adding.added.connect(self._added)
        self._dialog: QFileDialog | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading(texts.GALLERY, self))
        layout.addWidget(self.tiles)
        layout.addWidget(self.all, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.line)
        self._files = QFileSystemWatcher(self)
        self._files.directoryChanged.connect(self._model.read)
        self._changed()

    def read(self) -> None:
        """See what there is, and notice what comes and goes."""
        self._model.read()
        with suppress(SegBlurError):  # a user without a home has no pictures of their own
            if (folder := gallery.own_folder()).is_dir():
                self._files.addPath(str(folder))

    def show_settings(self, settings: dict[str, Any]) -> None:
        """As they are."""
        self._settings = settings
        self._mark()
        if self._leaving is not None and not self._is_shown(self._leaving) and not self._wishes.is_busy("look"):
            entry, self._leaving = self._leaving, None
            self._drop(entry)

    def say(self, text: str, stays: bool = False) -> None:
        """A line below the tiles, for a while."""
        say(self.line, text)
        self._note_timer.stop()
        if not stays:
            self._note_timer.start()

    def choose_files(self) -> None:
        """Let the person choose files to add."""
        if self._dialog is None:
            self._dialog = QFileDialog(self, texts.CHOOSE_FILES)
            self._dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
            self._dialog.setNameFilter(texts.FILE_KINDS)
            self._dialog.filesSelected.connect(lambda names: self.add([Path(name) for name in names]))
        if not self._dialog.isVisible():
            self._dialog.open()

    def add(self, paths: Sequence[Path]) -> None:
        """Add files; each is looked at first."""
        self._adding.add(paths)

    def drop(self, urls: Sequence[QUrl]) -> None:
        """Add what was dropped onto the window."""
        paths = list[Path]()
        for url in urls:
            try:
                paths.append(gallery.local(url.toString(QUrl.ComponentFormattingOption.FullyEncoded)))
            except SegBlurError as error:
                self.say(texts.sentence(str(error)))
        if paths:
            self.add(paths)

    def remove(self, index: QModelIndex) -> None:
        """Remove a picture of the person's own, after asking."""
        entry = self._model.entry(index) if index.isValid() else None
        if entry is None or not entry.own:
            return
        box = QMessageBox(QMessageBox.Icon.Question, texts.NAME, texts.REMOVE_QUESTION.format(name=name_of(entry)))
        box.setParent(self, Qt.WindowType.Dialog)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        yes = box.addButton(texts.REMOVE_BUTTON, QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(texts.CANCEL, QMessageBox.ButtonRole.RejectRole))
        yes.clicked.connect(lambda: self._remove(entry))
        box.open()

    def _remove(self, entry: Entry) -> None:
        if self._is_shown(entry):
            self._leaving = entry
            self._wishes.set(("look.effect", "blur"))
        else:
            self._drop(entry)

    def _drop(self, entry: Entry) -> None:
        try:
            gallery.remove(entry.path.name)
        except SegBlurError as error:
            self.say(texts.sentence(str(error)))
        self._model.read()

    def _chosen(self, index: QModelIndex) -> None:
        entry = self._model.entry(index)
        if entry is not None:
            self._show(entry)

    def _show(self, entry: Entry) -> None:
        self._wishes.want("look", background(entry.kind, str(entry.path)))

    def _pressed(self, index: QModelIndex) -> None:
        if index.data(IS_BUTTON):
            self.choose_files()

    def _menu(self, place: QPoint) -> None:
        index = self.tiles.indexAt(place)
        entry = self._model.entry(index) if index.isValid() else None
        if entry is not None and entry.own:
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.addAction(texts.REMOVE).triggered.connect(lambda: self.remove(index))
            menu.popup(self.tiles.viewport().mapToGlobal(place))

    def _added(self, entries: list[Entry], refusals: list[str]) -> None:
        self.read()
        count = len(entries) + len(refusals)
        if refusals:
            why = texts.sentence(printable(refusals[0]))
            self.say(texts.REFUSED.format(count=len(refusals), all=count, why=why) if count > 1 else why)
        else:
            self.say("")
        if len(entries) == count == 1:
            self._show(entries[0])

    def _is_shown(self, entry: Entry) -> bool:
        return shown_file(self._settings) == str(entry.path)

    def _mark(self) -> None:
        path = shown_file(self._settings)
        index = self._model.find(path)
        if path != self._marked and index is None:  # further down
            self._marked = path
            self._model.show_all(True)
        else:
            self._marked = path
            self.tiles.choose(index or QModelIndex())

    def _changed(self) -> None:
        self.tiles.fit()
        count, model = self._model.count, self._model
        self.all.setVisible(count > FEW)
        self.all.setText(texts.SHOW_FEWER if model.shows_all else texts.SHOW_ALL.format(count=count))
        if self._settings:
            self._mark()


def shown_file(settings: dict[str, Any]) -> str:
    """The file of the effect, "" where it has none."""
    effect = settings.get("look.effect")
    return str(settings[f"look.{effect}"]) if effect in ("picture", "video") else ""
