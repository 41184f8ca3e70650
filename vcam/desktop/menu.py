"""The menu of the icon in the panel: what is known of the service, as entries. Pure."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from vcam.control import wording
from vcam.desktop import texts
from vcam.desktop.seen import Seen

NEWEST = 8  # pictures and videos of the gallery


class Picture(NamedTuple):
    """One of the gallery."""

    name: str
    kind: Literal["picture", "video"]
    path: str


class Library(NamedTuple):
    """What there is to choose, which D-Bus does not tell: the control socket does."""

    gallery: tuple[Picture, ...] = ()  # the newest first
    profiles: tuple[str, ...] = ()
    profile: str = ""  # the one in use
    shown: str = ""  # path of the file behind the person, where it is one


EMPTY = Library()


class Entry(NamedTuple):
    """An entry; its key says what a click does, and stays the same while the menu changes around it."""

    key: str
    label: str = ""
    kind: Literal["", "separator", "checkmark", "radio"] = ""
    on: bool = False
    enabled: bool = True
    entries: tuple["Entry", ...] = ()


def menu(seen: Seen | None, library: Library = EMPTY, remark: str = "") -> tuple[Entry, ...]:
    """All entries; `remark` is what went wrong with the last click."""
    head = (Entry("sentence", remark or texts.sentence(seen), enabled=False), Entry("line 1", kind="separator"))
    tail = (Entry("line 2", kind="separator"), Entry("quit", texts.QUIT))
    if seen is None:
        return (*head, Entry("start", texts.START), *tail)
    profiles = tuple(
        Entry(f"profile {name}", texts.printable(name), "radio", name == library.profile) for name in library.profiles
    )
    return (
        *head,
        Entry("panel", texts.OPEN),
        Entry("pause", texts.PAUSE, "checkmark", seen.paused),
        Entry("background", texts.BACKGROUND, entries=tuple(backgrounds(seen, library))),
        *((Entry("profiles", texts.PROFILE, entries=profiles),) if profiles else ()),
        *((Entry("hide", texts.HIDE),) if seen.room_shown else ()),
        *tail,
    )


def backgrounds(seen: Seen, library: Library) -> Iterator[Entry]:
    """The effects that need nothing, then the newest of the gallery."""
    for name, label in wording.EFFECTS.items():
        yield Entry(f"effect {name}", label, "radio", seen.effect == name)
    if library.gallery:
        yield Entry("line 3", kind="separator")
    for one in library.gallery[:NEWEST]:
        on = seen.effect == one.kind and library.shown == one.path
        yield Entry(f"{one.kind} {one.path}", texts.printable(one.name), "radio", on)


def following(entries: tuple[Entry, ...]) -> str:
    """The key of the background after the one that is chosen, the first after the last; "" where there is none."""
    choices = [one for entry in entries if entry.key == "background" for one in entry.entries if one.kind == "radio"]
    chosen = next((number for number, one in enumerate(choices) if one.on), -1)
    return choices[(chosen + 1) % len(choices)].key if choices else ""


def flat(entries: tuple[Entry, ...]) -> dict[str, Entry]:
    """Every entry at any depth, by its key."""
    found: dict[str, Entry] = {}
    for entry in entries:
        found |= {entry.key: entry} | flat(entry.entries)
    return found


def as_properties(entry: Entry) -> dict[str, tuple[str, Any]]:
    """Type and value of each property that com.canonical.dbusmenu knows and that is not its default."""
    if entry.kind == "separator":
        return {"type": ("s", "separator")}
    found: dict[str, tuple[str, Any]] = {"label": ("s", entry.label.replace("_", "__"))}  # one _ marks a key
    if not entry.enabled:
        found["enabled"] = ("b", False)
    if entry.kind:
        found |= {"toggle-type": ("s", entry.kind), "toggle-state": ("i", int(entry.on))}
    if entry.entries:
        found["children-display"] = ("s", "submenu")
    return found
