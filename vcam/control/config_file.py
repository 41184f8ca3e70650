"""Writing settings into the settings file, and nothing else: comments, order and blank lines stay as they are."""

import errno
import os
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcam.errors import SettingsError
from vcam.settings import BYTE_ORDER_MARK, PREFIX, fields, load_settings, read_file
from vcam.system.atomic_write import replaced, write

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

Overrides = dict[str, dict[str, Any]]  # section → name → value


def set_setting(path: Path, key: str, value: Any) -> None:
    """Write `value` for a key such as "look.blur". Text stands for whatever it can be converted to. Raises
    SettingsError, with the file as it was, for what the settings refuse or the disk does.
    """
    section, name = split(key)
    target, text = read(path)
    tree = load_settings({section: {name: value}}, path)
    edit(target, path, text, {section: {name: plain(getattr(getattr(tree, section), name))}})


def unset_setting(path: Path, key: str) -> None:
    """Take a key out, so that its default holds. Raises as `set_setting`."""
    section, name = split(key)
    target, text = read(path)
    edit(target, path, text, {section: {name: None}})


def set_sections(path: Path, sections: dict[str, dict[str, Any]], overrides: Overrides | None = None) -> None:
    """Write all these values, as TOML holds them, in one step; None takes a key out. They have to make good settings
    with the file's others and the `overrides` of the command line. Raises as `set_setting`.
    """
    target, text = read(path)
    edit(target, path, text, sections, overrides)


def overridden(key: str, overrides: Overrides | None = None) -> str:
    """What makes the file's value of a key count for nothing, as a sentence; "" where nothing does. `overrides` are
    those of the command line, as `load_settings` takes them. Raises SettingsError for an unknown key.
    """
    section, name = split(key)
    if name in (overrides or {}).get(section, {}):
        return f"the option --{key} that the service was started with overrides it"
    variable = f"{PREFIX}{section}__{name}".upper()
    for found in os.environ:
        if found.upper() == variable:
            return f"the environment variable {found} overrides it"
    return ""


def split(key: str) -> tuple[str, str]:
    """Section and name of a setting that there is. Raises SettingsError."""
    for section, name, _ in fields():
        if key == f"{section}.{name}":
            return section, name
    raise SettingsError(f"{key} is not a setting; see segblur run --help")


def plain(value: Any) -> Any:
    """A setting as TOML can hold it; None where it can't, because there is none."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def read(path: Path) -> tuple[Path, str]:
    """The file that `path` leads to, and its text, "" where there is none yet. Raises SettingsError."""
    target = Path(os.path.realpath(path))  # of links that others keep: the link stays
    if str(target) == os.devnull:
        raise SettingsError(f"{path} is not a file; remove the link to {target}")
    return target, read_file(path)


def edit(
    target: Path, path: Path, text: str, changes: dict[str, dict[str, Any]], overrides: Overrides | None = None
) -> None:
    """Put the values into the text, check that they read back, and replace the file by it. Raises SettingsError."""
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    document, wanted = parse(text, path)
    for section, values in changes.items():
        if not isinstance(wanted.get(section, {}), dict):
            raise SettingsError(f"{section} in {path} is not a section; write [{section}] there")
        for name, value in values.items():
            put(document, wanted, section, name, value)
    new = document.as_string()
    if not reads_as(new, wanted):
        keys = [f"{section}.{name}" for section, values in changes.items() for name in values]
        what = keys[0] if len(keys) == 1 else " and ".join(changes)
        raise SettingsError(f"{what} can't be written into {path} by a program; edit the file")
    if new == text:
        load_settings(overrides, path)  # says what else is wrong with it
    else:
        replace(target, path, (mark + new).encode(), overrides)


def put(document: "TOMLDocument", wanted: dict[str, Any], section: str, name: str, value: Any) -> None:
    """Change one value in both forms of the file; None takes it out. One that is equal stays as it is written."""
    if value is None:
        wanted.get(section, {}).pop(name, None)
        document.get(section, {}).pop(name, None)
        return
    if name in (there := wanted.setdefault(section, {})) and there[name] == value and type(there[name]) is type(value):
        return
    there[name] = value
    if section not in document:
        add_section(document, section)
    document[section][name] = value


def reads_as(text: str, wanted: dict[str, Any]) -> bool:
    """Whether a file of this text says that and nothing else; an empty section says nothing."""
    try:
        found = tomllib.loads(text.encode().decode())
        return filled(found) == filled(wanted)
    except (ValueError, RecursionError):
        return False


def filled(tree: dict[str, Any]) -> dict[str, Any]:
    """A tree without its empty sections."""
    return {section: part for section, part in tree.items() if part != {}}


def parse(text: str, path: Path) -> tuple["TOMLDocument", dict[str, Any]]:
    """The file with all that surrounds its values, and the values alone. Raises SettingsError."""
    import tomlkit  # only when something is written: the keeper stays small

    try:
        wanted = tomllib.loads(text)  # first, because its words are plainer
        return tomlkit.parse(text), wanted
    except (ValueError, RecursionError, tomlkit.exceptions.TOMLKitError) as error:
        raise SettingsError(f"{path} is not valid TOML: {' '.join(str(error).split())}") from None


def add_section(document: "TOMLDocument", section: str) -> None:
    """An empty one at the end, a blank line before it."""
    import tomlkit

    if document.body:
        document.add(tomlkit.nl())
    document.add(section, tomlkit.table())


def replace(target: Path, path: Path, data: bytes, overrides: Overrides | None = None) -> None:
    """Write a settings file whole or not at all, whenever the machine stops; it keeps its mode. Raises SettingsError,
    also where with these `overrides` its settings would be none.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced(target) as (descriptor, new):
            write(descriptor, data)
            if target.exists():
                if not os.access(target, os.W_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            try:
                load_settings(overrides, new)
            except SettingsError as error:
                raise SettingsError(str(error).replace(str(new), str(path))) from None
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror}") from None
