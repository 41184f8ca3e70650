"""What doctor says of the settings."""

from tests.helpers.verdicts import assert_said, each_case
from vcam.host.checks.check import Host
from vcam.host.checks.settings import CHECKS
from vcam.settings import OutputSettings, Settings

WELL = Host()
SMALL = Settings.model_construct(output=OutputSettings(width=960, height=540))
CASES = {
    "settings": [
        (Host(settings_error="look.blurr is not a setting"), "problem", "look.blurr", ""),
        (Host(settings=SMALL), "warning", "960×540", ""),
    ],
}


@each_case(CASES)
def test_each_fault_has_its_sentence_and_its_remedy(name, case):
    assert_said(CHECKS[name], case)
