"""The packages of all distributions are of the version that pyproject.toml names."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PACKAGING = ROOT / "packaging"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("debian/changelog", r"\Asegblur \((.+)-\d+\)"),
        ("rpm/segblur.spec", r"^Version: +(.+)$"),
        ("aur/PKGBUILD", r"^pkgver=(.+)$"),
        ("aur/.SRCINFO", r"^\tpkgver = (.+)$"),
        ("desktop/metainfo/io.github.segblur.SegBlur.metainfo.xml", r'<releases>\s*<release version="(.+?)"'),
    ],
)
def test_a_package_has_the_version_of_the_project(name, line):
    assert re.findall(line, (PACKAGING / name).read_text(), re.MULTILINE) == [VERSION]


@pytest.mark.parametrize("name", ["debian/rules", "vendor", "tree"])
def test_what_a_build_calls_can_be_executed(name):
    assert (PACKAGING / name).stat().st_mode & 0o111
