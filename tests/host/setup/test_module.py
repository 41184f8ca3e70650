"""The module's options, beside those of other programs."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.machines import BARE, BOOKWORM, DONE, FILES, NODES, OBS, OWN_LINE
from tests.helpers.plans import lines, planned, written
from vcam.errors import SegBlurError
from vcam.host.facts import LABELS, Options
from vcam.host.setup.cameras import LAST
from vcam.host.setup.files import shipped
from vcam.host.setup.options import MODPROBE, arguments_of, joined
from vcam.host.setup.plan import plan
from vcam.host.setup.udev import UDEV


class TestOptionsOfOthers:
    """Another program has a line of options."""

    def test_then_udev_adds_our_cameras_and_there_is_no_second_line_of_options(self):
        machine = replace(BARE, on_disk="0.15.0", options=(OBS,))
        what = plan(machine)
        assert not any(MODPROBE in line for line in lines(what))
        assert lines(what)[0] == "sudo apt-get install -y v4l2loopback-utils"
        rules = written(what, UDEV)
        for label, number in zip(LABELS, (11, 12), strict=True):  # 10 is OBS's
            assert f"v4l2loopback-ctl add -n '{label}' -x 1 -b 4 /dev/video{number}\"" in rules
        assert "obs.conf has options of another program" in " ".join(what.remarks)

    def test_then_a_second_call_finds_all_there(self):
        machine = replace(DONE, options=(OBS,), files={}, nodes=(), numbers=())
        rules = written(plan(machine), UDEV)
        nodes = tuple(replace(node, path=Path(f"/dev/video{node.number + 1}")) for node in NODES)
        files = {path: text for path, text in FILES.items() if path != MODPROBE} | {UDEV: rules}
        after = replace(machine, files=files, nodes=nodes, numbers=(10, 11, 12))
        assert planned(after) == []

    def test_our_own_line_gives_way_to_one_that_came_later(self):
        what = plan(replace(DONE, options=(OWN_LINE, OBS)))
        assert f"sudo Remove {MODPROBE}" in lines(what)

    @pytest.mark.parametrize(
        "machine",
        [BOOKWORM, replace(BARE, release="12"), replace(BARE, distribution=("ubuntu", "debian"), release="24.04")],
    )
    def test_with_0_12_the_error_has_the_line_to_write(self, machine):
        with pytest.raises(SegBlurError) as error:
            plan(replace(machine, options=(OBS,), nodes=(), files={}, numbers=()))
        line = 'devices=2 video_nr=10,11 card_label="OBS Virtual Camera,SegBlur Camera" exclusive_caps=1,1'
        assert f"`options v4l2loopback {line}`" in str(error.value)
        assert "\n" not in str(error.value)

    def test_and_once_it_is_written_it_is_enough(self):
        line = Options(OBS.path, joined([OBS], 11).removeprefix("options v4l2loopback "))
        what = plan(replace(BOOKWORM, options=(line,), nodes=NODES[:1], files=FILES))
        assert lines(what) == [f"sudo Remove {MODPROBE}"]

    @pytest.mark.parametrize(
        ("given_lines", "wanted"),
        [
            (["exclusive_caps=1"], 'devices=2 video_nr=-1,10 card_label="Virtual Camera,SegBlur Camera" '
             "exclusive_caps=1,1"),
            (["devices=2", "max_buffers=2"], 'devices=3 video_nr=-1,-1,10 card_label="Virtual Camera,Virtual Camera,'
             'SegBlur Camera" exclusive_caps=0,0,1 max_buffers=2'),
            (["video_nr=5 card_label=A", "video_nr=6,7"], "devices=3 video_nr=6,7,10 "
             'card_label="A,Virtual Camera,SegBlur Camera" exclusive_caps=0,0,1'),
        ],
    )  # fmt: skip
    def test_lines_are_merged_as_modprobe_reads_them(self, given_lines, wanted):
        assert joined([Options("/x", text) for text in given_lines], 10) == f"options v4l2loopback {wanted}"

    def test_a_line_that_a_person_copied_by_hand_is_enough(self):
        text = "options v4l2loopback video_nr=10 card_label='SegBlur Camera' exclusive_caps=1\n"
        machine = replace(
            DONE,
            files=FILES | {MODPROBE: text},
            options=(Options(MODPROBE, text.removeprefix("options v4l2loopback ")),),
        )
        what = plan(machine)
        assert lines(what) == []
        assert "are in /etc/modprobe.d/segblur.conf already" in what.remarks[0]


def test_the_options_make_both_cameras_where_firefox_looks():
    (line,) = [x for x in shipped("modprobe.conf").splitlines() if not x.startswith("#")]
    given = arguments_of([Options("", line.removeprefix("options v4l2loopback "))])
    assert given["card_label"].split(",") == list(LABELS)
    assert all(int(number) <= LAST for number in given["video_nr"].split(","))
    assert given["exclusive_caps"] == "1,1"
    assert given["devices"] == "2"
