"""The shell of root, behind a stand-in for pkexec, in the shells that distributions have as /bin/sh."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vcam.errors import SegBlurError
from vcam.host.root_shell import root_shell
from vcam.host.steps import Call

TEXT = st.text(alphabet=st.characters(exclude_characters="\0\r", codec="utf-8"))
NASTY = ["$(touch /tmp/x)", "`id`", "'; id; '", '"', "\\", "$HOME", "a\nb", "EOF", "-n", "%s\\n", "ü ß", ""]


@pytest.fixture(params=["/bin/sh", "bash --posix"])
def shell(request, pkexec, monkeypatch):
    """What runs commands as root, and the lines that they print."""
    monkeypatch.setenv("ROOT_SHELL", request.param)
    with root_shell() as run:
        yield run


@pytest.fixture
def words_of(tmp_path, fake):
    """Makes a command that only writes down its words; returns a function that gives the last."""
    fake("told", f"""printf '%s\\0' "$@" >{tmp_path}/words""")
    return lambda: (tmp_path / "words").read_text().split("\0")[:-1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(words=st.lists(TEXT, min_size=1), text=TEXT)
def test_no_word_and_no_text_is_interpreted(shell, words_of, tmp_path, words, text):
    assert shell(Call(("told", *words)), print) == 0
    assert words_of() == words
    path = str(tmp_path / "a file $(id)")
    assert shell(Call(("tee", path), text), print) == 0
    assert Path(path).read_bytes() == text.encode()


def test_what_shells_give_a_meaning_has_none(shell, words_of):
    assert shell(Call(("told", *NASTY)), print) == 0
    assert words_of() == NASTY


def test_a_path_that_is_not_text_arrives(shell, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    assert shell(Call(("touch", path)), print) == 0
    assert os.fsencode(path) in [os.fsencode(entry) for entry in tmp_path.iterdir()]


def test_exit_codes_and_lines_are_passed_on(shell, fake):
    said = []
    fake("half", "echo one; echo two >&2; printf three; exit 7")
    assert shell(Call(("half",)), said.append) == 7
    assert said == ["one", "two", "three"]
    assert shell(Call(("no-such-command",)), said.append) == 127
    assert shell(Call(("true",)), said.append) == 0


def test_a_command_reads_nothing_of_those_after_it(shell, fake):
    said = []
    fake("greedy", "cat")
    assert shell(Call(("greedy",)), said.append) == 0
    assert shell(Call(("echo", "still here")), said.append) == 0
    assert said == ["still here"]


def test_a_service_that_a_command_leaves_behind_holds_nothing_up(shell, fake, tmp_path):
    os.mkfifo(tmp_path / "end")
    fake("daemon", f"cat {tmp_path}/end &")
    try:
        assert shell(Call(("daemon",)), print) == 0
        assert shell(Call(("true",)), print) == 0
    finally:
        (tmp_path / "end").write_text("")


def test_its_environment_is_not_the_users(shell, monkeypatch):
    said = []
    assert shell(Call(("env",)), said.append) == 0
    names = {line.partition("=")[0] for line in said}
    assert "DEBIAN_FRONTEND=noninteractive" in said
    assert not names & {"HOME", "PYTHONPATH", "LD_PRELOAD", "DISPLAY"}


def test_files_are_for_everybody_to_read(pkexec, tmp_path):
    before = os.umask(0o077)
    try:
        with root_shell() as run:
            run(Call(("tee", str(tmp_path / "file")), "text"), print)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("dismissed", "you did not give the password, so nothing was changed"),
        ("refused", r"no window that asks for one, so nothing was changed \(.*No authentication agent found\.\)"),
        ("broken", "exit code 5, and nothing was changed"),
    ],
)
def test_where_it_is_refused_that_is_said_and_nothing_is_run(pkexec, what, says):
    pkexec(what)
    with pytest.raises(SegBlurError, match=says), root_shell():
        pytest.fail("it was not refused")


def test_a_shell_that_ends_in_the_middle_is_told_from_a_command_that_fails(pkexec, tmp_path):
    with pytest.raises(SegBlurError, match=r"ended during `kill -9 \d+` .*continues from here"), root_shell() as run:
        number = (tmp_path / "root/shell").read_text().strip()
        run(Call(("kill", "-9", number)), print)
        run(Call(("kill", "-9", number)), print)


# What begins a command, and is killed before that ends.
KILLED = """
from vcam.host.root_shell import root_shell
from vcam.host.steps import Call
with root_shell() as run:
    run(Call(("slow",)), print)
    run(Call(("touch", {never!r})), print)
"""


def test_a_command_that_runs_is_ended_properly_where_segblur_is_killed_and_no_other_begins(pkexec, tmp_path, fake):
    for name in ("begun", "go", "ended"):
        os.mkfifo(tmp_path / name)
    here = tmp_path
    fake("slow", f"echo >{here}/begun; read -r _ <{here}/go; seq 100000 && echo well >{here}/ended")
    never = tmp_path / "never"
    segblur = subprocess.Popen([sys.executable, "-c", KILLED.format(never=str(never))], stdout=subprocess.PIPE)
    (tmp_path / "begun").read_text()
    shell = os.pidfd_open(int((tmp_path / "root/shell").read_text()))
    segblur.send_signal(signal.SIGKILL)
    segblur.communicate()
    (tmp_path / "go").write_text("\n")
    assert (tmp_path / "ended").read_text() == "well\n"
    select.select([shell], [], [])  # it has ended
    os.close(shell)
    assert not never.exists()


def test_what_ends_the_terminal_does_not_end_it(pkexec, tmp_path):
    with root_shell() as run:
        assert run(Call(("true",)), print) == 0
        assert os.getsid(int((tmp_path / "root/shell").read_text())) != os.getsid(0)
