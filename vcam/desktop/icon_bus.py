"""The icon on D-Bus, as panels read it: org.kde.StatusNotifierItem."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from dbus_fast import PropertyAccess
from dbus_fast.annotations import DBusBool, DBusInt32, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from vcam.control import wording
from vcam.desktop import menu_bus, texts
from vcam.names import APP

PATH = "/StatusNotifierItem"
INTERFACE = "org.kde.StatusNotifierItem"

Pixmaps = Annotated[list[Any], DBusSignature("a(iiay)")]
ToolTip = Annotated[list[Any], DBusSignature("(sa(iiay)ss)")]


def icon_folder() -> str:
    """Where the icons of all states lie, so that they are found without being installed; "" where a package or setup
    has put them where every program looks.
    """
    folders = (Path(sys.prefix) / "share" / "icons", Path(__file__).parents[2] / "packaging" / "desktop" / "icons")
    marker = Path("hicolor") / "symbolic" / "apps" / f"{APP}-symbolic.svg"
    return next((str(folder) for folder in folders if (folder / marker).is_file()), "")


class IconBus(ServiceInterface):
    """The icon: one of five faces, and a sentence to it."""

    def __init__(self, clicked: Callable[[str], None], middle_clicked: Callable[[], None]) -> None:
        """`clicked` is given the token by which the desktop lets a window come to the front."""
        super().__init__(INTERFACE)
        self._clicked, self._middle_clicked = clicked, middle_clicked
        self._face, self._sentence, self._token = "stopped", wording.STOPPED, ""
        self._folder = icon_folder()

    def show(self, face: str, sentence: str) -> None:
        """Change what differs."""
        before = self._face, self._sentence
        self._face, self._sentence = face, sentence
        if before[0] != face:
            self.new_icon()
            self.new_attention_icon()
            self.new_status()
        if before != (face, sentence):
            self.new_tool_tip()

    @dbus_property(PropertyAccess.READ, "Category")
    def category(self) -> DBusStr:
        """Among the devices."""
        return "Hardware"

    @dbus_property(PropertyAccess.READ, "Id")
    def id(self) -> DBusStr:
        """The program's."""
        return "segblur"

    @dbus_property(PropertyAccess.READ, "Title")
    def title(self) -> DBusStr:
        """The program's name."""
        return texts.NAME

    @dbus_property(PropertyAccess.READ, "Status")
    def status(self) -> DBusStr:
        """Whether it must be seen."""
        return "NeedsAttention" if self._face == "trouble" else "Active"

    @dbus_property(PropertyAccess.READ, "WindowId")
    def window_id(self) -> DBusInt32:
        """None."""
        return 0

    @dbus_property(PropertyAccess.READ, "IconName")
    def icon_name(self) -> DBusStr:
        """That of the state."""
        return f"{APP}-{self._face}-symbolic"

    @dbus_property(PropertyAccess.READ, "AttentionIconName")
    def attention_icon_name(self) -> DBusStr:
        """The same."""
        return f"{APP}-{self._face}-symbolic"

    @dbus_property(PropertyAccess.READ, "OverlayIconName")
    def overlay_icon_name(self) -> DBusStr:
        """None."""
        return ""

    @dbus_property(PropertyAccess.READ, "AttentionMovieName")
    def attention_movie_name(self) -> DBusStr:
        """None."""
        return ""

    @dbus_property(PropertyAccess.READ, "IconPixmap")
    def icon_pixmap(self) -> Pixmaps:
        """None: the icons have names."""
        return []

    @dbus_property(PropertyAccess.READ, "AttentionIconPixmap")
    def attention_icon_pixmap(self) -> Pixmaps:
        """None."""
        return []

    @dbus_property(PropertyAccess.READ, "OverlayIconPixmap")
    def overlay_icon_pixmap(self) -> Pixmaps:
        """None."""
        return []

    @dbus_property(PropertyAccess.READ, "IconThemePath")
    def icon_theme_path(self) -> DBusStr:
        """Where to look for it first."""
        return self._folder

    @dbus_property(PropertyAccess.READ, "ToolTip")
    def tool_tip(self) -> ToolTip:
        """What is going on."""
        return ["", [], texts.NAME, self._sentence]

    @dbus_property(PropertyAccess.READ, "ItemIsMenu")
    def item_is_menu(self) -> DBusBool:
        """A click is not for the menu."""
        return False

    @dbus_property(PropertyAccess.READ, "Menu")
    def menu(self) -> DBusObjectPath:
        """Where it is."""
        return menu_bus.PATH

    @dbus_method("ProvideXdgActivationToken")
    def provide_xdg_activation_token(self, token: DBusStr) -> None:
        """For the click that follows."""
        self._token = token

    @dbus_method("Activate")
    def activate(self, _x: DBusInt32, _y: DBusInt32) -> None:
        """A click."""
        token, self._token = self._token, ""
        self._clicked(token)

    @dbus_method("SecondaryActivate")
    def secondary_activate(self, _x: DBusInt32, _y: DBusInt32) -> None:
        """A click with the middle button."""
        self._middle_clicked()

    @dbus_method("ContextMenu")
    def context_menu(self, _x: DBusInt32, _y: DBusInt32) -> None:
        """The panel shows the menu by itself."""

    @dbus_method("Scroll")
    def scroll(self, _delta: DBusInt32, _orientation: DBusStr) -> None:
        """Nothing."""

    @dbus_signal("NewIcon")
    def new_icon(self) -> None:
        """See IconName."""

    @dbus_signal("NewAttentionIcon")
    def new_attention_icon(self) -> None:
        """See AttentionIconName."""

    @dbus_signal("NewToolTip")
    def new_tool_tip(self) -> None:
        """See ToolTip."""

    @dbus_signal("NewStatus")
    def new_status(self) -> DBusStr:
        """See Status."""
        return "NeedsAttention" if self._face == "trouble" else "Active"
