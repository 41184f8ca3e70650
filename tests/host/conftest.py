"""A machine made of files, with fake commands."""

import os
import sys

import pytest

from tests.helpers.machines import FAKE, FAKES, write_program
from tests.helpers.pkexec import PKEXEC
from vcam.host import carry_out


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Makes a command with this name and script, which is found first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return lambda name, script: write_program(folder / name, f"#!/bin/sh\n{script}\n")


@pytest.fixture
def calls(tmp_path, fake, monkeypatch):
    """Commands that only write down how they are called. Returns the file with a line for each call."""
    for name in FAKES:
        write_program(tmp_path / "bin" / name, FAKE)
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("ROOT", str(tmp_path / "root"))
    return tmp_path / "log"


@pytest.fixture
def pkexec(tmp_path, calls, monkeypatch):
    """A stand-in for pkexec, which starts what is asked of it. Returns a function that makes it do something else."""
    (tmp_path / "root").mkdir(exist_ok=True)
    write_program(tmp_path / "bin" / "pkexec", PKEXEC)
    monkeypatch.setenv("ROOT_PATH", os.environ["PATH"])
    return lambda what: monkeypatch.setenv("PKEXEC", what)


@pytest.fixture
def no_pkexec(monkeypatch):
    """As if there were none, whatever the machine of the tests has."""
    find = carry_out.find_program
    monkeypatch.setattr(carry_out, "find_program", lambda name: "" if name == "pkexec" else find(name))


@pytest.fixture
def world(tmp_path, calls, monkeypatch):
    """The root folder of a bare Debian 13."""
    root, home, segblur = tmp_path / "root", tmp_path / "home", tmp_path / "bin" / "segblur"
    for folder in (root / "etc", root / "sys/class/video4linux", home):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    write_program(segblur, "#!/bin/sh\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", [str(segblur)])
    return root
