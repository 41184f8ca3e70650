"""The gallery as a list for Qt: pictures are read when they come into view, by threads of their own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QThreadPool, Signal
from PySide6.QtGui import QPixmap, QPixmapCache

from vcam.media import gallery
from vcam.media.gallery import Entry
from vcam.panel import texts
from vcam.panel.parts import tell
from vcam.panel.tiles import IS_BUTTON, IS_VIDEO, NAME, PICTURE

CACHE = 10_240  # kB of pictures in view
FEW = 11  # tiles at first, the last beside them adds more; the sections below stay in reach


class GalleryModel(QAbstractListModel):
    """All entries, or the first FEW; the last row is the tile that adds more."""

    drawn = Signal(object, str)  # a picture's key and its thumbnail's path, "" where it can't be read

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        QPixmapCache.setCacheLimit(CACHE)
        self.shows_all = False
        self._entries: Sequence[Entry] = ()
        self._thumbnails: dict[tuple[str, Path], str] = {}  # "" while it is made, and where it can't be
        self._missing: set[tuple[str, Path]] = set()
        self._pool = QThreadPool(self, maxThreadCount=1)
        self.drawn.connect(self._drawn)

    def read(self) -> None:
        """See what there is now."""
        entries = gallery.entries()
        if list(entries) != list(self._entries):
            self.beginResetModel()
            self._entries = entries
            keys = {key(entry) for entry in entries}
            self._thumbnails = {one: path for one, path in self._thumbnails.items() if one in keys}
            self._missing &= keys
            self.endResetModel()

    def show_all(self, shows_all: bool) -> None:
        """Show all entries, or the first few."""
        if shows_all != self.shows_all:
            self.beginResetModel()
            self.shows_all = shows_all
            self.endResetModel()

    @property
    def count(self) -> int:
        """How many there are, whether they are shown or not."""
        return len(self._entries)

    def entry(self, index: QModelIndex) -> Entry | None:
        """That of a tile; None for the one that adds more."""
        return self._shown()[index.row()] if index.row() < len(self._shown()) else None

    def find(self, path: str) -> QModelIndex | None:
        """The tile of a file, invalid where it is in no gallery; None where it is not among the first few."""
        row = next((row for row, entry in enumerate(self._entries) if str(entry.path) == path), None)
        if row is None:
            return QModelIndex()
        return self.index(row) if row < len(self._shown()) else None

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's
        """Tiles."""
        return 0 if parent.isValid() else len(self._shown()) + 1

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Of a tile."""
        if index.row() == len(self._shown()):
            return {Qt.ItemDataRole.DisplayRole: texts.ADD, IS_BUTTON: True, NAME: ""}.get(role)
        entry = self._shown()[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return texts.MISSING if key(entry) in self._missing else name_of(entry)
        if role == PICTURE:
            return self._picture(entry)
        return {IS_VIDEO: entry.kind == "video", NAME: entry.name}.get(role)

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        """The tile that adds more can't be chosen."""
        flag = Qt.ItemFlag
        return flag.ItemIsEnabled if index.row() == len(self._shown()) else flag.ItemIsEnabled | flag.ItemIsSelectable

    def _shown(self) -> Sequence[Entry]:
        return self._entries if self.shows_all or len(self._entries) <= FEW else self._entries[:FEW]

    def _picture(self, entry: Entry) -> QPixmap | None:
        """None while there is none."""
        path = self._thumbnails.get(key(entry))
        if path is None:
            self._thumbnails[key(entry)] = ""
            self._pool.start(lambda: tell(self.drawn, key(entry), drawn(entry)))
        if not path:
            return None
        pixmap = QPixmap()
        if not QPixmapCache.find(path, pixmap):
            pixmap = QPixmap(path)
            QPixmapCache.insert(path, pixmap)
        return pixmap

    def _drawn(self, one: tuple[str, Path], path: str) -> None:
        self._thumbnails[one] = path
        if not path and not one[1].exists():
            self._missing.add(one)
        for row, entry in enumerate(self._shown()):
            if key(entry) == one:
                self.dataChanged.emit(self.index(row), self.index(row))


def key(entry: Entry) -> tuple[str, Path]:
    """What tells one entry from another."""
    return entry.name, entry.path


def drawn(entry: Entry) -> str:
    """Where its thumbnail lies, made anew where there is none; "" where it can't be made."""
    try:
        return str(gallery.thumbnail(entry))
    except Exception:  # noqa: BLE001 - a damaged file raises whatever the decoder likes; its tile stays empty
        return ""


def name_of(entry: Entry) -> str:
    """As it is shown: those that come with SegBlur are words, the others files' names."""
    return entry.name if entry.own else entry.name.capitalize()
