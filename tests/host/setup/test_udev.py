"""udev's rules, beside those of a distribution's package."""

from dataclasses import replace

from tests.helpers.machines import DONE, FILES, OBS
from tests.helpers.plans import planned, written
from vcam.host.setup.files import shipped
from vcam.host.setup.plan import plan, removal
from vcam.host.setup.udev import PACKAGED, UDEV

OTHERS = {path: text for path, text in FILES.items() if path != UDEV}


def test_rules_that_a_package_brought_are_enough():
    machine = replace(DONE, files=OTHERS | {PACKAGED: shipped("udev.rules")})
    assert planned(machine) == []
    assert not any(PACKAGED in remark for remark in removal(machine).remarks)
    assert not any(PACKAGED in str(step) for step in removal(machine).steps)


def test_older_ones_of_a_package_are_covered_by_ours():
    assert written(plan(replace(DONE, files=OTHERS | {PACKAGED: "# older\n"})), UDEV) == FILES[UDEV]


def test_where_udev_adds_our_cameras_the_rules_of_the_package_are_not_enough():
    machine = replace(DONE, options=(OBS,), nodes=(), numbers=(), files=OTHERS | {PACKAGED: shipped("udev.rules")})
    assert "v4l2loopback-ctl add" in written(plan(machine), UDEV)
