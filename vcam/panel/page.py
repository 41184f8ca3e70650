"""The page below the strip: one column of sections that scrolls."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QFrame, QScrollArea, QVBoxLayout, QWidget

from vcam.panel import texts
from vcam.panel.background import Background
from vcam.panel.camera import Camera
from vcam.panel.framing import Framing
from vcam.panel.gallery_view import Gallery
from vcam.panel.parts import wrap
from vcam.panel.preview import Picture
from vcam.panel.wishes import Wishes

WIDEST = 720  # pixels of the column, which is in the middle of a wider window
NARROW = 24  # widths of an m; below that, what stands beside each other stands below each other
MARGIN, SPACE, NEAR = 12, 18, 8  # pixels


class Page(QScrollArea):
    """Preview and sections."""

    def __init__(self, parent: QWidget, wishes: Wishes) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # else its coming makes the page narrower
        self.column = QWidget(self)
        self.picture = Picture(self.column)
        self.show_preview = QCheckBox(texts.SHOW_PREVIEW, self.column)
        self.show_preview.setChecked(True)
        self.mirror = QCheckBox(texts.MIRROR, self.column)
        self.background = Background(self.column, wishes)
        self.gallery = Gallery(self.column, wishes)
        self.framing = Framing(self.column, wishes)
        self.camera = Camera(self.column, wishes)
        self._boxes = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._boxes.addWidget(self.show_preview)
        self._boxes.addWidget(self.mirror)
        self._boxes.addStretch(1)
        self._layout = QVBoxLayout(self.column)
        self._layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self._layout.setSpacing(SPACE)
        top = QVBoxLayout()
        top.setSpacing(NEAR)
        top.addWidget(self.picture)
        top.addLayout(self._boxes)
        self._layout.addLayout(top)
        for section in self.sections:
            self._layout.addWidget(section)
        self._layout.addStretch(1)
        self.setWidget(self.column)

    @property
    def sections(self) -> tuple[QWidget, ...]:
        """Those with settings."""
        return self.background, self.gallery, self.framing, self.camera

    def enable(self, enabled: bool) -> None:
        """Whether there is a service that would do what is asked. What the controls show stays."""
        for part in (self.mirror, *self.sections):
            part.setEnabled(enabled)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's
        """Keep the column in the middle."""
        super().resizeEvent(event)
        width = self.viewport().width()
        side = max(MARGIN, (width - WIDEST) // 2)
        self._layout.setContentsMargins(side, MARGIN, side, MARGIN)
        narrow = width < NARROW * self.fontMetrics().horizontalAdvance("m")
        way = QBoxLayout.Direction
        self._boxes.setSpacing(NEAR if narrow else SPACE)
        self._boxes.setDirection(way.TopToBottom if narrow else way.LeftToRight)
        wrap(self.background.form, narrow)
        wrap(self.framing.form, narrow)
        self.camera.set_narrow(narrow)
