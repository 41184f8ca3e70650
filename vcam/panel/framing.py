"""Which part of the webcam's picture is shown, and who in it."""

from typing import Any

from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from vcam.panel import texts
from vcam.panel.parts import Choice, Slider, form, heading, without_signals
from vcam.panel.wishes import Wishes

LEAST_ZOOM, MOST_ZOOM = 1.0, 2.0


class Framing(QWidget):
    """The section."""

    def __init__(self, parent: QWidget, wishes: Wishes) -> None:
        super().__init__(parent)
        self._wishes, self._settings = wishes, dict[str, Any]()
        self.crop = Choice(self, lambda value: wishes.set(("framing.crop", value)))
        self.crop.offer(texts.CROPS.items())
        self.zoom = Slider(self, LEAST_ZOOM, MOST_ZOOM, 0.05, lambda value: wishes.set(("framing.zoom", value)))
        self.nearest = QCheckBox(texts.NEAREST, self)
        self.nearest.toggled.connect(lambda on: wishes.set(("framing.people", "nearest" if on else "all")))
        self.form = rows = form()
        rows.addRow(texts.SHOW, self.crop)
        rows.addRow(texts.ZOOM, self.zoom)
        rows.addRow(self.nearest)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading(texts.FRAMING, self))
        layout.addLayout(rows)

    def show_settings(self, settings: dict[str, Any]) -> None:
        """As they are."""
        self._settings = settings
        self.crop.show_value(settings["framing.crop"])
        self.zoom.show_value(settings["framing.zoom"])
        self.zoom.setEnabled(settings["framing.crop"] != "off")
        with without_signals(self.nearest):
            self.nearest.setChecked(settings["framing.people"] == "nearest")

    @property
    def is_fixed(self) -> bool:
        """Whether a part is shown that can be moved."""
        return self._settings.get("framing.crop") == "fixed" and self._settings["framing.zoom"] > LEAST_ZOOM

    def move_part(self, across: float, down: float) -> None:
        """Move the picture by shares of what is shown; the part goes the other way."""
        if self.is_fixed:
            before = {key: self._settings[f"framing.{key}"] for key in ("x", "y")}
            after = moved(
                before["x"], before["y"], across, down, self._settings["framing.zoom"], self._settings["framing.mirror"]
            )
            changes = {
                f"framing.{key}": value for key, value in zip(("x", "y"), after, strict=True) if value != before[key]
            }
            self._settings = self._settings | changes
            for change in changes.items():
                self._wishes.set(change)


def moved(x: float, y: float, across: float, down: float, zoom: float, mirror: bool) -> tuple[float, float]:
    """The middle of a part, as the settings have it, after the picture was moved by shares of what is shown. It stays
    where the whole part lies within the webcam's picture.
    """
    edge = 0.5 / zoom
    across = -across if mirror else across
    new = (min(max(x, edge), 1 - edge) - across / zoom, min(max(y, edge), 1 - edge) - down / zoom)
    new_x, new_y = (round(min(max(value, edge), 1 - edge), 4) for value in new)
    return new_x, new_y
