"""The report of doctor as a whole, and that it can be shown to anybody."""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.machines import BARE, BOOKWORM, DONE, ROOTLESS, RULES, RUNS
from tests.host.checks import (
    test_desktop,
    test_graphics,
    test_loopback,
    test_module,
    test_pipewire,
    test_service,
    test_settings,
    test_webcam,
    test_weights,
)
from vcam.devices.v4l2 import CAPTURE, OUTPUT
from vcam.host import doctor
from vcam.host.checks import desktop, graphics, loopback, module, pipewire, service, settings, webcam, weights
from vcam.host.doctor import SUBJECTS, Finding, examine, summary
from vcam.host.facts import LABELS, Node, Service
from vcam.host.setup.module import LOAD

TESTS = {
    module: test_module,
    loopback: test_loopback,
    webcam: test_webcam,
    settings: test_settings,
    weights: test_weights,
    graphics: test_graphics,
    service: test_service,
    pipewire: test_pipewire,
    desktop: test_desktop,
}
WELL = {subject: test.WELL for subject, test in TESTS.items()}
BARE_FACTS = {
    module: module.Facts(BARE),
    loopback: loopback.Facts(BARE),
    webcam: webcam.Facts(),
    weights: weights.Facts(),
    service: service.Facts(BARE),
    pipewire: pipewire.Facts(BARE),
    desktop: desktop.Facts(BARE),
}


@pytest.fixture
def sees(monkeypatch):
    """Makes doctor see these facts of subjects, and else that all is well."""

    def patch(facts):
        for subject, found in (WELL | facts).items():
            monkeypatch.setattr(subject, "look", lambda host, found=found: found)

    return patch


def found():
    return examine(doctor.Host())


def test_where_all_is_well_every_check_says_so(sees):
    sees(WELL)
    assert {finding.state for finding in found()} == {"ok"}
    assert summary(found()) == "No problems found."


def test_on_a_bare_machine_only_the_cause_is_a_problem_and_setup_is_the_remedy(sees):
    sees(BARE_FACTS)
    problems = [finding for finding in found() if finding.state == "problem"]
    assert [(finding.name, finding.remedy) for finding in problems] == [
        ("module", "segblur setup"),
        ("service", "segblur setup"),
    ]


def test_after_setup_without_root_all_is_well_without_the_module(sees):
    facts = {subject: subject.Facts(ROOTLESS) for subject in (module, loopback)}
    sees(facts | {pipewire: test_pipewire.WITHOUT_MODULE, desktop: replace(test_desktop.WELL, machine=ROOTLESS)})
    assert {finding.state for finding in found()} == {"ok"}


def test_doctor_lists_every_file_of_checks():
    folder = Path(module.__file__).parent
    assert {Path(subject.__file__) for subject in SUBJECTS} == set(folder.glob("*.py")) - {
        folder / name for name in ("__init__.py", "check.py")
    }


@pytest.mark.parametrize("subject", TESTS, ids=lambda subject: subject.__name__)
def test_every_check_has_a_name_of_its_own_and_cases_in_which_it_finds_something(subject):
    assert set(TESTS[subject].CASES) == set(subject.CHECKS)
    names = [name for other in SUBJECTS for name in other.CHECKS]
    assert len(names) == len(set(names))


ANY_NODE = st.builds(
    Node,
    st.integers(0, 99).map(lambda number: Path(f"/dev/video{number}")),
    st.sampled_from([*LABELS, "OBS Virtual Camera"]),
    st.sampled_from([None, 0, CAPTURE, OUTPUT, CAPTURE | OUTPUT]),
    st.sampled_from(["", "capture", "output"]),
)
ANY_MACHINE = st.builds(
    replace,
    st.sampled_from([BARE, DONE, BOOKWORM]),
    on_disk=st.sampled_from([None, "", "0.12.7", "0.15.0"]),
    loaded=st.sampled_from([None, "", "0.12.7", "0.15.0", "nonsense"]),
    nodes=st.lists(ANY_NODE, max_size=3).map(tuple),
    exclusive_caps=st.sampled_from(["", "Y", "N,N", "Y,N,N,N"]),
    secure_boot=st.sampled_from([None, True, False]),
    systemd=st.sampled_from([None, 240, 257]),
    service=st.sampled_from([None, Service(), RUNS]),
    kernel=st.sampled_from(["", "6.18.44-fc", "6.1.0-37-amd64"]),
    files=st.sampled_from([{}, {LOAD: ""}, RULES]),
    pipewire=st.sampled_from(["", "1.4.2"]),
    wireplumber=st.booleans(),
)


@given(ANY_MACHINE)
def test_whatever_is_found_each_check_has_a_sentence_of_one_line(machine):
    facts = BARE_FACTS | {subject: subject.Facts(machine) for subject in (module, loopback, service, pipewire, desktop)}
    for subject, seen in facts.items():
        for check in subject.CHECKS.values():
            verdict = check(seen)
            assert verdict.state in ("ok", "warning", "problem", "unknown")
            assert verdict.sentence
            assert "\n" not in verdict.sentence + verdict.remedy
            assert "None" not in verdict.sentence


class TestSafeToPaste:
    """Nothing of the person, the computer or the webcam's serial number."""

    @pytest.fixture(autouse=True)
    def person(self, monkeypatch):
        monkeypatch.setenv("HOME", "/home/jane")
        monkeypatch.setattr(doctor, "user", lambda: "jane")
        monkeypatch.setattr(doctor.platform, "node", lambda: "janes-laptop.example.org")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("/home/jane/.config/x", "~/.config/x"),
            ("'/home/jane'", "'~'"),
            ("/home/janet/x", "/home/janet/x"),
            ("/media/jane/stick", "/media/USER/stick"),
            ("on janes-laptop or janes-laptop.example.org", "on HOST or HOST"),
            ("janet and mary-jane", "janet and mary-jane"),
            ("can't be '/dev/v4l/by-id/usb-046d_C920_8A1B2C3D-video-index0'", "can't be '/dev/v4l/by-id/…'"),
            ("evil\x1b[31m\nname", "evil?[31m name"),
        ],
    )
    def test_names_are_replaced_and_nothing_else(self, text, shown):
        assert doctor.scrub(text) == shown

    @given(st.text(), st.text())
    def test_the_home_folder_never_shows(self, before, after):
        assert "/home/jane/" not in doctor.scrub(f"{before}/home/jane/{after}")

    @pytest.mark.parametrize("name", ["video", "segblur", "root", ""])
    def test_a_name_that_anybody_has_does_not_spoil_commands(self, monkeypatch, name):
        monkeypatch.setattr(doctor, "user", lambda: name)
        text = 'sudo usermod -aG video "$USER" && segblur setup'
        assert doctor.scrub(text) == text


class TestReport:
    """What the person sees."""

    ABOUT = dict.fromkeys(("segblur", "python", "system", "kernel", "processor"), "x")
    FOUND = (
        Finding("module", "problem", "it is not there, and this is a long sentence about it", "do this"),
        Finding("webcam", "ok", "fine"),
    )

    def test_it_has_a_line_for_each_check_and_one_for_each_remedy(self):
        text = doctor.report(self.ABOUT, self.FOUND)
        assert text.splitlines()[2:] == [
            "problem  module  it is not there, and this is a long sentence about it",
            "                 → do this",
            "ok       webcam  fine",
            "",
            "1 problem.",
        ]

    def test_a_narrow_terminal_gets_narrow_lines_but_whole_commands(self):
        lines = doctor.report(self.ABOUT, [self.FOUND[0]._replace(remedy="x" * 90)], width=50).splitlines()[2:]
        assert all(len(line) <= 50 for line in lines if "→" not in line)
        assert any(line.endswith("x" * 90) for line in lines)

    def test_colours_change_no_letter(self):
        plain = doctor.report(self.ABOUT, self.FOUND)
        coloured = doctor.report(self.ABOUT, self.FOUND, colour=True)
        assert coloured != plain
        assert doctor.re.sub(r"\033\[\d+m", "", coloured) == plain

    @pytest.mark.parametrize(
        ("states", "says"),
        [
            (("ok", "unknown"), "No problems found."),
            (("warning",), "1 warning."),
            (("problem", "warning", "warning"), "1 problem and 2 warnings."),
            (("problem", "problem"), "2 problems. Start with the first"),
        ],
    )
    def test_the_last_line_counts(self, states, says):
        assert doctor.summary(Finding("x", state, "x") for state in states).startswith(says)


def call(*words):
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(words))


@pytest.mark.parametrize(
    ("facts", "code"),
    [({}, 0), ({service: replace(test_service.WELL, lingers=True)}, 0), (BARE_FACTS, 1)],
    ids=["well", "warning", "problem"],
)
def test_the_exit_code_says_whether_there_is_a_problem(sees, capsys, facts, code):
    sees(facts)
    assert call() == code
    assert call("--json") == code
    text = capsys.readouterr().out
    shown = json.loads(text[text.index("\n{") :])
    assert [finding["name"] for finding in shown["findings"]] == [
        name for subject in SUBJECTS for name in subject.CHECKS
    ]
    assert set(shown["findings"][0]) == {"name", "state", "sentence", "remedy"}


def test_settings_that_can_not_be_used_are_a_finding_and_stop_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "segblur").mkdir()
    (tmp_path / "segblur" / "config.toml").write_text("[look]\nblurr = 1\n")
    assert call("--quick", "--json") == 1
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["settings"]["state"] == "problem"
    assert "look.blurr is not a setting" in findings["settings"]["sentence"]


def test_a_quick_look_imports_neither_torch_nor_opencv():
    code = (
        "import sys; from vcam.host import doctor; doctor.examine(doctor.this_host(quick=True));"
        "print({'torch', 'cv2'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_looking_changes_nothing(calls):
    examine(doctor.this_host(quick=True))
    asked = {" ".join(line.split()[:3]) for line in calls.read_text().splitlines()}
    assert asked <= {
        *("modinfo -F version", "systemctl --version", "systemctl --user show"),
        *("flatpak list --app", "snap connections --all", "busctl --user --json=short"),
    }
    assert len(asked) == 6
