"""The man page and the completion that a wheel carries, read by the programs that they are for."""

import shutil
import subprocess
import sys

import pytest

import hatch_build
from vcam.cli.main import COMMANDS
from vcam.settings import fields

BASH = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
function=$(complete -p segblur | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" segblur "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    folder = tmp_path_factory.mktemp("share")
    hatch_build.write(folder)
    return folder


def output(*words):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def by_bash(share, *words):
    return output("bash", "-c", BASH, "bash", share / "bash-completion/completions/segblur", *words).split()


def by_fish(share, *words):
    line = " ".join(words)
    file = share / "fish/vendor_completions.d/segblur.fish"
    return [row.split("\t")[0] for row in output("fish", "-c", f"source {file}; complete -C '{line}'").splitlines()]


def has(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f"there is no {shell} here")


@pytest.fixture(params=[pytest.param(by_bash, id="bash"), pytest.param(by_fish, marks=has("fish"), id="fish")])
def completed(request, share):
    return lambda *words: sorted(request.param(share, *words))


def test_every_command_is_completed(completed):
    assert {*COMMANDS} <= {*completed("segblur", "")}
    assert completed("segblur", "dem") == ["demo"]


def test_settings_and_their_values_are_completed(completed):
    assert completed("segblur", "set", "look.b") == ["look.blur"]
    assert {*completed("segblur", "set", "")} >= {f"{section}.{name}" for section, name, _ in fields()}
    assert completed("segblur", "run", "--look.effect", "p") == ["picture", "pixelate"]
    assert completed("segblur", "image", "--framing.people", "n") == ["nearest"]


def test_what_only_some_commands_take_is_completed(completed):
    assert completed("segblur", "effect", "bo") == ["bokeh"]
    assert completed("segblur", "camera", "s") == ["sample"]
    assert completed("segblur", "weights", "roll") == ["rollback"]


def test_files_are_completed(completed, tmp_path):
    (tmp_path / "me.jpg").touch()
    (tmp_path / "out.jpg").touch()
    (tmp_path / "outcome").mkdir()
    assert completed("segblur", "image", f"{tmp_path}/m") == [f"{tmp_path}/me.jpg"]
    (folder,) = completed("segblur", "image", "--out", f"{tmp_path}/out")
    assert folder.rstrip("/") == f"{tmp_path}/outcome"


@has("zsh")
def test_zsh_takes_the_completion(share):
    functions = share / "zsh/site-functions"
    assert (functions / "_segblur").read_text().startswith("#compdef segblur\n")
    words = f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; echo $_comps[segblur]"
    assert output("zsh", "-fc", f"{words}; autoload +X _segblur") == "_segblur\n"


def test_the_man_page_has_every_command_and_each_setting_once():
    page = hatch_build.man_page().replace("\\-", "-")
    for name in COMMANDS:
        assert f"segblur {name}" in page
    for section, name, _ in fields():
        assert page.count(f"\\fB--{section}.{name}\\fR") == 1


def test_no_line_of_text_in_the_man_page_is_taken_for_a_macro():
    macros = {line.split()[0] for line in hatch_build.man_page().splitlines() if line[:1] in (".", "'")}
    assert macros <= {".TH", ".SH", ".SS", ".TP", ".B", ".I", ".PP", ".RS", ".RE"}


@has("mandoc")
def test_the_man_page_has_no_errors(share):
    output("mandoc", "-T", "lint", "-W", "error", share / "man/man1/segblur.1")


def test_the_files_are_the_same_whenever_they_are_made(monkeypatch):
    first = hatch_build.man_page()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert hatch_build.man_page() == first


def test_commands_are_known_where_only_what_a_build_asks_for_is_installed():
    absent = {"numpy", "cv2", "av", "PIL", "openvino", "safetensors", "torch", "dbus_fast", "tomlkit", "tqdm"}
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); import hatch_build; hatch_build.man_page()"
    output(sys.executable, "-c", code)
