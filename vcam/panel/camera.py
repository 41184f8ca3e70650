"""The webcam and the size of the picture."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QObject, QThreadPool, QTimer, Signal
from PySide6.QtWidgets import QBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from vcam.control.client import printable
from vcam.devices.choose import choose_camera, is_own, usable
from vcam.devices.v4l2 import Device, devices
from vcam.errors import CameraLostError
from vcam.panel import texts
from vcam.panel.parts import Choice, Slider, form, heading, tell, wrap
from vcam.panel.wishes import Wish, Wishes

NODES = "/dev"
SETTLING = 1000  # milliseconds until the nodes of a webcam that was plugged in are all there


class Webcams(QObject):
    """Which webcams there are. Asking them may take a while, so that another thread does it."""

    found = Signal(list)  # list[Device]

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._settling = QTimer(self, singleShot=True, interval=SETTLING)
        self._settling.timeout.connect(self.look)
        self._nodes = QFileSystemWatcher([NODES], self)
        self._nodes.directoryChanged.connect(self._settling.start)

    def look(self) -> None:
        """Tell them soon."""
        QThreadPool.globalInstance().start(lambda: tell(self.found, devices()))


class Camera(QWidget):
    """The section. `again` asks for a new start of the service."""

    again = Signal()

    def __init__(self, parent: QWidget, wishes: Wishes) -> None:
        super().__init__(parent)
        self._wishes, self._settings = wishes, dict[str, Any]()
        self._found: Sequence[Device] = ()
        self._pid = 0  # of the service
        self._next_size = ("", 0)  # that was asked for, and of which service
        self.webcam = Choice(self, self._device)
        self.webcam.offer([("auto", texts.AUTOMATIC)])
        self.size_choice = Choice(self, self._size)
        self.size_choice.offer((text, text) for text in map(size_text, texts.SIZES))
        self.later, self.restart = QLabel(texts.SIZE_LATER, self), QPushButton(texts.BUTTONS["restart"], self)
        self.later.setWordWrap(True)
        self.restart.clicked.connect(self.again)
        self.light = Slider(self, -1, 1, 0.05, lambda value: wishes.set(("picture.light", value)), usual=0.0)
        self.warmth = Slider(self, -1, 1, 0.05, lambda value: wishes.set(("picture.warmth", value)), usual=0.0)
        self.turn = Choice(self, lambda value: wishes.set(("picture.rotate", value)))
        self.turn.offer(texts.TURNS.items())
        self.form = rows = form()
        rows.addRow(texts.WEBCAM, self.webcam)
        rows.addRow(texts.SIZE, self.size_choice)
        self._later_row = QWidget(self)
        self._line = line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self._later_row)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.later, 1)
        line.addWidget(self.restart)
        rows.addRow(self._later_row)
        rows.addRow(texts.LIGHT, self.light)
        rows.addRow(texts.WARMTH, self.warmth)
        rows.addRow(texts.TURN, self.turn)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(heading(texts.CAMERA, self))
        layout.addLayout(rows)
        self._webcams = Webcams(self)
        self._webcams.found.connect(self.offer)

    def set_narrow(self, narrow: bool) -> None:
        """Whether what stands beside each other goes below each other."""
        wrap(self.form, narrow)
        way = QBoxLayout.Direction
        self._line.setDirection(way.TopToBottom if narrow else way.LeftToRight)

    def look(self) -> None:
        """Ask which webcams there are."""
        self._webcams.look()

    def offer(self, found: Sequence[Device]) -> None:
        """Offer these webcams."""
        self._found = found
        if self._settings:
            own = self._settings["output.label"]
            self.webcam.offer(choices(found, own))
            self._show_webcam()

    def show_settings(self, settings: dict[str, Any], status: dict[str, Any], is_watched: bool) -> None:
        """As they are; and whether a new start would disturb somebody."""
        if settings.get("output.label") != self._settings.get("output.label"):
            self._settings = settings
            self.offer(self._found)
        self._settings = settings
        self._show_webcam()
        self._pid = status["pid"]
        size, (next_size, pid) = size_text((settings["output.width"], settings["output.height"])), self._next_size
        waits = pid == self._pid and size != next_size
        shown = next_size if waits else size
        self.size_choice.show_value(shown, shown)
        self.form.setRowVisible(self._later_row, waits)
        self.restart.setEnabled(not is_watched)
        has_corrections = "picture.light" in settings
        for row in (self.light, self.warmth, self.turn):
            self.form.setRowVisible(row, has_corrections)
        if has_corrections:
            self.light.show_value(settings["picture.light"])
            self.warmth.show_value(settings["picture.warmth"])
            self.turn.show_value(settings["picture.rotate"])

    def _show_webcam(self) -> None:
        wanted = self._settings["camera.device"]
        self.webcam.show_value(value_of(wanted, self._found), texts.SAMPLE if wanted == "sample" else wanted)

    def _device(self, device: str | None) -> None:
        if device is not None:
            self._wishes.want("camera", Wish("camera", {"device": device}, {"camera.device": device}))

    def forget_size(self) -> None:
        """The service has refused the one that was asked for."""
        self._next_size = ("", 0)

    def _size(self, size: str | None) -> None:
        if size:
            self._next_size = (size, self._pid)
            width, height = map(int, size.split(" × "))
            self._wishes.set(("output.width", width), ("output.height", height))


def size_text(size: tuple[int, int]) -> str:
    """1280 × 720."""
    return f"{size[0]} × {size[1]}"


def choices(found: Sequence[Device], own: str) -> list[tuple[str, str]]:
    """Value and text of each webcam that can be chosen; the first is automatic."""
    try:
        first = texts.AUTOMATIC_NAMED.format(name=printable(choose_camera("auto", found, own=own).name))
    except CameraLostError:
        first = texts.AUTOMATIC
    cameras = [device for device in found if usable(device) and not is_own(device, own)]
    names = Counter(device.name for device in cameras)
    texts_of = (f"{device.name} ({device.path})" if names[device.name] > 1 else device.name for device in cameras)
    return [("auto", first), *zip((str(device.path) for device in cameras), map(printable, texts_of), strict=True)]


def value_of(wanted: str, found: Sequence[Device]) -> str:
    """The choice that a setting means, where it names a webcam by a link or by a part of its name."""
    if wanted.startswith("/"):
        real = str(Path(wanted).resolve())
        return real if any(str(device.path) == real for device in found) else wanted
    named = [device for device in found if wanted not in ("auto", "sample") and wanted.lower() in device.name.lower()]
    return str(named[0].path) if named else wanted
