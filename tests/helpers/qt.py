"""Qt within a test, without a screen."""

import os
from collections.abc import Callable

import pytest
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication


@pytest.fixture(scope="session")
def qt():
    """The application."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("QT_")]:
            patch.delenv(name)  # OpenCV names the plugins of its own, older Qt
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        patch.setenv("QT_STYLE_OVERRIDE", "Fusion")
        yield QApplication.instance() or QApplication(["segblur"])


def until(condition: Callable[[], object]) -> None:
    """Let Qt work until this holds."""
    tick = QTimer()  # so that a test that waits in vain can be ended
    tick.start(200)
    while not condition():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
