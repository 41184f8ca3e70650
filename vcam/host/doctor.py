"""`segblur doctor`: runs the checks and shows what they found, safe to paste into a bug report."""

import argparse
import json
import os
import platform
import re
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import NamedTuple

from vcam.errors import SettingsError
from vcam.host.checks import desktop, graphics, loopback, module, pipewire, service, settings, webcam, weights
from vcam.host.checks.check import Host, State, Subject
from vcam.host.facts import snapshot, user
from vcam.host.setup.plan import FILES
from vcam.settings import Settings, load_settings

# In the order in which a person would solve problems.
SUBJECTS: tuple[Subject, ...] = (module, loopback, webcam, settings, weights, graphics, service, pipewire, desktop)
COLOURS = {"ok": "32", "warning": "33", "problem": "31", "unknown": "2"}
# Names that identify no person and occur in commands.
COMMON_NAMES = {"root", "user", "video", "camera", "segblur", "ubuntu", "debian", "fedora", "localhost"}


class Finding(NamedTuple):
    """The verdict of the check of this name."""

    name: str
    state: State
    sentence: str
    remedy: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `segblur doctor`."""
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    parser.add_argument("--quick", action="store_true", help="without reading the weights and trying the GPU")


def run(arguments: argparse.Namespace, _settings: object = None) -> int:
    """Print the findings. The exit code: 0 where there is no problem, else 1. The settings, which may be a problem
    themselves, are read here.
    """
    found = [scrubbed(finding) for finding in examine(this_host(arguments.quick))]
    if arguments.json:
        print(json.dumps({"system": system(), "findings": [finding._asdict() for finding in found]}, indent=2))
    else:
        # Lines are wrapped for a terminal only, so that what is piped or pasted keeps them whole.
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        print(report(system(), found, width, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    return int(any(finding.state == "problem" for finding in found))


def examine(host: Host) -> list[Finding]:
    """Every check's finding."""
    found = []
    for subject in SUBJECTS:
        facts = subject.look(host)
        found += [Finding(name, *check(facts)) for name, check in subject.CHECKS.items()]
    return found


def this_host(quick: bool = False, root: Path = Path("/")) -> Host:
    """The machine as it is, and the person's settings, or the defaults where those are invalid."""
    try:
        chosen, error = load_settings(), ""
    except SettingsError as invalid:
        chosen, error = Settings.model_construct(), str(invalid)
    return Host(snapshot(root, FILES, chosen.output.pipewire != "off"), chosen, error, quick, root)


def system() -> dict[str, str]:
    """Versions, for the reader of a bug report."""
    try:
        segblur = version_of("segblur")
    except PackageNotFoundError:
        segblur = "unknown"
    machine = platform.uname()
    title = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux") if has_os_release() else "Linux"
    return {
        "segblur": segblur,
        "python": platform.python_version(),
        "system": title,
        "kernel": machine.release,
        "processor": machine.machine,
    }


def has_os_release() -> bool:
    """Whether the system says what it is."""
    return any(Path(path).exists() for path in ("/etc/os-release", "/usr/lib/os-release"))


def report(about: dict[str, str], found: Iterable[Finding], width: int = 0, colour: bool = False) -> str:
    """The findings for people: a line for each, and one for its remedy; `width` 0 wraps no line."""
    found = list(found)
    first = "SegBlur {segblur}, Python {python}, {system}, kernel {kernel} ({processor})".format(**about)
    column = max(len(finding.name) for finding in found) + 2
    indent = "\n" + " " * (9 + column)
    lines = [first, ""]
    for finding in found:
        state = f"\033[{COLOURS[finding.state]}m{finding.state:<9}\033[0m" if colour else f"{finding.state:<9}"
        texts = textwrap.wrap(finding.sentence, max(30, width - len(indent))) if width else [finding.sentence]
        texts += [f"→ {finding.remedy}"] if finding.remedy else []
        lines.append(f"{state}{finding.name:<{column}}{indent.join(texts)}")
    return "\n".join([*lines, "", summary(found)])


def summary(found: Iterable[Finding]) -> str:
    """The last line."""
    states = Counter(finding.state for finding in found)
    parts = [f"{states[state]} {state}{'s' * (states[state] > 1)}" for state in ("problem", "warning") if states[state]]
    if not parts:
        return "No problems found."
    hint = "Start with the first problem: it is often the cause of later ones." if states["problem"] > 1 else ""
    return f"{' and '.join(parts)}. {hint}".rstrip()


def scrubbed(finding: Finding) -> Finding:
    """The finding without the names of the person and the computer, serial numbers, and control characters."""
    return finding._replace(sentence=scrub(finding.sentence), remedy=scrub(finding.remedy))


def scrub(text: str) -> str:
    """The text as one line that can be published."""
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    text = re.sub(r"/dev/v4l/(by-id|by-path)/[^\s'\";,)]+", r"/dev/v4l/\1/…", text)  # holds a serial number
    home = str(Path.home())
    if home not in ("/", ""):
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    for name, instead in ((user(), "USER"), (platform.node(), "HOST"), (platform.node().split(".")[0], "HOST")):
        if name and name not in COMMON_NAMES:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", instead, text)
    return text
