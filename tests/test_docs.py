"""README and docs name only files, links, commands, options and settings that exist."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from vcam.settings import fields, load_settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "segnet" / "weights" / "CARD.md"]
PACKAGES = ("vcam", "segnet", "training", "tests")
FOLDERS = {*PACKAGES, "packaging", "systemd", "docs", ".ci", ".github"}
OPTION = re.compile(r"(?<![\w-])--[a-z][\w.-]*")
SETTINGS = {(section, name) for section, name, _ in fields()}
FENCE = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)


def snippets(page):
    """Everything set as code: lines of code blocks, with continued lines joined, and spans in backticks."""
    blocks = FENCE.findall(page) + INDENTED.findall(FENCE.sub("", page))
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`([^`]+)`", INDENTED.sub("", FENCE.sub("", page)))
    return [re.sub(r"https?://\S+", "", text) for text in lines + [" ".join(span.split()) for span in spans]]


@cache
def scripts():
    """The path of every Python file, with a slash before it."""
    found = [*ROOT.glob("*.py"), *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    return ["/" + path.relative_to(ROOT).as_posix() for path in found]


# In one process, because starting one for each command takes a minute in all.
EVERY_HELP = """
import contextlib, io, json, os, re, sys
from vcam.__main__ import main

def train(_, words):
    from training.__main__ import main
    sys.argv = words[words.index("training"):]
    main()

def help_of(*words):
    sys.argv = ["segblur", *words, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main()
    return out.getvalue()

os.execv = train
commands = re.findall(r"^    (\\w+) ", help_of(), re.MULTILINE)
print(json.dumps({name: help_of(name) for name in commands}))
"""


@cache
def commands():
    """Every subcommand of `segblur`, and the options in its help."""
    call = [sys.executable, "-c", EVERY_HELP]
    out = subprocess.check_output(call, cwd=ROOT, env=os.environ | {"COLUMNS": "200"}, text=True)
    return {name: set(re.findall(OPTION, text)) for name, text in json.loads(out).items()}


def missing_files(page):
    for text in snippets(page):
        for word in re.findall(r"[\w./-]+", text):
            name = word.rstrip(".")
            if name.split("/")[0] in FOLDERS and "/" in name:
                if not (ROOT / name).exists():
                    yield name
            elif name.endswith(".py") and not any(path.endswith("/" + name) for path in scripts()):
                yield name
        for module in re.findall(r"-m ([\w.]+)", text):
            path = ROOT / module.replace(".", "/")
            if module.split(".")[0] in PACKAGES and not (path.is_dir() or path.with_suffix(".py").exists()):
                yield module


def headings(path):
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page, folder):
    for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", FENCE.sub("", page)):
        name, _, anchor = "".join(link).partition("#")
        if re.match(r"\w+:", name):
            continue
        target = folder / name if name else None
        if target and not target.exists():
            yield name
        elif target and anchor and anchor not in headings(target):
            yield f"{name}#{anchor}"


def unknown_commands(page):
    for text in snippets(page):
        for part in re.split(r"&&|\|+|;|\$\(", text):
            for command, rest in re.findall(r"(?<![\w./-])segblur ([a-z][a-z-]*)(.*)", part):
                if command not in commands():
                    yield command
                    continue
                for option in re.findall(OPTION, rest):
                    if option not in commands()[command]:
                        yield f"{command} {option}"


def unknown_options(page):
    """Options named alone: one of the commands that the page names has them."""
    here = {name for text in snippets(page) for name in re.findall(r"segblur ([a-z]+)", text)} & commands().keys()
    known = set().union(*(commands()[name] for name in here | {"run"}))
    for text in snippets(page):
        if (option := OPTION.match(text)) and option[0] not in known:
            yield option[0]


def unknown_settings(page):
    sections = "|".join(sorted({section for section, _ in SETTINGS}))
    for text in snippets(page):
        for section, name in re.findall(rf"(?<![\w./])({sections})\.([a-z]+)\b", text):
            if name != "py" and (section, name) not in SETTINGS:
                yield f"{section}.{name}"


def mistakes(page, folder=ROOT):
    """All that a page names and that does not exist."""
    return [
        *missing_files(page),
        *broken_links(page, folder),
        *unknown_commands(page),
        *unknown_options(page),
        *unknown_settings(page),
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
@pytest.mark.timeout(300)
def test_a_page_names_only_what_exists(path):
    found = mistakes(path.read_text(), path.parent)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("page", "mistake"),
    [
        ("see `vcam/gone.py`", "vcam/gone.py"),
        ("see `gone.py`", "gone.py"),
        ("```\nwebcam ──► gone.py ──► Zoom\n```\n", "gone.py"),
        ("in `tests/gone/`", "tests/gone/"),
        ("run `python -m tests.gone DATA`", "tests.gone"),
        ("see [there](docs/gone.md)", "docs/gone.md"),
        ("see [there](docs/service.md#gone)", "docs/service.md#gone"),
        ('<img src="docs/gone.jpg">', "docs/gone.jpg"),
        ("call `segblur dance`", "dance"),
        ("```sh\nuv run segblur status --gone\n```\n", "status --gone"),
        ("text\n\n    segblur status --gone\n", "status --gone"),
        ("```sh\nsegblur demo \\\n    --look.gone 1\n```\n", "demo --look.gone"),
        ("`segblur status` takes `--gone`", "--gone"),
        ("set `look.gone` to 1", "look.gone"),
    ],
)
def test_a_mistake_on_a_page_is_found(page, mistake):
    assert mistake in mistakes(page)


def test_what_other_programs_take_is_no_mistake():
    page = "`systemctl --user restart segblur`, `uv tool uninstall segblur`, `journalctl --user -u segblur -n 20`"
    assert mistakes(page) == []


def test_the_settings_file_in_the_readme_can_be_used(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert load_settings(path=path).look.effect == "blur"
