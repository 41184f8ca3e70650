"""The file that starts the icon in the tray at login."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vcam.desktop import autostart
from vcam.errors import OutputError
from vcam.system.marks import is_untouched


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return Path(autostart.FILE).expanduser()


def test_it_is_written_and_removed(file):
    assert not autostart.is_on()
    autostart.write()
    assert autostart.is_on()
    assert is_untouched(file.read_text())
    autostart.remove()
    autostart.remove()
    assert not autostart.is_on()
    assert not file.exists()


def test_it_is_a_valid_entry(file):
    if not shutil.which("desktop-file-validate"):
        pytest.skip("there is no desktop-file-validate here")
    autostart.write()
    done = subprocess.run(["desktop-file-validate", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled = false"])
def test_where_the_desktop_has_switched_it_off_it_is_off_and_can_be_switched_on(file, line):
    autostart.write()
    file.write_text(f"{file.read_text()}{line}\n")
    assert not autostart.is_on()
    autostart.write()
    assert autostart.is_on()


def test_where_it_can_not_be_written_that_is_said(file):
    (file.parents[1]).write_text("not a folder")
    with pytest.raises(OutputError, match="can't be written"):
        autostart.write()
    with pytest.raises(OutputError, match="can't be removed"):
        autostart.remove()
    assert not autostart.is_on()


def test_the_window_can_import_it_without_anything_heavy():
    code = (
        "import sys, vcam.desktop.autostart; print({'pydantic', 'numpy', 'dbus_fast', 'argparse'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "set()\n"
