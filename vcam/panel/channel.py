"""The picture that programs get, as Qt paints it: the service's memory, converted by Pillow.

NumPy or OpenCV would cost the window 10 to 25 MB, and OpenCV brings a Qt of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from math import ceil
from socket import socket
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal
from PySide6.QtGui import QImage

from vcam.control import client
from vcam.control.preview import PreviewReader, received
from vcam.errors import SegBlurError
from vcam.panel.link import CONNECTING

WIDEST = 640  # pixels; larger pictures are reduced to a half or less of it
PAUSE = 50  # milliseconds from one picture to the next: thirty a second would take an eighth of a core
# BT.601, limited range, to blue, green and red: the order of the bytes that Qt paints without converting them again.
TO_BGR = (
    *(1.164, 2.017, 0.000, -1.164 * 16 - 2.017 * 128),
    *(1.164, -0.392, -0.813, -1.164 * 16 + (0.392 + 0.813) * 128),
    *(1.164, 0.000, 1.596, -1.164 * 16 - 1.596 * 128),
)


@cache
def pillow() -> tuple[Any, Any]:
    """Image and ImageFile, which take a fifth of the window's start and are not needed before the first picture."""
    from PIL import Image, ImageFile

    return Image, ImageFile


def convert(i420: memoryview, size: tuple[int, int], step: int) -> tuple[bytes, tuple[int, int]]:
    """A picture as `frame.I420` of (width, height), reduced to a `step`-th: blue, green, red and 255 of each pixel; its
    size.
    """
    width, height = size
    Image, ImageFile = pillow()  # noqa: N806 - modules
    half, whole, quarter = (width // 2, height // 2), width * height, width * height // 4
    y = Image.frombuffer("L", size, i420[:whole], "raw", "L", 0, 1)
    chroma = (i420[whole : whole + quarter], i420[whole + quarter :])
    planes = [Image.frombuffer("L", half, plane, "raw", "L", 0, 1) for plane in chroma]
    if step > 1:
        y = y.reduce(step)
    u, v = (plane if plane.size == y.size else plane.resize(y.size, Image.Resampling.BILINEAR) for plane in planes)
    picture = Image.merge("RGB", (y, u, v)).convert("RGB", TO_BGR)
    picture.putalpha(255)  # Qt wants it, and a window that is composed, as under Wayland, would be transparent there
    ImageFile.MAXBLOCK = 4 * y.width * y.height  # all bytes in one piece, instead of many that are joined then
    return picture.tobytes("raw", "RGBA"), picture.size


def step_for(width: int, shown: int) -> int:
    """By what a picture of that width is reduced, to be shown in so many pixels."""
    return max(1, ceil(width / WIDEST), width // max(shown, 1))


class Channel(QObject):
    """The preview's connection, which counts as a reader for as long as it is open."""

    shown = Signal(QImage)  # a new picture
    ended = Signal(str)  # the service has closed it, or refused it: why, "" where it has just gone

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.width = WIDEST  # pixels of the screen in which it is shown
        self._stack: ExitStack | None = None
        self._link: socket | None = None
        self._reader: PreviewReader | None = None
        self._bytes = b""  # of the picture that Qt paints
        self._news: QSocketNotifier | None = None  # of pictures
        self._pause = QTimer(self, singleShot=True, interval=PAUSE)
        self._pause.timeout.connect(self._go_on)

    @property
    def is_open(self) -> bool:
        """Whether a preview was asked for, or runs."""
        return self._stack is not None

    def open(self) -> None:
        """Ask for the preview."""
        if self._stack is not None:
            return
        try:
            link = client.connect(CONNECTING)
            client.post(link, "preview", {})
        except SegBlurError as error:
            self.ended.emit("" if isinstance(error, client.StoppedError) else str(error))
            return
        self._stack, self._link = ExitStack(), link
        self._stack.callback(link.close)
        self._stack.enter_context(self._listening(link.fileno(), self._from_service))

    def close(self) -> None:
        """Let go of it; the service notices at once."""
        if self._stack is not None:
            stack, self._stack, self._reader, self._link, self._news = self._stack, None, None, None, None
            stack.close()

    @contextmanager
    def _listening(self, file: int, called: Callable[[], None]) -> Iterator[QSocketNotifier]:
        notifier = QSocketNotifier(file, QSocketNotifier.Type.Read, self)
        notifier.activated.connect(called)
        try:
            yield notifier
        finally:
            notifier.setEnabled(False)
            notifier.deleteLater()

    def _from_service(self) -> None:
        """The service hands over the memory, or hangs up."""
        assert self._stack is not None
        assert self._link is not None
        if self._reader is not None:
            self._end("")
            return
        try:
            self._reader = self._stack.enter_context(received(self._link))
        except SegBlurError as error:
            self._end("" if isinstance(error, client.StoppedError) else str(error))
            return
        self._news = self._stack.enter_context(self._listening(self._reader.fileno(), self._take))

    def _take(self) -> None:
        assert self._reader is not None
        assert self._news is not None
        if self._reader.ended:
            self._end("")
            return
        size = self._reader.size
        made = self._reader.take(lambda i420: convert(i420, size, step_for(size[0], self.width)))
        if made is not None:
            self._news.setEnabled(False)
            self._pause.start()
            self._bytes, (width, height) = made
            self.shown.emit(QImage(self._bytes, width, height, 4 * width, QImage.Format.Format_RGB32))

    def _go_on(self) -> None:
        """What has come during the pause, the newest of it, is shown now."""
        if self._news is not None:
            self._news.setEnabled(True)

    def _end(self, why: str) -> None:
        self.close()
        self.ended.emit(why)
