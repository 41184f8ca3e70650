"""What the commands share: a parser whose errors are one sentence, and an option for every setting."""

import argparse
import re
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from vcam.errors import SettingsError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from vcam.settings import Settings

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - what add_subparsers gives


class Parser(argparse.ArgumentParser):
    """Errors in one sentence that names the command; no option may be abbreviated."""

    _words: tuple[str, ...] = ()  # those that are being parsed

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"allow_abbrev": False} | given)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does it; the words are kept for errors."""
        self._words = tuple(args or ())
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Exit with 2; a setting that does not exist is SettingsError's 78."""
        if message.startswith(("unrecognized", "the following")) or "expected" in message:
            message = next((self._about(word) for word in self._strange()), message)
        self.exit(2, f"segblur: {' '.join(message.split())}; see {self.prog} --help\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End, once what --help wrote has been read. Raises BrokenPipeError where the pipe has no reader."""
        sys.stdout.flush()
        if message:
            sys.stderr.write(message)
        sys.exit(status)

    def _strange(self) -> Iterable[str]:
        """Each word that looks like an option and is none of this command's."""
        known = self._option_string_actions
        for word in self._words:
            if word == "--":
                return
            if len(word) < 2 or word[0] != "-" or " " in word or self._negative_number_matcher.match(word):
                continue
            if word.partition("=")[0] not in known and (word.startswith("--") or word[:2] not in known):
                yield word

    def _about(self, word: str) -> str:
        """What is wrong with such a word, and what may be meant."""
        option = word.partition("=")[0]
        if not option.startswith("--"):
            return f"there is no option {word}; if that is a file, name it ./{word}"
        near = alike(option, self._option_string_actions)
        there = f"; there is {listed(near)}" if near else ""
        if re.match(r"--\w+\.\w", option):
            raise SettingsError(f"{option[2:]} is not a setting of this command{there}; see {self.prog} --help")
        return f"there is no {option}{there}"


def alike(option: str, known: Iterable[str]) -> list[str]:
    """The options that may be meant: for --camera those of the section camera, for --blur --look.blur, else the one
    that is spelled most like it.
    """
    parts = {long: long[2:].split(".") for long in known if long.startswith("--")}
    if near := [long for long, names in parts.items() if len(names) == 2 and option[2:] in names]:
        return near
    spelled = {names[-1]: long for long, names in parts.items()} | {long[2:]: long for long in parts}
    return [spelled[name] for name in get_close_matches(option[2:], spelled, 1, 0.7)]


def listed(words: list[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def add_command(commands: Commands, name: str, what: Callable[..., int], text: str) -> Parser:
    """A command that `what` carries out: it is given the arguments and returns the exit code."""
    added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    added.set_defaults(what=what)
    return added


def add_settings(command: Parser, *sections: str) -> None:
    """An option for every setting of these sections (default: all), with its help and default."""
    from vcam.settings import fields  # pydantic takes longer than all of `segblur status`

    group = command.add_argument_group("settings")
    for section, name, field in fields():
        if not sections or section in sections:
            shown = ",".join(field.default) if isinstance(field.default, tuple) else field.default
            facts = [*limits(field), *([] if shown is None else [f"default: {shown}"])]
            text = (field.description or "") + (f" ({', '.join(facts)})" if facts else "")
            group.add_argument(
                f"--{section}.{name}",
                dest=f"set {section} {name}",
                metavar="X",
                help=text.replace("%", "%%"),
            )


def limits(field: "FieldInfo") -> list[str]:
    """["0.2 to 1"], or nothing where a setting is no number."""
    ends = [getattr(part, end) for end in ("ge", "le") for part in field.metadata if hasattr(part, end)]
    return [f"{ends[0]:g} to {ends[1]:g}"] if len(ends) == 2 else []


def overrides(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The settings among the options: section → name → text."""
    tree: dict[str, dict[str, Any]] = {}
    for key, value in vars(arguments).items():
        if key.startswith("set ") and value is not None:
            _, section, name = key.split()
            tree.setdefault(section, {})[name] = value
    return tree


def settings_of(arguments: argparse.Namespace) -> "Settings":
    """The settings of this call: options, environment and file. Raises SettingsError."""
    from vcam.settings import load_settings

    return load_settings(overrides(arguments))
