"""Parts of the page "Set up SegBlur Camera": a text that wraps, the list of steps, and a text that is folded away."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QGridLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vcam.panel import setup_texts as texts
from vcam.panel.texts import sentence as as_sentence

LINES = 9  # of a folded text that are seen at once


def wrapped(text: str = "", bold: bool = False) -> QLabel:
    """A label of as many lines as it needs, whose text can be selected."""
    label = QLabel(text)
    wrap(label)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if bold:
        font = label.font()
        font.setBold(True)
        label.setFont(font)
    return label


def wrap(label: QLabel) -> None:
    """Have a label take as many lines as it needs at whatever width there is."""
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    policy = label.sizePolicy()  # which knows that the height follows the width
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
    label.setSizePolicy(policy)


class Choices(QWidget):
    """One of several, each a name and a sentence about it; their texts wrap, as those of radio buttons can't."""

    changed = Signal()

    def __init__(self, heading: str, texts: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.addWidget(wrapped(heading, bold=True), 0, 0, 1, 2)
        self.buttons = [QRadioButton() for _ in texts]
        for row, (button, (name, more)) in enumerate(zip(self.buttons, texts, strict=True), 1):
            button.setAccessibleName(name)
            button.setAccessibleDescription(more)
            label = Pressed(f"{name}\n{more}")
            label.pressed.connect(button.click)
            grid.addWidget(button, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(label, row, 1)
            button.toggled.connect(lambda on: self.changed.emit() if on else None)
        self.buttons[0].setChecked(True)

    def chosen(self) -> int:
        """Which, counted from 0."""
        return next(number for number, button in enumerate(self.buttons) if button.isChecked())


class Pressed(QLabel):
    """A text that can be pressed."""

    pressed = Signal()

    def __init__(self, text: str) -> None:
        super().__init__(text)
        wrap(self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell it."""
        self.pressed.emit()


class StepList(QWidget):
    """The steps, each with its state: a shape and a sentence."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QLabel, QLabel]] = []

    def set_steps(self, whys: Sequence[str]) -> None:
        """Show these steps, all of them to be done."""
        for row in self._rows:
            for label in row:
                self._grid.removeWidget(label)
                label.hide()
                label.deleteLater()
        self._rows = [(QLabel(), wrapped(as_sentence(why))) for why in whys]
        for number, (shape, why) in enumerate(self._rows):
            self._grid.addWidget(shape, number, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(why, number, 1)
            self.mark(number, "todo")

    def mark(self, number: int, state: str, sentence: str = "") -> None:
        """Show the state of a step, counted from 0: todo, running, done or failed; and what it is, if that is new."""
        shape, why = self._rows[number]
        if sentence:
            why.setText(as_sentence(sentence))
        shape.setText(texts.SHAPES[state])
        shape.setAccessibleName(texts.STATES[state])
        why.setAccessibleDescription(texts.STATES[state])
        font = why.font()
        font.setBold(state in ("running", "failed"))
        why.setFont(font)

    def states(self) -> list[tuple[str, str]]:
        """Shape and sentence of each step."""
        return [(shape.text(), why.text()) for shape, why in self._rows]


class Buttons(QWidget):
    """Buttons beside each other, or below each other where the width doesn't do."""

    def __init__(self, buttons: Sequence[QPushButton]) -> None:
        super().__init__()
        self._buttons = buttons
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.addStretch()
        for button in buttons:
            self._row.addWidget(button)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # of width it takes what there is

    def arrange(self) -> None:
        """Arrange those that are shown."""
        widths = [button.sizeHint().width() for button in self._buttons if not button.isHidden()]
        margins = self._row.contentsMargins()
        needed = sum(widths) + self._row.spacing() * len(widths) + margins.left() + margins.right()
        beside, below = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._row.setDirection(beside if needed <= self.width() else below)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Arrange them anew."""
        super().resizeEvent(event)
        self.arrange()


class Folded(QWidget):
    """A text that is shown only when its heading is pressed."""

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setText(heading)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.toggled.connect(self._unfold)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(heading)
        self._text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self._text)
        self._unfold(False)

    def set_text(self, text: str) -> None:
        """Show this text; without one, there is no heading either."""
        self._text.setPlainText(text)
        self.setVisible(bool(text))

    def text(self) -> str:
        """The text."""
        return self._text.toPlainText()

    def _unfold(self, shown: bool) -> None:
        """Show the text, or hide it."""
        self.button.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._text.setFixedHeight(self._text.fontMetrics().lineSpacing() * LINES)
        self._text.setVisible(shown)
