"""The man page and the completion of bash, zsh and fish, made from the parser of `segblur` while a wheel is built.

Installed at their usual places below the environment (share/man/man1 and so on); packages of distributions move them
from there to /usr/share. Also `python hatch_build.py FOLDER`.
"""

import argparse
import shutil
import sys
import tomllib
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Literal, get_args, get_origin

import shtab
from argparse_manpage.manpage import Manpage
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
COMPLETIONS = {
    "bash": "bash-completion/completions/segblur",
    "zsh": "zsh/site-functions/_segblur",
    "fish": "fish/vendor_completions.d/segblur.fish",
}
SECTIONS = {
    "exit status": """\
.TP
.B 0
All is well.
.TP
.B 1
Something is wrong; one sentence on stderr says what, and what to do.
.TP
.B 2
The call is wrong.
.TP
.B 78
The settings can't be used.""",
    "files": """\
.TP
.I ~/.config/segblur/config.toml
The settings.
.TP
.I ~/.config/systemd/user/segblur.service
The service, where \\fBsegblur setup\\fR wrote it.""",
    "see also": "\\fBjournalctl\\fR(1), \\fBsystemctl\\fR(1), \\fBmodprobe.d\\fR(5)",
}


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds the files to a wheel. An editable install, as of a checkout, goes without."""

    folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files and name them to the builder."""
        if version == "editable":
            return
        self.folder = Path(mkdtemp())
        write(self.folder)
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        build_data["shared_data"] |= {str(path): f"share/{path.relative_to(self.folder)}" for path in files}

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove them."""
        if self.folder:
            shutil.rmtree(self.folder)


def write(folder: Path) -> None:
    """All files, at their places below what is /usr/share of a system."""
    texts = {"man/man1/segblur.1": man_page()} | {COMPLETIONS[shell]: completion(shell) for shell in COMPLETIONS}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True)
        path.write_text(text)


def man_page() -> str:
    """The page: every command, and the settings once, with `segblur run`."""
    top, commands = parser()
    for name, command in commands.items():
        command.description = None  # says the same as its line of help
        if name != "run" and hidden(command, "set "):
            command.description = "It takes settings of segblur run, too."
        if hidden(command, "words"):
            command.description = f"segblur {name} --help lists its options."
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    about = {
        "project_name": "segblur",
        "version": project["version"],
        "description": project["description"],
        "manual_title": "User Commands",
    }
    page = Manpage(top, _data=about, format="single-commands-section")
    page.date = ""  # the same page whenever it is built
    for heading, text in SECTIONS.items():
        page.add_section(heading, "=", text)
    return str(page)


def hidden(command: argparse.ArgumentParser, start: str) -> bool:
    """Hide the arguments whose names start so; whether there are any."""
    found = [action for action in command._actions if action.dest.startswith(start)]  # noqa: SLF001
    for action in found:
        action.help = argparse.SUPPRESS
    return bool(found)


def completion(shell: str) -> str:
    """The text for bash, zsh or fish."""
    from vcam.settings import fields

    top, commands = parser()
    kinds = {f"{section}.{name}": field.annotation for section, name, field in fields()}
    for command in commands.values():
        for action in command._actions:  # noqa: SLF001 - argparse offers no other way
            kind = kinds.get(action.dest.removeprefix("set ").replace(" ", "."), action.type)
            if get_origin(kind) is Literal:
                action.choices = get_args(kind)
            elif kind in (Path, Path | None) or action.nargs == argparse.REMAINDER:
                folder = (action.help or "").startswith("folder")
                action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
    named(commands["set"], "key").choices = list(kinds)
    named(commands["effect"], "effect").choices = get_args(kinds["look.effect"])
    named(commands["effect"], "more").complete = shtab.FILE  # type: ignore[attr-defined]
    named(commands["effect"], "on").choices = get_args(kinds["look.on"])
    named(commands["camera"], "device").choices = ("auto", "sample")
    return shtab.complete(top, shell)


def named(command: argparse.ArgumentParser, name: str) -> argparse.Action:
    """An argument of a command."""
    return next(action for action in command._actions if action.dest == name)  # noqa: SLF001


def parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """That of `segblur`, and those of its commands, new ones at each call."""
    if str(ROOT) not in sys.path:  # a build backend is not started in the project's folder
        sys.path.insert(0, str(ROOT))
    from vcam.cli.main import COMMANDS, parsers

    top, commands = parsers(COMMANDS)
    return top, dict(commands)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
