"""The launcher, the icons and the file of D-Bus, by setup's plan and by the programs that read them."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.helpers.machines import BARE, DONE, OF_DESKTOP, PROGRAM
from tests.helpers.plans import lines, written
from tests.host.setup.test_command import call, files_of, made
from vcam.desktop import autostart
from vcam.host import facts
from vcam.host.setup.desktop import BUS_SERVICE, ICONS, LAUNCHER, PACKAGED, SHARE, WRITTEN, plan, removal
from vcam.host.steps import Plan
from vcam.names import APP, BUS
from vcam.system.marks import marked

ROOT = Path(__file__).parents[3]


def test_all_of_them_are_written_and_the_desktop_is_told():
    what = plan(replace(BARE, menu_cache=True, icon_cache=True))
    *writes, bus, menu, icons = lines(what)
    assert writes == [f"Write {path}" for path in WRITTEN]
    assert bus.startswith("busctl --user call org.freedesktop.DBus")
    assert menu.startswith("update-desktop-database")
    assert icons.startswith("gtk-update-icon-cache")
    assert all(action.may_fail for action in what.steps[0].actions[-3:])
    assert not what.steps[0].root


def test_where_all_are_there_nothing_is_done():
    assert plan(DONE) == Plan()


def test_every_icon_of_the_project_is_installed():
    icons = ROOT / "packaging/desktop/icons"
    assert {*ICONS} == {f"icons/{path.relative_to(icons)}" for path in icons.rglob("*.svg")}


def test_where_a_package_has_them_there_are_no_second_ones():
    packaged = replace(BARE, files={PACKAGED: "[Desktop Entry]\n"})
    assert plan(packaged) == Plan()
    assert removal(packaged) == Plan()
    assert lines(plan(replace(packaged, files=packaged.files | {WRITTEN[0]: OF_DESKTOP[WRITTEN[0]]})))


def test_without_systemd_no_call_over_dbus_starts_the_service():
    assert not any("dbus" in line or "busctl" in line for line in lines(plan(replace(BARE, systemd=None))))


def test_the_icon_in_the_tray_is_never_added_but_kept_up_to_date_and_removed():
    assert not any("autostart" in line for line in lines(plan(BARE)))
    there = replace(DONE, files=DONE.files | {autostart.FILE: marked(autostart.text(["/old/segblur"]))})
    assert f"Exec={PROGRAM[0]} tray\n" in written(plan(there), autostart.FILE)
    assert f"Remove {autostart.FILE}" in lines(removal(there))
    mine = replace(DONE, files={autostart.FILE: "[Desktop Entry]\nHidden=true\n"})
    assert not any("autostart" in line for line in lines(removal(mine)))


def test_a_call_over_dbus_starts_the_service_by_systemd_only():
    text = written(plan(BARE), f"{SHARE}/{BUS_SERVICE}")
    assert f"Name={BUS}\n" in text
    assert "SystemdService=segblur.service\n" in text
    assert "Exec=/bin/false\n" in text


def test_icons_are_pictures_with_their_mark():
    for name in ICONS:
        assert ElementTree.fromstring(OF_DESKTOP[f"{SHARE}/{name}"]).tag.endswith("svg")


def validated(path):
    if not shutil.which("desktop-file-validate"):
        pytest.skip("there is no desktop-file-validate here")
    done = subprocess.run(["desktop-file-validate", path], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture
def odd_home(world, tmp_path, monkeypatch):
    """A home folder, with segblur in it, whose path has all that has a meaning somewhere."""
    home = tmp_path / "me & my 100% \"home\" $HOME `id` 'a' \\n=~"
    (home / "bin").mkdir(parents=True)
    shutil.copy(tmp_path / "bin/segblur", home / "bin/segblur")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("sys.argv", [str(home / "bin/segblur")])
    monkeypatch.setattr(facts, "pipewire_version", lambda: "1.4.2")
    return home


def test_setup_writes_them_and_takes_them_away_in_any_home(odd_home, world):
    assert call("--no-root", "--yes", root=world) == 0
    launcher = Path(f"{SHARE}/{LAUNCHER}").expanduser()
    assert validated(launcher) == ""
    assert (launcher.parent / "mimeinfo.cache").exists()
    assert call("--no-root", "--yes", root=world) == 0  # the second finds its own files, and changes none
    made(world)
    mine = Path(f"{SHARE}/{ICONS[0]}").expanduser()
    mine.write_text(mine.read_text() + "<!-- mine -->")
    assert call("--no-root", "--remove", "--yes", root=world) == 0
    left = [path for path in files_of(odd_home) if APP in path or BUS in path]
    assert left == [str(mine.relative_to(odd_home))]


def test_the_launcher_starts_the_very_program_with_the_files_that_are_dropped_on_it(odd_home, world, tmp_path):
    if not shutil.which("gio"):
        pytest.skip("there is no gio here")
    call("--no-root", "--yes", root=world)
    told = tmp_path / "told"
    os.mkfifo(told)
    segblur = odd_home / "bin/segblur"
    segblur.write_text(f"""#!/bin/sh\nprintf '%s\\n' "$0" "$@" >{told}\n""")
    picture = tmp_path / "my 100% beach.jpg"
    picture.touch()
    launcher = Path(f"{SHARE}/{LAUNCHER}").expanduser()
    started = subprocess.Popen(["gio", "launch", launcher, picture], stderr=subprocess.PIPE)
    assert told.read_text().splitlines() == [str(segblur), "panel", str(picture)]
    assert started.communicate()[1] == b""
