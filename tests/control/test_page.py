"""The page docs/control.md: what it shows is what comes."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from tests.control.callers import Caller
from vcam.control.protocol import COMMANDS, KINDS, Code

PAGE = Path(__file__).parents[2] / "docs" / "control.md"


def test_the_page_has_every_command_with_its_arguments():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for name, command in COMMANDS.items():
        arguments = [
            f"`{key}`: {KINDS[argument.kind][1]}"
            + (f" from {argument.least:g} to {argument.most:g}" if argument.most < float("inf") else "")
            + f"; {argument.help}"
            + (f" (default: {argument.default:g})" if argument.default is not None else "")
            + (" (may be left out)" if argument.optional else "")
            for key, argument in command.arguments.items()
        ]
        assert f"| `{name}` | {command.help} | {'<br>'.join(arguments)} |" in rows


def test_the_status_on_the_page_is_one(service):
    shown = re.search(r"```json\n(\{\n.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    with Caller(service.path) as caller:
        assert json.loads(shown) == caller.ask("status")


def test_every_code_is_on_the_page_and_no_other():
    table = PAGE.read_text().split("| `code` | what happened |\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(get_args(Code))


def test_the_program_on_the_page_runs(service):
    program = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "live\n"


def test_what_the_page_shows_is_what_comes(service):
    """Each `→` line is sent over one connection, and the `←` lines after it are what is heard."""
    blocks = re.findall(r"```\n(→.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        with Caller(service.path) as caller:
            for line in block.splitlines():
                if line.startswith("→ "):
                    caller.send(line[2:].encode() + b"\n")
                else:
                    assert line.startswith("← ")
                    assert json.loads(line[2:]) == caller.hear()
