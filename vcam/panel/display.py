"""Whether there is a screen to show a window on. Asked before Qt is: where it can't, it ends the whole process."""

import ctypes
import os
import socket
from pathlib import Path

from vcam.errors import SegBlurError

NO_SCREEN = "there is no screen to show a window on; segblur status and segblur set work everywhere"
NO_CURSORS = "the window needs a system library (libxcb-cursor.so.0); on Debian: apt install libxcb-cursor0"


def demand_screen() -> None:
    """Raises SegBlurError where there is none, or what Qt needs for it is missing."""
    chosen = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if chosen not in ("", "xcb", "wayland"):
        return  # such as offscreen: needs none
    if chosen != "xcb" and wayland_answers():
        return
    if chosen == "wayland" or not x11_answers():
        raise SegBlurError(NO_SCREEN)
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError:
        raise SegBlurError(NO_CURSORS) from None


def wayland_answers() -> bool:
    """Whether a compositor takes connections."""
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name:
        return False
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(str(Path(os.environ.get("XDG_RUNTIME_DIR", "/"), name)))
        except OSError:
            return False
    return True


def x11_answers() -> bool:
    """Whether an X server takes us."""
    if not os.environ.get("DISPLAY"):
        return False
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return False
    xcb.xcb_connect.restype = ctypes.c_void_p
    link = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(link)
    xcb.xcb_disconnect(link)
    return not failed
