"""The preview: what leaves, in a widget; and when it is open. A window that is not seen never keeps the webcam on."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
    QShowEvent,
    QWindow,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from vcam.panel import texts
from vcam.panel.channel import Channel

UNSEEN = 300  # milliseconds after which a preview that can't be seen is closed
AGAIN = 2000  # milliseconds between two tries at a preview that the service closed
RESTING = 600_000  # milliseconds without a key or the mouse after which a preview that alone keeps the webcam on ends
RADIUS = 8  # pixels
DARK, PALE = QColor(38, 40, 44), QColor(222, 224, 228)
STEP = 0.02  # share of the picture that an arrow key moves a fixed part

SEEN = {
    *(QEvent.Type.Expose, QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.WindowStateChange),
    *(QEvent.Type.Move, QEvent.Type.Resize),
}
AWAKE = {QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.Wheel}


class Picture(QWidget):
    """Shows a picture, or a sentence in its place. A fixed part of the webcam's picture is dragged in it."""

    moved = Signal(float, float)  # by shares of what is shown, to the right and down
    clicked = Signal()
    changed = Signal()  # of size, or shown, or hidden

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._sentence = texts.ASKING
        self._is_movable = False
        self._grabbed: QPoint | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(texts.PREVIEW)
        self.setAccessibleDescription(texts.PREVIEW_ABOUT)

    def show_image(self, image: QImage) -> None:
        """A new picture. Its bytes stay the caller's, until the next."""
        self._image = image
        self.update()

    def show_sentence(self, sentence: str) -> None:
        """Why there is no picture."""
        if self._image is not None or sentence != self._sentence:
            self._image, self._sentence = None, sentence
            self.update()

    @property
    def sentence(self) -> str:
        """What is shown in place of a picture, or ""."""
        return "" if self._image is not None else self._sentence

    def set_movable(self, movable: bool) -> None:
        """Whether the picture is dragged."""
        self._is_movable = movable
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if movable else Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.OpenHandCursor if movable else Qt.CursorShape.ArrowCursor)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's names, here and below
        """It has."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """16:9."""
        return round(width * 9 / 16)

    def sizeHint(self) -> QSize:  # noqa: N802
        """As it is at first."""
        return QSize(480, 270)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Small windows have it small."""
        return QSize(160, 90)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the picture, or the sentence."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        area = QRectF(self.rect())
        if self._image is None:
            painter.fillRect(area, DARK)
            painter.setPen(PALE)
            words = area.adjusted(RADIUS, RADIUS, -RADIUS, -RADIUS)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._sentence)
        else:
            place = fitted(self._image.size(), area)
            if place != area:
                painter.fillRect(area, DARK)
            painter.drawImage(place, self._image)
        corners = QPainterPath()  # what lies in one of both alone; to clip the picture would cost more than all this
        corners.addRect(area)
        corners.addRoundedRect(area, RADIUS, RADIUS)
        painter.fillPath(corners, self.palette().brush(self.backgroundRole()))
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """More or less of it is seen."""
        super().resizeEvent(event)
        self.changed.emit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """It may be seen now."""
        super().showEvent(event)
        self.changed.emit()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """It is not seen any more."""
        super().hideEvent(event)
        self.changed.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take hold of the picture, or wake the preview."""
        self.clicked.emit()
        if self._is_movable and self._image is not None and event.button() == Qt.MouseButton.LeftButton:
            self._grabbed = event.position().toPoint()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """The picture goes with the mouse."""
        if self._grabbed is not None:
            way, self._grabbed = event.position().toPoint() - self._grabbed, event.position().toPoint()
            self.moved.emit(way.x() / self.width(), way.y() / self.height())

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        """Let go."""
        self._grabbed = None
        if self._is_movable:
            self.setCursor(Qt.CursorShape.OpenHandCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Arrows show what lies in their direction."""
        key = Qt.Key
        ways = {key.Key_Left: (1, 0), key.Key_Right: (-1, 0), key.Key_Up: (0, 1), key.Key_Down: (0, -1)}
        if self._is_movable and event.key() in ways:
            across, down = ways[Qt.Key(event.key())]
            self.moved.emit(STEP * across, STEP * down)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Its ring appears."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Its ring goes."""
        super().focusOutEvent(event)
        self.update()


def fitted(size: QSize, area: QRectF) -> QRectF:
    """The largest part of `area` of the shape of `size`, in its middle."""
    scale = min(area.width() / size.width(), area.height() / size.height())
    width, height = size.width() * scale, size.height() * scale
    if abs(width - area.width()) < 1.5 and abs(height - area.height()) < 1.5:
        return area  # a hair's breadth is no other shape
    centre = area.center()
    return QRectF(centre.x() - width / 2, centre.y() - height / 2, width, height)


class Preview(QObject):
    """Opens the channel while the picture can be seen and is wanted, and closes it soon after."""

    def __init__(self, picture: Picture, window: QWidget) -> None:
        super().__init__(window)
        self._picture, self._window = picture, window
        self._is_wanted, self._is_watched, self._is_resting = True, False, False
        self._reason = texts.ASKING  # why there can't be one; "" where there can
        self._refused = ""
        self._channel = Channel(self)
        self._channel.shown.connect(picture.show_image)
        self._channel.ended.connect(self._ended)
        self._unseen = QTimer(self, singleShot=True, interval=UNSEEN)
        self._unseen.timeout.connect(self._close)
        self._again = QTimer(self, singleShot=True, interval=AGAIN)
        self._again.timeout.connect(self.look)
        self._rest = QTimer(self, singleShot=True, interval=RESTING)
        self._rest.timeout.connect(self._tire)
        self._rest.start()
        picture.clicked.connect(self._wake)
        picture.changed.connect(self.look, Qt.ConnectionType.QueuedConnection)
        window.installEventFilter(self)
        self._handle: QWindow | None = None  # of the window, which has it once it is shown

    @property
    def is_open(self) -> bool:
        """Whether it counts as a reader."""
        return self._channel.is_open

    def want(self, wanted: bool) -> None:
        """Whether the person wants to see it."""
        self._is_wanted = wanted
        if not wanted:
            self._close()
        self._is_resting = False
        self.look()

    def know(self, reason: str, is_watched: bool) -> None:
        """Why there can't be a preview, or "" where there can; and whether a program watches."""
        self._reason, self._is_watched = reason, is_watched
        if reason:
            self._close()
            self._refused = ""
        self.look()

    def look(self) -> None:
        """Open it, or close it soon, as things are."""
        self._channel.width = round(self._picture.width() * self._picture.devicePixelRatio())
        if not (self._is_wanted and not self._is_resting and not self._reason):
            self._close()
            self._picture.show_sentence(self._sentence())
        elif not self._is_seen():
            if self._channel.is_open and not self._unseen.isActive():
                self._unseen.start()
        else:
            self._unseen.stop()
            if not self._channel.is_open and not self._again.isActive():
                self._refused = ""
                self._channel.open()

    def _sentence(self) -> str:
        if not self._is_wanted:
            return texts.PREVIEW_OFF
        return self._reason or self._refused or (texts.PREVIEW_RESTS if self._is_resting else texts.PREVIEW_SOON)

    def _is_seen(self) -> bool:
        window = self._window.windowHandle()
        if window is None or not window.isExposed() or self._window.isMinimized() or not self._picture.isVisible():
            return False
        return not self._picture.visibleRegion().isEmpty()

    def end(self) -> None:
        """For good."""
        self._close()

    def _close(self) -> None:
        self._unseen.stop()
        if self._channel.is_open:
            self._channel.close()
            self._picture.show_sentence(self._sentence())

    def _ended(self, why: str) -> None:
        """By the service. It may be back soon."""
        self._refused = why
        self._picture.show_sentence(self._sentence())
        self._again.start()

    def _tire(self) -> None:
        if not self._is_watched:
            self._is_resting = True
            self.look()
        else:
            self._rest.start()

    def _wake(self) -> None:
        if self._is_resting:
            self._is_resting = False
            self._rest.start()
            self.look()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """What may show or hide the picture, and whether somebody is there."""
        kind = event.type()
        if kind == QEvent.Type.Show and self._window.windowHandle() is not self._handle:
            self._handle = self._window.windowHandle()  # all keys and the mouse come by it, and whether it is seen
            self._handle.installEventFilter(self)
        if kind in SEEN:
            QTimer.singleShot(0, self, self.look)  # not once it is gone
        elif kind in AWAKE and not self._is_resting:
            self._rest.start()
        return False
