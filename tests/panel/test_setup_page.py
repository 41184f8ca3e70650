"""The page "Set up SegBlur Camera", with the real setup on a machine made of files."""

import os
import sys
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QLabel, QPushButton, QRadioButton
from shiboken6 import delete

from tests.helpers.machines import write_program
from tests.helpers.qt import qt, until  # noqa: F401
from tests.host.conftest import calls, fake, pkexec, world  # noqa: F401
from vcam.host.setup.unit import UNIT
from vcam.panel import setup_texts as texts
from vcam.panel.setup_offers import read_offers
from vcam.panel.setup_page import SetupPage

# The real program, but for the machine that it looks at.
SEGBLUR = f"""#!{sys.executable}
import argparse, os, sys
from pathlib import Path
from vcam.cli.main import report
from vcam.errors import SegBlurError
from vcam.host import carry_out, facts, setup

os.geteuid = lambda: 1000
find = facts.find_program
carry_out.find_program = lambda name: "" if name == "pkexec" and "NO_PKEXEC" in os.environ else find(name)
facts.pipewire_version = lambda: os.environ.get("PIPEWIRE", "")
parser = argparse.ArgumentParser()
setup.add_arguments(parser)
try:
    sys.exit(setup.run(parser.parse_args(sys.argv[2:]), root=Path(os.environ["ROOT"])))
except SegBlurError as error:
    sys.exit(report(error))
"""


@pytest.fixture
def program(qt, world, tmp_path):
    path = tmp_path / "bin/segblur"
    write_program(path, SEGBLUR)
    return [str(path)]


@pytest.fixture
def by_pipewire(monkeypatch):
    monkeypatch.setenv("PIPEWIRE", "1.4.2")


@pytest.fixture
def opened(program):
    """Opens the page, and waits until it shows what is to be done."""
    pages = []

    def opened(words=program):
        page = SetupPage(words)
        page.resize(520, 880)
        page.show()
        pages.append(page)
        until(lambda: not says(page, texts.READING))
        return page

    yield opened
    for page in pages:
        delete(page)


def shown(page, kind):
    return [part for part in page.findChildren(kind) if part.isVisible()]


def says(page, text):
    return any(text in label.text() for label in shown(page, QLabel))


def buttons(page):
    return [button.text() for button in shown(page, QPushButton)]


def press(page, text):
    both = [*shown(page, QPushButton), *shown(page, QRadioButton)]
    (button,) = [button for button in both if text in (button.text(), button.accessibleName())]
    button.click()


def shapes(page):
    return "".join(label.text() for label in shown(page, QLabel) if label.text() in texts.SHAPES.values())


def log():
    return Path(os.environ["LOG"]).read_text()


def test_one_click_without_a_password_where_pipewire_is(opened, by_pipewire, pkexec):
    page = opened()
    assert [button.accessibleName() for button in shown(page, QRadioButton) if button.isChecked()] == [texts.DESKTOP]
    assert shapes(page) == "○○○"
    assert buttons(page) == [texts.NOT_NOW, texts.SET_UP]
    press(page, texts.SET_UP)
    until(lambda: says(page, texts.DONE))
    assert shapes(page) == "✓✓✓"
    assert says(page, "allow-pipewire")  # the switch of browsers can be read now
    assert Path(UNIT).expanduser().exists()
    assert "pkexec" not in log()
    finished = QSignalSpy(page.finished)
    press(page, texts.CONTINUE)
    assert finished.count() == 1


def test_the_camera_for_every_program_is_one_more_click_and_one_password(opened, by_pipewire, pkexec, world):
    page = opened()
    press(page, texts.EVERYWHERE)
    until(lambda: len(shapes(page)) > 3)
    assert says(page, "Install the kernel module that makes virtual cameras.")
    press(page, texts.SET_UP)
    assert page.is_running
    assert buttons(page) == []
    until(lambda: says(page, texts.DONE))
    assert set(shapes(page)) == {"✓"}
    assert log().count("pkexec ") == 1
    assert (world / "sys/module/v4l2loopback").exists()


def test_after_the_one_the_other_is_still_offered(opened, by_pipewire, pkexec):
    page = opened()
    press(page, texts.SET_UP)
    until(lambda: says(page, texts.DONE))
    page = opened()
    assert not shown(page, QRadioButton)
    assert says(page, "Make the cameras.")


def test_where_all_is_set_up_it_says_so(opened, pkexec):
    page = opened()
    press(page, texts.SET_UP)
    until(lambda: says(page, texts.DONE))
    page = opened()
    assert says(page, texts.DONE)
    assert buttons(page) == [texts.CONTINUE]


def test_without_pipewire_there_is_one_way(opened, pkexec):
    page = opened()
    assert not shown(page, QRadioButton)
    assert says(page, "Install the kernel module")


def test_where_setup_knows_no_packages_the_way_without_is_left(opened, by_pipewire, world):
    (world / "etc/os-release").write_text("ID=plan9\nPRETTY_NAME=Plan 9\n")
    page = opened()
    assert not shown(page, QRadioButton)
    assert says(page, "the packages of Plan 9")
    press(page, texts.SET_UP)
    until(lambda: says(page, texts.DONE))


def test_not_now_is_said_to_the_window(opened, pkexec):
    page = opened()
    later = QSignalSpy(page.later)
    press(page, texts.NOT_NOW)
    assert later.count() == 1


def test_the_commands_can_be_seen_before(opened, pkexec):
    text = opened()._commands
    assert not text.findChildren(QLabel)
    assert "apt-get install -y v4l2loopback-dkms" in text.text()
    assert "/etc/modprobe.d/segblur.conf:\n# made by segblur setup" in text.text()
    assert not text._text.isVisible()
    text.button.click()
    assert text._text.isVisible()


def test_without_the_password_it_can_be_tried_again(opened, pkexec):
    pkexec("dismissed")
    page = opened()
    press(page, texts.SET_UP)
    until(lambda: says(page, "You did not give the password, so nothing was changed."))
    assert set(shapes(page)) == {"○"}
    assert buttons(page) == [texts.NOT_NOW, texts.COPY, texts.TRY_AGAIN]
    pkexec("")
    press(page, texts.TRY_AGAIN)  # goes on by itself
    until(lambda: says(page, texts.DONE))


def test_a_step_that_fails_is_shown_with_its_messages_and_tried_again_from_there(opened, pkexec, world):
    (world / "refuse").touch()
    page = opened()
    press(page, texts.SET_UP)
    until(lambda: says(page, "failed with exit code 1"))
    assert shapes(page).rstrip("○").endswith("✓✗")
    assert page._messages.text() == "Key was rejected by service"
    (world / "refuse").unlink()
    press(page, texts.TRY_AGAIN)
    until(lambda: says(page, texts.DONE))
    assert log().count("apt-get install") == 1


def test_without_pkexec_the_command_for_a_terminal_can_be_copied(opened, program, monkeypatch):
    monkeypatch.setenv("NO_PKEXEC", "")
    page = opened()
    assert says(page, "This computer has no pkexec")
    assert says(page, f"{program[0]} setup")
    assert buttons(page) == [texts.NOT_NOW, texts.COPY, texts.LOOK_AGAIN]
    press(page, texts.COPY)
    assert QGuiApplication.clipboard().text() == f"{program[0]} setup"
    assert texts.COPIED in buttons(page)


def test_after_the_terminal_it_looks_again(opened, pkexec, monkeypatch):
    monkeypatch.setenv("NO_PKEXEC", "")
    page = opened()
    monkeypatch.delenv("NO_PKEXEC")
    press(page, texts.LOOK_AGAIN)
    until(lambda: texts.SET_UP in buttons(page))


@pytest.mark.parametrize("what", ["echo nonsense", "echo '[1]'", "echo '{}'", "exit 3", "kill -9 $$"])
def test_an_answer_that_can_not_be_read_is_said(opened, program, tmp_path, what):
    write_program(Path(program[0]), f"#!/bin/sh\n{what}\n")
    page = opened()
    assert says(page, texts.UNREADABLE)
    assert buttons(page) == [texts.NOT_NOW, texts.TRY_AGAIN]
    write_program(Path(program[0]), SEGBLUR)
    press(page, texts.TRY_AGAIN)
    until(lambda: shapes(page))


def test_a_program_that_is_gone_is_said(opened):
    assert says(opened(["/no/such/segblur"]), texts.UNREADABLE)


def test_setup_that_is_killed_in_the_middle_can_be_tried_again(opened, pkexec, world, fake):
    os.mkfifo(world / "go")
    fake("udevadm", 'echo begun; cat "$ROOT/go"')
    page = opened()
    press(page, texts.SET_UP)
    until(lambda: "begun" in page._lines)
    page._process.kill()
    (world / "go").write_text("")
    until(lambda: says(page, texts.BROKEN_OFF))
    assert "✗" in shapes(page)
    fake("udevadm", "")
    press(page, texts.TRY_AGAIN)
    until(lambda: says(page, texts.DONE))


def test_the_window_learns_whether_segblur_is_set_up_without_waiting(program, by_pipewire, pkexec, opened, qt):
    found = []
    read_offers(program, qt, found.append)
    assert not found  # it has not waited
    until(lambda: found)
    assert not found[0].is_set_up
    page = opened()
    press(page, texts.SET_UP)
    until(lambda: says(page, texts.DONE))
    read_offers(program, qt, found.append)
    until(lambda: len(found) > 1)
    assert found[1].is_set_up


@pytest.mark.parametrize("after", [texts.READING, texts.SET_UP])
def test_a_page_that_is_closed_in_the_middle_is_gone_without_a_word(program, pkexec, world, after, capfd, qt):
    os.mkfifo(world / "asks")
    pkexec("asks")
    page = SetupPage(program)
    page.show()
    if after == texts.SET_UP:
        until(lambda: not says(page, texts.READING))
        press(page, texts.SET_UP)
        (world / "asks").open("w").close()  # pkexec has been called
    capfd.readouterr()  # what Qt says of a screen that nobody sees
    delete(page)
    qt.processEvents()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("width", [320, 360, 520, 1600])
def test_nothing_is_cut(opened, by_pipewire, pkexec, width, scale, qt):
    before = qt.font()
    font = qt.font()
    font.setPointSizeF(before.pointSizeF() * scale)
    qt.setFont(font)
    try:
        page = opened()
        page.resize(width, 900)
        qt.processEvents()
        for kind in (QLabel, QPushButton, QRadioButton):
            for part in shown(page, kind):
                left = part.mapTo(page, part.rect().topLeft()).x()
                assert left >= 0
                assert left + part.width() <= width, part.text()
                needed = (
                    part.heightForWidth(part.width())
                    if kind is QLabel and part.wordWrap()
                    else part.sizeHint().height()
                )
                assert part.height() >= needed, part.text()
                if kind is not QLabel:
                    assert part.width() >= part.minimumSizeHint().width(), part.text()
    finally:
        qt.setFont(before)
