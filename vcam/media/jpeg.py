"""Frames of MJPEG webcams, which are often not quite valid JPEG."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

END = b"\xff\xd9"  # the marker at the end of a JPEG picture
LIBJPEG = (
    "Corrupt JPEG data",
    "Premature end of JPEG",
    "Inconsistent progression",
    "Invalid SOS",
    "Warning: unknown JF",
)
INCOMPLETE = "remature end of "
STDERR = 2


def decode_jpeg(data: NDArray[Any], report: Callable[[str], None]) -> NDArray[Any] | None:
    """uint8 (N,) to uint8 (H, W, 3) BGR; None where it is damaged or incomplete. A missing end marker is added. The
    warnings of libjpeg go to `report` instead of stderr. Raises cv2.error.
    """
    ended = END in data[-64:].tobytes()  # some pad their frames
    whole = data if ended else np.append(data, np.frombuffer(END, np.uint8))
    words: list[str] = []
    with libjpeg_words(words):
        bgr = cv2.imdecode(whole, cv2.IMREAD_COLOR)
    for line in words:
        report(line)
    if bgr is None or (not ended and any(INCOMPLETE in line for line in words)):
        return None
    return np.asarray(bgr)


@contextmanager
def libjpeg_words(words: list[str]) -> Iterator[None]:
    """Add to `words` the lines that libjpeg writes to stderr during the block: OpenCV has no other way to get or stop
    them. What other threads write there is passed on at the end of the block.
    """
    spool = spool_file()
    try:
        saved = os.dup(STDERR)
    except OSError:  # closed
        saved = -1
    os.dup2(spool, STDERR)
    try:
        yield
    finally:
        if saved >= 0:
            os.dup2(saved, STDERR)
            os.close(saved)
        else:
            os.close(STDERR)
        if size := os.lseek(spool, 0, os.SEEK_CUR):
            messages = os.pread(spool, size, 0)
            os.lseek(spool, 0, os.SEEK_SET)
            rest = b""
            for line in messages.splitlines(keepends=True):
                text = line.decode(errors="replace").strip()
                if text.startswith(LIBJPEG):
                    words.append(text)
                else:
                    rest += line
            with suppress(OSError):
                os.write(STDERR, rest)


@cache
def spool_file() -> int:
    """The descriptor of a file in memory, made once."""
    return os.memfd_create("segblur-stderr", os.MFD_CLOEXEC)
