"""The window in light and dark, with larger fonts, and as a picture."""

from io import BytesIO
from time import monotonic

import numpy as np
from PIL import Image
from PySide6.QtCore import QBuffer, QCoreApplication, QEvent, QEventLoop, QIODevice, QSettings
from PySide6.QtGui import QColor, QFont, QImage, QPalette
from PySide6.QtWidgets import QApplication

from tests.helpers.keepers import PATIENCE
from vcam.panel.states import Known
from vcam.panel.window import Window

FONT, POINTS = "DejaVu Sans", 10
ROLE, GROUP = QPalette.ColorRole, QPalette.ColorGroup


def light_palette():
    return QPalette(QColor(239, 239, 239), QColor(239, 239, 239))


def dark_palette():
    """As Fusion is where the system says that it is dark."""
    palette = QPalette(QColor(50, 50, 50), QColor(50, 50, 50))
    for role in (ROLE.WindowText, ROLE.Text, ROLE.ButtonText, ROLE.ToolTipText, ROLE.BrightText):
        palette.setColor(role, QColor(240, 240, 240))
        palette.setColor(GROUP.Disabled, role, QColor(150, 150, 150))
    palette.setColor(ROLE.Base, QColor(36, 36, 36))
    palette.setColor(ROLE.Highlight, QColor(48, 140, 198))
    palette.setColor(ROLE.PlaceholderText, QColor(150, 150, 150))
    return palette


PALETTES = {"light": light_palette, "dark": dark_palette}


def dress(palette="light", scale=1.0):
    """Palette and font of all windows."""
    QApplication.setPalette(PALETTES[palette]())
    QApplication.setFont(QFont(FONT, round(POINTS * scale)))


def close_all():
    """End the windows that there are, with all that belongs to them."""
    for window in QApplication.topLevelWidgets():
        if window.parent() is None:
            window.close()
            window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def settle():
    """Until all that is to be laid out is."""
    for _ in range(5):
        QApplication.processEvents()


def a_window(folder, known=None, size=(520, 880), image=None):
    """A window of that size which knows this of the service, and shows a picture where one is given."""
    window = Window(QSettings(str(folder / "panel.ini"), QSettings.Format.IniFormat))
    window.resize(*size)
    window.show()
    settle()
    window.page.gallery.read()
    window.hear(known or Known())
    window.first_run._was_offered = True  # the usual page is looked at
    window._looked(known is not None and known.needs_setup)
    if image is not None:
        window.preview.know("the picture is the test's", False)
        settle()
        window.page.picture.show_image(image)
        return window
    settle()
    return window


def as_image(pixels):
    """uint8 BGR of rows and columns as Qt paints it; it keeps the array."""
    padded = np.ascontiguousarray(np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))
    height, width = pixels.shape[:2]
    image = QImage(padded.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    image.pixels = padded
    return image


def picture_of(window):
    """The window as a picture of Pillow's."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    window.grab().save(buffer, "PNG")
    return Image.open(BytesIO(bytes(buffer.data().data()))).convert("RGB")


def spin(condition, what):
    """Let Qt work until a condition holds."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, f"not within {PATIENCE:.0f} seconds: {what}"
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
