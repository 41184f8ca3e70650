"""Command lines of desktop entries, read by GLib, as GNOME and others do."""

import os
import shutil
import subprocess

import pytest

from vcam.desktop.entries import command_line, quoted


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("/usr/bin/segblur", "/usr/bin/segblur"),
        ("/home/me too/segblur", '"/home/me too/segblur"'),
        ('a"b', '"a\\\\"b"'),
        ("a$b", '"a\\\\$b"'),
        ("a\\b", '"a\\\\\\\\b"'),
        ("a`b", '"a\\\\`b"'),
        ("100%", "100%%"),
    ],
)
def test_a_word_is_quoted_as_the_specification_says(word, value):
    """A backslash in quotes is four of them, and a dollar has two: first the rule of texts is undone, then quoting."""
    assert quoted(word) == value


def test_what_the_desktop_fills_in_is_left_to_it():
    assert command_line(["/opt/segblur"], "panel", "%F") == "/opt/segblur panel %F"
    assert command_line(["/usr/bin/python3", "-P", "-m", "vcam"], "tray") == "/usr/bin/python3 -P -m vcam tray"


@pytest.mark.timeout(60)  # a program that isn't started is waited for
@pytest.mark.skipif(not shutil.which("gio"), reason="there is no gio here")
@pytest.mark.parametrize(
    "name", ["plain", "a b", "100%", "a=b", "%f", "q\"u'o`t$e", "back\\slash", "two\nlines", "~#?*;&|<>()"]
)
def test_glib_starts_the_program_wherever_it_lies(tmp_path, name):
    (tmp_path / name).mkdir()
    program, told, entry = tmp_path / name / "segblur", tmp_path / "told", tmp_path / "x.desktop"
    os.mkfifo(told)
    program.write_text(f"""#!/bin/sh\nprintf '%s\\0' "$0" "$@" >{told}\n""")
    program.chmod(0o755)
    line = command_line([str(program)], "panel", "%F")
    entry.write_text(f"[Desktop Entry]\nType=Application\nName=x\nExec={line}\n")
    done = subprocess.Popen(["gio", "launch", entry, "/a b/c.png"], stderr=subprocess.PIPE)
    assert told.read_text().split("\0")[:-1] == [str(program), "panel", "/a b/c.png"]
    assert done.communicate()[1] == b""
