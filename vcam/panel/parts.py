"""Small parts that the sections of the page share."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QSlider, QWidget


def tell(signal: Any, *what: Any) -> None:
    """From another thread, to a window that may be gone meanwhile."""
    with suppress(RuntimeError):
        signal.emit(*what)


def heading(text: str, parent: QWidget) -> QLabel:
    """The title of a section."""
    label = QLabel(text, parent)
    label.setWordWrap(True)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def form() -> QFormLayout:
    """Rows of a label and a control; the control goes below where there is no room beside."""
    layout = QFormLayout()
    wrap(layout, narrow=False)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setContentsMargins(0, 0, 0, 0)
    return layout


def wrap(layout: QFormLayout, narrow: bool) -> None:
    """Put every control below its label, or beside it where it fits."""
    policy = QFormLayout.RowWrapPolicy
    layout.setRowWrapPolicy(policy.WrapAllRows if narrow else policy.WrapLongRows)


def note(parent: QWidget) -> QLabel:
    """A line that is there while there is something to say."""
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.hide()
    return label


def say(label: QLabel, text: str) -> None:
    """Show a text there, or nothing."""
    label.setText(text)
    label.setVisible(bool(text))


def without_signals(*widgets: QWidget) -> AbstractContextManager[Any]:
    """While their values are set by the program, nobody is told."""
    return SignalsBlocked(widgets)


class SignalsBlocked:
    """Blocks signals within its block."""

    def __init__(self, widgets: Iterable[QWidget]) -> None:
        self._widgets, self._blockers = widgets, list[QSignalBlocker]()

    def __enter__(self) -> None:
        self._blockers = [QSignalBlocker(widget) for widget in self._widgets]

    def __exit__(self, *_: object) -> None:
        for blocker in self._blockers:
            blocker.unblock()


class Slider(QSlider):
    """From `least` to `most` in so many steps; a double click takes `usual`, where there is one. The wheel scrolls the
    page, so that nobody changes a picture by scrolling past.
    """

    def __init__(
        self,
        parent: QWidget,
        least: float,
        most: float,
        step: float,
        told: Callable[[float], None],
        *,
        usual: float | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._step, self._usual = step, usual
        self.setRange(round(least / step), round(most / step))
        self.setPageStep(max(1, (self.maximum() - self.minimum()) // 10))
        self.setMinimumWidth(80)
        if usual is not None:
            self.setTickPosition(QSlider.TickPosition.TicksBelow)
            self.setTickInterval(self.maximum() - round(usual / step))
        self.valueChanged.connect(lambda value: told(round(value * step, 3)))

    def show_value(self, value: float) -> None:
        """As a setting has it; not while the person holds it."""
        if not self.isSliderDown():
            with without_signals(self):
                self.setValue(round(value / self._step))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Back to where most want it."""
        if self._usual is None:
            super().mouseDoubleClickEvent(event)
        else:
            self.setValue(round(self._usual / self._step))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """For the page."""
        event.ignore()


class Choice(QComboBox):
    """One of a few values, each shown as a text. It is as narrow as the window needs it."""

    def __init__(self, parent: QWidget, told: Callable[[Any], None]) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.currentIndexChanged.connect(lambda _: told(self.currentData()))

    def offer(self, values: Iterable[tuple[Any, str]]) -> None:
        """Offer these, the present one again where it is among them."""
        with without_signals(self):
            now = self.currentData()
            self.clear()
            for value, text in values:
                self.addItem(text, value)
            self.setCurrentIndex(self.findData(now))

    def show_value(self, value: Any, text: str = "") -> None:
        """As a setting has it; one that is not offered is added with its text."""
        index = self.findData(value)
        with without_signals(self):
            if index < 0 and text:
                self.addItem(text, value)
                index = self.count() - 1
            self.setCurrentIndex(index)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """For the page."""
        event.ignore()
