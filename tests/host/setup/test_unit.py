"""The user's unit."""

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.machines import DONE, FILES, PROGRAM, RUNS
from tests.helpers.plans import lines, planned
from vcam.host.setup.desktop import BUS_RELOAD, LAUNCHER, SHARE
from vcam.host.setup.files import shipped
from vcam.host.setup.plan import plan, removal
from vcam.host.setup.unit import UNIT, unit_text


class TestService:
    """The user's unit."""

    @pytest.mark.parametrize(
        ("service", "wanted"),
        [
            (replace(RUNS, active="inactive"), ["restart"]),
            (replace(RUNS, enabled="disabled"), ["enable"]),
            (replace(RUNS, active="failed"), ["reset-failed", "restart"]),
            (replace(RUNS, active="activating"), []),
        ],
    )
    def test_only_what_is_missing_is_done(self, service, wanted):
        done = planned(replace(DONE, service=service))
        assert done == [f"systemctl --user {word} segblur.service" for word in wanted]

    @pytest.mark.parametrize(
        ("machine", "says"),
        [
            ({"systemd": None}, "no systemd here"),
            ({"service": None}, "log in as yourself"),
            ({"service": replace(RUNS, enabled="masked")}, "unmask"),
        ],
    )
    def test_where_it_can_not_run_that_is_said(self, machine, says):
        what = plan(replace(DONE, files={}, **machine))
        assert not any("systemctl" in line or UNIT in line for line in lines(what))
        assert says in what.remarks[-1]

    def test_a_unit_that_a_package_brought_is_not_covered_by_ours(self):
        files = {path: text for path, text in FILES.items() if path != UNIT}
        assert planned(replace(DONE, files=files)) == []

    @pytest.mark.parametrize(
        ("program", "line"),
        [
            (PROGRAM, "ExecStart=/home/me/.local/bin/segblur run"),
            (("/home/me too/segblur",), 'ExecStart="/home/me too/segblur" run'),
            (("/opt/100%/segblur",), "ExecStart=/opt/100%%/segblur run"),
            (("/usr/bin/python3", "-P", "-m", "vcam"), "ExecStart=/usr/bin/python3 -P -m vcam run"),
            (("/a\\1/segblur",), 'ExecStart="/a\\\\1/segblur" run'),
        ],
    )
    def test_it_starts_the_very_program_that_ran_setup(self, program, line):
        unit = unit_text(program)
        assert [text for text in unit.splitlines() if text.startswith("ExecStart=")] == [line]

    def test_a_program_that_moved_is_found_again(self):
        what = plan(replace(DONE, program=("/opt/segblur/bin/segblur",)))
        assert lines(what) == [
            f"Write {SHARE}/{LAUNCHER}",
            shlex.join(BUS_RELOAD.words),
            f"Write {UNIT}",
            "systemctl --user daemon-reload",
            "systemctl --user restart segblur.service",
        ]

    def test_it_is_removed_only_where_systemd_can_stop_it(self):
        what = removal(replace(DONE, service=None))
        assert not any("systemctl" in line or UNIT in line for line in lines(what))
        assert "log in as yourself" in what.remarks[0]


class TestShippedFiles:
    """What lies in systemd/."""

    @pytest.mark.parametrize("hardened", [False, True])
    def test_systemd_understands_the_unit(self, tmp_path, hardened):
        if not Path("/usr/bin/systemd-analyze").exists():
            pytest.skip("there is no systemd-analyze")
        (tmp_path / "segblur.service").write_text(unit_text(("/bin/true",)))
        if hardened:
            (tmp_path / "segblur.service.d").mkdir()
            (tmp_path / "segblur.service.d/hardening.conf").write_text(shipped("hardening.conf"))
        result = subprocess.run(
            ["/usr/bin/systemd-analyze", "--user", "--man=no", "verify", str(tmp_path / "segblur.service")],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")

    @pytest.mark.parametrize(
        "line",
        ["Type=notify", "WatchdogSec=20", "Restart=on-failure", "RestartPreventExitStatus=78", "LimitCORE=0",
         "RestrictAddressFamilies=AF_UNIX AF_NETLINK"],
    )  # fmt: skip
    def test_the_unit_keeps_its_promises(self, line):
        assert line in shipped("segblur.service").splitlines()

    def test_the_unit_has_nothing_that_only_seems_to_protect_or_breaks_cuda(self):
        for word in (
            "IPAddressDeny",
            "DevicePolicy",
            "ProtectControlGroups",
            "MemoryDenyWriteExecute",
            "PrivateDevices",
        ):
            assert f"\n{word}=" not in shipped("segblur.service") + shipped("hardening.conf")
