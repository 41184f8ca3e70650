"""The menu on D-Bus, as panels read it: com.canonical.dbusmenu, version 3."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from dbus_fast import ErrorType, PropertyAccess, Variant
from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from vcam.desktop.menu import Entry, as_properties, flat

PATH = "/MenuBar"

Texts = Annotated[list[str], DBusSignature("as")]
Numbers = Annotated[list[int], DBusSignature("ai")]
Layout = Annotated[tuple[int, list[Any]], DBusSignature("u(ia{sv}av)")]
Groups = Annotated[list[Any], DBusSignature("a(ia{sv})")]
Events = Annotated[list[Any], DBusSignature("a(isvu)")]


class MenuBus(ServiceInterface):
    """Shows entries and tells which were clicked. An entry keeps its number for as long as the icon is there, so that
    a click on a menu that has just changed never hits another one.
    """

    def __init__(self, clicked: Callable[[str], None], opened: Callable[[], None]) -> None:
        super().__init__("com.canonical.dbusmenu")
        self._clicked, self._opened = clicked, opened
        self._numbers = {"": 0}
        self._entries: tuple[Entry, ...] = ()
        self._known: dict[int, Entry] = {}
        self._revision = 0
        self.show(())

    def show(self, entries: tuple[Entry, ...]) -> None:
        """Take the place of the menu before."""
        root = Entry("", entries=entries)
        if self._known and entries == self._entries:
            return
        self._entries, self._revision = entries, self._revision + 1
        self._known = {self._number(key): entry for key, entry in flat((root,)).items()}
        self.layout_updated()

    def _number(self, key: str) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _entry(self, number: int) -> Entry:
        if number not in self._known:
            raise DBusError(ErrorType.INVALID_ARGS, f"there is no entry {number}")
        return self._known[number]

    def _layout(self, entry: Entry, depth: int, names: list[str]) -> list[Any]:
        """An entry with what is below it, as deep as was asked for; -1 is all."""
        below = [self._layout(one, depth - 1, names) for one in entry.entries] if depth else []
        return [
            self._number(entry.key),
            properties(entry, names),
            [Variant("(ia{sv}av)", one) for one in below],
        ]

    @dbus_property(PropertyAccess.READ, "Version")
    def version(self) -> DBusUInt32:
        """Of the protocol."""
        return 3

    @dbus_property(PropertyAccess.READ, "TextDirection")
    def text_direction(self) -> DBusStr:
        """English."""
        return "ltr"

    @dbus_property(PropertyAccess.READ, "Status")
    def status(self) -> DBusStr:
        """Whether the menu wants to be seen."""
        return "normal"

    @dbus_property(PropertyAccess.READ, "IconThemePath")
    def icon_theme_path(self) -> Texts:
        """No entry has an icon."""
        return []

    @dbus_method("GetLayout")
    def get_layout(self, parent: DBusInt32, depth: DBusInt32, names: Texts) -> Layout:
        """The menu below an entry; 0 is all of it."""
        return self._revision, self._layout(self._entry(parent), depth, names)

    @dbus_method("GetGroupProperties")
    def get_group_properties(self, numbers: Numbers, names: Texts) -> Groups:
        """What these entries look like; all where none is named."""
        wanted: Iterable[int] = numbers or self._known
        return [[one, properties(self._known[one], names)] for one in wanted if one in self._known]

    @dbus_method("GetProperty")
    def get_property(self, number: DBusInt32, name: DBusStr) -> DBusVariant:
        """One of them."""
        found = properties(self._entry(number), [name])
        if name not in found:
            raise DBusError(ErrorType.INVALID_ARGS, f"this entry has no {name}")
        return found[name]

    @dbus_method("Event")
    def event(self, number: DBusInt32, what: DBusStr, _data: DBusVariant, _time: DBusUInt32) -> None:
        """A click is told; an entry that has gone meanwhile does nothing."""
        entry = self._known.get(number)
        if what == "clicked" and entry is not None and entry.enabled and not entry.entries:
            self._clicked(entry.key)
        elif what == "opened":
            self._opened()

    @dbus_method("EventGroup")
    def event_group(self, events: Events) -> Numbers:
        """Several; gives those that there are not."""
        for number, what, data, time in events:
            if number in self._known:
                self.event(number, what, data, time)
        return [one[0] for one in events if one[0] not in self._known]

    @dbus_method("AboutToShow")
    def about_to_show(self, _number: DBusInt32) -> DBusBool:
        """Whether it has changed since; if so later, LayoutUpdated says it."""
        self._opened()
        return False

    @dbus_method("AboutToShowGroup")
    def about_to_show_group(self, numbers: Numbers) -> Annotated[tuple[list[int], list[int]], DBusSignature("aiai")]:
        """The same for several: those that have changed, and those that there are not."""
        self._opened()
        return [], [one for one in numbers if one not in self._known]

    @dbus_signal("LayoutUpdated")
    def layout_updated(self) -> Annotated[tuple[int, int], DBusSignature("ui")]:
        """All of it has changed."""
        return self._revision, 0


def properties(entry: Entry, names: list[str]) -> dict[str, Variant]:
    """Those that were asked for; all where none is named."""
    found = as_properties(entry) if entry.key else {"children-display": ("s", "submenu")}
    return {name: Variant(*value) for name, value in found.items() if not names or name in names}
