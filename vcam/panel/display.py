"""Whether there is a screen to show a window on. Asked before Qt is: where it can't, it ends the whole process."""

import ctypes
import os
import socket
from pathlib import Path

from vcam.errors import SegBlurError

NO_SCREEN = "there is no screen to show a window on; segblur status and segblur set work everywhere"
PACKAGES = (
    "libegl1 libgl1 libglib2.0-0 libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 "
    "libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1"
)


def demand_screen() -> None:
    """Raises SegBlurError where there is none, or what Qt needs for it is missing."""
    chosen = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if chosen not in ("", "xcb", "wayland"):
        return  # such as offscreen: needs none
    if chosen != "xcb" and wayland_answers():
        return
    if chosen == "wayland" or not x11_answers():
        raise SegBlurError(NO_SCREEN)
    from PySide6.QtCore import QLibraryInfo

    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath), "platforms/libqxcb.so")
    if plugin.exists():
        try:
            ctypes.CDLL(str(plugin))
        except OSError as error:
            raise lacking_library(error) from None


def lacking_library(error: Exception) -> SegBlurError:
    """For what can't be loaded because one of the system's libraries is missing."""
    return SegBlurError(f"the window needs a system library ({error}); on Debian: apt install {PACKAGES}")


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
