"""Tiles: small pictures with a name below, one of which may be chosen. The list is as high as all of them together."""

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFont,
    QFontMetrics,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QPixmap,
    QPolygon,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from vcam.panel.colours import frame_colour, mixed

LEAST = 104  # pixels: the width of a tile's picture, where its name needs no more
LONG_NAME = "Bookshelf m"  # a tile is at least as wide as this
GAP, RADIUS, RING = 6, 7, 3  # pixels
FADED = 0.5  # how a picture is drawn that can't be chosen

PICTURE = Qt.ItemDataRole.DecorationRole  # QPixmap, or None for none yet
IS_VIDEO = Qt.ItemDataRole.UserRole + 1
IS_BUTTON = Qt.ItemDataRole.UserRole + 2  # not to be chosen but to be pressed
NAME = Qt.ItemDataRole.UserRole + 3  # what the program calls it

AnyIndex = QModelIndex | QPersistentModelIndex


def picture_size(font: QFont) -> QSize:
    """Of a tile's picture, 16:9; it grows with the font, so that names fit."""
    bold = QFont(font)
    bold.setBold(True)
    width = max(LEAST, QFontMetrics(bold).horizontalAdvance(LONG_NAME))
    return QSize(width, round(width * 9 / 16))


def tile_size(font: QFont) -> QSize:
    """Of picture and name."""
    picture = picture_size(font)
    return QSize(picture.width() + 2 * GAP, picture.height() + 2 * GAP + QFontMetrics(font).height() + GAP // 2)


class TileDelegate(QStyledItemDelegate):
    """Draws a tile: a ring and bold text show the chosen one, because styles mark the text only."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: AnyIndex) -> QSize:  # noqa: N802
        """All are alike."""
        return tile_size(option.font)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        """Draw it."""
        size = picture_size(option.font)
        place = QRect(option.rect.x() + (option.rect.width() - size.width()) // 2, option.rect.y() + GAP, 0, 0)
        place.setSize(size)
        state, palette = option.state, option.palette
        is_chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if not state & QStyle.StateFlag.State_Enabled:
            painter.setOpacity(FADED)
            palette.setCurrentColorGroup(QPalette.ColorGroup.Disabled)
        self._picture(painter, place, palette, index)
        painter.setOpacity(1.0)
        if is_chosen:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), RING))
            painter.drawRoundedRect(QRectF(place).adjusted(-RING, -RING, RING, RING), RADIUS + RING, RADIUS + RING)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.WindowText), 1, Qt.PenStyle.DotLine))
            painter.drawRoundedRect(QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        font = QFont(option.font)
        font.setBold(is_chosen)
        painter.setFont(font)
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        words = QRect(option.rect.x(), place.bottom() + GAP, option.rect.width(), option.fontMetrics.height())
        name = str(index.data(Qt.ItemDataRole.DisplayRole))
        text = QFontMetrics(font).elidedText(name, Qt.TextElideMode.ElideMiddle, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)
        painter.restore()

    def _picture(self, painter: QPainter, place: QRect, palette: QPalette, index: AnyIndex) -> None:
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(place), RADIUS, RADIUS)
        pixmap, text = index.data(PICTURE), palette.color(QPalette.ColorRole.WindowText)
        painter.setPen(Qt.PenStyle.NoPen)
        if index.data(IS_BUTTON):
            painter.setPen(QPen(frame_colour(palette), 1.5, Qt.PenStyle.DashLine))
            painter.drawPath(outline)
            arm = place.height() // 6
            painter.setPen(QPen(text, 2))
            centre = place.center()
            painter.drawLine(centre.x() - arm, centre.y(), centre.x() + arm, centre.y())
            painter.drawLine(centre.x(), centre.y() - arm, centre.x(), centre.y() + arm)
        elif isinstance(pixmap, QPixmap) and not pixmap.isNull():
            painter.save()
            painter.setClipPath(outline)
            painter.drawPixmap(place, pixmap)
            painter.restore()
        else:
            painter.fillPath(outline, mixed(palette.color(QPalette.ColorRole.Window), text, 0.12))
        if index.data(IS_VIDEO):
            play_mark(painter, place)


def play_mark(painter: QPainter, place: QRect) -> None:
    """What tells a video from a picture: a triangle on a dark disc, at the lower left."""
    side = max(16, place.height() // 4)
    disc = QRect(place.left() + GAP, place.bottom() - GAP - side, side, side)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Qt.GlobalColor.black)
    painter.setOpacity(painter.opacity() * 0.65)
    painter.drawEllipse(disc)
    painter.setOpacity(1.0)
    painter.setBrush(Qt.GlobalColor.white)
    third = side // 3
    middle = disc.center()
    left, right = middle.x() - third // 2, middle.x() + third
    corners = (left, middle.y() - third), (left, middle.y() + third), (right, middle.y())
    painter.drawPolygon(QPolygon([QPoint(x, y) for x, y in corners]))


class Tiles(QListView):
    """`chosen` is what the person chose, by mouse, keys or a screen reader; `pressed` what was clicked, or taken by
    Enter, whether it was chosen before or not. One click may tell the latter twice.
    """

    chosen = Signal(QModelIndex)
    pressed = Signal(QModelIndex)

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setItemDelegate(TileDelegate(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setWordWrap(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.viewport().setAutoFillBackground(False)
        self._is_showing = False
        self.clicked.connect(self.pressed)
        self.activated.connect(self.pressed)

    def choose(self, index: QModelIndex) -> None:
        """Mark a tile, or none; nobody is told."""
        self._is_showing = True
        flag = QItemSelectionModel.SelectionFlag
        if index.isValid():
            if not self.selectionModel().isSelected(index):
                self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect)
        else:
            self.selectionModel().clearSelection()
        self._is_showing = False

    def fit(self) -> None:
        """Be as high as all tiles."""
        size, width = tile_size(self.font()), self.viewport().width()
        self.setGridSize(size)
        count = self.model().rowCount() if self.model() else 0
        rows = -(-count // max(1, width // size.width()))
        self.setFixedHeight(max(1, rows) * size.height())

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:  # noqa: N802
        """A screen reader changes the selection and nothing else, so this is where a choice is seen."""
        super().selectionChanged(selected, deselected)
        if not self._is_showing and selected.indexes():
            self.chosen.emit(selected.indexes()[0])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Other columns, another height."""
        super().resizeEvent(event)
        self.fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another font, other tiles."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """The page scrolls, not the list."""
        event.ignore()
