"""The launcher, the icons and what software centres read."""

import re
import shutil
import subprocess
import tomllib
from io import BytesIO
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from vcam.cli.main import COMMANDS
from vcam.host.setup.desktop import BUS_SERVICE
from vcam.host.setup.desktop import ICONS as ICON_NAMES
from vcam.host.setup.desktop import LAUNCHER as LAUNCHER_NAME
from vcam.names import APP, BUS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "packaging" / "desktop"
LAUNCHER = FOLDER / "applications" / f"{APP}.desktop"
METAINFO = FOLDER / "metainfo" / f"{APP}.metainfo.xml"
ICONS = FOLDER / "icons" / "hicolor"
SYMBOLIC = sorted((ICONS / "symbolic" / "apps").iterdir())
SVG = "{http://www.w3.org/2000/svg}"


def valid(*words):
    if not shutil.which(words[0]):
        pytest.skip(f"there is no {words[0]} here")
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_launcher_is_valid():
    assert valid("desktop-file-validate", LAUNCHER) == ""


def test_the_metainfo_is_valid():
    valid("appstreamcli", "validate", "--no-net", METAINFO)


def test_all_of_them_have_one_name():
    about = ElementTree.parse(METAINFO).getroot()
    assert about.findtext("id") == APP
    assert about.findtext("launchable") == LAUNCHER.name
    assert f"\nIcon={APP}\n" in LAUNCHER.read_text()
    assert (ICONS / "scalable" / "apps" / f"{APP}.svg").is_file()


def test_the_launcher_starts_commands_that_exist():
    starts = {line.split()[1] for line in re.findall(r"^Exec=(.*)", LAUNCHER.read_text(), re.MULTILINE)}
    assert starts <= {*COMMANDS}


def test_the_service_by_dbus_has_the_name_that_its_file_is_called_by():
    (path,) = (FOLDER / "dbus-1" / "services").iterdir()
    assert path.name == f"{BUS}.service"
    assert f"\nName={BUS}\n" in path.read_text()


def test_an_installed_copy_has_what_setup_writes_where_it_looks_for_it():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    inside = {
        f"{target}/{path.relative_to(ROOT / source)}".removeprefix("vcam/share/")
        for source, target in wheel["force-include"].items()
        for path in (ROOT / source).rglob("*")
    }
    assert {LAUNCHER_NAME, BUS_SERVICE, *ICON_NAMES, "segblur.service"} <= inside


def test_a_package_has_them_where_desktops_look(tmp_path):
    (tmp_path / "vendored/share").mkdir(parents=True)
    (tmp_path / "vendored/site-packages").mkdir()
    (tmp_path / "vendored/licences").touch()
    subprocess.run([ROOT / "packaging/tree", tmp_path / "vendored", "3.13", tmp_path / "root"], check=True)
    share = tmp_path / "root/usr/share"
    for name in (LAUNCHER_NAME, BUS_SERVICE, *ICON_NAMES, f"metainfo/{METAINFO.name}"):
        assert (share / name).read_bytes() == (FOLDER / name).read_bytes()


def test_there_is_an_icon_of_one_colour_for_each_state():
    states = ("", "-idle", "-live", "-paused", "-stopped", "-trouble")
    assert {path.name for path in SYMBOLIC} == {f"{APP}{state}-symbolic.svg" for state in states}


@pytest.mark.parametrize("path", SYMBOLIC, ids=lambda path: path.stem)
def test_panels_can_colour_an_icon(path):
    """GTK gives each path the panel's colour, KDE by the class; neither does so with lines."""
    icon = ElementTree.parse(path).getroot()
    assert icon.get("viewBox") == "0 0 16 16"
    style, *paths = icon
    assert style.text == ".ColorScheme-Text { color: #2e3436 }"
    assert {part.tag for part in paths} == {f"{SVG}path"}
    for part in paths:
        assert (part.get("class"), part.get("fill"), part.get("stroke")) == ("ColorScheme-Text", "currentColor", None)


def test_the_states_can_be_told_apart_in_a_panel():
    states = {path.stem: drawn(path) for path in SYMBOLIC if path.stem != f"{APP}-symbolic"}  # which is that of idle
    for (one, here), (other, there) in combinations(states.items(), 2):
        different = np.abs(here - there) > 0.5
        assert different.sum() >= 20, f"{one} and {other} look alike: {different.sum()} of 256 pixels"


def drawn(path):
    """How much of each of 16×16 pixels is covered, 0 to 1."""
    if not shutil.which("rsvg-convert"):
        pytest.skip("there is no rsvg-convert here")
    png = subprocess.run(["rsvg-convert", path], capture_output=True, check=True).stdout
    return np.asarray(Image.open(BytesIO(png)).convert("RGBA"))[..., 3] / 255
