"""What stands in the room's place: the effects as tiles, and how strong they are."""

from functools import cache
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex
from PySide6.QtGui import QColor, QPainter, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QColorDialog, QVBoxLayout, QWidget

from vcam.panel import texts
from vcam.panel.parts import Slider, form, heading
from vcam.panel.tiles import NAME, PICTURE, Tiles
from vcam.panel.wishes import Wishes

FOLDER = Path(__file__).parent / "effects"
WEAKEST, STRONGEST = 0.2, 1.0
FIRST_COLOUR = "#00b140"  # until the service says which
WITHOUT_STRENGTH = ("colour", "picture", "video")


class Background(QWidget):
    """The section."""

    def __init__(self, parent: QWidget, wishes: Wishes) -> None:
        super().__init__(parent)
        self._wishes, self._colour = wishes, ""
        self.tiles = Tiles(self, texts.BACKGROUND)
        self._model = QStandardItemModel(self)
        for effect, text in texts.EFFECTS.items():
            item = QStandardItem(text)
            item.setEditable(False)
            item.setData(effect, NAME)
            if effect != "colour":
                item.setData(QPixmap(str(FOLDER / f"{effect}.jpg")), PICTURE)
            self._model.appendRow(item)
        self._item("colour").setData(on_colour(FIRST_COLOUR), PICTURE)
        self.tiles.setModel(self._model)
        self.tiles.chosen.connect(self._chosen)
        self.tiles.pressed.connect(self._pressed)
        self.strength = Slider(self, WEAKEST, STRONGEST, 0.01, lambda value: wishes.set(("look.blur", value)))
        self._dialog = QColorDialog(self)
        self._dialog.setWindowTitle(texts.CHOOSE_COLOUR)
        self._dialog.colorSelected.connect(self._coloured)
        self.form = rows = form()
        rows.addRow(texts.STRENGTH, self.strength)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading(texts.BACKGROUND, self))
        layout.addWidget(self.tiles)
        layout.addLayout(rows)
        self.tiles.fit()

    def show_settings(self, settings: dict[str, Any]) -> None:
        """As they are."""
        effect, colour = settings["look.effect"], settings["look.colour"]
        if colour != self._colour:
            self._colour = colour
            self._item("colour").setData(on_colour(colour), PICTURE)
        self.tiles.choose(self._item(effect).index() if effect in texts.EFFECTS else QModelIndex())
        self.strength.show_value(settings["look.blur"])
        self.strength.setEnabled(effect not in WITHOUT_STRENGTH)

    def _item(self, effect: str) -> QStandardItem:
        return self._model.item(list(texts.EFFECTS).index(effect))

    def _chosen(self, index: QModelIndex) -> None:
        self._wishes.set(("look.effect", index.data(NAME)))

    def _pressed(self, index: QModelIndex) -> None:
        if index.data(NAME) == "colour" and not self._dialog.isVisible():
            self._dialog.setCurrentColor(QColor(self._colour))
            self._dialog.open()

    def _coloured(self, colour: QColor) -> None:
        self._wishes.set(("look.colour", colour.name()))


@cache
def person() -> QPixmap:
    """The man of the sample without his room."""
    return QPixmap(str(FOLDER / "person.webp"))


def on_colour(colour: str) -> QPixmap:
    """The man before a colour."""
    drawn = QPixmap(person().size())
    drawn.fill(QColor(colour))
    painter = QPainter(drawn)
    painter.drawPixmap(0, 0, person())
    painter.end()
    return drawn
