"""The rules of WirePlumber, by setup's plan and by WirePlumber's own word; and setup without root."""

import json
from dataclasses import replace

import pytest

from tests.helpers.machines import BARE, DESKTOP, DONE, FILES, NODES, OF_DESKTOP, ROOTLESS, RULES
from tests.helpers.pipewire_session import session
from tests.helpers.plans import lines, written
from vcam.devices.v4l2 import CAPTURE, OUTPUT
from vcam.errors import SegBlurError
from vcam.host.facts import LABELS
from vcam.host.setup.files import shipped
from vcam.host.setup.plan import plan, removal
from vcam.host.setup.unit import UNIT
from vcam.host.setup.wireplumber import HIDE_WEBCAM, LIST_ONCE
from vcam.host.steps import Plan
from vcam.system.marks import is_untouched

RESTART = "systemctl --user try-restart wireplumber.service"
BOTH = replace(DONE, pipewire="1.4.2", wireplumber=True, files=FILES | RULES)


class TestListedOnce:
    """The rule against a second listing."""

    def test_with_cameras_of_the_module_the_rule_is_written_once(self):
        assert [line for line in lines(plan(DESKTOP)) if "wireplumber" in line] == [
            *(f"Write {path}" for path in LIST_ONCE),
            RESTART,
        ]
        assert plan(BOTH) == Plan()

    def test_without_such_a_camera_it_is_not_needed(self):
        assert not any("wireplumber" in line for line in lines(plan(DESKTOP, no_root=True)))
        assert RESTART in lines(plan(replace(DESKTOP, nodes=NODES), no_root=True))

    @pytest.mark.parametrize("lacks", [{"pipewire": ""}, {"wireplumber": False}])
    def test_where_the_service_offers_nothing_by_pipewire_it_would_hide_the_only_camera(self, lacks):
        assert not any("wireplumber" in line for line in lines(plan(replace(DESKTOP, **lacks))))

    def test_it_goes_when_the_service_offers_nothing_any_more(self):
        assert lines(plan(replace(BOTH, pipewire=""))) == [*(f"Remove {path}" for path in LIST_ONCE), RESTART]

    def test_where_systemd_can_not_restart_wireplumber_the_rule_counts_later(self):
        what = plan(replace(DESKTOP, service=None))
        assert RESTART not in lines(what)
        assert any("next login" in remark for remark in what.remarks)


class TestHiddenWebcam:
    """Only where it is asked for."""

    def test_it_is_hidden_when_asked_and_stays_so(self):
        what = plan(BOTH, hide_webcam=True)
        assert lines(what) == [*(f"Write {path}" for path in HIDE_WEBCAM), RESTART]
        assert what.steps[0].why.startswith("hide webcams from programs of PipeWire (restarts WirePlumber")
        hidden = replace(BOTH, files=BOTH.files | {path: written(what, path) for path in HIDE_WEBCAM})
        assert plan(hidden) == plan(hidden, hide_webcam=True) == Plan()

    def test_without_wireplumber_there_is_nothing_to_hide_it_from(self):
        with pytest.raises(SegBlurError, match="WirePlumber is not installed"):
            plan(BARE, hide_webcam=True)

    def test_removal_shows_it_again_and_takes_the_other_rule_away(self):
        hidden = replace(BOTH, files=BOTH.files | {path: RULES[next(iter(RULES))] for path in HIDE_WEBCAM})
        assert [line for line in lines(removal(hidden)) if "wireplumber" in line] == [
            *(f"Remove {path}" for path in (*LIST_ONCE, *HIDE_WEBCAM)),
            RESTART,
        ]


class TestWithoutRoot:
    """`setup --no-root`."""

    def test_only_the_service_is_installed_and_the_switches_are_told(self):
        what = plan(replace(DESKTOP, files=OF_DESKTOP), no_root=True)
        assert lines(what) == [
            f"Write {UNIT}",
            "systemctl --user daemon-reload",
            "systemctl --user enable segblur.service",
            "systemctl --user restart segblur.service",
        ]
        assert "allow-pipewire" in what.remarks[0]
        assert "enable-webrtc-pipewire-camera" in what.remarks[0]
        assert not plan(ROOTLESS, no_root=True).steps

    def test_no_step_needs_root_whatever_the_module_is_like(self):
        wrong = replace(NODES[0], capabilities=CAPTURE | OUTPUT)
        for machine in (BOTH, replace(BOTH, nodes=(wrong,)), replace(BOTH, files={}), replace(BOTH, loaded=None)):
            steps = plan(machine, True, True).steps + removal(machine, True).steps
            assert steps
            assert not any(step.root for step in steps)

    def test_a_camera_that_it_leaves_as_it_is_does_not_restart_the_service(self):
        wrong = replace(NODES[0], capabilities=CAPTURE | OUTPUT)
        assert not plan(replace(BOTH, nodes=(wrong, NODES[1])), no_root=True).steps

    @pytest.mark.parametrize(
        ("distribution", "command"), [("debian", "sudo apt-get install"), ("fedora", "dnf"), ("arch", "pacman")]
    )
    def test_without_the_library_it_says_how_to_install_it(self, distribution, command):
        with pytest.raises(SegBlurError, match=rf"{command} .*pipewire wireplumber"):
            plan(replace(BARE, distribution=(distribution,)), no_root=True)


# The matching that WirePlumber's monitor does with each rule, in its own language.
MATCHING = """
for _, device in ipairs (devices) do
  for _, rule in ipairs (v4l2_monitor.rules) do
    for _, match in ipairs (rule.matches) do
      local wanted = { type = "properties" }
      for _, constraint in ipairs (match) do
        constraint.type = "pw"
        table.insert (wanted, Constraint (constraint))
      end
      local seen = { ["api.v4l2.cap.driver"] = device[1], ["api.v4l2.cap.card"] = device[2] }
      if Interest (wanted):matches (seen) and rule.apply_properties["node.disabled"] then print (device[2]) end
    end
  end
end
Core.quit ()
"""
DEVICES = [(driver, card) for driver, cards in {
    "v4l2 loopback": (*LABELS, "OBS Virtual Camera"), "uvcvideo": ("USB Webcam", "SegBlur Camera of somebody else"),
}.items() for card in cards]  # fmt: skip


@pytest.fixture(scope="module")
def here():
    with session() as here:
        yield here


class TestByWirePlumber:
    """The real one."""

    @pytest.mark.parametrize(
        ("rule", "hidden"), [("list-once", LABELS), ("hide-webcam", [card for _, card in DEVICES[3:]])]
    )
    def test_a_rule_hides_what_it_shall_and_nothing_else(self, here, rule, hidden):
        if "0.5" in here.run("wireplumber", "--version"):
            pytest.skip("rules in Lua are of WirePlumber 0.4; those of 0.5 are tried in the virtual machine")
        devices = "".join(f'{{ "{driver}", "{card}" }}, ' for driver, card in DEVICES)
        text = f"v4l2_monitor, devices = {{ rules = {{}} }}, {{ {devices} }}\n{shipped(f'{rule}.lua')}{MATCHING}"
        (here.folder / "rule.lua").write_text(text)
        assert here.run("wpexec", str(here.folder / "rule.lua")).split("\n")[:-1] == list(hidden)

    def test_it_starts_with_all_files_of_setup_and_says_nothing_of_them(self, here):
        what = plan(DESKTOP, hide_webcam=True)
        for path in (*LIST_ONCE, *HIDE_WEBCAM):
            file = here.folder / path.removeprefix("~/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(written(what, path))
            assert is_untouched(file.read_text())
        here.stop("wireplumber")
        here.start_wireplumber()
        log = (here.folder / "wireplumber.log").read_text()
        assert "segblur" not in log, log
        assert "Failed" not in log, log

    @pytest.mark.parametrize("rule", ["list-once", "hide-webcam"])
    def test_the_rule_for_newer_versions_says_the_same(self, here, rule):
        (here.folder / "rule.conf").write_text(shipped(f"{rule}.conf"))
        ((made,),) = json.loads(here.run("spa-json-dump", str(here.folder / "rule.conf"))).values()
        assert made["actions"] == {"update-props": {"node.disabled": True}}
        assert made["matches"] == [
            {
                "list-once": {"api.v4l2.cap.driver": "v4l2 loopback", "api.v4l2.cap.card": "~SegBlur Camera.*"},
                "hide-webcam": {"api.v4l2.cap.driver": "uvcvideo"},
            }[rule]
        ]
