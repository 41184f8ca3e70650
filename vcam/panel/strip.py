"""The strip at the top: a shape, a sentence, one button, and the menu."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QGridLayout, QLabel, QMenu, QPushButton, QSizePolicy, QToolButton, QWidget

from vcam.panel import texts
from vcam.panel.colours import mark_colour, tinted
from vcam.panel.states import ASKING, Shape, State, Tint

SMALLER = 0.9  # of the second line
NARROW = 24  # widths of an m; below that the button stands under the sentence


class Mark(QWidget):
    """A shape that says the same as the tint, for those who don't see that."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.shape: Shape = "dots"
        self.tint: Tint = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """As high as a line."""
        side = self.fontMetrics().height()
        return QSize(side, side)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour, side = mark_colour(self.palette(), self.tint), float(self.width())
        area = QRectF(0, 0, side, side).adjusted(side * 0.1, side * 0.1, -side * 0.1, -side * 0.1)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if self.shape == "circle":
            painter.drawEllipse(area)
        elif self.shape == "square":
            painter.drawRect(area.adjusted(side * 0.05, side * 0.05, -side * 0.05, -side * 0.05))
        elif self.shape == "triangle":
            corners = (area.bottomLeft(), area.bottomRight(), QPointF(area.center().x(), area.top()))
            painter.drawPolygon(QPolygonF(corners))
        elif self.shape == "bars":
            for left in (0.12, 0.58):
                painter.drawRect(QRectF(side * left, area.top(), side * 0.3, area.height()))
        else:
            dots = Qt.PenStyle.DotLine if self.shape == "dots" else Qt.PenStyle.SolidLine
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour, side * 0.14, dots))
            painter.drawEllipse(area.adjusted(side * 0.07, side * 0.07, -side * 0.07, -side * 0.07))


class Strip(QWidget):
    """Shows a state; `pressed` names the button's action."""

    pressed = Signal(str)

    def __init__(self, parent: QWidget, menu: QMenu) -> None:
        super().__init__(parent)
        self._state = ASKING
        self.mark, self.sentence, self.note = Mark(self), QLabel(self), QLabel(self)
        self.button, self.menu = QPushButton(self), QToolButton(self)
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sentence.setAccessibleDescription("Status")  # its name stays what it says
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self._shrink_note()
        self.note.hide()
        for label in (self.sentence, self.note):
            label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button.setAutoDefault(True)
        self.button.clicked.connect(lambda: self.pressed.emit(self._state.button))
        self.menu.setText("☰")
        self.menu.setAutoRaise(True)
        self.menu.setAccessibleName(texts.MENU)
        self.menu.setToolTip(texts.MENU)
        self.menu.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        # Not by setMenu: a screen reader's press would do nothing then.
        self.menu.clicked.connect(lambda: menu.popup(self.menu.mapToGlobal(self.menu.rect().bottomLeft())))
        self._is_narrow: bool | None = None
        self._grid = QGridLayout(self)
        self._grid.setColumnStretch(1, 1)
        self._arrange(False)
        self.show_state(ASKING, "")

    def show_state(self, state: State, note: str) -> None:
        """Show a state, with a second line where there is something to say."""
        is_news, self._state = state.sentence != self._state.sentence, state
        self.mark.shape, self.mark.tint = state.shape, state.tint
        self.sentence.setText(state.sentence)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.button.setVisible(bool(state.button))
        self.button.setText(texts.BUTTONS.get(state.button, ""))
        self.button.setDefault(state.is_default)
        self.update()
        self.mark.update()
        if is_news:
            announcement = QAccessibleAnnouncementEvent(self.sentence, state.sentence)
            how = QAccessible.AnnouncementPoliteness
            announcement.setPoliteness(how.Assertive if state.is_urgent else how.Polite)
            QAccessible.updateAccessibility(announcement)

    def _shrink_note(self) -> None:
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * SMALLER)
        self.note.setFont(font)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._shrink_note()

    def set_busy(self, busy: bool) -> None:
        """While the button's work is under way it can't be pressed again."""
        self.button.setEnabled(not busy)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """The tint."""
        QPainter(self).fillRect(self.rect(), tinted(self.palette(), self._state.tint))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """The button goes below the sentence where there is no room beside it."""
        self._arrange(event.size().width() < NARROW * self.fontMetrics().horizontalAdvance("m"))
        super().resizeEvent(event)

    def _arrange(self, narrow: bool) -> None:
        if narrow == self._is_narrow:
            return
        self._is_narrow, grid = narrow, self._grid
        for part in (self.mark, self.sentence, self.note, self.button, self.menu):
            grid.removeWidget(part)
        middle = Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(self.mark, 0, 0, middle)
        grid.addWidget(self.sentence, 0, 1)
        grid.addWidget(self.note, 1, 1)
        grid.addWidget(self.menu, 0, 3, middle)
        if narrow:
            grid.addWidget(self.button, 2, 1)
        else:
            grid.addWidget(self.button, 0, 2, middle)
