"""Profiles: names for what the picture looks like. Each is a file with these sections of the settings, whole; the
others, such as the webcam and the network, belong to the machine.
"""

import os
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vcam.control.config_file import plain, reads_as, replace
from vcam.control.protocol import KINDS, is_profile
from vcam.errors import SettingsError, one_line, sentence
from vcam.settings import (
    BYTE_ORDER_MARK,
    LookSettings,
    Section,
    Settings,
    config_path,
    read_file,
)

SECTIONS: tuple[str, ...] = tuple(
    section for section in ("look", "framing", "picture") if section in Settings.model_fields
)
MOST = 50
ENDING = ".toml"

Profile = dict[str, Section]


def of(settings: Settings) -> Profile:
    """The sections of these settings."""
    return {section: getattr(settings, section) for section in SECTIONS}


def look_of(profile: Profile) -> LookSettings:
    """Its section look."""
    look = profile["look"]
    assert isinstance(look, LookSettings)
    return look


def values(profile: Profile) -> dict[str, dict[str, Any]]:
    """Section → name → value as TOML holds it, None for one that is not there."""
    return {section: {name: plain(value) for name, value in part} for section, part in profile.items()}


def place_of(name: str) -> Path:
    """The file of a profile, whether it exists or not. Raises SettingsError for what can't be a name."""
    if not is_profile(name):
        raise SettingsError(f"{name!r} can't be the name of a profile; take {KINDS['profile'][1]}")
    return folder() / f"{name}{ENDING}"


def folder() -> Path:
    """Where profiles lie. Raises SettingsError for a user without a home."""
    return config_path().parent / "profiles"


def names() -> list[str]:
    """All there are, in the order of the alphabet; none where the folder can't be read."""
    found: list[str] = []
    with suppress(OSError):
        found += (path.stem for path in folder().iterdir() if path.suffix == ENDING and path.is_file())
    return sorted(name for name in found if is_profile(name))


def read(name: str) -> Profile:
    """The profile of this name; what its file doesn't say is as by default. Raises SettingsError."""
    path = place_of(name)
    if not path.exists():
        raise SettingsError(missing(name))
    try:
        tree = tomllib.loads(read_file(path).removeprefix(BYTE_ORDER_MARK))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {one_line(str(error))}") from None
    for section, part in tree.items():
        if section not in SECTIONS:
            raise SettingsError(f"{one_line(section)} is no part of a profile; take it out of {path}")
        if not isinstance(part, dict):
            raise SettingsError(f"{section} in {path} is not a section; write [{section}] there")
    profile = {section: checked(section, tree.get(section, {}), path) for section in SECTIONS}
    if look_of(profile).effect == "off":  # a line in a file must not be enough to show a room
        raise SettingsError(f"look.effect in {path} can't be off; write blur there")
    return profile


def checked(section: str, values: dict[str, Any], path: Path) -> Section:
    """A section of these values. Raises SettingsError with one sentence that names the key."""
    kind = Settings.model_fields[section].annotation
    assert isinstance(kind, type)
    assert issubclass(kind, Section)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SettingsError(one_line(f"{section}.{sentence(error, path)}")) from None


def save(name: str, settings: Settings) -> None:
    """Give these settings' sections a name; a profile of the same name is replaced. Raises SettingsError."""
    path = place_of(name)
    if settings.look.effect == "off":
        raise SettingsError("your room is shown now; hide it, then save: segblur effect blur")
    there = names()
    if name not in there and len(there) >= MOST:
        raise SettingsError(f"there are {MOST} profiles; remove one: segblur profile list shows all")
    import tomlkit  # only when something is written: the keeper stays small

    tree = {
        section: {key: value for key, value in part.items() if value is not None}
        for section, part in values(of(settings)).items()
    }
    text = tomlkit.dumps(tree)
    if not reads_as(text, tree):
        raise SettingsError("the name of the picture or video is no text, which a profile can't hold; rename the file")
    replace(Path(os.path.realpath(path)), path, text.encode())


def remove(name: str) -> None:
    """Delete it. Raises SettingsError."""
    path = place_of(name)
    try:
        path.unlink()
    except FileNotFoundError:
        raise SettingsError(missing(name)) from None
    except OSError as error:
        raise SettingsError(f"{path} can't be removed: {error.strerror}") from None


def missing(name: str) -> str:
    """What is said of a profile that there is not."""
    return f"there is no profile {name}; segblur profile list shows all"


def current(settings: Settings, first: str = "") -> str:
    """The profile that says what these settings say; of several, `first` if it is among them. "" where none does."""
    now = of(settings)
    for name in sorted(names(), key=lambda name: name != first):
        with suppress(SettingsError):  # a file that is broken
            if read(name) == now:
                return name
    return ""
