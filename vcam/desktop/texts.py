"""What the icon in the panel, its menu and its notifications say."""

from collections.abc import Mapping

from vcam.control import wording
from vcam.desktop.seen import Seen

NAME = "SegBlur"
LIVE_HERE = "Only SegBlur's window is watching. Your webcam is on."

OPEN, PAUSE, HIDE, BACKGROUND, PROFILE = "Open SegBlur", "Pause", "Your room is shown: hide it", "Background", "Profile"
START, QUIT = "Start SegBlur", "Quit this icon"

NOT_STARTED = "SegBlur could not be started. Start it in a terminal with: segblur run"
NO_WATCHER = "this desktop shows no such icons; on GNOME the extension AppIndicator does"
SECOND = "the icon is in the panel already"
NO_BUS = "there is no D-Bus session for an icon in the panel; log in to a desktop"
NO_SHORTCUTS = "This desktop has no shared shortcuts. Bind a key to `segblur toggle` in its settings."
SHORTCUTS_ASKED = "Your desktop asks you about SegBlur's shortcuts: answer that first."
SHORTCUTS_NEED_ICON = (
    "Shortcuts need SegBlur's icon: turn on “Show an icon in the panel” in the menu of its window, or call "
    "`segblur tray`."
)
SHORTCUTS_SHOWN = "Your desktop shows SegBlur's shortcuts."
SHORTCUTS = {"toggle": "Pause or resume SegBlur", "panel": "Open SegBlur", "next": "Next background"}


def sentence(seen: Seen | None) -> str:
    """What is going on, the weightiest first; None: there is no service."""
    if seen is None:
        return wording.STOPPED
    if seen.room_shown:
        return wording.ROOM
    if seen.state == "trouble":
        return seen.sentence
    if seen.state in ("paused", "asleep", "starting"):
        return {"paused": wording.PAUSED, "asleep": wording.ASLEEP, "starting": wording.STARTING}[seen.state]
    if seen.watched:
        return wording.LIVE
    if seen.previews:
        return LIVE_HERE
    return wording.LINGERING if seen.webcam else wording.IDLE


def keys(triggers: Mapping[str, str]) -> str:
    """Which keys do what, by the desktop's descriptions of them."""
    each = (f"{what}: {printable(triggers.get(key, '')) or 'no key'}" for key, what in SHORTCUTS.items())
    return f"{'; '.join(each)}. The settings of your desktop change them."


def face(seen: Seen | None) -> str:
    """Which of the icons that packaging/desktop holds: idle, live, paused, trouble or stopped."""
    if seen is None:
        return "stopped"
    if seen.room_shown or seen.state == "trouble":
        return "trouble"
    return {"paused": "paused", "starting": "live", "live": "live"}.get(seen.state, "idle")


def printable(text: str) -> str:
    """Without what a file's name could do to a menu."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
