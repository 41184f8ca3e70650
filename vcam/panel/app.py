"""The window as a program."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QSettings, QSocketNotifier, QStandardPaths
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from vcam.names import APP
from vcam.panel import texts
from vcam.panel.display import demand_screen
from vcam.panel.instance import Handover, Only, absolute, hand_over, lock
from vcam.panel.window import Window

TOKEN = "XDG_ACTIVATION_TOKEN"  # noqa: S105 - what launchers hand to programs


def run(files: Sequence[Path], hidden: bool) -> int:
    """Show the window until it is closed, or have the one that is there show itself. Raises SegBlurError."""
    demand_screen()
    handover = Handover(absolute(files), os.environ.get(TOKEN, ""), hidden)
    mine = lock()
    if mine is None:
        hand_over(handover)
        return 0
    application = QApplication(["segblur"])
    application.setApplicationName("segblur")
    application.setApplicationDisplayName(texts.NAME)
    application.setDesktopFileName(APP)
    application.setWindowIcon(QIcon.fromTheme(APP))
    only = Only(mine)
    window = Window(stored_settings())
    only.called.connect(lambda other: welcome(window, other))
    if not hidden:
        window.show()
    window.start()
    window.add_files([Path(file) for file in handover.files])
    with ended_by_signals(window.leave):
        code = application.exec()
    window.preview.end()
    only.close()
    return code


def welcome(window: Window, handover: Handover) -> None:
    """Come to the front, with what another call was given."""
    if not handover.hidden:
        if handover.token:
            os.environ[TOKEN] = handover.token  # Qt takes it from there when it asks for the front
        window.showNormal() if window.isMinimized() else window.show()
        window.raise_()
        window.activateWindow()
    window.add_files([Path(file) for file in handover.files])


def stored_settings() -> QSettings:
    """Where the window keeps its place and whether the preview is shown."""
    folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation))
    return QSettings(str(folder / "segblur" / "panel.ini"), QSettings.Format.IniFormat)


@contextmanager
def ended_by_signals(end: Callable[[], None]) -> Iterator[None]:
    """Within the block SIGTERM, SIGINT and SIGHUP call `end`. Qt's loop never returns to Python by itself, so they come
    by a socket.
    """
    here, there = socket.socketpair()
    for one in (here, there):
        one.setblocking(False)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    written = signal.set_wakeup_fd(there.fileno())
    notifier = QSocketNotifier(here.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(end)  # which is once enough, so nobody reads what came
    try:
        yield
    finally:
        signal.set_wakeup_fd(written)
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)
        notifier.setEnabled(False)
        here.close()
        there.close()
